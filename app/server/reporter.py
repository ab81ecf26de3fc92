"""Turns what happens in the loop into events: lifecycle at once, the rest in rounds of snapshots.

The totals are kept per change: when a connection is snapshotted or closed, what it has counted
since its last snapshot is added. Nothing is summed over all connections, and nothing is added at
each frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import pairwise
from math import inf
from operator import add, sub
from time import perf_counter, thread_time
from typing import Final

from ..core.commands import Set, TraceLevel
from ..core.events import (
    CALLS_A_ROUND,
    TRACED_BYTES,
    Bytes,
    Closed,
    ConnectionState,
    Event,
    Io,
    Notice,
    Opened,
    Snapshot,
    StateChanged,
    Toggled,
)
from ..core.histogram import TABLE_SIZE, Histogram, index_table
from ..core.printable import in_words, one_line_traceback, printable
from ..core.statistics import LoopStats
from ..watch.pacing import pause_beside
from ..watch.stream import EventStream
from .calls import CallCounts
from .connection import NO_COUNTS, Connection, Counts
from .inspection import Inspection
from .transitions import passed
from .wall_clock import describe_step

LOOK_AFTER: Final = 1.0
"""Seconds from the first byte that a connection moves to the look at what it has unacknowledged."""
INTERVAL: Final = 0.1
"""Seconds between two rounds of snapshots while the loop has time to spare."""
BUSY_INTERVAL: Final = 0.4
"""The same when it has none (`app.watch.pacing`)."""
MAX_INTERVAL: Final = 1.0
"""Seconds between two rounds at most, and between two when nothing changes."""
SAMPLE: Final = 64
"""Frames in the sample of one round: all of them on a quiet server, a few on a busy one."""
TOGGLES_A_ROUND: Final = 16
"""Toggles published of one connection in a round. In `armed` mode each frame makes two: a busy
server would publish nothing else."""
FAULT_INTERVAL: Final = 10.0
"""Seconds between two notices of a fault that ended one connection."""
COST_SHARE: Final = 50
"""A round may take a fiftieth of the loop's time; larger ones come further apart."""


