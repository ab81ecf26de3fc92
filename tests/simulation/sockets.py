"""Simulated sockets: the server's end of a connection, and the socket that listens.

A connection is four offsets. The peer's bytes are known beforehand (`Socket.stream`), and an echo
repeats them: so it is enough to count how many have arrived, how many the server has read, how many
it has written and how many of those the peer has acknowledged. A write is compared with the stream
at its offset, so a wrong, lost or doubled byte is seen in the system call that would send it.

The model is Linux's: a reset gives ECONNRESET once, then EOF and EPIPE; data that arrived before it
can still be read; POLLOUT comes when a third of the send buffer is free, though a write succeeds as
soon as a byte is; close(2) with unread input sends RST and destroys what is not acknowledged.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable
from itertools import accumulate, pairwise
from math import inf
from typing import TYPE_CHECKING, Any, Final

from app.core.events import POLLIN, POLLOUT
from app.core.framing import HEADER_SIZE
from app.server.poller import POLLRDHUP

if TYPE_CHECKING:
    from .kernel import SimulatedKernel

POLLERR: Final = 8
POLLHUP: Final = 16
RESETTING: Final = struct.pack("ii", 1, 0)
"""The value of SO_LINGER that makes close(2) send RST."""


class Violation(BaseException):
    """An invariant that does not hold. Not an `Exception`: no part of the server may catch it."""


def os_error(number: int) -> OSError:
    """Make the error of a system call."""
    return OSError(number, os.strerror(number))


class Socket:
    """The server's end of one connection, and what has passed through it."""

    def __init__(self, stream: bytes, ends: list[int], send_room: int, receive_room: int) -> None:
        """The peer sends `stream`, in which frames end at the offsets `ends`.

        `send_room` and `receive_room` are the sizes of the kernel's two buffers in bytes.
        """
        self.stream = stream
        self.ends = ends
        lengths = (end - start - HEADER_SIZE for start, end in pairwise((0, *ends)))
        self._largest = list(accumulate(lengths, max))  # of each frame and those before it
        self.send_room = send_room
        self.receive_room = receive_room
        self.kernel: SimulatedKernel
        self.fd = -1
        self.host = "10.0.0.1"
        self.number = 0
        """The order of arrival, from 1; also the port of the peer."""
        self.arrived = 0
        self.consumed = 0
        """Bytes that the server has read."""
        self.written = 0
        """Bytes of echo that the kernel has accepted."""
        self.acked = 0
        """Of those the peer has acknowledged."""
        self.fin_arrived = False
        self.fin_sent = False
        self.error = 0
        """An errno that the next call raises."""
        self.broken = 0
        """The errno that ended it; afterwards a read gives EOF and a write EPIPE."""
        self.is_closed = False
        self.resets_at_close = False
        self.sent_reset = False
        self.lost = 0
        """Bytes that were accepted for sending and destroyed by an RST of ours."""
        self.unread_at_close = 0
        self.unacked_at_close = 0
        self.acked_at_close = 0
        self.owed_at_close = inf
        """The value of `owed_since` at the close."""
        self.no_space = False
        """Whether a write was cut short: room is then an edge."""
        # For the judge.
        self.eagains = 0
        self.uncounted = 0
        """Of those the ones that the server does not count: it tried again, or discarded input."""
        self.refused_in = -1
        """The number of the poll after which a write gave EAGAIN last."""
        self.partial_writes = 0
        self.toggles = 0
        """How often its interest was changed; known once it is unregistered."""
        self.arrivals: list[tuple[int, float]] = []
        """The offset after each arrival, and its time."""
        self.opened_at = 0.0
        self.closed_at = 0.0
        self.moves: list[float] = []
        """When the server read or wrote a byte."""
        self.acked_at = 0.0
        """When the peer last acknowledged something, or bytes were first unacknowledged."""
        self.owed_since = inf
        """Since when some echo is not acknowledged, written or not; ``inf`` if all is."""
        self.acks: list[tuple[float, int]] = []
        """Times of acknowledgements, and the offset acknowledged by then."""
        self.wrote_at = 0.0
        self.wrote_in = -1
        """The number of the poll after which it wrote last, and how many bytes since then."""
        self.wrote_bytes = 0
        self.overdue = 0
        """Iterations since a time-out should have ended it."""
        self.overdue_write = 0
        """The same for the write time-out."""
        self.reads: list[tuple[int, float]] = []
        """The offset after each read, and its time."""
        self.fin_read = False
        self.parsed = -1
        """Bytes read before the first that were discarded; -1 if none were."""

    # --- the interface of socket.socket ---

    def fileno(self) -> int:
        """Return the descriptor, -1 once closed."""
        return -1 if self.is_closed else self.fd

    def setblocking(self, flag: bool) -> None:
        """Accept non-blocking mode, the only one."""
        assert not flag

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Set an option; only SO_LINGER means something here."""
        if option == socket.SO_LINGER:
            if self.broken == errno.ECONNRESET:
                raise os_error(errno.EINVAL)
            self.resets_at_close = value == RESETTING

    def getpeername(self) -> tuple[str, int]:
        """A peer of another machine: nobody here knows what it has not read."""
        raise os_error(errno.ENOTCONN)

    def getsockopt(self, level: int, option: int, size: int = 0) -> Any:
        """Read an option: TCP_INFO, the error, or the size of the send buffer."""
        if level == socket.IPPROTO_TCP and option == socket.TCP_INFO:
            return self.kernel.tcp_info(self, size)
        if option == socket.SO_ERROR:
            return self.broken
        return self.send_room

    def shutdown(self, how: int) -> None:
        """Send FIN."""
        assert how == socket.SHUT_WR
        self._must_be_open("shutdown")
        if self.broken:
            raise os_error(errno.ENOTCONN)
        self.fin_sent = True

    def close(self) -> None:
        """Close the descriptor; with unread input, or as SO_LINGER says, with RST."""
        self._must_be_open("close")
        self.is_closed = True
        self.closed_at = self.kernel.now
        self.unread_at_close = self.unread
        self.unacked_at_close = self.unacked
        self.acked_at_close, self.owed_at_close = self.acked, self.owed_since
        self.kernel.release(self)
        if not self.broken and (self.unread or self.resets_at_close):
            self.send_reset()

    # --- system calls on the descriptor ---

    def read(self, size: int) -> bytes:
        """Call read(2)."""
        self._must_be_open("read")
        if self.unread:
            data = self.stream[self.consumed : min(self.consumed + size, self.arrived)]
            self.consumed += len(data)
            self.moves.append(self.kernel.now)
            self.reads.append((self.consumed, self.kernel.now))
            if self.owed_since == inf and self.whole_until(self.judged_until) > self.acked:
                self.owed_since = self.kernel.now
            return data
        self._raise_error()
        if self.fin_arrived or self.broken:
            self.fin_read = True
            return b""
        self.eagains += 1
        raise BlockingIOError(errno.EAGAIN, "nothing to read")

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Call write(2)."""
        self._must_be_open("write")
        self._raise_error()
        if self.broken or self.fin_sent:
            raise os_error(errno.EPIPE)
        size = len(data)
        if not size:
            raise Violation(f"{self}: a write of nothing")
        if self.refused_in == self.kernel.poller.polls:
            self.uncounted += 1
        count = min(size, self.send_room - self.unacked)
        if count < size:
            self.no_space = True
        if not count:
            self.eagains += 1
            self.refused_in = self.kernel.poller.polls
            raise BlockingIOError(errno.EAGAIN, "the send buffer is full")
        end = self.written + count
        if bytes(data[:count]) != self.stream[self.written : end]:
            raise Violation(f"{self}: bytes {self.written} to {end} of its echo are wrong")
        if self.whole_until(self.consumed) < self.written + size:
            raise Violation(f"{self}: an echo of a frame that has not arrived")
        if not self.unacked:
            self.acked_at = self.kernel.now
        if self.wrote_in != self.kernel.poller.polls:
            self.wrote_in, self.wrote_bytes = self.kernel.poller.polls, 0
        self.wrote_bytes += count
        self.written = end
        self.wrote_at = self.kernel.now
        self.moves.append(self.kernel.now)
        if count < size:
            self.partial_writes += 1
        return count

    def _must_be_open(self, call: str) -> None:
        if self.is_closed:
            raise Violation(f"{self}: {call} after close")

    def _raise_error(self) -> None:
        number, self.error = self.error, 0
        if number:
            raise os_error(number)

    # --- what the peer and the network do ---

    def deliver(self, count: int) -> int:
        """Have up to `count` more bytes of the stream arrive; return how many."""
        count = min(count, len(self.stream) - self.arrived, self.receive_room - self.unread)
        if self.broken or self.fin_arrived or count <= 0:
            return 0
        self.arrived += count
        self.arrivals.append((self.arrived, self.kernel.now))
        if self.is_closed:
            self.send_reset()  # nobody reads it any more
        else:
            self.kernel.poller.changed(self.fd)
        return count

    def deliver_fin(self) -> None:
        """Have the peer's FIN arrive behind what has arrived."""
        if not self.broken:
            self.fin_arrived = True
            if not self.is_closed:
                self.kernel.poller.changed(self.fd)

    def break_with(self, number: int) -> None:
        """Have the connection end with an errno: an RST arrives, or the network gives up."""
        if not self.broken:
            self.broken = self.error = number
            if not self.is_closed:
                self.kernel.poller.changed(self.fd)

    def acknowledge(self, count: int) -> int:
        """Have the peer acknowledge up to `count` bytes; return how many it did."""
        count = min(count, self.unacked)
        if self.broken or count <= 0:
            return 0
        self.acked += count
        self.acked_at = self.kernel.now
        self.acks.append((self.kernel.now, self.acked))
        if self.acked >= self.whole_until(self.judged_until):
            self.owed_since = inf
        if not self.is_closed and self.no_space and self.is_writable:
            self.no_space = False
            self.kernel.poller.changed(self.fd)
        return count

    def send_reset(self) -> None:
        """Reset the connection from our side: what is not acknowledged is destroyed."""
        self.sent_reset = True
        self.broken = errno.ECONNRESET
        self.lost = self.unacked

    # --- what is so ---

    @property
    def judged_until(self) -> int:
        """Bytes that the server has read as frames, and not discarded."""
        return self.consumed if self.parsed < 0 else self.parsed

    @property
    def unread(self) -> int:
        """Bytes in the receive queue (SIOCINQ)."""
        return self.arrived - self.consumed

    @property
    def unacked(self) -> int:
        """Bytes written and not acknowledged (SIOCOUTQ, without the FIN)."""
        return 0 if self.broken else self.written - self.acked

    @property
    def is_writable(self) -> bool:
        """Whether a third of the send buffer is free (sk_stream_is_writable)."""
        return (self.send_room - self.unacked) * 3 >= self.send_room

    def whole_until(self, offset: int) -> int:
        """Return the offset at which the last whole frame up to `offset` ends."""
        count = self.frames_until(offset)
        return self.ends[count - 1] if count else 0

    def frames_until(self, offset: int) -> int:
        """Return the number of whole frames up to `offset`."""
        return bisect_right(self.ends, offset)

    def largest_until(self, offset: int) -> int:
        """Return the largest body of which a part stands before `offset`."""
        return self._largest[bisect_left(self.ends, offset)] if offset else 0

    def readiness(self) -> int:
        """Return the mask that poll(2) would give for all interests.

        A poll that finds no room has room told as an edge later (tcp_poll sets SOCK_NOSPACE).
        """
        mask = 0
        self.no_space |= not self.is_writable
        if self.unread or self.fin_arrived or self.broken:
            mask |= POLLIN
        if self.is_writable or self.broken or self.fin_sent:
            mask |= POLLOUT
        if self.fin_arrived or self.broken:
            mask |= POLLRDHUP
        if self.broken or (self.fin_arrived and self.fin_sent):
            mask |= POLLHUP
        if self.error:
            mask |= POLLERR
        return mask

    def __repr__(self) -> str:
        return (
            f"peer {self.number} (fd {self.fd}, arrived {self.arrived}, read {self.consumed}, "
            f"written {self.written}, acknowledged {self.acked})"
        )


