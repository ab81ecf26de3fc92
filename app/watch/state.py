"""The reducer: events in, everything that the screen shows out. It imports no Textual.

`State.apply` is the only thing that changes a model. Lifecycle events are never lost, so the set
of rows is always right; a snapshot replaces what was known of its connection, so a lost one can
hide a moment but never make a figure wrong. Everything that is kept is bounded.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ..core.events import (
    Bytes,
    Closed,
    CommandResult,
    Crashed,
    Event,
    Io,
    Kernel,
    Listening,
    Opened,
    SettingChanged,
    Snapshot,
    StateChanged,
    Stopped,
    Stopping,
    Toggled,
)
from ..core.settings import TIMEOUTS
from ..core.statistics import LoopStats, ProcessStats, WorkerStats
from .audit import Audit
from .journal import JournalEntry, entries
from .row import Row
from .stream import Drained

CLOSED_SHOWN_FOR: Final = 6.0
"""Seconds that a closed connection stays in the table, with its reason."""
CLOSED_LIMIT: Final = 200
"""Closed connections in the table at the most: under churn the oldest go early."""
LOG_LIMIT: Final = 500
HISTORY_LIMIT: Final = 180
"""Seconds of history for the sparklines."""
BODIES_LIMIT: Final = 1000
"""Frames of which the body length is remembered."""
WINDOW: Final = 1.0
"""Seconds over which the server's rates are taken."""


class Rates(NamedTuple):
    """What the server did per second, over about a second."""

    t: float
    frames: float
    """Frames echoed."""
    bytes_in: float
    bytes_out: float
    loop_share: float
    """Of one core, 0 to 1, by the loop thread; by those of all workers together."""
    open: int
    armed: int
    longest_us: int
    """Of the iterations in this time, in microseconds."""
    cpu: float
    """Of one core, 0 to 1 and above, by the whole process."""
    rss: int
    service_us: tuple[tuple[int, int], ...]
    """Service times since the server's start (`LoopStats.service_us`)."""


class WorkerRow(NamedTuple):
    """One worker process: what it told last, and what it did per second before."""

    stats: WorkerStats
    frames: float = 0.0
    """Frames echoed."""
    cpu_share: float = 0.0
    """Of one core."""

    def then(self, stats: WorkerStats) -> WorkerRow:
        """The same worker a moment later."""
        span = stats.t - self.stats.t
        if span <= 0:
            return self._replace(stats=stats)
        return WorkerRow(
            stats,
            frames=(stats.frames - self.stats.frames) / span,
            cpu_share=(stats.cpu_seconds - self.stats.cpu_seconds) / span,
        )


