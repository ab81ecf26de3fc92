"""Many clients in one thread, each with its own data to send and its own speed of reading."""

from __future__ import annotations

import contextlib
import errno
import random
import resource
import selectors
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

EOF: Final = "eof"
BLOB: Final = random.Random(20_240_607).randbytes(3 << 20)
"""Bytes to cut bodies from."""
_RESET: Final = struct.pack("ii", 1, 0)
READ: Final = 256 * 1024


def body(size: int, number: int = 0) -> bytes:
    """Return `size` bytes, different for each `number`."""
    start = number * 7919 % (1 << 20)
    return BLOB[start : start + size]


def frame(content: bytes) -> bytes:
    """Make one whole frame."""
    return len(content).to_bytes(4, "big") + content


def connect(address: tuple[str, int], receive_buffer: int = 0) -> socket.socket:
    """Connect a socket that blocks for at most 5 s."""
    sock = socket.socket()
    try:
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(5)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def name_of(sock: socket.socket) -> str:
    """Return the socket's own address in the form of the server's log."""
    host, port = sock.getsockname()
    return f"{host}:{port}"


def reset(sock: socket.socket) -> None:
    """Close with an RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


def receive(sock: socket.socket, size: int) -> bytes:
    """Read exactly `size` bytes, or fewer before an EOF."""
    data = bytearray()
    while len(data) < size:
        chunk = sock.recv(size - len(data))
        if not chunk:
            break
        data += chunk
    return bytes(data)


def echoes(address: tuple[str, int], content: bytes = b"still here?") -> bool:
    """Return whether a new connection is served."""
    with connect(address) as sock:
        sock.sendall(frame(content))
        return receive(sock, len(content) + 4) == frame(content)


@contextlib.contextmanager
def crowd(
    address: tuple[str, int], count: int, receive_buffer: int = 0
) -> Iterator[list[socket.socket]]:
    """Open `count` connections; they are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect(address, receive_buffer)) for _ in range(count)]


def many_descriptors(wanted: int) -> bool:
    """Raise the soft limit of open files of this process; return whether that was possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft >= wanted


@dataclass(slots=True, eq=False)
class Peer:
    """One client of `drive`; times are seconds from the start of the drive."""

    sock: socket.socket
    to_send: bytes
    half_close: bool = False
    """Half-close once everything is sent."""
    dribble: bytes = b""
    """Bytes sent one by one after `to_send`, every `dribble_every` seconds."""
    dribble_every: float = 0.1
    read_from: float = 0.0
    """The time of the first read."""
    read_size: int = READ
    read_every: float = 0.0
    until: int = 0
    """Bytes to read before the peer ends; 0 means until EOF."""

    name: str = ""
    received: bytearray = field(default_factory=bytearray)
    sent: int = 0
    dribbled: int = 0
    ended: str = ""
    """``eof``, ``enough``, or the name of the error."""
    ended_at: float = 0.0
    next_read: float = 0.0
    next_dribble: float = 0.0
    mask: int = 0

    def __post_init__(self) -> None:
        self.name = name_of(self.sock)
        self.sock.setblocking(False)
        self.next_read = self.read_from

    def wanted(self, now: float) -> int:
        """Return the selector events to wait for at `now`."""
        reads = selectors.EVENT_READ if now >= self.next_read else 0
        return reads | (selectors.EVENT_WRITE if self.sent < len(self.to_send) else 0)

    @property
    def timed(self) -> bool:
        """Whether the peer acts at set times."""
        return bool(self.read_from or self.read_every or self.dribble)


def drive(peers: Iterable[Peer], seconds: float) -> None:
    """Have all peers send and read until each has ended, for at most `seconds`."""
    alive = {peer for peer in peers if not peer.ended}
    timed = [peer for peer in alive if peer.timed]
    start = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for peer in alive:
            peer.mask = 0
            _watch(selector, peer, 0.0)
        while alive:
            now = time.monotonic() - start
            if now > seconds:
                return
            for peer in timed:
                if not peer.ended:
                    _dribble(peer, now)
                    _watch(selector, peer, now)
            for key, mask in selector.select(0.005 if timed else 0.1):
                peer = key.data
                _serve(peer, mask, time.monotonic() - start)
                if peer.ended:
                    selector.unregister(peer.sock)
                    peer.mask = 0
                    alive.discard(peer)
                else:
                    _watch(selector, peer, now)


def _watch(selector: selectors.BaseSelector, peer: Peer, now: float) -> None:
    wanted = peer.wanted(now)
    if wanted == peer.mask:
        return
    if not peer.mask:
        selector.register(peer.sock, wanted, peer)
    elif not wanted:
        selector.unregister(peer.sock)
    else:
        selector.modify(peer.sock, wanted, peer)
    peer.mask = wanted


def _dribble(peer: Peer, now: float) -> None:
    done = peer.dribbled >= len(peer.dribble) or peer.sent < len(peer.to_send)
    if done or now < peer.next_dribble:
        return
    peer.next_dribble = now + peer.dribble_every
    with contextlib.suppress(OSError):  # the end is seen by the next read
        peer.dribbled += peer.sock.send(peer.dribble[peer.dribbled : peer.dribbled + 1])


def _serve(peer: Peer, mask: int, now: float) -> None:
    try:
        if mask & selectors.EVENT_WRITE:
            peer.sent += peer.sock.send(memoryview(peer.to_send)[peer.sent :])
            if peer.sent == len(peer.to_send) and peer.half_close:
                peer.sock.shutdown(socket.SHUT_WR)
        if mask & selectors.EVENT_READ:
            data = peer.sock.recv(peer.read_size)
            peer.received += data
            peer.next_read = now + peer.read_every if peer.read_every else peer.next_read
            if not data:
                peer.ended = EOF
            elif peer.until and len(peer.received) >= peer.until:
                peer.ended = "enough"
    except BlockingIOError:
        return
    except OSError as error:
        # After a failed write there may still be input, which is read first.
        if mask & selectors.EVENT_READ or error.errno not in (errno.EPIPE, errno.ECONNRESET):
            peer.ended = errno.errorcode.get(error.errno or 0, str(error))
        peer.sent = len(peer.to_send)
    peer.ended_at = now
