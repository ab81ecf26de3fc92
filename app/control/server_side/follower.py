"""One client's view of the server: everything in pages, then the news, within hard bounds.

Nothing is kept for a client that would not be kept anyway, but its own results, a bounded queue of
events and the numbers of connections. What it is told of a connection is looked up when it is
told, so a client that reads slowly is told less often, and never what is stale.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from math import inf
from typing import Final

import msgspec

from ...core.events import DETAIL, CommandResult, Event, Snapshot
from ...core.statistics import ProcessStats, WorkerStats
from ...watch.fanout import Fanout
from ...watch.stream import Drained
from ..protocol import KnownConnection, News, Page, Watch

CAPACITY: Final = 1024
"""Events kept for a client that must not miss them; one more, and it is given fresh pages."""
DETAIL_CAPACITY: Final = 1024
"""Detail events kept for a client; further ones are dropped, and counted."""
HASTE: Final = 256
"""Events waiting from which on the client is not left to wait for the next round."""
PAGE: Final = 200
"""Connections on a page, and snapshots in one piece of news."""
BATCH: Final = 500
"""Events in one piece of news."""
PATIENCE: Final = 1.0
"""Seconds that a first page waits for figures of now; a loop that hangs tells none."""


class Follower:
    """What one client has been told and is still to be told.

    `hear` is called by the fan-out, in its thread and with its lock held; everything else by the
    service.
    """

    def __init__(self, fanout: Fanout, wake: Callable[[], None], clock: Callable[[], float]):
        self.watched = False
        self.urgent = False
        """Whether there is something to tell that should not wait for the next round."""
        self.requests: dict[int, int] = {}
        """The client's number of each request under way, by the server's number."""
        self._fanout = fanout
        self._wake = wake
        self._clock = clock
        self._wishes = Watch()
        self._events: list[Event] = []
        self._detail = 0  # of the events
        self._results: list[CommandResult] = []
        self._missed = 0
        self._dropped = 0  # detail that this client missed
        self._server_dropped = 0  # detail that the server dropped
        self._to_page: array[int] | None = None
        self._pages = 0
        self._fresh_from = 0.0
        self._fresh_deadline = 0.0
        self._round = 0
        self._to_tell: array[int] = array("Q")
        self._process: ProcessStats | None = None

    # --- the fan-out's thread, its lock held ---

    def hear(self, drained: Drained) -> None:
        """Keep what is for this client."""
        if drained.afresh:
            return  # pages tell what is known, once the client asks for them
        was_urgent = self.urgent
        self._server_dropped = max(self._server_dropped, drained.dropped)
        for event in drained.events:
            if isinstance(event, CommandResult):
                self._hear_result(event)
            elif self.watched:
                self._hear_event(event)
        if self.watched and len(self._events) >= HASTE:
            self.urgent = True
        if self._to_page is not None and self._pages == 0 and drained.stats is not None:
            self.urgent = True
        if self.urgent and not was_urgent:
            self._wake()

    def _hear_result(self, result: CommandResult) -> None:
        own = self.requests.get(result.request)
        if own is not None:
            self._results.append(msgspec.structs.replace(result, request=own))
            self.urgent = True
        elif self.watched:
            # Another's request may have the number of one of this client's.
            self._keep(msgspec.structs.replace(result, request=0))

    def _hear_event(self, event: Event) -> None:
        if isinstance(event, ProcessStats):
            return  # the latest is the fan-out's to keep
        if isinstance(event, WorkerStats) and not self._wishes.figures:
            return
        if type(event) not in DETAIL:
            self._keep(event)
        elif not self._wishes.detail or self._missed:
            return
        elif self._detail < DETAIL_CAPACITY:
            self._detail += 1
            self._events.append(event)
        else:
            self._dropped += 1

    def _keep(self, event: Event) -> None:
        if not self._missed and len(self._events) - self._detail < CAPACITY:
            self._events.append(event)
            return
        self._missed += len(self._events) - self._detail + 1
        self._dropped += self._detail
        self._events = []
        self._detail = 0

    # --- the service's thread ---

    def watch(self, wishes: Watch) -> None:
        """Begin with the first page."""
        fanout = self._fanout
        with fanout.lock:
            self._wishes = wishes
            self.watched = True
            self._server_dropped = fanout.state.drops
            self._begin()
            self._fresh_deadline = self._clock() + PATIENCE
        fanout.update_watched()
        # Also where somebody watches already: beside a busy loop the latest figures are old.
        self._fresh_from = fanout.request_figures()

    def answer(self, result: CommandResult) -> None:
        """Tell this client alone of a command that never reached the server."""
        with self._fanout.lock:
            self._results.append(result)
            self.urgent = True

    def next_message(self) -> Page | News | None:
        """The next thing to tell, if there is one."""
        with self._fanout.lock:
            self.urgent = False
            if self._missed:
                self._begin()
            if self._to_page is not None:
                return self._page(self._to_page)
            return self._news()

    def _begin(self) -> None:
        fanout = self._fanout
        self._to_page = array("Q", fanout.state.rows)
        self._pages = 0
        self._to_tell = array("Q")

    def _page(self, to_page: array[int]) -> Page | None:
        state = self._fanout.state
        first = self._pages == 0
        if first:
            told_at = -inf if state.stats is None else state.stats.t
            if told_at < self._fresh_from and self._clock() < self._fresh_deadline:
                return None
            self._round = state.round
            self._process = state.process
        ids = to_page[self._pages * PAGE :][:PAGE]
        self._pages += 1
        last = self._pages * PAGE >= len(to_page)
        if last:
            self._to_page = None
        missed, self._missed = (self._missed, 0) if first else (0, self._missed)
        return Page(
            t=self._fanout.now(),
            number=self._pages,
            last=last,
            connections=tuple(
                KnownConnection(opened=row.opened, snapshot=row.snapshot)
                for row in map(state.rows.get, ids)
                if row is not None
            ),
            missed=missed,
            listening=state.listening if first else None,
            stats=state.stats if first else None,
            process=state.process if first else None,
        )

    def _news(self) -> News | None:
        state = self._fanout.state
        events = self._events[:BATCH]
        del self._events[:BATCH]
        self._detail -= sum(type(event) in DETAIL for event in events)
        if not self._events:  # what was done comes before the word that it was done
            events += self._results[:BATCH]
            del self._results[:BATCH]
        stats = None
        snapshots: list[Snapshot] = []
        if self.watched and self._wishes.figures:
            if state.process is not self._process and state.process is not None:
                self._process = state.process
                events.append(state.process)
            if not self._to_tell and state.round > self._round:
                self._to_tell = state.changed_since(self._round)
                self._round = state.round
                stats = state.stats
            rows = map(state.rows.get, self._to_tell[:PAGE])
            snapshots = [row.snapshot for row in rows if row is not None and row.snapshot]
            del self._to_tell[:PAGE]
        if not (events or snapshots or stats):
            return None
        return News(
            t=self._fanout.now(),
            events=tuple(events),
            snapshots=tuple(snapshots),
            stats=stats,
            dropped=self._server_dropped + self._dropped,
        )
