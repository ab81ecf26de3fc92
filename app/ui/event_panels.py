"""The panels of the newest events: those of the server, those of the selected connection."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec

from ..core.events import Event
from ..watch.figures import clock, exact_clock
from ..watch.journal import JournalEntry, entries
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from . import palette
from .lines_panel import Line, LinesPanel, clip


class EventLog(LinesPanel):
    """The events of the server, the newest at the bottom."""

    def render_state(self, model: ScreenState) -> None:
        """Draw the newest entries that fit, if there are new ones."""
        if self.is_new(model, model.log_version):
            width, height = self.size
            newest = list(islice(reversed(model.log), height))
            self.set_lines([_line(line, clock(line.t), width) for line in reversed(newest)])


class RecentEvents(LinesPanel):
    """The last events of the selected connection: states, toggles, system calls."""

    def render_row(self, row: Row | None) -> None:
        """Draw the newest events of a connection that fit, if there are new ones."""
        if not self.is_new(row, None if row is None else row.recent_version):
            return
        self.set_title("recent events" if row is None else f"recent events of #{row.id}")
        events = () if row is None or row.recent is None else reversed(row.recent)
        newest = list(islice(_entries(events), self.size.height))
        lines = [
            _line(msgspec.structs.replace(line, subject=""), exact_clock(line.t), self.size.width)
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
