"""The dialog that asks for a time of a recording."""

from __future__ import annotations

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from ..core.settings import SettingError
from ..recording.times import HOW_TO, parse_moment
from ..watch.figures import exact_clock
from . import palette
from .dialogs import Dialog


class MomentDialog(Dialog[float]):
    """Asks for a time in a recording, checked while it is typed. The answer is Unix seconds."""

    def __init__(self, start: float, end: float) -> None:
        super().__init__()
        self._start, self._end = start, end

    def compose(self) -> ComposeResult:
        """Compose the field, the line that checks its value, and the buttons."""
        with Vertical(classes="dialog", id="moment-dialog") as box:
            box.border_title = "go to a time"
            reach = f"{exact_clock(self._start)} to {exact_clock(self._end)}"
            yield Static(Text.assemble(("the recording: ", palette.DIM), reach), classes="what")
            field = Input(placeholder="+90", id="moment")
            field.cursor_blink = False
            yield field
            yield Static(Text(f"{HOW_TO}\n"), id="verdict")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Go", id="go", disabled=True)

    def _read(self, text: str) -> float:
        return parse_moment(text, self._start, self._end)

    @on(Input.Changed)
    def judge(self, event: Input.Changed) -> None:
        """Say what is wrong with the value, or where it leads."""
        verdict, go = self.query_one("#verdict", Static), self.query_one("#go", Button)
        go.disabled = True
        try:
            moment = self._read(event.value)
        except SettingError as error:
            verdict.update(Text(f"✕ {error}", palette.ERROR))
            return
        if self._start <= moment <= self._end:
            verdict.update(Text(f"✓ {exact_clock(moment)}\n", palette.GOOD))
        else:
            verdict.update(Text("✓ outside: goes to the nearer end\n", palette.WARNING))
        go.disabled = False

    @on(Input.Submitted)
    @on(Button.Pressed, "#go")
    def confirm(self) -> None:
        """Answer with the time, if it is valid."""
        field = self.query_one(Input)
        try:
            moment = self._read(field.value)
        except SettingError:
            field.focus()  # the line under the field already says what is wrong
            return
        self.dismiss(moment)

    @on(Button.Pressed, "#cancel")
    def leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
