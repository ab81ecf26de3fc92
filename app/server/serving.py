"""Serving the connections that are ready: the hot path and the general one.

The hot path (`batch`) is whole frames in one read: one read(2), one look at the headers, one
write(2) of the same bytes, and no call of ours. It takes connections that are between frames, in
direct mode, level-triggered and not traced (`Lifecycle.quick`); everything else goes the general
way, through the state machine. The general way for everything would be 0.80 of a bare uvloop
Protocol at 64 connections x 64 bytes; with the hot path it is 1.02 (`benchmarks/`). Nine tenths of
its time for a frame are the read and the write; what the rest is for, and what was tried, is in
`docs/decisions.md`. `os.read` and `os.write` on the descriptor cost 0.1 µs less than `socket.recv`
and `send`, which ask for a time-out that a non-blocking socket does not have. A read that returns
fresh bytes also means that no buffer is shared: what outlives the wake-up is kept without a copy.

Facts that surprise:

- An EAGAIN after POLLIN or POLLOUT is normal (source document, section 12): wait for the next.
- A short write means that the send queue is full; trying again at once would only say EAGAIN.
- POLLHUP and POLLERR say nothing that the next read or write does not say better, and data may
  still stand before the end; so they are not acted upon, the call is made (the source document
  removes the descriptor and loses that data). They are reported even if nothing is asked for,
  which is why a connection is always registered for the one thing that will be acted on.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from math import floor
from typing import Final

from ..core.events import Reason
from ..core.framing import HEADER_SIZE, NO_BURST, burst_filling, frames_filling, read_length
from ..core.histogram import TABLE_SIZE, index_of, index_table
from ..core.settings import Settings
from .closing import discard_input
from .connection import (
    BYTE_BUDGET,
    CLOSED,
    DRAINING,
    FRAME_BUDGET,
    READ_BODY,
    READ_LEN,
    READ_SIZE,
    SMALL_READ,
    Chunk,
    Connection,
)
from .lifecycle import Lifecycle
from .reporter import SAMPLE
from .tracing import TracedCalls

BATCH_BUDGET: Final = 8 * 1024 * 1024
"""Bytes that a batch moves in each direction, shared by those who are ready, `READ_SIZE` each at
least. Without it 200 readers that never read, with 256 KiB frames, made an iteration of 256 ms."""
LOOK_EVERY: Final = 61
"""Wake-ups from one look at how much the connections send at a time to the next; a prime, so that
it falls on all of several that take turns."""
_ENDED_BY_PEER: Final = frozenset(
    {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN, errno.ETIMEDOUT}
)


class Serving:
    """Reads, parses and writes, within budgets."""

    def __init__(self, life: Lifecycle, clock: Callable[[], float]) -> None:
        self._life = life
        self._clock = clock
        self._reporter = life.reporter
        self._calls = TracedCalls(life.connections, life.reporter)
        self._direct = life.settings.write_mode == "direct"
        # Whether a read is followed by another until EAGAIN: readiness will not be told again.
        self._until_eagain = life.poller.edge_triggered
        self._may_be_quick = self._direct and not self._until_eagain
        self._winding_down = False
        self._buckets = index_table()
        self._share = BYTE_BUDGET  # bytes that one connection may move in this batch
        # Cut short by a budget, in order and once each: served before the next wait.
        self._again: dict[Connection, None] = {}

    @property
    def waiting(self) -> bool:
        """Whether `again` has somebody to serve."""
        return bool(self._again)

    def change_settings(self, settings: Settings) -> None:
        """From the next frame on."""
        self._direct = settings.write_mode == "direct"
        self._may_be_quick = self._direct and not self._until_eagain
        self._life.quick.clear()
        for connection in self._life.by_id.values():
            connection.burst = NO_BURST  # it was within a CAP that may be lower now

    def wind_down(self, quiet: float) -> None:
        """Answer what comes in full until a connection was `quiet` seconds without a byte; end it.

        What a peer had sent before a stop may still be in its own send queue, and moves only when
        our window opens: an EAGAIN alone does not say that nothing is on its way.
        """
        self._life.quiet = quiet
        self._winding_down = self._until_eagain = True
        self._may_be_quick = False
        self._life.quick.clear()
        for connection in self._life.by_id.values():
            if connection.state in (READ_LEN, READ_BODY):
                self._again[connection] = None

    def batch(self, ready: list[tuple[int, int]], now: float) -> list[int]:
        """Serve who is ready; the descriptors that are not connections."""
        others = []
        quick, connections = self._life.quick, self._life.connections
        changed = self._reporter.changed
        sampling = self._reporter.stream.watched and len(self._reporter.bodies) < SAMPLE
        looking = sampling or self._reporter.wakeups % LOOK_EVERY == 0
        read, write, cap = os.read, os.write, self._life.settings.cap
        share = self._share = max(READ_SIZE, BATCH_BUDGET // (len(ready) or 1))
        clock, served, buckets = self._clock, self._reporter.service.counts, self._buckets
        for fd, _ in ready:
            try:
                connection = quick[fd]
            except KeyError:
                if fd in connections:
                    self._serve(connections[fd], now)
                else:
                    others.append(fd)
                continue
            try:
                ask = connection.ask
                data = read(fd, ask if ask < share else share)
            except OSError as error:
                self._unreadable(connection, error)
                self._serve_end(connection, now)
                continue
            size = len(data)
            burst_size, lengths_of, lengths, frames = connection.burst
            if size != burst_size or lengths_of(data) != lengths:
                if size >= HEADER_SIZE and read_length(data)[0] == size - HEADER_SIZE <= cap:
                    frames = 1
                else:
                    frames = self._count_frames(connection, data, cap)
            if frames:
                try:
                    sent = write(fd, data)
                except OSError:
                    sent = 0  # `_take` meets the same error again and deals with it
                if sent == size:
                    # From READ_LEN through READ_BODY and WRITE_BODY and back in one wake-up.
                    connection.frames_in += frames
                    connection.bytes_in += size
                    connection.active_at = now
                    took = floor((clock() - now) * 1e6)
                    served[buckets[took] if took < TABLE_SIZE else index_of(took)] += frames
                    if not connection.changed:
                        connection.changed = True
                        changed.add(connection)
                    if looking:
                        self._look(connection, data, cap)
                        if sampling:
                            self._sample(connection, data)
                    continue
            else:
                sent = 0
            connection.arrived(size, now)
            self._take(connection, data, sent, now)
            self._serve_end(connection, now)
        return others

    def _look(self, connection: Connection, data: bytes, cap: int) -> None:
        """Expect more of what came."""
        size = len(data)
        if connection.ask == READ_SIZE and size < SMALL_READ:
            connection.ask = SMALL_READ
        elif connection.ask == size:
            connection.ask = max(size, READ_SIZE)
        if size != connection.burst[0]:
            connection.burst = burst_filling(data, cap) or NO_BURST

    def _count_frames(self, connection: Connection, data: bytes, cap: int) -> int:
        """How many frames `data` is on the hot path; 0 if it has to go the general way."""
        if len(data) == SMALL_READ:  # it was full
            connection.ask = max(connection.ask, READ_SIZE)
        burst = burst_filling(data, cap)
        if burst is None:
            return frames_filling(data, cap, FRAME_BUDGET)
        connection.burst = burst
        return burst[-1]

    def _serve(self, connection: Connection, now: float) -> None:
        """Do what the state asks for: one read, or writes until the kernel takes no more."""
        if connection.out:
            self._write(connection, now)
            if connection.state is READ_LEN and (connection.backlog or self._winding_down):
                self._again[connection] = None
        elif connection.state is DRAINING:
            seen = connection.bytes_in
            if not discard_input(connection, now):
                connection.end_of_input()
            elif self._until_eagain and connection.bytes_in > seen:
                self._again[connection] = None
        else:
            self._take_input(connection, now)
        self._serve_end(connection, now)

    def _serve_end(self, connection: Connection, now: float) -> None:
        """Bring everything in line with what the wake-up has done."""
        if connection.seen_state is CLOSED:
            return
        if not connection.changed:
            connection.changed = True
            self._reporter.changed.add(connection)
        state = connection.state
        between_frames = state is READ_LEN and not connection.len_buf and not connection.backlog
        if between_frames and self._may_be_quick and not self._reporter.tells_calls(connection):
            self._life.quick[connection.fd] = connection
        else:
            self._life.quick.pop(connection.fd, None)
        if state is not connection.seen_state or state is DRAINING:
            self._life.settle(connection, now)

    def _take_input(self, connection: Connection, now: float) -> None:
        """Parse what the budget left over, or read once."""
        data = connection.take_backlog()
        if not data:
            try:
                ask = min(max(connection.ask, READ_SIZE), self._share)
                data = self._calls.read(connection.fd, ask)
            except OSError as error:
                self._unreadable(connection, error)
                return
            connection.arrived(len(data), now)
        self._take(connection, data, 0, now)
        if self._until_eagain and connection.state in (READ_LEN, READ_BODY):
            self._again[connection] = None

    def _take(self, connection: Connection, data: bytes, sent: int, now: float) -> None:
        """Move the state machine by what was read, of which `sent` bytes are echoed already."""
        if not data:
            connection.end_of_input()
            return
        cap = self._life.settings.cap
        if connection.receive(data, cap):
            frames = connection.out_frames
            connection.served_from = now
            if self._reporter.stream.watched:
                self._sample(connection, connection.out[0])
            if sent:
                connection.partial_writes += 1
                connection.sent(sent)
            elif self._direct:
                self._write(connection, now)
            if connection.backlog and connection.state is READ_LEN:
                if frames < FRAME_BUDGET:
                    connection.receive(connection.take_backlog(), cap)
                else:
                    connection.budget_hits += 1
                    self._again[connection] = None
        if connection.len_buf and not connection.frame_at:
            connection.frame_at = now
            self._life.schedule(connection)

    def _sample(self, connection: Connection, echo: Chunk) -> None:
        """Note the body lengths in `echo`, which begins with a frame, while there is room."""
        bodies, offset = self._reporter.bodies, 0
        while len(bodies) < SAMPLE and len(echo) - offset >= HEADER_SIZE:
            (length,) = read_length(echo, offset)
            bodies.append((connection.id, length))
            offset += HEADER_SIZE + length

    def _unreadable(self, connection: Connection, error: OSError) -> None:
        if not isinstance(error, BlockingIOError):
            self._broken(connection, error)
            return
        connection.eagains += 1
        if self._winding_down:
            if self._reporter.now - connection.active_at >= self._life.quiet:
                self._life.begin_close(connection, Reason.SHUTDOWN)
            else:
                self._life.schedule(connection)

    def _write(self, connection: Connection, now: float) -> bool:
        """Offer the pending echo to the kernel; True if it took all of it."""
        share, frames = self._share, connection.out_frames
        while share > 0:
            chunks = connection.unsent(share)
            try:
                count = self._calls.write(connection.fd, chunks)
            except BlockingIOError:
                connection.eagains += 1
                return False
            except OSError as error:
                self._broken(connection, error)
                return False
            connection.active_at = connection.progress_at = now
            if connection.sent(count):
                took = self._clock() - connection.served_from
                self._reporter.service.record(int(took * 1e6), frames)
                return connection.state is READ_LEN
            if count < sum(map(len, chunks)):
                connection.partial_writes += 1
                return False
            share -= count
        connection.budget_hits += 1
        self._again[connection] = None
        return False

    def again(self, now: float) -> None:
        connections, self._again = self._again, {}
        self._share = max(READ_SIZE, BATCH_BUDGET // len(connections))
        for connection in connections:
            if connection.state is not CLOSED:
                self._serve(connection, now)

    def _broken(self, connection: Connection, error: OSError) -> None:
        reset = error.errno in _ENDED_BY_PEER
        words = os.strerror(error.errno) if error.errno else str(error)
        connection.close(Reason.RESET if reset else Reason.ERROR, words)
