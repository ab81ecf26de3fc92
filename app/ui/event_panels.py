"""The panels of the newest events: those of the server, those of the selected connection."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from ..core.events import Event
from ..watch.figures import clock, exact_clock
from ..watch.journal import JournalEntry, entries
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from . import palette
from .clipping import clip
from .lines_panel import Line, LinesPanel


class EventLog(LinesPanel):
    """The events of the server, the newest at the bottom."""

    def __init__(self) -> None:
        super().__init__(id="log")
        self.border_title = "event log"
        self._shown: tuple[object, ...] = ()

    def render_state(self, model: ScreenState) -> None:
        """Draw the newest entries that fit, if there are new ones."""
        shown = (model, model.log_version, self.size)
        if shown == self._shown:
            return
        self._shown = shown
        newest = list(islice(reversed(model.log), self.size.height))
        self.set_lines([_line(line, clock(line.t), self.size.width) for line in reversed(newest)])


class RecentEvents(LinesPanel):
    """The last events of the selected connection: states, toggles, system calls."""

    def __init__(self) -> None:
        super().__init__(id="recent")
        self.border_title = "recent events"
        self._shown: tuple[object, ...] = ()

    def render_row(self, row: Row | None) -> None:
        """Draw the newest events of a connection that fit, if there are new ones."""
        shown = (None, 0, self.size) if row is None else (row, row.recent_version, self.size)
        if shown == self._shown:
            return
        self._shown = shown
        title = "recent events" if row is None else f"recent events of #{row.id}"
        if self.border_title != title:
            self.border_title = title
        events = () if row is None or row.recent is None else reversed(row.recent)
        newest = list(islice(_entries(events), self.size.height))
        lines = [
            _line(line._replace(subject=""), exact_clock(line.t), self.size.width)
            for line in reversed(newest)
        ]
        self.set_lines(lines or [[("nothing yet", palette.FAINT)]])


def _entries(events: Iterable[Event]) -> Iterable[JournalEntry]:
    """Yield the entries in the order of the events; the entries of one event in reverse."""
    for event in events:
        yield from reversed(list(entries(event)))


def _line(line: JournalEntry, time: str, width: int) -> Line:
    subject = f"{line.subject} " if line.subject else ""
    room = width - len(time) - 1 - len(subject)
    return [
        (f"{time} ", palette.FAINT),
        (subject, palette.STRONG),
        (clip(line.brief, max(0, room)), palette.TONES.get(line.tone, palette.PLAIN)),
    ]
