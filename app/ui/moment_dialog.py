"""The dialog that asks for a time of a recording."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Button, Input, Static

from ..recording.times import HOW_TO, moment_within
from ..watch.figures import stamp
from . import palette
from .dialogs import FieldDialog, boxed, cancel_or, field


class MomentDialog(FieldDialog[float]):
    """Asks for a time in a recording, checked while it is typed. The answer is Unix seconds."""

    def __init__(self, start: float, end: float) -> None:
        super().__init__()
        self._start, self._end = start, end

    def compose(self) -> ComposeResult:
        """Compose the field, the line that checks its value, and the buttons."""
        reach = f"{stamp(self._start)} to {stamp(self._end)}"
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
        return moment_within(self.query_one(Input).value, self._start, self._end)

    def verdict(self, moment: float | None) -> Text:
        """Return where the time leads."""
        return Text("\n" if moment is None else f"✓ {stamp(moment)}\n", palette.GOOD)