class State:
    """Everything that there is to show of one server."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        """By connection id, in the order of opening; the recently closed ones are among them."""
        self.membership = 0
        """Grows whenever a row comes or goes."""
        self.open = 0
        self.opened = 0
        self.closed = 0
        self.listening: Listening | None = None
        self.settings: dict[str, int | float | str] = {}
        self.stats: LoopStats | None = None
        self.process: ProcessStats | None = None
        self.workers: dict[int, WorkerRow] = {}
        """By number; empty where there are no worker processes."""
        self.drops = 0
        """Detail events that the server dropped because nobody took them in time."""
        self.rates: Rates | None = None
        self.history: deque[Rates] = deque(maxlen=HISTORY_LIMIT)
        self.bodies: deque[tuple[float, int, int]] = deque(maxlen=BODIES_LIMIT)
        """A sample of recent frames: time, connection id, body length."""
        self.log: deque[JournalEntry] = deque(maxlen=LOG_LIMIT)
        self.log_version = 0
        self.audit = Audit()
        self.stopping: Stopping | None = None
        self.stopped: Stopped | None = None
        self.crashed: Crashed | None = None
        self.gone = ""
        """Why the server is not heard of at present; empty while all is well."""
        self._departing: deque[Row] = deque()
        self._window_from: LoopStats | None = None
        self._longest_us = 0

    def apply(self, drained: Drained, now: float) -> list[CommandResult]:
        """Take in what was drained; the results of commands are handed back for whoever asked."""
        results: list[CommandResult] = []
        self.gone = drained.gone
        if drained.afresh:
            self._begin_afresh()
        for event in drained.events:
            self._apply_event(event, is_news=not drained.afresh)
            if isinstance(event, CommandResult):
                results.append(event)
        for snapshot in drained.snapshots:
            self._apply_snapshot(snapshot)
        if drained.stats is not None:
            self._apply_stats(drained.stats)
        self.drops = max(self.drops, drained.dropped)
        self._let_go(now)
        return results

    def retell(self, log: Iterable[Event], deeds: Iterable[Event]) -> None:
        """Have the log and the audit tell of these events, and of nothing else."""
        self.log.clear()
        self.audit = Audit()
        for event in log:
            self._note(event)
        for event in deeds:
            self.audit.take(event)

    def frozen(self) -> State:
        """A copy that stays as it is while this model goes on: what a paused screen shows."""
        model = copy.copy(self)
        model.rows = {connection_id: row.frozen() for connection_id, row in self.rows.items()}
        model.history = self.history.copy()
        model.bodies = self.bodies.copy()
        model.log = self.log.copy()
        model.settings = self.settings.copy()
        model.workers = self.workers.copy()
        return model

    @property
    def cap(self) -> int | None:
        """Largest body that the server accepts, in bytes."""
        cap = self.settings.get("cap")
        return cap if isinstance(cap, int) else None

    def live(self) -> Iterator[Row]:
        """The rows of open connections."""
        return (row for row in self.rows.values() if row.closed is None)

    def _begin_afresh(self) -> None:
        """Forget the server as it was known; what was told of it and done to it stays told."""
        self.rows = {}
        self.membership += 1
        self.open = self.opened = self.closed = 0
        self.listening = self.stats = self.process = None
        self.settings = {}
        self.workers = {}
        self.drops = 0
        self.stopping = self.stopped = self.crashed = None
        self._departing.clear()
        self._forget_rates()
        self.bodies.clear()

    def _apply_event(self, event: Event, is_news: bool = True) -> None:
        match event:
            case Opened():
                self._open(event)
                if not is_news:
                    return  # it is open, but that it opened was long ago
            case Closed():
                self._close(event)
            case Toggled() | StateChanged() | Io() | Bytes() | Kernel():
                row = self.rows.get(event.id)
                if row is not None:
                    row.remember(event)
                return  # detail stays with its connection: it would drown the log
            case Snapshot():
                self._apply_snapshot(event)
                return
            case LoopStats():
                self._apply_stats(event)
                return
            case ProcessStats():
                self.process = event
                return
            case WorkerStats():
                known = self.workers.get(event.worker)
                self.workers[event.worker] = known.then(event) if known else WorkerRow(event)
                return
            case Listening():
                self._forget_rates()
                self.listening = event
                self.settings = {
                    "cap": event.cap,
                    "write_mode": event.write_mode,
                    "max_connections": event.max_connections,
                    **{name: getattr(event, name) for name in TIMEOUTS},
                }
            case SettingChanged():
                self.settings[event.name] = event.new
            case Stopping():
                self.stopping = event
            case Stopped():
                self.stopped = event
            case Crashed():
                self.crashed = event
            case _:
                pass
        self._note(event)
        self.audit.take(event)

    def _open(self, event: Opened) -> None:
        self.rows[event.id] = Row(event)
        self.opened += 1
        self.open += 1
        self.membership += 1

    def _close(self, event: Closed) -> None:
        self.closed += 1
        row = self.rows.get(event.id)
        if row is None or row.closed is not None:
            return
        row.close(event)
        self.open -= 1
        self._departing.append(row)

    def _apply_snapshot(self, snapshot: Snapshot) -> None:
        row = self.rows.get(snapshot.id)
        if row is not None:
            row.update(snapshot)

    def _apply_stats(self, stats: LoopStats) -> None:
        self.stats = stats
        self.drops = max(self.drops, stats.drops)
        self.bodies.extend((stats.t, *body) for body in stats.bodies)
        self._longest_us = max(self._longest_us, stats.longest_us)
        start, process = self._window_from, self.process
        if start is None:
            self._window_from = stats
            return
        span = stats.t - start.t
        if span < WINDOW:
            return
        self._window_from = stats
        self.rates = Rates(
            t=stats.t,
            frames=(stats.frames_out - start.frames_out) / span,
            bytes_in=(stats.bytes_in - start.bytes_in) / span,
            bytes_out=(stats.bytes_out - start.bytes_out) / span,
            loop_share=(stats.cpu_seconds - start.cpu_seconds) / span,
            open=stats.open,
            armed=stats.armed,
            longest_us=self._longest_us,
            cpu=0.0 if process is None else process.cpu_percent / 100,
            rss=0 if process is None else process.rss,
            service_us=stats.service_us,
        )
        self._longest_us = 0
        self.history.append(self.rates)

    def _forget_rates(self) -> None:
        """Another server begins to count: nothing can be subtracted from what the last one told."""
        self._window_from = self.rates = None
        self.history.clear()
        self._longest_us = 0

    def _note(self, event: Event) -> None:
        for line in entries(event):
            self.log.append(line)
            self.log_version += 1

    def _let_go(self, now: float) -> None:
        departing = self._departing
        while departing:
            closed = departing[0].closed
            shown_for = 0.0 if closed is None else now - closed.t
            if shown_for < CLOSED_SHOWN_FOR and len(departing) <= CLOSED_LIMIT:
                return
            del self.rows[departing.popleft().id]
            self.membership += 1
