"""The peers of a simulation: what each sends, how it reads, and how it ends."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from random import Random
from typing import Final

from app.core.framing import HEADER_SIZE, frame, header, read_length

from .sockets import Socket

NETWORK_ERRORS: Final = (
    errno.ECONNRESET,
    errno.ECONNRESET,
    errno.EPIPE,
    errno.ETIMEDOUT,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.ENETDOWN,
    errno.EACCES,
)
EVERYTHING: Final = 1 << 30


@dataclass(frozen=True)
class Scale:
    """The sizes of one simulation, in bytes."""

    cap: int
    frames: int
    """Frames of one peer at the most."""
    rooms: tuple[int, ...]
    """Sizes of kernel buffers to choose from."""
    steps: tuple[int, ...]
    """Sizes of what arrives, or is acknowledged, in one step."""


SMALL: Final = Scale(200, 12, (1, 7, 64, 500, 5000), (1, 2, 3, 4, 5, 17, 100, 1000))
FLOOD: Final = Scale(8, 4000, (40, 3000, 100_000), (50, 1000, 9000, EVERYTHING))
LARGE: Final = Scale(900_000, 3, (70_000, 400_000, 5_000_000), (1000, 70_000, 300_000, EVERYTHING))


@dataclass
class Peer:
    """One peer: its socket's other end, and its intentions."""

    sock: Socket
    reads: int
    """Bytes that it acknowledges in one step at the most; 0 is never."""
    ends_with: int
    """What comes behind its stream: FIN (0), an errno, or nothing (-1)."""
    ends_at: int
    """The offset in its stream at which it ends."""

    @property
    def is_gone(self) -> bool:
        """Whether nothing more can happen at this end."""
        return bool(self.sock.broken)

    def send(self, count: int) -> bool:
        """Send up to `count` bytes, then the end if it has come; return whether anything was."""
        sock = self.sock
        if sock.broken or sock.fin_arrived:
            return False
        if sock.deliver(min(count, self.ends_at - sock.arrived)):
            return True
        if sock.arrived < self.ends_at or self.ends_with < 0:
            return False
        if self.ends_with:
            sock.break_with(self.ends_with)
        else:
            sock.deliver_fin()
        return True

    def read(self, count: int) -> bool:
        """Acknowledge up to `count` bytes; return whether there were any."""
        return self.sock.acknowledge(min(count, self.reads)) > 0


def make_stream(random: Random, scale: Scale) -> tuple[bytes, list[int]]:
    """Make the bytes of one peer, and the offsets at which whole frames end in them."""
    parts = []
    alike = random.randrange(scale.cap + 1) if random.random() < 0.3 else -1
    for _ in range(random.randint(0, scale.frames)):
        size = alike if alike >= 0 else _body_size(random, scale.cap)
        parts.append(frame(random.randbytes(size)))
    tail = random.random()
    if tail < 0.1:
        parts.append(random.randbytes(random.randint(1, 3)).replace(b"\0", b"\1"))
    elif tail < 0.25:
        length = random.randint(1, scale.cap)
        parts.append(header(length) + random.randbytes(random.randrange(length)))
    elif tail < 0.4:
        length = scale.cap + random.choice((1, 2, 100, 1 << 24))
        parts.append(header(length) + random.randbytes(random.randrange(200)))
    elif tail < 0.45:
        parts.append(b"GET / HTTP/1.1\r\nHost: echo\r\n\r\n")
    stream = b"".join(parts)
    return stream, frame_ends(stream)


def _body_size(random: Random, cap: int) -> int:
    kind = random.random()
    if kind < 0.25:
        return 0
    return random.choice((1, 4, cap - 1, cap)) if kind < 0.5 else random.randrange(cap + 1)


def frame_ends(stream: bytes) -> list[int]:
    """Return the offsets at which whole frames end, whatever their length."""
    ends, start = [], 0
    while start + HEADER_SIZE <= len(stream):
        start += HEADER_SIZE + read_length(stream, start)[0]
        if start <= len(stream):
            ends.append(start)
    return ends


def make_peer(random: Random, scale: Scale) -> Peer:
    """Make a peer with random intentions."""
    stream, ends = make_stream(random, scale)
    sock = Socket(stream, ends, random.choice(scale.rooms), max(4, random.choice(scale.rooms)))
    sock.host = random.choice(("10.0.0.1", "10.0.0.2"))
    reads = random.choice((EVERYTHING, EVERYTHING, random.choice(scale.steps), 0))
    ends_with, ends_at = random.choice((-1, 0, 0)), len(stream)
    if random.random() < 0.35:
        ends_with = random.choice((0, *NETWORK_ERRORS))
        ends_at = random.randint(0, len(stream))
    return Peer(sock, reads, ends_with, ends_at)
