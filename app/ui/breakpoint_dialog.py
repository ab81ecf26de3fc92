"""The dialog that adds a breakpoint to a loop that can be stepped, or removes one."""

from __future__ import annotations

from typing import Final

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Button, Input, Static

from ..core.settings import SettingError
from ..watch.breakpoints import FORMS, parse_breakpoint
from ..watch.screen_state import ScreenState
from . import palette
from .ctl_line import Words
from .dialogs import FieldDialog, boxed, cancel_or
from .field import Field

_REMOVES: Final = "-"
"""The sign before the number of a breakpoint that is to go."""


class BreakpointDialog(FieldDialog[str]):
    """Asks where the loop is to be held; the answer may be ``-2``, to remove number 2."""

    COPIES = "ctrl+y"  # a filter may have a y
    HELP = (
        "The loop is held where this is met: toggle (POLLOUT armed or disarmed), EAGAIN, partial, "
        "#17, READ_LEN>READ_BODY, or a filter such as pending>64K. -2 removes the breakpoint of "
        "that number. Enter does it, Escape changes nothing."
    )

    def compose(self) -> ComposeResult:
        """Compose the forms, the field, the line that checks it, and the buttons."""
        typed = Field("", placeholder="toggle", id="breakpoint")
        typed.cursor_blink = False
        yield boxed(
            "breakpoint",
            "hold the loop at a breakpoint",
            Static(f"{FORMS}; -2 removes number 2", classes="what"),
            Static("", id="known", markup=False),
            typed,
            Static("", id="verdict"),
            cancel_or(Button("Set", id="set")),
            self.ctl_line,
        )

    def tell_known(self, told: str) -> None:
        """Show the breakpoints that there are, with their numbers."""
        self.query_one("#known", Static).update(f"now: {told}")

    def render_state(self, model: ScreenState, now: float) -> str:
        """Stay open: nothing of it changes with time."""
        return ""

    def read(self) -> str:
        """Return the breakpoint as typed, or the number to remove. Raises `SettingError`."""
        text = self.query_one(Input).value.strip()
        if text.startswith(_REMOVES):
            if not (text[1:].isascii() and text[1:].isdigit() and len(text) < 10):
                raise SettingError("- and the number of a breakpoint, as -2")
            return text
        return parse_breakpoint(text).text

    def verdict(self, answer: str | None) -> Text:
        """Say what the answer does."""
        assert answer is not None
        does = "is removed" if answer.startswith(_REMOVES) else "holds the loop"
        return Text(f"✓ {answer.removeprefix(_REMOVES)} {does}", palette.GOOD)

    def commands(self) -> list[Words]:
        """Return the command that does the same."""
        try:
            answer = self.read()
        except SettingError:
            return []
        if answer.startswith(_REMOVES):
            return [("break", "remove", answer[1:])]
        return [("break", "add", answer)]
