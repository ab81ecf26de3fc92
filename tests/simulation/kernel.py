"""The simulated kernel: descriptors, both clocks, and pollers, level- and edge-triggered."""

from __future__ import annotations

import errno
import os
import struct
import termios
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from app.core.events import POLLIN, POLLOUT
from app.server.poller import POLLRDHUP, Ready

from .sockets import POLLERR, POLLHUP, ListeningSocket, Socket, Violation, os_error

COMMANDS_FD: Final = 3
LISTENER_FDS: Final = (4, 5)
FIRST_FD: Final = 10
BUDGET: Final = 64 * 1024
"""Bytes that one batch moves in each direction (`app.server.serving.BATCH_BUDGET`)."""
TCP_INFO_SIZE: Final = 248
LAST_ACK_AT, UNSENT_AT, WINDOW_AT = 56, 144, 228
"""Offsets of tcpi_last_ack_recv, tcpi_notsent_bytes and tcpi_snd_wnd in struct tcp_info."""
TCP_ESTABLISHED, TCP_CLOSE = 1, 7


class HasReadiness(Protocol):
    """Anything that a poller can watch."""

    def readiness(self) -> int:
        """Return the mask that poll(2) would give for all interests."""


class Wakeup:
    """The wakeup of the command queue, without descriptors of the real kernel."""

    def __init__(self, kernel: SimulatedKernel) -> None:
        self.fd = COMMANDS_FD
        self._kernel = kernel
        self._is_set = False
        kernel.watchable[self.fd] = self

    def wake(self) -> None:
        """Make the poller return."""
        self._is_set = True
        self._kernel.poller.changed(self.fd)

    def clear(self) -> bool:
        """Take every `wake` back."""
        was_set, self._is_set = self._is_set, False
        return was_set

    def close(self) -> None:
        """Give the descriptor back."""
        self._kernel.watchable.pop(self.fd, None)

    def readiness(self) -> int:
        """Return the mask that poll(2) would give."""
        return POLLIN if self._is_set else 0


class SimulatedPoller:
    """A poller whose waiting is the simulation: `poll` calls `world`, which makes time pass."""

    fd_limit: int | None = None
    has_ctl = True
    note = ""

    def __init__(self, kernel: SimulatedKernel, name: str) -> None:
        """`name` is that of a real poller, whose masks this one gives."""
        self.name = name
        self.edge_triggered = name == "epoll-et"
        self.interest: dict[int, int] = {}
        """The interest registered of each descriptor."""
        self.modified: dict[int, int] = {}
        """How often that of a descriptor was changed, times without one included."""
        self._left: list[Socket] = []  # left out with POLLOUT on: toggled, if it is not the close
        self.polls = 0
        self.full = 0
        """How many of the next additions fail with ENOSPC (epoll_ctl(2))."""
        self.wait: Callable[[float | None], Ready]
        self._edges: dict[int, None] = {}
        self._kernel = kernel
        self._always = 0 if name == "select" else POLLERR | POLLHUP

    def add(self, fd: int, interest: int) -> None:
        """Register a descriptor."""
        if fd in self.interest or fd not in self._kernel.watchable:
            raise Violation(f"descriptor {fd} added to the poller, which has it or cannot have it")
        if self.full:
            self.full -= 1
            raise os_error(errno.ENOSPC)
        self.interest[fd] = interest
        sock = self._kernel.sockets.get(fd)
        self.modified[fd] = 0 if sock is None else sock.toggles + bool(interest & POLLOUT)
        self.changed(fd)

    def modify(self, fd: int, interest: int) -> None:
        """Change an interest."""
        if fd not in self.interest:
            raise Violation(f"the interest of descriptor {fd} changed, which the poller has not")
        if self.interest[fd] == interest:
            raise Violation(f"the interest of descriptor {fd} set to what it was")
        self.interest[fd] = interest
        self.modified[fd] += 1
        self.changed(fd)

    def remove(self, fd: int) -> None:
        """Unregister a descriptor, which must not be closed yet."""
        if fd not in self.interest or fd not in self._kernel.watchable:
            raise Violation(f"descriptor {fd} removed from the poller, which has it not")
        sock = self._kernel.sockets.get(fd)
        if sock is not None:
            sock.toggles = self.modified[fd]
            if self.interest[fd] & POLLOUT:
                self._left.append(sock)
        del self.interest[fd], self.modified[fd]
        self._edges.pop(fd, None)

    def poll(self, timeout: float | None) -> Ready:
        """Have the world go on, and return what is ready then."""
        self.polls += 1
        for sock in self._left:
            sock.toggles += not sock.is_closed
        self._left.clear()
        return self.wait(timeout)

    def close(self) -> None:
        """Nothing to give back."""

    def changed(self, fd: int) -> None:
        """Note that something new is to be said of a descriptor: an edge."""
        if fd in self.interest:
            self._edges[fd] = None

    def ready(self) -> Ready:
        """Return the descriptors that are ready now; each edge once, if edge-triggered."""
        found = list(self._find_ready())
        self._edges.clear()
        return found

    @property
    def is_ready(self) -> bool:
        """Whether `ready` has something to return."""
        return next(self._find_ready(), None) is not None

    def _find_ready(self) -> Iterator[tuple[int, int]]:
        more = self._always | (POLLRDHUP if self.edge_triggered else 0)
        for fd in self._edges if self.edge_triggered else self.interest:
            mask = self._kernel.watchable[fd].readiness() & (self.interest[fd] | more)
            if mask:
                yield fd, mask


