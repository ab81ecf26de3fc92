"""The one reducer: events in, what is known of a server out.

`State.apply` is the only thing that changes a state. Lifecycle events are never lost, so the set of
rows is always right. A snapshot replaces what was known of its connection, so a lost snapshot can
hide a moment but never make a figure wrong. Everything that is kept is bounded.

The fan-out, the parent of worker processes, `ctl` and the metrics keep a `State`. A dashboard and a
recorder need more of the past: see `ScreenState` and `app.recording.keyframes`.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from ..core.addresses import Address
from ..core.events import (
    Closed,
    CommandResult,
    Crashed,
    Endpoint,
    Event,
    Listening,
    Notice,
    Opened,
    SettingChanged,
    Snapshot,
    Stopped,
    Stopping,
)
from ..core.settings import RUNTIME_SETTINGS
from ..core.statistics import LoopStats, MeasuredRate, ProcessStats, WorkerStats
from ..core.stepping import LoopHeld, LoopResumed
from .host_ends import HostTable
from .kept_closed import KeptClosed
from .row import Row, update_rows
from .stream import Drained
from .worker_row import WorkerRow

CLOSED_SHOWN_FOR: Final = 6.0
"""Seconds that a closed connection keeps its row, with its reason."""
LONGEST_WINDOW: Final = 60.0
"""Seconds of which `State.longest_us` tells."""
CLOSED_LIMIT: Final = 200
"""Rows of closed connections at the most: under churn the oldest go early."""


E = TypeVar("E", bound=Event)


def rates_of(rows: Iterable[Row]) -> dict[int, MeasuredRate]:
    """Return the measured rates of connections by id, for a state that begins with the others."""
    return {row.id: row.measured_rate for row in rows if row.measured_rate is not None}


def shifted(event: E, seconds: float) -> E:
    """Return an event of the server itself with its times on a wall clock that was set."""
    changes = {"t": event.t + seconds}
    if isinstance(event, WorkerStats) and event.silent_since:
        changes["silent_since"] = event.silent_since + seconds
    return msgspec.structs.replace(event, **changes)


def _keep(name: str) -> Callable[[Any, Any], None]:
    """Return a function that keeps the latest event of a kind as the attribute `name`."""
    return lambda state, event: setattr(state, name, event)


class State:
    """The state of one server. One thread at a time may use it."""

    def __init__(
        self,
        closed_limit: int = CLOSED_LIMIT,
        keep_closed: int = 0,
        tells_changes: bool = False,
        judges: bool = True,
    ) -> None:
        """Keep the rows of up to `closed_limit` closed connections; with 0, of open ones only.

        `keep_closed` is how many closed ones are kept in `kept`, apart from the rows. Only with
        `tells_changes` it is known what `changed_since` asks for. With `judges`, notes about peer
        hosts are judged by the connections that close.
        """
        self.rows: dict[int, Row] = {}
        """By connection id, in the order of opening; the lately closed ones are among them."""
        self.membership = 0
        """Grows whenever a row comes or goes."""
        self.open = 0
        self.opened = 0
        """Connections opened since the first event that was applied."""
        self.closed = 0
        self.reasons: Counter[str] = Counter()
        """Closed connections by close reason."""
        self.kept = KeptClosed[Row](keep_closed)
        """The connections that closed last."""
        self.hosts = HostTable()
        """The ends of the connections of each peer host, and the notes that follow from them."""
        self.listening: Listening | None = None
        """The first event of the server, with the settings that are in force now."""
        self.stats: LoopStats | None = None
        self.process: ProcessStats | None = None
        self.workers: dict[int, WorkerRow] = {}
        """By number; empty where there are no worker processes."""
        self.round = 0
        """The number of rounds of snapshots and statistics so far."""
        self.drops = 0
        """Events that were dropped because nobody took them in time."""
        self.detail_drops = 0
        """Those that the server itself dropped: detail."""
        self.held: LoopHeld | None = None
        """The place at which the loop stands (`--step`); None while it runs."""
        self.stopping: Stopping | None = None
        self.stopped: Stopped | None = None
        self.crashed: Crashed | None = None
        self.gone = ""
        """Why nothing comes from the server at present; empty while all is well."""
        self._judges = judges
        self._ended: list[Closed] = []  # of the batch that is being applied
        self._longest: deque[tuple[float, int]] = deque()  # each longer than all behind it
        self._closed_limit = closed_limit
        self._departing: deque[Row] = deque()
        self._pinned: int | None = None
        self._overdue: Row | None = None  # the pinned one, once it would have been dropped
        # The round of each snapshot, the latest at the end.
        self._changed_in: dict[int, int] | None = {} if tells_changes else None

    def apply(self, drained: Drained, now: float) -> list[CommandResult]:
        """Apply what was drained; `now` is on the clock of the events, in Unix seconds.

        Return the results of commands, for whoever sent them.
        """
        self.gone = drained.gone
        if drained.afresh:
            self._begin_afresh()
        is_news = not drained.afresh
        for event in drained.events:
            self.apply_event(event, is_news)
        if self._ended:
            self.hosts.add(self._ended)
            self._ended = []
        self.hosts.adopt(drained.host_notes)
        if drained.stats is not None:
            self.apply_event(drained.stats)
        self._apply_snapshots(drained.snapshots)
        for connection_id, rate in drained.rates.items():
            if (row := self.rows.get(connection_id)) is not None:
                row.continue_rate(rate)
        self.detail_drops = max(self.detail_drops, drained.dropped)
        self.drops = max(self.drops, drained.dropped)
        if self._departing:
            self._drop_closed(now)
        if CommandResult not in set(map(type, drained.events)):
            return []
        return [event for event in drained.events if isinstance(event, CommandResult)]

    def apply_event(self, event: Event, is_news: bool = True) -> None:
        """Apply one event; not `is_news` if it happened before this state began."""
        apply = self._APPLY.get(type(event))
        if apply is not None:
            apply(self, event)

    def everything(self) -> Drained:
        """Return all that is known now, in the form in which an empty state must apply it."""
        events: list[Event] = []
        told = (self.listening, self.process, *(row.stats for row in self.workers.values()))
        events += (event for event in told if event is not None)
        rows = list(self.live())
        events += (row.opened for row in rows)
        ends = (self.held, self.stopping, self.stopped, self.crashed)
        events += (event for event in ends if event is not None)
        snapshots = [row.snapshot for row in rows if row.snapshot is not None]
        return Drained(
            events,
            snapshots,
            self.stats,
            self.detail_drops,
            afresh=True,
            gone=self.gone,
            rates=rates_of(rows),
        )

    def changed_since(self, seen: int) -> array[int]:
        """Return the ids of open connections of which a snapshot came in a round after `seen`."""
        assert self._changed_in is not None
        changed: array[int] = array("Q")
        for connection_id, round_number in reversed(self._changed_in.items()):
            if round_number <= seen:
                break
            changed.append(connection_id)
        return changed

    def pin(self, connection_id: int | None) -> None:
        """Keep the row of one connection after its close, until another one is pinned, or none."""
        if connection_id == self._pinned:
            return
        self._pinned = connection_id
        row, self._overdue = self._overdue, None
        if row is not None:
            self._drop(row)

    @property
    def overdue_id(self) -> int | None:
        """The connection whose row is there only because it is pinned."""
        return None if self._overdue is None else self._overdue.id

    @property
    def longest_us(self) -> int:
        """The longest iteration in the last minute before the latest statistics, in microseconds.

        Nobody's reading changes it: a reader that comes now and then misses nothing that another
        one was told.
        """
        return self._longest[0][1] if self._longest else 0

    @property
    def settings(self) -> dict[str, int | float | str]:
        """The settings in force that can be changed; empty before `listening` is known."""
        if self.listening is None:
            return {}
        return {name: getattr(self.listening, name) for name in RUNTIME_SETTINGS}

    @property
    def listeners(self) -> list[tuple[Address, int]]:
        """Where the server listens, with the number of connections accepted at each address."""
        if self.listening is None:
            return []
        listening = self.listening
        where = listening.listeners or (Endpoint(listening.host, listening.port),)
        accepts = () if self.stats is None else self.stats.accepts
        return [
            (Address(one.host, one.port), accepts[index] if index < len(accepts) else 0)
            for index, one in enumerate(where)
        ]

    @property
    def cap(self) -> int | None:
        """Largest body that the server accepts, in bytes."""
        return None if self.listening is None else self.listening.cap

    @property
    def ended(self) -> bool:
        """Whether the server has told its last event."""
        return self.stopped is not None or self.crashed is not None

    def live(self) -> Iterator[Row]:
        """Iterate over the rows of open connections."""
        return (row for row in self.rows.values() if row.closed is None)

    def _begin_afresh(self) -> None:
        """Forget the server as it was known."""
        self.rows.clear()
        self.membership += 1
        self.open = self.opened = self.closed = 0
        self.reasons = Counter()
        self.kept.clear()
        self.hosts.clear()
        self._ended = []
        self.listening = self.stats = self.process = None
        self.workers = {}
        self.drops = self.detail_drops = 0
        self.held = self.stopping = self.stopped = self.crashed = None
        self._longest.clear()
        self._departing.clear()
        self._overdue = None
        if self._changed_in:
            self._changed_in.clear()

    def _apply_opened(self, event: Opened) -> None:
        row = self.rows[event.id] = Row(event, self.hosts)
        row.loop_held = self.held is not None
        if event.worker in self.workers:
            row.silent_since = self.workers[event.worker].stats.silent_since
        self.opened += 1
        self.open += 1
        self.membership += 1

    def _apply_closed(self, event: Closed) -> None:
        self.closed += 1
        self.reasons[event.reason] += 1
        row = self.rows.get(event.id)
        if row is None or row.closed is not None:
            return
        row.close(event)
        if self._judges:
            self._ended.append(event)
        self.open -= 1
        self.kept.add(row, event)
        if self._changed_in:
            self._changed_in.pop(event.id, None)
        if self._closed_limit:
            self._departing.append(row)
        else:
            self._drop(row)

    def _apply_snapshots(self, snapshots: Iterable[Snapshot]) -> None:
        update_rows(self.rows, snapshots, None if self._changed_in is None else self._note_change)

    def _note_change(self, connection_id: int) -> None:
        assert self._changed_in is not None
        self._changed_in.pop(connection_id, None)
        self._changed_in[connection_id] = self.round

    def _apply_stats(self, stats: LoopStats) -> None:
        self.stats = stats
        longest = self._longest
        while longest and longest[-1][1] <= stats.longest_us:
            longest.pop()
        longest.append((stats.t, stats.longest_us))
        while longest[0][0] <= stats.t - LONGEST_WINDOW:
            longest.popleft()
        self.round += 1
        self.drops = max(self.drops, stats.drops)

    def _apply_worker(self, event: WorkerStats) -> None:
        known = self.workers.get(event.worker)
        self.workers[event.worker] = known.then(event) if known else WorkerRow(event)
        if event.silent_since != (known.stats.silent_since if known else 0.0):
            for row in self.live():
                if row.opened.worker == event.worker:
                    row.silent_since = event.silent_since
                    row.version += 1

    def _apply_hold(self, held: LoopHeld | None) -> None:
        is_news, self.held = (held is None) is not (self.held is None), held
        for row in self.live() if is_news else ():
            row.loop_held = held is not None
            row.version += 1

    def _apply_notice(self, event: Notice) -> None:
        if event.clock_step:
            self._shift_times(event.clock_step, event.worker)
        if event.skipped:
            count = sum(event.skipped.values())
            self.opened += count
            self.closed += count
            self.reasons.update(event.skipped)

    def _shift_times(self, seconds: float, worker: int) -> None:
        """Put the times that are known on the wall clock as it was set, of a worker's rows or of
        the server itself, so that they compare with those that come.
        """
        for row in self.rows.values():
            if row.opened.worker == worker:
                row.shift_times(seconds)
        self.hosts.shift(seconds)
        self._ended = []  # their times do not compare with those that come
        if worker:
            return
        for name in ("listening", "stats", "process", "stopping"):
            known = getattr(self, name)
            if known is not None:
                setattr(self, name, shifted(known, seconds))
        self._longest = deque((t + seconds, longest) for t, longest in self._longest)
        self.workers = {
            number: known._replace(
                stats=shifted(known.stats, seconds),
                past=tuple((t + seconds, frames) for t, frames in known.past),
            )
            for number, known in self.workers.items()
        }

    def _apply_setting(self, event: SettingChanged) -> None:
        if self.listening is not None and event.name in RUNTIME_SETTINGS:
            self.listening = msgspec.structs.replace(self.listening, **{event.name: event.new})

    # By type: of a msgspec type one `isinstance` takes 50 ns, and `match` needs one for each case.
    _APPLY: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        Opened: _apply_opened,
        Closed: _apply_closed,
        Snapshot: lambda state, snapshot: state._apply_snapshots([snapshot]),
        LoopStats: _apply_stats,
        ProcessStats: _keep("process"),
        WorkerStats: _apply_worker,
        Notice: _apply_notice,
        Listening: _keep("listening"),
        SettingChanged: _apply_setting,
        LoopHeld: lambda state, event: state._apply_hold(event),
        LoopResumed: lambda state, _event: state._apply_hold(None),
        Stopping: _keep("stopping"),
        Stopped: _keep("stopped"),
        Crashed: _keep("crashed"),
    }

    def _drop_closed(self, now: float) -> None:
        """Drop the rows of closed connections that are too old, or too many."""
        departing = self._departing
        while departing:
            closed = departing[0].closed
            shown_for = 0.0 if closed is None else now - closed.t
            if shown_for < CLOSED_SHOWN_FOR and len(departing) <= self._closed_limit:
                return
            row = departing.popleft()
            if row.id == self._pinned:
                self._overdue = row
            else:
                self._drop(row)

    def _drop(self, row: Row) -> None:
        del self.rows[row.id]
        self.membership += 1
