"""The dialog that asks for a time of a recording."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Button, Input, Static

from ..recording.times import HOW_TO, parse_moment
from ..watch.figures import exact_clock
from . import palette
from .dialogs import FieldDialog, boxed, cancel_or, field


class MomentDialog(FieldDialog[float]):
    """Asks for a time in a recording, checked while it is typed. The answer is Unix seconds."""

    def __init__(self, start: float, end: float) -> None:
        super().__init__()
        self._start, self._end = start, end

    def compose(self) -> ComposeResult:
        """Compose the field, the line that checks its value, and the buttons."""
        reach = f"{exact_clock(self._start)} to {exact_clock(self._end)}"
        yield boxed(
            "moment",
            "go to a time",
            Static(Text.assemble(("the recording: ", palette.DIM), reach), classes="what"),
            field("moment", "", "+90"),
            Static(Text(f"{HOW_TO}\n"), id="verdict"),
            cancel_or(Button("Go", id="set", disabled=True)),
        )

    def read(self) -> float:
        """Return the time as typed, in Unix seconds. Raises `SettingError`."""
        return parse_moment(self.query_one(Input).value, self._start, self._end)

    def verdict(self, moment: float | None) -> Text:
        """Return where the time leads."""
        if moment is not None and self._start <= moment <= self._end:
            return Text(f"✓ {exact_clock(moment)}\n", palette.GOOD)
        return Text("✓ outside: goes to the nearer end\n", palette.WARNING)
