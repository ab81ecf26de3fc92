"""Which events `ctl watch` tells, and the connections that its filter is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import click

from ...control.protocol import News, Page
from ...core.events import Closed, Crashed, Event, Opened, Snapshot, Stopped
from ...core.statistics import LoopStats, ProcessStats, WorkerStats
from ...watch.filter import Filter
from ...watch.row import Row
from .printing import encode

FIGURES: Final = (Snapshot, LoopStats, ProcessStats, WorkerStats)
KINDS: Final[Mapping[str, type]] = {kind.__struct_config__.tag: kind for kind in Event.__args__}


class Watcher:
    """Chooses the events to tell; keeps the connections, as a filter is about them."""

    def __init__(self, kinds: tuple[type, ...], chosen: Filter | None) -> None:
        self.has_ended = False
        """Whether the server has told its last event."""
        self._kinds = kinds
        self._chosen = chosen
        self._rows: dict[int, Row] = {}
        self._dropped: int | None = None

    def lines(self, message: object) -> Iterator[bytes]:
        """The JSON lines of one message."""
        if isinstance(message, Page):
            self._begin(message)
            if message.missed:
                yield encode({"event": "missed", "t": message.t, "count": message.missed})
        elif isinstance(message, News):
            for event in message.events:
                if self._is_wanted(event, message.t):
                    yield encode(event)
            for snapshot in message.snapshots:
                if self._is_wanted(snapshot, message.t):
                    yield encode(snapshot)
            if message.stats is not None and self._is_wanted(message.stats, message.t):
                yield encode(message.stats)
            yield from self._drops(message)

    def _begin(self, page: Page) -> None:
        if page.number == 1:
            self._rows.clear()
        for known in page.connections:
            row = self._rows[known.opened.id] = Row(known.opened)
            if known.snapshot is not None:
                row.update(known.snapshot)

    def _drops(self, news: News) -> Iterator[bytes]:
        """Detail that was too much to be told is at least counted."""
        before, self._dropped = self._dropped, news.dropped
        if before is not None and news.dropped > before:
            yield encode({"event": "dropped", "t": news.t, "count": news.dropped - before})

    def _is_wanted(self, event: Event, now: float) -> bool:
        self.has_ended = self.has_ended or isinstance(event, Stopped | Crashed)
        row = self._follow(event)
        if not isinstance(event, self._kinds):
            return False
        if self._chosen is None:
            return True
        return row is not None and self._chosen.passes(row, now)

    def _follow(self, event: Event) -> Row | None:
        if isinstance(event, Opened):
            self._rows[event.id] = Row(event)
        row = self._rows.get(getattr(event, "id", None) or 0)
        if row is not None and isinstance(event, Snapshot):
            row.update(event)
        elif row is not None and isinstance(event, Closed):
            row.close(event)
            del self._rows[event.id]
        return row


def parse_kinds(events: str) -> tuple[type, ...]:
    """Read ``opened,closed``; raises `click.UsageError`."""
    if events == "all":
        return tuple(KINDS.values())
    if not events:
        return tuple(kind for kind in KINDS.values() if kind not in FIGURES)
    unknown = [name for name in events.split(",") if name not in KINDS]
    if unknown:
        known = ", ".join(KINDS)
        raise click.UsageError(f"--events: no event is called {unknown[0]!r}; there are {known}")
    return tuple(KINDS[name] for name in events.split(","))
