"""The system calls of a loop: the one place that all of them pass, so that they can be watched.

While nobody watches, `read` and `write` are those of `os` itself. The names of the calls, with the
functions of the kernel:

- ``accept``: accept4(2) of a listener
- ``read``: read(2), or recv(2) of the wakeup
- ``write``: write(2), or writev(2) for more than one piece
- ``watch``, ``unwatch``: a descriptor is registered with the poller, or no more
- ``arm``, ``disarm``: its interest changes, to POLLOUT and back (epoll_ctl(2), EPOLL_CTL_MOD)
- ``shutdown``: shutdown(2) with SHUT_WR, our FIN
- ``close``: close(2)

poll(2) and select(2) take the interest with each poll: there the four in the middle are no calls of
the kernel, and are shown all the same.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from ..core.events import POLLOUT, ConnectionState
from .broken_frame import Chunk
from .connection import Connection
from .poller import Poller

T = TypeVar("T")


def _no_gate(_call: str, _fd: int) -> None:
    """Let every call pass."""


class CallNote(NamedTuple):
    """One call, made for a descriptor. (The two on the hot path are noted as plain tuples.)"""

    call: str
    fd: int
    asked: int
    result: int
    """As in `KernelCall`; for an error the errno, negative."""
    ended_at: float
    """On the loop's clock."""


class StateNote(NamedTuple):
    """A connection has another state, or its wake-up is over and it has the same."""

    fd: int
    id: int
    interest: int
    """The one registered with the poller during the wake-up."""
    before: ConnectionState
    after: ConnectionState


class PollNote(NamedTuple):
    """Another poll within an iteration, which does not wait."""

    woken: list[tuple[int, int, int]]
    """Descriptor, revents, and the connection's number or 0."""
    ended_at: float


Note: TypeAlias = CallNote | StateNote | PollNote | tuple[str, int, int, int, float]
WAKEUP_READ: Final = 64 * 1024
"""Bytes for which a wakeup has room (`app.core.wakeup`)."""


@dataclass(slots=True)
class CallCounts:
    """The number of calls that a loop has made since its start."""

    reads: int = 0
    writes: int = 0
    ctls: int = 0
    """Changes of what the poller watches, if each is a call."""
    repolls: int = 0
    """Polls within an iteration."""


class Calls:
    """The system calls of one loop; in its thread only."""

    def __init__(self, poller: Poller, clock: Callable[[], float], counts: CallCounts) -> None:
        """`clock` is the loop's, in seconds. A caller of `read` or `write` adds to `counts`."""
        self.counts = counts
        self._poller = poller
        self._ctls_each = each = int(poller.has_ctl)  # calls for a change of what it watches
        self._clock = clock
        self.note: Callable[[Note], None] | None = None
        """Takes a note of each call while somebody watches."""
        self.gate: Callable[[str, int], None] = _no_gate
        """Passed before each call, with its name and descriptor."""
        add, remove = poller.add, poller.remove

        def counted_add(fd: int, interest: int) -> None:
            counts.ctls += each
            add(fd, interest)

        def counted_remove(fd: int) -> None:
            counts.ctls += each
            remove(fd)

        self._unwatched = os.read, os.write, counted_add, counted_remove, methodcaller("close")
        self.read: Callable[[int, int], bytes]
        """read(2): descriptor, size."""
        self.write: Callable[[int, Chunk], int]
        """write(2): descriptor, bytes."""
        self.add: Callable[[int, int], None]
        """Have the poller watch a descriptor for an interest. Raises OSError or ValueError."""
        self.remove: Callable[[int], None]
        """Have the poller watch a descriptor no more. Raises OSError."""
        self.close: Callable[[socket.socket], None]
        """Close a connection's socket."""
        self.unwatch()

    def watch(
        self, note: Callable[[Note], None], gate: Callable[[str, int], None] = _no_gate
    ) -> None:
        """Have a note taken of each call from here on; `gate` is called before it is made."""
        self.note, self.gate = note, gate
        read, write, clock = os.read, os.write, self._clock
        has_gate = gate is not _no_gate

        def noted_read(fd: int, size: int) -> bytes:
            if has_gate:
                gate("read", fd)
            try:
                data = read(fd, size)
            except OSError as error:
                note(("read", fd, size, -(error.errno or 0), clock()))
                raise
            note(("read", fd, size, len(data), clock()))
            return data

        def noted_write(fd: int, data: Chunk) -> int:
            if has_gate:
                gate("write", fd)
            try:
                sent = write(fd, data)
            except OSError as error:
                note(("write", fd, len(data), -(error.errno or 0), clock()))
                raise
            note(("write", fd, len(data), sent, clock()))
            return sent

        self.read, self.write = noted_read, noted_write
        self.add, self.remove, self.close = self._noted_add, self._noted_remove, self._noted_close

    def unwatch(self) -> None:
        """Take no more notes: each call is made with nothing between that could be left out."""
        self.note = None
        self.read, self.write, self.add, self.remove, self.close = self._unwatched

    def discard(self, fd: int, size: int) -> bytes:
        """Call read(2) for input that is thrown away. Raises OSError."""
        self.counts.reads += 1
        return self.read(fd, size)

    def write_all(self, fd: int, chunks: Sequence[Chunk]) -> int:
        """Call write(2), or writev(2) for more than one chunk. Raises OSError."""
        if len(chunks) == 1:
            return self.write(fd, chunks[0])
        return self._noted("write", fd, sum(map(len, chunks)), os.writev, fd, chunks)

    def accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Call accept4(2), and note it. Raises OSError."""
        return self._noted("accept", sock.fileno(), 0, sock.accept)

    def shutdown(self, sock: socket.socket) -> None:
        """Send our FIN. Raises OSError."""
        self._noted("shutdown", sock.fileno(), 0, sock.shutdown, socket.SHUT_WR)

    def _noted_close(self, sock: socket.socket) -> None:
        self._noted("close", sock.fileno(), 0, sock.close)

    def _noted_add(self, fd: int, interest: int) -> None:
        self.counts.ctls += self._ctls_each
        self._noted("watch", fd, interest, self._poller.add, fd, interest)

    def modify(self, fd: int, interest: int) -> None:
        """Change what a descriptor is watched for. Raises OSError."""
        self.counts.ctls += self._ctls_each
        name = "arm" if interest & POLLOUT else "disarm"
        self._noted(name, fd, interest, self._poller.modify, fd, interest)

    def _noted_remove(self, fd: int) -> None:
        self.counts.ctls += self._ctls_each
        self._noted("unwatch", fd, 0, self._poller.remove, fd)

    def note_wakeup(self, fd: int, taken: int) -> None:
        """Note that the wakeup `fd` was cleared, and gave so many bytes."""
        if self.note is not None:
            self.note(CallNote("read", fd, WAKEUP_READ, taken, self._clock()))

    def note_state(
        self, connection: Connection, before: ConnectionState, after: ConnectionState
    ) -> None:
        """Note a state of a connection, and the one before. To be called while notes are taken."""
        assert self.note is not None
        told = connection.fd, connection.id, connection.interest
        self.note(StateNote(*told, before, after))

    def _noted(self, name: str, fd: int, asked: int, call: Callable[..., T], *words: Any) -> T:
        if self.note is None:
            return call(*words)
        self.gate(name, fd)
        try:
            result = call(*words)
        except OSError as error:
            self.note(CallNote(name, fd, asked, -(error.errno or 0), self._clock()))
            raise
        told = result if isinstance(result, int) else 0
        if isinstance(result, tuple):
            told = result[0].fileno()
        self.note(CallNote(name, fd, asked, told, self._clock()))
        return result