class ListeningSocket:
    """The socket that listens: a queue of connections, or an errno for each accept."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM

    def __init__(
        self, fd: int, register: Callable[[Socket], None], release: Callable[[int], object]
    ) -> None:
        """`register` gives an accepted socket its descriptor; `release` frees this one's."""
        self.fd = fd
        self.queue: deque[Socket] = deque()
        self.failing = 0
        """The errno that accept(2) raises at present."""
        self.errors = 0
        self.is_closed = False
        self._register = register
        self._release = release

    def fileno(self) -> int:
        """Return the descriptor, -1 once closed."""
        return -1 if self.is_closed else self.fd

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Set an option that means nothing here."""

    def getsockname(self) -> tuple[str, int]:
        """Return the address."""
        return "127.0.0.1", 9000

    def accept(self) -> tuple[Socket, tuple[str, int]]:
        """Call accept(2)."""
        if not self.queue:
            raise BlockingIOError(errno.EAGAIN, "nobody waits")
        if self.failing:
            self.errors += 1
            raise os_error(self.failing)
        sock = self.queue.popleft()
        self._register(sock)
        return sock, (sock.host, sock.number)

    def readiness(self) -> int:
        """Return the mask that poll(2) would give."""
        return POLLIN if self.queue else 0

    def close(self) -> None:
        """Stop listening: who waits in the queue is reset."""
        self.is_closed = True
        self._release(self.fd)
        for sock in self.queue:
            sock.break_with(errno.ECONNRESET)
        self.queue.clear()