class Reporter:
    """Publishes the loop's events on the stream; in the loop's thread only."""

    def __init__(
        self,
        stream: EventStream,
        epoch: float,
        trace_all: TraceLevel,
        worker: int = 0,
        cpu_clock: Callable[[], float] = thread_time,
        stopwatch: Callable[[], float] = perf_counter,
    ) -> None:
        """`epoch` plus the loop's clock is Unix time.

        `cpu_clock` gives the seconds of CPU that the loop's thread has used. `stopwatch`, in
        seconds, times a round.
        """
        self._cpu_clock = cpu_clock
        self._stopwatch = stopwatch
        self._round_cpu = 0.0
        self._round_at = 0.0
        self._answered = 0.0  # the `asked_at` that the last round answered; no time is compared
        self.stream = stream
        self.worker = worker
        """The worker's number, from 1; 0 if there are none."""
        self.epoch = epoch
        """Unix time minus the loop's clock, in seconds."""
        self.changed: set[Connection] = set()
        """Open connections to be snapshotted in the next round (`note_change`)."""
        self.moved: set[Connection] = set()
        """Open connections of which the kernel is to be asked (`app.server.unacknowledged`)."""
        self.next_look = inf
        """When it is to be asked, on the loop's clock."""
        self.trace_all = trace_all
        """The level at which every connection is traced."""
        self.tells_all_calls = trace_all.tells_calls
        """Whether the system calls of all connections are published."""
        self.inspected: dict[Connection, Inspection] = {}
        """Connections whose figures in the kernel are published in each round."""
        self.bodies: list[tuple[int, int]] = []
        """This round's sample of frames, connection id and body length; `Serving` adds to it."""
        self.polls = 0
        self.wakeups = 0
        self.ready = 0
        self.longest = 0.0
        """Seconds of the longest iteration since the last round."""
        self.service = Histogram()
        """Microseconds from the wake-up that completed a frame to the end of its echo's write."""
        self.iterations = Histogram()
        self._buckets = index_table()
        self.opened_count = 0
        self.closed_count = 0
        self.refused = 0
        self.armed = 0
        self.accept_errors = 0
        self.calls = CallCounts()
        self.observed = self.asleep_us = self.polling_us = self.serving_us = self.telling_us = 0
        self.accepts: list[int] = []
        """Connections accepted at each listener, in their order."""
        self._totals = NO_COUNTS
        self.telling = 0.0
        """Seconds that the rounds have taken so far."""
        self._next_round = 0.0
        self._has_closed = False
        """Whether a connection has ended since the last round; its figures wait for the next."""
        self._faults = 0
        self._fault_at = 0.0
        self.now = 0.0
        """The loop's clock at the last poll's return."""

    def record_iteration(self, seconds: float) -> None:
        """Count an iteration (poll return to next poll) that took so many seconds."""
        us = int(seconds * 1e6)
        if us < TABLE_SIZE:
            self.iterations.counts[self._buckets[us]] += 1
        else:
            self.iterations.record(us)
        if seconds > self.longest:
            self.longest = seconds

    # --- lifecycle ---

    def publish(self, event: Event) -> None:
        """Publish an event that is never dropped."""
        self.stream.publish(event)

    def time(self) -> float:
        """The time of the last poll's return, in Unix seconds."""
        return self.now + self.epoch

    def note_change(self, connection: Connection) -> None:
        """Have a connection snapshotted in the next round, and the kernel asked about it in the
        next look; for one that is not `changed` yet.
        """
        connection.changed = True
        self.changed.add(connection)
        self.moved.add(connection)
        if self.next_look == inf:
            self.next_look = self.now + LOOK_AFTER

    def take_moved(self) -> set[Connection]:
        """Remove and return the connections of which the kernel is to be asked."""
        moved, self.moved = self.moved, set()
        for connection in moved:
            connection.changed = False
        return moved

    def publish_opened(self, connection: Connection) -> None:
        """Publish that a connection was accepted."""
        self.opened_count += 1
        self.note_change(connection)
        self.stream.publish(
            Opened(self.time(), connection.id, connection.fd, connection.peer, self.worker)
        )

    def publish_closed(self, connection: Connection) -> Closed:
        """Publish that a connection has closed, with its totals; return the event."""
        self.closed_count += 1
        self._has_closed = True
        self.changed.discard(connection)
        self.moved.discard(connection)
        self._tally(connection)
        closed = connection.make_closed(self.time(), self.epoch)
        self.stream.publish(closed)
        self.stream.forget(connection.id)
        return closed

    def publish_notice(self, level: str, text: str) -> None:
        """Publish a `Notice`; `level` is ``info``, ``warning`` or ``error``."""
        self.stream.publish(Notice(t=self.time(), level=level, text=text))

    def publish_fault(self, where: str, error: Exception) -> None:
        """Publish a fault of ours that ended one connection or command, with its traceback.

        The traceback is at level ``debug``. At most every `FAULT_INTERVAL` seconds: further
        faults are counted.
        """
        self._faults += 1
        if self.now < self._fault_at:
            return
        self._fault_at = self.now + FAULT_INTERVAL
        text = printable(f"{where}: {in_words(error)}", 500)
        self.publish_notice("error", f"a fault ended {text}; faults so far: {self._faults:,}")
        self.publish_notice("debug", one_line_traceback(error))

    def publish_setting(self, command: Set, old: int | float | str, new: int | float | str) -> None:
        """Publish that `command` has changed a setting."""
        self.stream.publish(command.changed(self.time(), old, new))

    def publish_step(self, seconds: float, connections: Iterable[Connection]) -> None:
        """Publish that the wall clock was set by so many `seconds`.

        All open `connections` are snapshotted anew. Of worker processes it is their parent that
        tells people.
        """
        self.stream.publish(
            Notice(
                t=self.time(),
                level="debug" if self.worker else "warning",
                text=describe_step(seconds),
                clock_step=seconds,
                worker=self.worker,
            )
        )
        for connection in connections:
            connection.told_at = 0.0
            if not connection.changed:
                self.note_change(connection)

    # --- detail ---

    def publish_toggle(self, connection: Connection, armed: bool) -> None:
        """Count a change of POLLOUT interest, and publish it if somebody watches."""
        self.armed += 1 if armed else -1
        if not (self.stream.watched or self._traces(connection)):
            return
        in_this_round = connection.toggles - connection.tallied.toggles
        if self.trace_all is TraceLevel.OFF and in_this_round > TOGGLES_A_ROUND:
            self.stream.count_drops(1)
        elif self.stream.room_for_detail():
            self.stream.publish_detail(
                Toggled(
                    self.time(),
                    connection.id,
                    armed,
                    connection.machine.pending,
                    connection.toggles,
                    connection.offered,
                )
            )

    def publish_state(self, connection: Connection, old: ConnectionState) -> None:
        """Note a change of state from `old`, and publish its steps if the connection is traced."""
        if not connection.changed:
            self.note_change(connection)
        wanted = self._traces(connection)
        if self.trace_all is TraceLevel.OFF and connection in self.inspected:
            wanted = self.tells_calls(connection)  # they belong to the calls that made them
        if not wanted:
            return
        machine = connection.machine
        states = passed(old, machine.state)
        for before, after in pairwise(states):
            if not self.stream.room_for_detail():
                return
            in_body = after is ConnectionState.READ_BODY and machine.state is after
            self.stream.publish_detail(
                StateChanged(
                    t=self.time(),
                    id=connection.id,
                    old=before,
                    new=after,
                    body_length=machine.body_len if in_body else None,
                    body_read=machine.body_bytes_read,
                )
            )

    def tells_calls(self, connection: Connection) -> bool:
        """Whether the next system call on this connection is to be published.

        If all connections are traced, every call is, until the journal is full. An inspected
        connection has `CALLS_A_ROUND` calls a round; then it is served as quickly as the others.
        """
        if self.tells_all_calls or not self.inspected:
            return self.tells_all_calls
        inspection = self.inspected.get(connection)
        return inspection is not None and inspection.calls_left > 0

    def publish_call(
        self, connection: Connection, call: str, asked: int, result: int, error: str
    ) -> bool:
        """Publish a system call (the arguments are `Io`'s); False if it was not wanted."""
        if not (self.tells_calls(connection) and self.stream.room_for_detail()):
            return False
        inspection = self.inspected.get(connection)
        if inspection is not None:
            inspection.calls_left -= 1
        self.stream.publish_detail(
            Io(
                t=self.time(),
                id=connection.id,
                call=call,
                asked=asked,
                result=result,
                error=error,
                gap_follows=not self.tells_calls(connection),
            )
        )
        return True

    def publish_bytes(self, connection: Connection, call: str, data: bytes) -> None:
        """Publish the last `TRACED_BYTES` of the bytes that a call moved."""
        if self.stream.room_for_detail():
            self.stream.publish_detail(
                Bytes(t=self.time(), id=connection.id, call=call, data=data[-TRACED_BYTES:])
            )

    def _traces(self, connection: Connection) -> bool:
        return connection.trace is not TraceLevel.OFF or self.trace_all is not TraceLevel.OFF

    # --- rounds ---

    @property
    def next_round(self) -> float:
        """When to call `publish_round`, on the loop's clock; ``inf`` while nobody watches."""
        if not self.stream.watched:
            return inf
        if self.stream.asked_at != self._answered:
            return 0.0
        if self.changed or self._has_closed:
            return self._next_round
        return self._round_at + MAX_INTERVAL

    def publish_round(self) -> None:
        """Publish a snapshot of each connection that changed, and the loop's statistics."""
        started = self._stopwatch()
        self._answered = self.stream.asked_at
        snapshots: list[Snapshot] = []
        for connection in self.changed:
            connection.changed = False
            self._tally(connection)
            snapshots.append(connection.snapshot(self.epoch))
        self.changed.clear()
        self._has_closed = False
        for connection, inspection in self.inspected.items():
            inspection.calls_left = CALLS_A_ROUND
            if self.stream.room_for_detail():
                self.stream.publish_detail(inspection.figures(connection, self.time()))
        self.stream.publish_latest(snapshots, self.statistics())
        self.bodies.clear()
        self.longest = 0.0
        took = self._stopwatch() - started
        self.telling += took
        pause = max(self._pause_by_load(), took * COST_SHARE)
        self._next_round = self.now + min(pause, MAX_INTERVAL)

    def _pause_by_load(self) -> float:
        cpu, self._round_cpu = self._round_cpu, self._cpu_clock()
        since, self._round_at = self._round_at, self.now
        span = self._round_at - since
        share = (self._round_cpu - cpu) / span if span > 0 else 0.0
        return pause_beside(share, INTERVAL, BUSY_INTERVAL)

    def statistics(self) -> LoopStats:
        """The loop's figures as they are now."""
        return LoopStats(
            t=self.time(),
            polls=self.polls,
            wakeups=self.wakeups,
            ready=self.ready,
            longest_us=int(self.longest * 1e6),
            cpu_seconds=self._cpu_clock(),
            open=self.opened_count - self.closed_count,
            opened=self.opened_count,
            closed=self.closed_count,
            refused=self.refused,
            armed=self.armed,
            **self._totals._asdict(),
            accept_errors=self.accept_errors,
            queue_depth=self.stream.depth,
            drops=self.stream.dropped,
            service_us=self.service.to_counts(),
            iteration_us=self.iterations.to_counts(),
            bodies=tuple(self.bodies),
            **asdict(self.calls),
            observed=self.observed,
            asleep_us=self.asleep_us,
            polling_us=self.polling_us,
            serving_us=self.serving_us,
            telling_us=self.telling_us,
            accepts=tuple(self.accepts),
        )

    def _tally(self, connection: Connection) -> None:
        counts = connection.counts()
        known = connection.tallied
        new = counts if known is NO_COUNTS else map(sub, counts, known)
        self._totals = Counts._make(map(add, self._totals, new))
        connection.tallied = counts
