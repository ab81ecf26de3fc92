"""The connections that are open: their sockets, registrations and deadlines, from accept to close.

What a wake-up did to a connection's state is brought home here (`settle`): the poller is told of a
changed interest, the timing wheel of a deadline, the reporter of what can be seen.
"""

from __future__ import annotations

import socket
from itertools import count
from math import inf

from ..core.events import POLLIN, POLLOUT, Reason, TraceLevel
from ..core.settings import Settings
from .closing import (
    LINGER_STEP,
    begin_linger,
    close_socket,
    discard_input,
    linger_is_over,
)
from .connection import (
    CLOSED,
    DRAINING,
    READ_BODY,
    READ_LEN,
    READ_SIZE,
    WRITE_BODY,
    Connection,
)
from .deadlines import TimingWheel, deadline
from .memory import TRIM_AFTER
from .poller import Poller
from .reporter import Inspection, Reporter
from .shard import Shard


class Lifecycle:
    """Opens, settles and closes connections; used by the loop's thread only."""

    def __init__(
        self, settings: Settings, poller: Poller, reporter: Reporter, share: Shard
    ) -> None:
        self.settings = settings
        self.reporter = reporter
        self.poller = poller
        self.by_id: dict[int, Connection] = {}
        self.connections: dict[int, Connection] = {}
        """The same by descriptor."""
        self.quick: dict[int, Connection] = {}
        """Those of them, by descriptor, that the hot path may serve."""
        self.wheel = TimingWheel()
        self.quiet = inf
        """Seconds without a byte after which a stop ends a connection that waits for input."""
        self.trim_at = inf
        """When to give freed memory back."""
        self._sockets: dict[int, socket.socket] = {}  # by descriptor
        self._resetting: set[int] = set()  # ids to be closed with RST
        self._ids = count(share.first_id, share.workers)
        self._seats = share.seats

    def open(self, sock: socket.socket, peer: str, now: float) -> None:
        """Take an accepted socket in, or close it at once as `limit`."""
        fd = sock.fileno()
        connection = Connection(next(self._ids), fd, peer, now)
        fd_limit = self.poller.fd_limit
        unwatchable = fd_limit is not None and fd >= fd_limit
        over = not unwatchable and not self._seats.take(self.settings.max_connections)
        if over or unwatchable:
            self.reporter.refused += 1
            self.reporter.opened(connection)
            limit = f"--max-connections {self.settings.max_connections:,}"
            poller = f"{self.poller.name} watches no descriptor from {fd_limit} on"
            connection.close(Reason.LIMIT, limit if over else poller)
            sock.close()
            self.reporter.closed(connection)
            return
        self.poller.add(fd, POLLIN)
        self.connections[fd] = self.by_id[connection.id] = connection
        self._sockets[fd] = sock
        self.reporter.opened(connection)
        self.schedule(connection)

    def schedule(self, connection: Connection) -> None:
        """Look at a connection when its deadline comes."""
        self.wheel.schedule(connection, self._deadline(connection)[0])

    def _deadline(self, connection: Connection) -> tuple[float, Reason]:
        when, reason = deadline(connection, self.settings)
        quiet_at = connection.active_at + self.quiet
        if quiet_at < when and connection.state in (READ_LEN, READ_BODY):
            return quiet_at, Reason.SHUTDOWN
        return when, reason

    def settle(self, connection: Connection, now: float) -> None:
        """Bring the registration, the deadline and the observers in line with the state."""
        state, seen = connection.state, connection.seen_state
        if state is not seen:
            connection.seen_state = state
            self.reporter.state_changed(connection, seen)
            if connection.out and seen is not WRITE_BODY:
                connection.progress_at = connection.stalled_at = now
                connection.stalled_sent = connection.out_bytes_sent
        if state is DRAINING:
            # A time-out or a kill takes a connection from between frames, where it is quick.
            self.quick.pop(connection.fd, None)
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
            self.poller.modify(connection.fd, wanted)
            connection.interest = wanted
            connection.toggles += 1
            connection.toggled_at = now
            self.reporter.toggled(connection, wanted == POLLOUT)
        self.schedule(connection)

    def _remove(self, connection: Connection) -> None:
        fd = connection.fd
        self.poller.remove(fd)
        reset = connection.id in self._resetting
        self._resetting.discard(connection.id)
        close_socket(self._sockets.pop(fd), reset)
        del self.connections[fd], self.by_id[connection.id]
        self._seats.leave()
        self.quick.pop(fd, None)
        self.wheel.cancel(connection)
        self.reporter.inspected.pop(connection, None)
        if connection.ask > READ_SIZE:
            self.trim_at = min(self.trim_at, self.reporter.now + TRIM_AFTER)
        if connection.interest & POLLOUT:
            self.reporter.armed -= 1
        self.reporter.closed(connection)

    def look_at(self, connection: Connection, now: float) -> None:
        """A deadline may have come: act on it, or look again when it will have."""
        when, reason = self._deadline(connection)
        if when > now:
            self.wheel.schedule(connection, when)
        elif connection.state is DRAINING and not connection.out:
            if linger_is_over(connection, now, self.settings.write_timeout):
                self.close(connection, reason, reset=connection.unacked > 0)
            else:
                self.wheel.schedule(connection, now + LINGER_STEP)
        elif reason is Reason.TIMEOUT_WRITE:
            # Nobody reads what stands in the kernel's send queue: without RST it would hold its
            # memory for minutes after close (tcp_orphan_retries, tcp(7)).
            waited = now - connection.progress_at
            detail = f"{connection.pending:,} bytes pending, none taken for {waited:.1f} s"
            self.close(connection, reason, detail, reset=True)
        else:
            stopping = reason is Reason.SHUTDOWN
            self.begin_close(
                connection, reason, "" if stopping else _what_was_missing(connection, now)
            )

    def begin_close(self, connection: Connection, reason: Reason, detail: str = "") -> None:
        """End in order: the pending echo is finished first."""
        connection.begin_close(reason, detail)
        self.settle(connection, self.reporter.now)

    def close(
        self, connection: Connection, reason: Reason, detail: str = "", reset: bool = False
    ) -> None:
        """End at once; with RST if `reset`."""
        if reset:
            self._resetting.add(connection.id)
        elif connection.state is not DRAINING:
            discard_input(connection, self.reporter.now)
        connection.close(reason, detail)
        self.settle(connection, self.reporter.now)

    def change_settings(self, settings: Settings) -> None:
        """For the deadlines from now on, and for the limits."""
        self.settings = settings
        for connection in self.by_id.values():
            self.schedule(connection)

    def trace(self, connection: Connection, level: TraceLevel) -> None:
        """Put more or less detail of one connection into the journal."""
        connection.trace = level
        if level.tells_calls:
            sock = self._sockets[connection.fd]
            self.reporter.inspected.setdefault(connection, Inspection(sock))
        else:
            self.reporter.inspected.pop(connection, None)
        # The hot path tells of no system call; a connection that tells of them is not on it.
        self.quick.pop(connection.fd, None)

    def round(self) -> None:
        """Have a round told; who is looked at may tell of system calls again."""
        self.reporter.round()
        for connection in self.reporter.inspected:
            self.quick.pop(connection.fd, None)

    def abandon(self) -> None:
        """Give every descriptor back after a crash; nothing is told of the connections."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()


def _what_was_missing(connection: Connection, now: float) -> str:
    if connection.state is READ_BODY:
        of = f"{connection.body_bytes_read:,} of {connection.body_len:,} body bytes"
        return f"{of} {now - connection.frame_at:.1f} s after the frame's first"
    if connection.len_buf:
        of = f"{connection.len_bytes_read} of 4 header bytes"
        return f"{of} {now - connection.frame_at:.1f} s after the first"
    return f"nothing for {now - connection.active_at:.1f} s"
