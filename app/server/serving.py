"""Serving the connections that are ready: the hot path and the general one.

The hot path (`batch`) is whole frames in one read: one read(2), one check of the headers, one
write(2) of the same bytes, and no call of ours. It serves connections that are between frames, in
direct mode, level-triggered and not traced (`Lifecycle.quick`); everything else goes the general
way, through the state machine. The general way for everything would be 0.80 of a bare uvloop
Protocol at 64 connections x 64 bytes; with the hot path it is 1.02 (`benchmarks/`). Nine tenths of
its time for a frame are the read and the write; what the rest is for, and what was tried, is in
`docs/decisions.md`. `os.read` and `os.write` on the descriptor cost 0.1 µs less than `socket.recv`
and `send`, which check for a time-out that a non-blocking socket does not have. A read that returns
fresh bytes shares no buffer: what outlives the wake-up is kept without a copy.

Facts that surprise:

- An EAGAIN after POLLIN or POLLOUT is normal (source document, section 12): wait for the next.
- A short write means that the send queue is full; trying again at once would only say EAGAIN.
- POLLHUP and POLLERR are not acted upon: the next read or write says more, and data may still
  stand before the end (the source document loses it). poll reports them for an empty interest too:
  a connection is registered for the event that it will handle, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from operator import length_hint
from typing import Final

from ..core.events import Reason
from ..core.framing import (
    HEADER_SIZE,
    NO_BURST,
    burst_filling,
    frames_filling,
    read_length,
)
from ..core.histogram import TABLE_SIZE, index_of, index_table
from ..core.settings import Settings
from .adapting import Adapting
from .budgets import BATCH_BUDGET, BYTE_BUDGET, FRAME_BUDGET, PIECE_BUDGET
from .closing import close_broken, discard_input
from .connection import READ_SIZE, Connection
from .lifecycle import Lifecycle
from .machine import CLOSED, DRAINING, READ_BODY, READ_LEN
from .noting import note_piece, note_sample
from .reporter import SAMPLE
from .tracing import TracedCalls

ADAPT_EVERY: Final = 61
"""Wake-ups from one adaptation to the sizes of the hot path's reads to the next; a prime, so that
it falls on all of several connections that take turns."""
CLOCK_EVERY: Final = 4
"""Echoes in a row on the hot path that the clock is read once for, after the last of them; before
anything that may take longer, it is read as well. So a service time is at most three echoes (some
15 µs) too long, in a batch of several, and exact for a connection that is served alone."""


class Serving:
    """Reads, parses and writes, within budgets; in the loop's thread only."""

    def __init__(self, life: Lifecycle, clock: Callable[[], float]) -> None:
        """`clock` is the loop's, in seconds."""
        self._life = life
        self._clock = clock
        self._reporter = life.reporter
        self._kernel = life.calls
        self._calls = TracedCalls(life.by_fd, life.reporter, life.calls)
        self._direct = life.settings.write_mode == "direct"
        # Whether a read is followed by another until EAGAIN: readiness will not be reported again.
        self._until_eagain = life.poller.edge_triggered
        # A connection whose calls are published is not on the hot path.
        self._calls_are_untold = not (life.reporter.tells_all_calls or life.settings.step)
        self._life.may_be_quick = self._direct and not self._until_eagain and self._calls_are_untold
        self._winding_down = False
        life.faults.resume = self._serve
        self._buckets = index_table()
        self._captures = life.captures
        self._adapting = Adapting(life.captures)
        self._share = BYTE_BUDGET  # bytes that one connection may move in this batch
        # The first error of a write that `_receive` tries again: the kernel tells each error once.
        self._write_error: OSError | None = None
        self.unfinished: dict[Connection, None] = {}
        """Cut short by a budget, in order and once each: served before the next wait."""

    def change_settings(self, settings: Settings) -> None:
        """Put settings into force from the next frame on."""
        self._direct = settings.write_mode == "direct"
        self._life.may_be_quick = self._direct and not self._until_eagain and self._calls_are_untold
        self._life.quick.clear()
        for connection in self._life.by_id.values():
            self._adapting.remember(
                connection, NO_BURST
            )  # it was within a CAP that may be lower now

    def wind_down(self, quiet: float) -> None:
        """Echo the frames that still arrive whole; end a connection after `quiet` idle seconds.

        Frames that a peer had sent before a stop may still be in its own send queue, and move only
        when our window opens: an EAGAIN alone does not say that nothing is on its way.
        """
        self._life.quiet = quiet
        self._winding_down = self._until_eagain = True
        self._life.may_be_quick = False
        self._life.quick.clear()
        for connection in self._life.by_id.values():
            if connection.machine.state in (READ_LEN, READ_BODY):
                self.unfinished[connection] = None

    def batch(self, ready: list[tuple[int, int]], now: float) -> list[int]:
        """Serve the connections that are ready; return the other descriptors.

        One that cannot be served ends as `error`; the others are served all the same."""
        others: list[int] = []
        quick, by_fd = self._life.quick, self._life.by_fd
        sampling = self._reporter.stream.watched and len(self._reporter.bodies) < SAMPLE
        adapting = sampling or self._reporter.wakeups % ADAPT_EVERY == 0
        read, write, cap = self._kernel.read, self._kernel.write, self._life.settings.cap
        short = self._captures.short
        share = self._share = max(READ_SIZE, BATCH_BUDGET // (len(ready) or 1))
        clock, served, buckets = self._clock, self._reporter.service.counts, self._buckets
        waiting = iter(ready)
        untimed, skips = 0, CLOCK_EVERY - 1  # frames and echoes to time, see `CLOCK_EVERY`
        slow = unwritten = 0  # wake-ups that are not of the hot path, and those without its write
        while True:
            try:
                for fd, _ in waiting:
                    try:
                        connection = quick[fd]
                    except KeyError:
                        if fd in by_fd:
                            slow += 1
                            if untimed:
                                untimed = self._time(untimed, now)
                            self._serve(by_fd[fd], now)
                        else:
                            others.append(fd)
                        continue
                    try:
                        ask = connection.read_size
                        data = read(fd, ask if ask < share else share)
                    except OSError as error:
                        unwritten += 1
                        if untimed:
                            untimed = self._time(untimed, now)
                        self._read_failed(connection, error)
                        self._finish_wakeup(connection, now)
                        continue
                    size = len(data)
                    burst_size, lengths_of, lengths, frames, as_it_is, part = connection.burst
                    if size != burst_size or lengths_of(data) != lengths:
                        as_it_is, part = False, None
                        if (
                            size >= HEADER_SIZE
                            and read_length(data)[0] == size - HEADER_SIZE <= cap
                        ):
                            frames = 1
                        else:
                            frames = self._count_frames(connection, data, cap)
                    if frames:
                        try:
                            sent = write(fd, data)
                        except BlockingIOError:
                            sent = 0
                        except OSError as error:
                            sent = 0
                            self._write_error = error
                        if sent == size:
                            # READ_LEN, READ_BODY, WRITE_BODY and back in one wake-up.
                            connection.active_at = now
                            if as_it_is:
                                connection.repeats += 1
                                connection.tail = data
                            else:
                                connection.quick_frames += frames
                                connection.quick_bytes += size
                                if part is not None:
                                    connection.tail = data[part]
                                elif short and (connection.tail or size >= short):
                                    self._adapting.keep_echoed(connection, data, now)
                                elif short:  # the first read; of most that come and go the only one
                                    connection.note_first(data, now)
                            untimed += frames
                            if skips:
                                skips -= 1
                            else:
                                took = floor((clock() - now) * 1e6)
                                index = buckets[took] if took < TABLE_SIZE else index_of(took)
                                served[index] += untimed
                                untimed, skips = 0, CLOCK_EVERY - 1
                            if not connection.changed:
                                self._reporter.note_change(connection)
                            if adapting:
                                self._adapting.adapt(connection, data, cap)
                                if sampling:
                                    note_sample(self._reporter, connection, data)
                            continue
                    else:
                        unwritten += 1
                        sent = 0
                    if untimed:
                        untimed = self._time(untimed, now)
                    self._receive(connection, data, sent, now)
                    self._write_error = None
                    self._finish_wakeup(connection, now)
                if untimed:
                    self._time(untimed, now)
                if slow < len(ready):
                    quick_calls = len(ready) - len(others) - slow
                    counts = self._kernel.counts
                    counts.reads += quick_calls
                    counts.writes += quick_calls - unwritten
                return others
            except Exception as error:  # a fault of ours, or no memory for one peer's body
                self._write_error = None  # it was this connection's
                fd, _ = ready[-1 - length_hint(waiting)]
                self._life.fail(by_fd[fd], error)

    def _time(self, frames: int, began: float) -> int:
        """Count the service time of `frames`, echoed by now in a wake-up that `began`; return 0."""
        self._reporter.service.record(floor((self._clock() - began) * 1e6), frames)
        return 0

    def _count_frames(self, connection: Connection, data: bytes, cap: int) -> int:
        """The number of frames in `data` if the hot path may echo it; 0 for the general way."""
        if len(data) == connection.read_size:  # it was full
            connection.budget_hits += len(data) == READ_SIZE
            connection.widen_reads(len(data))
        burst = burst_filling(data, cap)
        if burst is None:
            return frames_filling(data, cap, FRAME_BUDGET)
        self._adapting.remember(connection, burst)
        return burst[-1]

    def _serve(self, connection: Connection, now: float) -> None:
        """Do what the state wants: one read, or writes until the kernel takes no more."""
        machine = connection.machine
        if machine.out:
            self._write(connection, now)
            if machine.state is READ_LEN and (machine.backlog or self._winding_down):
                connection.budget_hits += bool(machine.backlog)
                self.unfinished[connection] = None
        elif machine.state is DRAINING:
            seen = machine.bytes_in
            try:
                goes_on = discard_input(connection, self._kernel, now)
            except OSError as error:
                self._close_broken(connection, error)
                goes_on = True
            if not goes_on:
                machine.end_of_input()
            elif self._until_eagain and machine.bytes_in > seen:
                self.unfinished[connection] = None
        else:
            self._read(connection, now)
        self._finish_wakeup(connection, now)

    def _finish_wakeup(self, connection: Connection, now: float) -> None:
        """Put the connection on or off the hot path, and apply a change of its state."""
        before = connection.seen_state
        if before is not CLOSED:
            if not connection.changed:
                self._reporter.note_change(connection)
            machine = connection.machine
            state = machine.state
            between_frames = state is READ_LEN and not machine.len_buf and not machine.backlog
            if (
                between_frames
                and self._life.may_be_quick
                and connection.faulty is None
                and not self._reporter.tells_calls(connection)
            ):
                self._life.quick[connection.fd] = connection
            else:
                self._life.quick.pop(connection.fd, None)
            if state is not before or state is DRAINING or connection.faulty is not None:
                self._life.apply_state(connection, now)
        if self._kernel.note is not None and connection.seen_state is before:
            self._kernel.note_state(connection, before, before)

    def _read(self, connection: Connection, now: float) -> None:
        """Parse the bytes that a budget left over, or read once."""
        machine = connection.machine
        if machine.backlog:
            self._receive(connection, machine.take_backlog(), 0, now, counted=True)
        else:
            try:
                size = min(max(connection.read_size, READ_SIZE), self._share)
                data = self._calls.read(connection.fd, size)
            except OSError as error:
                self._read_failed(connection, error)
                return
            # A longer read asks for what a body still needs: if it is full, all of that has come.
            # (Unless `_share` has cut it short: that the budget held it then is not counted.)
            connection.budget_hits += len(data) == size <= READ_SIZE
            self._receive(connection, data, 0, now)
        if self._until_eagain and machine.state in (READ_LEN, READ_BODY):
            self.unfinished[connection] = None

    def _receive(
        self, connection: Connection, data: bytes, sent: int, now: float, counted: bool = False
    ) -> None:
        """Move the state machine by what was read, of which `sent` bytes are echoed already."""
        machine = connection.machine
        if machine.len_buf:
            note_piece(connection, len(data), now)
        if not counted:
            connection.active_at = now
        if not data:
            if connection.faulty is not None and self._life.faults.release(connection):
                self._write(connection, now)  # the end will be read again
            else:
                machine.end_of_input()
            return
        cap = self._life.settings.cap
        has_echo = machine.receive(data, cap, now, counted)
        if self._captures.each:
            self._captures.keep_parsed(connection, data, now, counted)
        if has_echo and (connection.faulty is None or self._life.faults.prepare(connection)):
            frames = machine.out_frames
            connection.served_from = now
            # Frames of one connection are often alike: read the next one at once.
            connection.expect(machine.out_len)
            if self._reporter.stream.watched:
                note_sample(self._reporter, connection, machine.out[0])
            if sent:
                connection.partial_writes += 1
                machine.sent(sent)
            elif self._direct:
                self._write(connection, now)
            else:
                connection.offered = False
            if machine.backlog and machine.state is READ_LEN:
                if frames < FRAME_BUDGET:
                    data = machine.take_backlog()
                    machine.receive(data, cap, now, True)
                    if self._captures.each:
                        self._captures.keep_parsed(connection, data, now, True)
                else:
                    connection.budget_hits += 1
                    self.unfinished[connection] = None
        if machine.len_buf:
            if machine.body_len:
                connection.expect(machine.body_len - machine.body_bytes_read)
            if machine.frame_at == now:  # a frame has begun
                self._life.schedule(connection)

    def _read_failed(self, connection: Connection, error: OSError) -> None:
        if not isinstance(error, BlockingIOError):
            self._close_broken(connection, error)
            return
        connection.eagains += 1
        if self._winding_down:
            if self._reporter.now - connection.active_at >= self._life.quiet:
                self._life.begin_close(connection, Reason.SHUTDOWN)
            else:
                self._life.schedule(connection)

    def _write(self, connection: Connection, now: float) -> None:
        """Offer the pending echo to the kernel, as much as the connection's share allows."""
        machine, faulty, share = connection.machine, connection.faulty, self._share
        frames = machine.out_frames
        connection.offered = True
        while share > 0:
            size = share if faulty is None else self._life.faults.allow(connection, share, now)
            if not size:
                if connection.held_until or not machine.pending:
                    return
                break
            chunks = machine.unsent(size)
            try:
                count = self._calls.write(connection.fd, chunks)
            except BlockingIOError:
                connection.eagains += 1
                return
            except OSError as error:
                self._close_broken(connection, error)
                return
            connection.active_at = connection.progress_at = now
            if faulty is not None:
                faulty.sent(count, now)
            if machine.sent(count):
                if faulty is not None:
                    self._life.faults.allow(connection, 0, now)  # it may end here
                if frames:
                    self._time(frames, connection.served_from)
                return
            if count < sum(map(len, chunks)):
                connection.partial_writes += 1
                return
            share -= count if faulty is None else max(count, BYTE_BUDGET // PIECE_BUDGET)
        connection.budget_hits += share <= 0
        self.unfinished[connection] = None

    def continue_unfinished(self, now: float) -> None:
        """Serve the connections that a budget has cut short, once each."""
        connections, self.unfinished = self.unfinished, {}
        self._share = max(READ_SIZE, BATCH_BUDGET // len(connections))
        for connection in connections:
            if connection.machine.state is not CLOSED:
                try:
                    self._serve(connection, now)
                except Exception as error:
                    self._life.fail(connection, error)

    def _close_broken(self, connection: Connection, error: OSError) -> None:
        """Close at once by the errno; a reason that was decided earlier stands, with the words."""
        close_broken(connection, self._write_error or error)