class SimulatedKernel:
    """Descriptors and clocks; stands in for `os` and `fcntl` in the modules of the loop."""

    def __init__(self, poller: str, listeners: int) -> None:
        """`poller` is the name of a real one; `listeners` is how many sockets listen."""
        self.now = 1000.0
        """The monotonic clock, in seconds."""
        self.epoch = 1_700_000_000.0
        """The wall clock minus the monotonic one; a step changes it."""
        self.watchable: dict[int, HasReadiness] = {}
        """What each descriptor is."""
        self.sockets: dict[int, Socket] = {}
        """The accepted sockets that the server has not closed, by descriptor."""
        self.all: list[Socket] = []
        """Every socket ever accepted."""
        self.poller = SimulatedPoller(self, poller)
        self.listeners = [
            ListeningSocket(fd, self._register, self.watchable.pop)
            for fd in LISTENER_FDS[:listeners]
        ]
        self.watchable.update((each.fd, each) for each in self.listeners)
        self.no_memory = 0
        """How many of the next reads raise MemoryError."""
        self.strerror = os.strerror

    def clock(self) -> float:
        """Read the monotonic clock."""
        return self.now

    def wall_clock(self) -> float:
        """Read the wall clock."""
        return self.now + self.epoch

    def _register(self, sock: Socket) -> None:
        fd = FIRST_FD
        while fd in self.sockets:
            fd += 1  # the lowest free number, as POSIX has it: numbers come again
        sock.fd = fd
        sock.opened_at = self.now
        self.sockets[fd] = self.watchable[fd] = sock
        self.all.append(sock)

    def release(self, sock: Socket) -> None:
        """Free the descriptor of a socket that closes."""
        if sock.fd in self.poller.interest:
            raise Violation(f"{sock}: closed while it is registered")
        del self.sockets[sock.fd], self.watchable[sock.fd]

    def _socket(self, fd: int) -> Socket:
        if fd not in self.sockets:
            raise Violation(f"a system call on descriptor {fd}, which is not open")
        return self.sockets[fd]

    # --- os ---

    def read(self, fd: int, size: int) -> bytes:
        """Call read(2)."""
        sock = self._socket(fd)
        if self.no_memory:
            self.no_memory -= 1
            raise MemoryError
        return sock.read(size)

    def discard(self, fd: int, size: int) -> bytes:
        """Call read(2) for input that is thrown away."""
        sock = self._socket(fd)
        if not sock.unread:
            sock.uncounted += 1
        elif sock.parsed < 0:
            sock.parsed = sock.consumed
        return sock.read(size)

    def write(self, fd: int, data: bytes | bytearray | memoryview) -> int:
        """Call write(2)."""
        return self._socket(fd).write(data)

    def writev(self, fd: int, chunks: Sequence[bytes | bytearray | memoryview]) -> int:
        """Call writev(2)."""
        return self._socket(fd).write(b"".join(chunks))

    # --- fcntl ---

    def ioctl(self, fd: int, request: int, argument: bytes) -> bytes:
        """Call ioctl(2) for SIOCINQ or SIOCOUTQ."""
        sock = self._socket(fd)
        if request == termios.FIONREAD:
            return struct.pack("i", sock.unread)
        assert request == termios.TIOCOUTQ
        return struct.pack("i", sock.unacked + (sock.fin_sent and not sock.broken))

    def tcp_info(self, sock: Socket, size: int) -> bytes:
        """Return the first `size` bytes of struct tcp_info (linux/tcp.h) of a socket."""
        info = bytearray(TCP_INFO_SIZE)
        info[0] = TCP_CLOSE if sock.broken else TCP_ESTABLISHED
        last_ack = int((self.now - max(sock.opened_at, sock.acked_at)) * 1000)
        struct.pack_into("=I", info, LAST_ACK_AT, last_ack)
        struct.pack_into("=I", info, UNSENT_AT, sock.unacked // 2)
        struct.pack_into("=I", info, WINDOW_AT, sock.unacked // 2)
        return bytes(info[:size])
