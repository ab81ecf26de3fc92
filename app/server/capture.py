"""The bytes of peers that are kept: the first ones of each connection, and those around a failure.

Each connection keeps its first bytes, with the sizes and times of its reads, until its capture is
full. Until then it is served the general way and not on the hot path, which so costs nothing for
it. Beyond that only the last `TAIL` bytes are kept, and what the machine gives out with a frame
that fails (`app.server.machine.Cut`). All captures of a loop share one room: see
`app.server.captures`.
"""

from __future__ import annotations

from array import array
from typing import Final

from ..core.framing import HEADER_SIZE

TAIL: Final = 64 + HEADER_SIZE
"""Last bytes that are always kept: 64 before a header, of which some bytes may have come."""
BEHIND: Final = 256
"""Bytes behind a refused header that are kept."""
EACH: Final = 512
"""Bytes of memory of a capture, estimated, beside its bytes and reads."""
EACH_READ: Final = 12


class Pool:
    """The room that the captures of one loop share, in bytes."""

    __slots__ = ("each", "most", "used")

    def __init__(self, each: int, most: int) -> None:
        self.each = each
        """Bytes kept of one connection, from its first one; with 0 none are, anywhere."""
        self.most = most
        self.used = 0


class Capture:
    """The bytes of one open connection; in the loop's thread only."""

    __slots__ = ("before", "behind", "first", "pool", "sizes", "times")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.first = bytearray()
        """The connection's first bytes."""
        self.sizes = array("Q")
        """The size of each read that gave some of them."""
        self.times = array("d")
        """When each of these reads was, on the loop's clock."""
        self.before = b""
        """Bytes before a refused header, once it is refused."""
        self.behind = b""
        """Bytes that came after the read with the refused header."""

    def add(self, data: bytes, now: float) -> int:
        """Keep the start of `data`, as much as there is room for; return the room that is left."""
        first, size = self.first, len(data)
        room = self.pool.each - len(first)
        first += data if size <= room else data[:room]
        self.sizes.append(size)
        self.times.append(now)
        self.pool.used += (size if size < room else room) + EACH_READ
        return room - size if size < room else 0

    def add_discarded(self, data: bytes) -> None:
        """Keep what was read behind a refused header."""
        if len(self.behind) < BEHIND:
            self.behind += data[: BEHIND - len(self.behind)]

    @property
    def weight(self) -> int:
        """Bytes of memory that the pool counts for it."""
        return len(self.first) + EACH_READ * len(self.sizes)
