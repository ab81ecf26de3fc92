"""The dialog that asks for a time of a recording."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Button, Input, Static

from ..recording.times import HOW_TO, moment_within, reach
from ..recording.wall_times import WallTimes
from ..watch.figures import stamp
from . import palette
from .dialogs import FieldDialog, boxed, cancel_or, field


class MomentDialog(FieldDialog[float]):
    """Asks for a time in a recording, checked while it is typed. The answer is Unix seconds."""

    def __init__(self, start: float, end: float, clock: WallTimes) -> None:
        super().__init__()
        self._start, self._end, self._clock = start, end, clock

    def compose(self) -> ComposeResult:
        """Compose the field, the line that checks its value, and the buttons."""
        told = reach(self._start, self._end, self._clock)
        yield boxed(
            "moment",
            "go to a time",
            Static(Text.assemble(("the recording: ", palette.DIM), told), classes="what"),
            field("moment", "", "+90"),
            Static(Text(f"{HOW_TO}\n"), id="verdict"),
            cancel_or(Button("Go", id="set", disabled=True)),
        )

    def read(self) -> float:
        """Return the time as typed, in Unix seconds. Raises `SettingError`."""
        return moment_within(self.query_one(Input).value, self._start, self._end, self._clock)

    def verdict(self, moment: float | None) -> Text:
        """Return where the time leads."""
        return Text(
            "\n" if moment is None else f"✓ {stamp(self._clock.wall_at(moment))}\n",
            palette.GOOD,
        )
