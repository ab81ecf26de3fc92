"""The loop: who is ready is served, within a budget, by what its state machine says.

One iteration is: poll; serve the connections that are ready; accept; apply commands; look at
deadlines; publish a round of snapshots if one is due. New connections come in after the batch, so
that a descriptor number freed and taken again within a batch cannot be hit by a stale readiness.

The hot path (`_serve_batch`) is whole frames in one read: one read(2), one look at the headers, one
write(2) of the same bytes, and no call of ours but that look. It takes connections that are between
frames, in direct mode, level-triggered and not traced (`_quick`); everything else goes the general
way, through the state machine. The general way for everything would be 0.80 of a bare uvloop
Protocol at 64 connections x 64 bytes; with the hot path it is 1.05 (`benchmarks/`). `os.read` and
`os.write` on the descriptor cost 0.1 µs less than `socket.recv` and `send`, which ask for a
time-out that a non-blocking socket does not have. A read that returns fresh bytes also means that
no buffer is shared: what outlives the wake-up is kept without a copy.

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
import socket
from collections.abc import Callable
from math import inf
from typing import Final

from app.events import POLLIN, POLLOUT, Command, Reason, Stopping, TraceLevel
from app.framing import HEADER_SIZE, read_length
from app.server.acceptor import ACCEPT_BUDGET, Acceptor
from app.server.closing import (
    LINGER_STEP,
    begin_linger,
    close_socket,
    discard_input,
    linger_is_over,
)
from app.server.commands import CommandQueue
from app.server.connection import (
    BYTE_BUDGET,
    CLOSED,
    DRAINING,
    FRAME_BUDGET,
    READ_BODY,
    READ_LEN,
    READ_SIZE,
    WRITE_BODY,
    Connection,
    frames_filling,
)
from app.server.deadlines import TimingWheel, deadline
from app.server.listener import format_address
from app.server.memory import TRIM_AFTER, release_free_memory
from app.server.poller import Poller
from app.server.reporter import Reporter
from app.server.tracing import TracedCalls
from app.settings import Settings

BATCH_BUDGET: Final = 8 * 1024 * 1024
"""Bytes that a batch moves in each direction, shared by those who are ready, `READ_SIZE` each at
least. Without it 200 readers that never read, with 256 KiB frames, made an iteration of 256 ms."""
COMMAND_BUDGET: Final = 64
"""Commands applied between two batches at most."""
_ENDED_BY_PEER: Final = frozenset(
    {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN, errno.ETIMEDOUT}
)


class Loop:
    """Owns the connections; after construction everything here runs in one thread."""

    def __init__(
        self,
        settings: Settings,
        poller: Poller,
        acceptor: Acceptor,
        commands: CommandQueue,
        reporter: Reporter,
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.reporter = reporter
        self.by_id: dict[int, Connection] = {}
        self._connections: dict[int, Connection] = {}  # by descriptor
        self._quick: dict[int, Connection] = {}  # those of them that the hot path may serve
        self._sockets: dict[int, socket.socket] = {}  # by descriptor
        self._poller = poller
        self._acceptor = acceptor
        self._commands = commands
        self._clock = clock
        self._wheel = TimingWheel()
        self._resetting: set[int] = set()  # ids to be closed with RST
        # Cut short by a budget, in order and once each: served before the next wait.
        self._again: dict[Connection, None] = {}
        self._share = BYTE_BUDGET  # bytes that one connection may move in this batch
        self._last_id = 0
        self._direct = settings.write_mode == "direct"
        self._until_eagain = poller.edge_triggered  # readiness will not be told again
        self._may_be_quick = self._direct and not self._until_eagain
        self._calls = TracedCalls(self._connections, reporter)
        self._stopping = ""  # the cause, once a stop was asked for
        self._due = inf  # when the clock next has something to say
        self._trim_at = inf  # when to give freed memory back
        self._force_at = inf  # from here on, nobody's further input is waited for
        self._stop_at = inf  # the end of the grace

    # --- one iteration ---

    def run(self, apply: Callable[[Command], None]) -> str:
        """Serve until a stop is complete; the cause of the stop. `apply` carries out commands."""
        clock, poll, reporter = self._clock, self._poller.poll, self.reporter
        listener_fd, commands_fd = self._acceptor.fd, self._commands.fd
        self._poller.add(listener_fd, POLLIN)
        self._poller.add(commands_fd, POLLIN)
        now = clock()
        while True:
            ready = poll(self._patience(now))
            began = now = reporter.now = clock()
            reporter.polls += 1
            if ready:
                reporter.wakeups += 1
                reporter.ready += len(ready)
            others = self._serve_batch(ready, now)
            if self._again:
                self._serve_again(now)
            if (listener_fd in others or self._acceptor.more) and not self._stopping:
                self._accept(now)
            if commands_fd in others:
                for order in self._commands.take(COMMAND_BUDGET):
                    apply(order)
            if self._due <= now:
                self._keep_time(now)
            if self._stopping and not self.by_id:
                return self._stopping
            now = clock()
            if now - began > reporter.longest:
                reporter.longest = now - began

    def _patience(self, now: float) -> float | None:
        """How long the poller may wait, in seconds; None is for ever."""
        self._due = due = min(
            self._wheel.next_due,
            self.reporter.next_round,
            self._acceptor.resume_at,
            self._trim_at,
            self._force_at,
            self._stop_at,
        )
        if self._again or self._acceptor.more or due <= now:
            return 0
        return None if due == inf else due - now

    def _keep_time(self, now: float) -> None:
        """Do what the clock says is due."""
        for connection in self._wheel.due(now):
            self._look_at(connection, now)
        if self._acceptor.resume_at <= now:
            self._acceptor.resume_at = inf
            self._poller.add(self._acceptor.fd, POLLIN)
        if self._trim_at <= now:
            self._trim_at = inf
            release_free_memory()
        if self._stop_at <= now:
            for connection in list(self.by_id.values()):
                self.close(connection, Reason.SHUTDOWN, "the grace time was over")
        elif self._force_at <= now:
            self._force_at = inf
            for connection in list(self.by_id.values()):
                if connection.state is not DRAINING:
                    detail = "its echo was pending" if connection.out else "was still sending"
                    self.begin_close(connection, Reason.SHUTDOWN, detail)
        if self.reporter.next_round <= now:
            self.reporter.round()

    # --- serving ---

    def _serve_batch(self, ready: list[tuple[int, int]], now: float) -> list[int]:
        """Serve who is ready; the descriptors that are not connections."""
        others = []
        quick, connections, changed = self._quick, self._connections, self.reporter.changed
        read, write, cap = os.read, os.write, self.settings.cap
        share = self._share = max(READ_SIZE, BATCH_BUDGET // (len(ready) or 1))
        for fd, _ in ready:
            connection = quick.get(fd)
            if connection is None:
                connection = connections.get(fd)
                if connection is None:
                    others.append(fd)
                else:
                    self._serve(connection, now)
                continue
            try:
                ask = connection.ask
                data = read(fd, ask if ask < share else share)
            except OSError as error:
                self._unreadable(connection, error)
                self._serve_end(connection, now)
                continue
            size = len(data)
            if size >= HEADER_SIZE and read_length(data)[0] == size - HEADER_SIZE <= cap:
                frames = 1
            else:
                frames = frames_filling(data, cap)
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
                    if not connection.changed:
                        connection.changed = True
                        changed.add(connection)
                    continue
            else:
                sent = 0
            connection.arrived(size, now)
            self._take(connection, data, sent, now)
            self._serve_end(connection, now)
        return others

    def _serve(self, connection: Connection, now: float) -> None:
        """Do what the state asks for: one read, or writes until the kernel takes no more."""
        if connection.out:
            self._write(connection, now)
            if connection.state is READ_LEN and (connection.backlog or self._stopping):
                self._again[connection] = None
        elif connection.state is DRAINING:
            if not discard_input(connection, now):
                connection.end_of_input()
        else:
            self._take_input(connection, now)
        self._serve_end(connection, now)

    def _serve_end(self, connection: Connection, now: float) -> None:
        """Bring everything in line with what the wake-up has done."""
        if connection.seen_state is CLOSED:
            return
        if not connection.changed:
            connection.changed = True
            self.reporter.changed.add(connection)
        state = connection.state
        between_frames = state is READ_LEN and not connection.len_buf and not connection.backlog
        if between_frames and self._may_be_quick and not self._traces_io(connection):
            self._quick[connection.fd] = connection
        else:
            self._quick.pop(connection.fd, None)
        if state is not connection.seen_state or state is DRAINING:
            self._settle(connection, now)

    def _take_input(self, connection: Connection, now: float) -> None:
        """Parse what the budget left over, or read once."""
        data = connection.take_backlog()
        if not data:
            try:
                data = self._calls.read(connection.fd, min(connection.ask, self._share))
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
        cap = self.settings.cap
        if connection.receive(data, cap):
            frames = connection.out_frames
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
            self._wheel.schedule(connection, deadline(connection, self.settings)[0])

    def _unreadable(self, connection: Connection, error: OSError) -> None:
        if not isinstance(error, BlockingIOError):
            self._broken(connection, error)
            return
        connection.eagains += 1
        if self._stopping:
            self.begin_close(connection, Reason.SHUTDOWN)

    def _write(self, connection: Connection, now: float) -> bool:
        """Offer the pending echo to the kernel; True if it took all of it."""
        share = self._share
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
                return connection.state is READ_LEN
            if count < sum(map(len, chunks)):
                connection.partial_writes += 1
                return False
            share -= count
        connection.budget_hits += 1
        self._again[connection] = None
        return False

    def _serve_again(self, now: float) -> None:
        connections, self._again = self._again, {}
        self._share = max(READ_SIZE, BATCH_BUDGET // len(connections))
        for connection in dict.fromkeys(connections):
            if connection.state is not CLOSED:
                self._serve(connection, now)

    def _broken(self, connection: Connection, error: OSError) -> None:
        reset = error.errno in _ENDED_BY_PEER
        words = os.strerror(error.errno) if error.errno else str(error)
        connection.close(Reason.RESET if reset else Reason.ERROR, words)

    # --- after a change of state ---

    def _settle(self, connection: Connection, now: float) -> None:
        """Bring the registration, the deadline and the observers in line with the state."""
        state, seen = connection.state, connection.seen_state
        if state is not seen:
            connection.seen_state = state
            self.reporter.state_changed(connection, seen)
            if connection.out and seen is not WRITE_BODY:
                connection.progress_at = connection.stalled_at = now
                connection.stalled_sent = connection.out_bytes_sent
        if state is DRAINING and not connection.out and not connection.linger_at:
            sock = self._sockets[connection.fd]
            if not begin_linger(connection, sock, now):
                connection.close()
                connection.seen_state = state = CLOSED
        if state is CLOSED:
            self._remove(connection)
            return
        wanted = connection.wanted_interest
        if wanted != connection.interest:
            self._poller.modify(connection.fd, wanted)
            connection.interest = wanted
            connection.toggles += 1
            connection.toggled_at = now
            self.reporter.toggled(connection, wanted == POLLOUT)
        self._wheel.schedule(connection, deadline(connection, self.settings)[0])

    def _remove(self, connection: Connection) -> None:
        fd = connection.fd
        self._poller.remove(fd)
        reset = connection.id in self._resetting
        self._resetting.discard(connection.id)
        close_socket(self._sockets.pop(fd), reset)
        del self._connections[fd], self.by_id[connection.id]
        self._quick.pop(fd, None)
        self._wheel.cancel(connection)
        if connection.ask > READ_SIZE:
            self._trim_at = min(self._trim_at, self.reporter.now + TRIM_AFTER)
        if connection.interest & POLLOUT:
            self.reporter.armed -= 1
        self.reporter.closed(connection)

    def _look_at(self, connection: Connection, now: float) -> None:
        """A deadline may have come: act on it, or look again when it will have."""
        when, reason = deadline(connection, self.settings)
        if when > now:
            self._wheel.schedule(connection, when)
        elif connection.state is DRAINING and not connection.out:
            if linger_is_over(connection, now, self.settings.write_timeout):
                self.close(connection, reason, reset=connection.unacked > 0)
            else:
                self._wheel.schedule(connection, now + LINGER_STEP)
        elif reason is Reason.TIMEOUT_WRITE:
            # Nobody reads what stands in the kernel's send queue: without RST it would hold its
            # memory for minutes after close (tcp_orphan_retries, tcp(7)).
            waited = now - connection.progress_at
            detail = f"{connection.pending:,} bytes pending, none taken for {waited:.1f} s"
            self.close(connection, reason, detail, reset=True)
        else:
            self.begin_close(connection, reason, _what_was_missing(connection, now))

    # --- what commands and limits ask for ---

    def begin_close(self, connection: Connection, reason: Reason, detail: str = "") -> None:
        """End in order: the pending echo is finished first."""
        connection.begin_close(reason, detail)
        self._settle(connection, self.reporter.now)

    def close(
        self, connection: Connection, reason: Reason, detail: str = "", reset: bool = False
    ) -> None:
        """End at once; with RST if `reset`."""
        if reset:
            self._resetting.add(connection.id)
        elif connection.state is not DRAINING:
            discard_input(connection, self.reporter.now)
        connection.close(reason, detail)
        self._settle(connection, self.reporter.now)

    def change_settings(self, settings: Settings) -> None:
        """From the next frame on, and for the deadlines from now on."""
        self.settings = settings
        self._direct = settings.write_mode == "direct"
        self._may_be_quick = self._direct and not self._until_eagain
        self._quick.clear()
        for connection in self.by_id.values():
            self._wheel.schedule(connection, deadline(connection, settings)[0])

    def trace(self, connection: Connection, level: TraceLevel) -> None:
        """Put more or less detail of one connection into the journal."""
        connection.trace = level
        # The hot path tells of no system call; a traced connection is not on it.
        self._quick.pop(connection.fd, None)

    def _traces_io(self, connection: Connection) -> bool:
        return TraceLevel.IO in (connection.trace, self.reporter.trace_all)

    def stop(self, cause: str, grace: float) -> None:
        """Accept no more, answer what has arrived in full, end within `grace` seconds."""
        now = self.reporter.now
        self._stop_at = min(self._stop_at, now + grace)
        if self._stopping:
            return
        self._stopping = cause
        self._until_eagain = True
        self._may_be_quick = False
        self._quick.clear()
        # Who waits to be accepted may have sent a whole frame already.
        for _ in range(self.settings.backlog // ACCEPT_BUDGET + 1):
            self._accept(now)
            if not self._acceptor.more:
                break
        if self._acceptor.resume_at == inf:
            self._poller.remove(self._acceptor.fd)
        self._acceptor.close()
        self._force_at = now + grace / 2
        self.reporter.publish(
            Stopping(t=self.reporter.time(), cause=cause, grace=grace, open=len(self.by_id))
        )
        for connection in self.by_id.values():
            if connection.state is READ_LEN or connection.state is READ_BODY:
                self._again[connection] = None

    def abandon(self) -> None:
        """Give every descriptor back after a crash; nothing is told of the connections."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self._acceptor.close()

    # --- accepting ---

    def _accept(self, now: float) -> None:
        for sock, address in self._acceptor.accept():
            self._open(sock, format_address(address), now)
        self.reporter.accept_errors = self._acceptor.errors
        if self._acceptor.exhausted and not self._stopping:
            self._poller.remove(self._acceptor.fd)
            text = self._acceptor.pause(now)
            if text:
                self.reporter.notice("warning", text)

    def _open(self, sock: socket.socket, peer: str, now: float) -> None:
        self._last_id += 1
        fd = sock.fileno()
        connection = Connection(self._last_id, fd, peer, now)
        fd_limit = self._poller.fd_limit
        over = len(self.by_id) >= self.settings.max_connections
        if over or (fd_limit is not None and fd >= fd_limit):
            self.reporter.refused += 1
            self.reporter.opened(connection)
            limit = f"--max-connections {self.settings.max_connections:,}"
            poller = f"{self._poller.name} watches no descriptor from {fd_limit} on"
            connection.close(Reason.LIMIT, limit if over else poller)
            sock.close()
            self.reporter.closed(connection)
            return
        self._poller.add(fd, POLLIN)
        self._connections[fd] = self.by_id[connection.id] = connection
        self._sockets[fd] = sock
        self.reporter.opened(connection)
        self._wheel.schedule(connection, deadline(connection, self.settings)[0])


def _what_was_missing(connection: Connection, now: float) -> str:
    if connection.state is READ_BODY:
        of = f"{connection.body_bytes_read:,} of {connection.body_len:,} body bytes"
        return f"{of} {now - connection.frame_at:.1f} s after the frame's first"
    if connection.len_buf:
        of = f"{connection.len_bytes_read} of 4 header bytes"
        return f"{of} {now - connection.frame_at:.1f} s after the first"
    return f"nothing for {now - connection.active_at:.1f} s"
