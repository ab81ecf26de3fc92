"""The messages to one control client: first pages with all that is known, then the news.

Pages and news meet at one moment, the call of `watch`. The pages list the connections that are open
then, also those of which the fan-out had not heard yet. The news has every event and the snapshots
of every round since then. For a client that asks once, what opened between the call and the first
page is on the pages too. A snapshot is read from the fan-out's state when it is sent. So a slow
client gets fewer snapshots, but never an old one.

The order is that of the server. Snapshots are sent only when no event waits, so a snapshot never
comes before its connection's `opened`. A result stays behind the events that it is about. Per
client we keep the events that wait (at most `CAPACITY` bytes, and `DETAIL_CAPACITY` detail events),
its own results, and the connections of the pages that wait.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final, get_args

import msgspec

from ...core.events import (
    DETAIL,
    Bytes,
    Closed,
    CommandResult,
    Crashed,
    Event,
    Notice,
    Opened,
    RecordingStatus,
    Snapshot,
)
from ...core.iteration import Iteration, Iterations
from ...core.kept_bytes import KeptBytes
from ...core.statistics import LoopStats, ProcessStats, WorkerStats, carry_longest
from ...watch.fanout import Fanout
from ...watch.row import Row
from ...watch.stream import Drained
from ...watch.why import WORKER_SILENT
from ..protocol import ClosedConnection, KnownConnection, News, Page, Watch

CAPACITY: Final = 4 * 1024**2
"""Bytes of events kept for a client (`memory_of`); past them it is given fresh pages."""
DETAIL_CAPACITY: Final = 1024
"""Detail events kept for a client; further ones are dropped, and counted."""
URGENT_EVENTS: Final = 256
"""With so many waiting events they are sent at once, not with the next round."""
PAGE: Final = 200
"""Connections on a page, open and closed, and snapshots in one message of news."""
BATCH: Final = 500
"""Events in one message of news."""
FIGURES_WITHIN: Final = 1.0
"""Seconds that the first page waits for fresh figures; a loop that hangs makes none."""
FIGURES_WITHIN_ONCE: Final = WORKER_SILENT + 0.1
"""The same for a client that asks once. A busy loop may take so long, and old figures would be told
as if they were of now; after it the page says since when the loop has told nothing."""
SIGN_INTERVAL: Final = 0.9
"""Seconds without a message after which a client without figures gets empty news. An idle loop
makes a round each second."""

_SIZES: Final = {kind: 80 + 32 * len(kind.__struct_fields__) for kind in get_args(Event)}
_LONG_TEXT: Final = {
    Closed: "detail",
    Notice: "text",
    Crashed: "traceback",
    CommandResult: "message",
    Bytes: "data",
}
"""The field of an event that may be long."""


def memory_of(event: Event) -> int:
    """Estimate the bytes that an event occupies in memory.

    Measured on CPython 3.11: `Opened` 232, `Closed` 424, `Toggled` 200; estimated: 240, 560, 240.
    The length of its JSON is another quantity, and takes 0.4 to 1 µs an event.
    """
    kind = type(event)
    if isinstance(event, Iteration):
        return _SIZES[kind] + 600 * len(event.ready)
    if isinstance(event, Iterations):
        return sum(map(memory_of, event.told))
    name = _LONG_TEXT.get(kind)
    return _SIZES[kind] + (0 if name is None else len(getattr(event, name)))


class Follower:
    """Keeps the events that one client has not received yet, and makes its messages.

    `hear` is called by the fan-out, in its thread and with its lock held. Everything else is for
    the thread of the service.
    """

    def __init__(
        self,
        fanout: Fanout,
        wake: Callable[[], None],
        clock: Callable[[], float],
        recording: Callable[[], RecordingStatus] = RecordingStatus,
    ) -> None:
        """`wake` is called, from any thread, when `urgent` becomes true. `recording` tells at once
        what is recorded.
        """
        self.watched = False
        self.urgent = False
        """Whether there is something to tell that should not wait for the next round."""
        self.lost = 0
        """Events that were given up because the client did not take them."""
        self.requests: dict[int, int] = {}
        """The client's number of each of its last requests, by the server's number."""
        self._fanout = fanout
        self._wake = wake
        self._recording = recording
        self._recorded = RecordingStatus()  # as the client knows it
        self._clock = clock
        self._wishes = Watch()
        self._events: deque[Event] = deque()
        self._size = 0  # of the events that are not detail, in bytes
        self._detail = 0  # how many of the events are detail
        self._missed = 0
        self._dropped = 0  # detail that this client missed
        self._server_dropped = 0  # detail that the server dropped
        self._to_page: list[Opened | Row] | None = None  # open ones, then closed ones
        self._pages = 0
        self._fresh_from = 0.0
        self._fresh_deadline = 0.0
        self._round = 0
        self._to_tell: array[int] = array("Q")
        self._process: ProcessStats | None = None
        self._sign_at = 0.0  # when to send empty news, if nothing else comes
        self._unread_stats: LoopStats | None = None  # the latest, and the longest iteration of all

    @property
    def depth(self) -> int:
        """Events that wait for the client."""
        return len(self._events)

    # --- the fan-out's thread, its lock held ---

    def hear(self, drained: Drained) -> None:
        """Keep what is for this client."""
        if drained.afresh:
            return  # pages tell what is known, once the client asks for them
        was_urgent = self.urgent
        self._server_dropped = max(self._server_dropped, drained.dropped)
        for event in drained.events:
            if type(event) is Notice and event.clock_step:
                # After it the wall clock may be lower, and figures of now seem old.
                self._fresh_from = min(self._fresh_from, event.t)
            if isinstance(event, CommandResult):
                self._keep_result(event)
            elif isinstance(event, KeptBytes | Iterations):
                self._keep_answer(event)
            elif self.watched:
                self._keep_event(event)
        if len(self._events) >= URGENT_EVENTS:
            self.urgent = True
        if drained.stats is not None:
            self._unread_stats = carry_longest(drained.stats, self._unread_stats)
            if self._to_page is not None and self._pages == 0:
                self.urgent = True
        if self.urgent and not was_urgent:
            self._wake()

    def _keep_result(self, result: CommandResult) -> None:
        own = self.requests.get(result.request)
        if own is not None:
            self._append(msgspec.structs.replace(result, request=own))
            self.urgent = True
        elif self.watched:
            # Another's request may have the number of one of this client's.
            self._keep(msgspec.structs.replace(result, request=0))

    def _keep_answer(self, told: KeptBytes | Iterations) -> None:
        """Keep what this client has asked for; nobody else is told it."""
        own = self.requests.get(told.request)
        if own is not None:
            self._append(msgspec.structs.replace(told, request=own))

    def _keep_event(self, event: Event) -> None:
        if isinstance(event, ProcessStats):
            return  # the fan-out keeps the latest
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
            self.lost += 1

    def _keep(self, event: Event) -> None:
        if not self._missed and self._size + memory_of(event) <= CAPACITY:
            self._append(event)
            return
        self._missed += 1
        self.lost += 1
        if self._events:
            self._drop_waiting()

    def _append(self, event: Event) -> None:
        self._events.append(event)
        self._size += memory_of(event)

    def _drop_waiting(self) -> None:
        """Drop and count the events that wait, except what the client has asked for.

        New pages follow, which tell what is known by then.
        """
        waiting, self._events, self._size = self._events, deque(), 0
        self._dropped += self._detail
        lifecycle, self._detail = len(waiting) - self._detail, 0
        for event in waiting:
            if isinstance(event, CommandResult | KeptBytes | Iterations) and event.request:
                self._append(event)
        self._missed += lifecycle - len(self._events)
        self.lost += len(waiting) - len(self._events)
        self._to_page = None

    # --- the service's thread ---

    def watch(self, wishes: Watch) -> None:
        """Begin: pages tell what is known at this moment, the news what comes after."""
        fanout = self._fanout
        with fanout.lock:
            self._wishes = wishes
            self.watched = True
            self._server_dropped = fanout.state.detail_drops
            self._begin()
            # Before the loop is told: what opens from then on is news, never on a page alone.
            self._fresh_from = fanout.now()
            within = FIGURES_WITHIN_ONCE if wishes.once else FIGURES_WITHIN
            self._fresh_deadline = self._clock() + within
        fanout.update_watched()
        # Also where somebody watches already: beside a busy loop the latest figures are old.
        fanout.request_figures()

    def answer(self, result: CommandResult) -> None:
        """Tell this client alone of a command that never reached the server."""
        with self._fanout.lock:
            self._append(result)
            self.urgent = True

    def next_message(self) -> Page | News | None:
        """Return the next message to the client; None if there is nothing to tell now."""
        with self._fanout.lock:
            self.urgent = False
            if self._missed:
                self._begin()
            if self._to_page is not None:
                return self._next_page(self._to_page)
            return self._next_news()

    def _begin(self) -> None:
        self._to_page = [row.opened for row in self._fanout.state.rows.values()]
        self._pages = 0

    def _complete_pages(self, to_page: list[Opened | Row]) -> None:
        """Put on the pages what had opened before `watch` but was not known then.

        For a client that asks once, also what opened since; and the last closed ones if they are
        wanted. A close that waits for the news is told there only.
        """
        before = inf if self._wishes.once else self._fresh_from
        early = [event for event in self._events if type(event) is Opened and event.t < before]
        if early:
            to_page += early
            self._size -= sum(map(memory_of, early))
            ids = {event.id for event in early}
            self._events = deque(
                event for event in self._events if not (type(event) is Opened and event.id in ids)
            )
        if self._wishes.closed:
            waiting = {event.id for event in self._events if type(event) is Closed}
            to_page += [row for row in self._fanout.state.kept if row.id not in waiting]

    def _next_page(self, to_page: list[Opened | Row]) -> Page | None:
        state = self._fanout.state
        first = self._pages == 0
        silent_since = 0.0
        if first:
            told_at = -inf if state.stats is None else state.stats.t
            if told_at < self._fresh_from and state.held is None:
                if self._clock() < self._fresh_deadline:
                    return None
                silent_since = self._fresh_from
            self._complete_pages(to_page)
            # Of the rounds up to now these pages have the snapshots, but for the connections that
            # were opened meanwhile: those are told when their `opened` has been.
            self._round = state.round
            self._to_tell = array("Q", (e.id for e in self._events if type(e) is Opened))
            self._process = state.process
        start = self._pages * PAGE
        self._pages += 1
        last = self._pages * PAGE >= len(to_page)
        if last:
            self._to_page = None
        missed, self._missed = (self._missed, 0) if first else (0, self._missed)
        told = to_page[start : start + PAGE]
        return Page(
            t=self._fanout.now(),
            number=self._pages,
            last=last,
            # Also those that have closed meanwhile: the news tells of it.
            connections=tuple(self._known(one) for one in told if type(one) is Opened),
            closed=tuple(
                ClosedConnection(opened=one.opened, closed=one.closed, snapshot=one.snapshot)
                for one in told
                if isinstance(one, Row) and one.closed is not None
            ),
            missed=missed,
            listening=state.listening if first else None,
            stats=self._first_stats() if first else None,
            process=state.process if first else None,
            workers=tuple(row.stats for row in state.workers.values()) if first else (),
            recording=self._new_recording(always=True) if first else None,
            host_notes=tuple(state.hosts.standing(self._fanout.now())) if first else (),
            held=state.held if first else None,
            silent_since=silent_since,
        )

    def _new_recording(self, always: bool = False) -> RecordingStatus | None:
        """Return the server's recording if another one, or none, goes on than the client knows."""
        known, self._recorded = self._recorded, self._recording()
        new = self._recorded
        is_same = (known.recording, known.file) == (new.recording, new.file)
        is_same &= known.interrupted == new.interrupted
        return new if always or not is_same else None

    def _first_stats(self) -> LoopStats | None:
        """Return the latest statistics, with the longest iteration of the last minute."""
        stats, self._unread_stats = self._fanout.state.stats, None
        if stats is None:
            return None
        return msgspec.structs.replace(stats, longest_us=self._fanout.state.longest_us)

    def _known(self, opened: Opened) -> KnownConnection:
        row = self._fanout.state.rows.get(opened.id)
        if row is None:
            return KnownConnection(opened=opened)
        rate = row.measured_rate
        return KnownConnection(
            opened=opened,
            snapshot=row.snapshot,
            frames_per_second=None if rate is None else rate.per_second,
            measured_over=0.0 if rate is None else rate.span,
        )

    def _snapshot(self, connection_id: int) -> Snapshot | None:
        row = self._fanout.state.rows.get(connection_id)
        return None if row is None else row.snapshot

    def _next_news(self) -> News | None:
        state = self._fanout.state
        events = self._take_events()
        stats = None
        snapshots: list[Snapshot] = []
        if self.watched and self._wishes.figures:
            if state.process is not self._process and state.process is not None:
                self._process = state.process
                events.append(state.process)
            if not self._events:
                if not self._to_tell and state.round > self._round:
                    self._to_tell = state.changed_since(self._round)
                    self._round = state.round
                    stats, self._unread_stats = self._unread_stats or state.stats, None
                latest = map(self._snapshot, self._to_tell[:PAGE])
                snapshots = [snapshot for snapshot in latest if snapshot is not None]
                del self._to_tell[:PAGE]
        recording = self._new_recording() if self.watched else None
        if not (events or snapshots or stats or recording or self._is_sign_due()):
            return None
        self._round = state.round if not self._wishes.figures else self._round
        self._sign_at = self._clock() + SIGN_INTERVAL
        return News(
            t=self._fanout.now(),
            events=tuple(events),
            snapshots=tuple(snapshots),
            stats=stats,
            dropped=self._server_dropped + self._dropped,
            recording=recording,
        )

    def _is_sign_due(self) -> bool:
        """Whether a client should hear that the loop lives, without a word of it: one that wants no
        figures, after a round; each, while the loop is held.
        """
        if not self.watched:
            return False
        if self._fanout.state.held is not None:
            return self._clock() >= self._sign_at
        if self._wishes.figures:
            return False
        return self._fanout.state.round > self._round and self._clock() >= self._sign_at

    def _take_events(self) -> list[Event]:
        waiting = self._events
        events = [waiting.popleft() for _ in range(min(BATCH, len(waiting)))]
        detail = sum(type(event) in DETAIL for event in events)
        self._detail -= detail
        self._size -= sum(memory_of(event) for event in events if type(event) not in DETAIL)
        return events
