"""The bytes of peers that are kept: the first ones of each connection, and those around a failure.

Each connection keeps its first bytes, with the sizes and times of its reads, until its capture is
full. Beyond that only the last `TAIL` bytes are kept, and what the machine gives out with a frame
that fails (`app.server.broken_frame.BrokenFrame`). All captures of a loop share one room: see
`app.server.captures`.
"""

from __future__ import annotations

from array import array
from typing import Final

from ..core.framing import HEADER_SIZE

TAIL: Final = 64 + HEADER_SIZE
"""Last bytes that are always kept: 64 before a header, of which some bytes may have come."""
LAST: Final = slice(-TAIL, None)
"""These bytes of what was read."""
BEHIND: Final = 256
"""Bytes behind a refused header that are kept."""
EACH: Final = 512
"""Bytes of memory of a capture, estimated, beside its bytes and reads."""
EACH_READ: Final = 12


class Room:
    """The bytes of memory that the captures of one loop share."""

    __slots__ = ("most", "used")

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0

    @property
    def is_short(self) -> bool:
        """Whether more is used than there is."""
        return self.used > self.most


class Capture:
    """The bytes of one connection; in the loop's thread only."""

    __slots__ = ("_left", "_room", "_sizes", "_times", "before", "behind", "first", "weight")

    def __init__(self, room: Room, each: int) -> None:
        """Keep `each` bytes at most, in a room."""
        self._room = room
        self._left = each
        self.first = bytearray()
        """The connection's first bytes."""
        self.before = b""
        """Bytes before a refused header, once it is refused."""
        self.behind = b""
        """Bytes that came after the read with the refused header."""
        self.weight = 0
        """Bytes of memory that are counted for it."""
        # The size and the time, on the loop's clock, of each read.
        self._sizes, self._times = array("Q"), array("d")
        self._count(EACH)

    @property
    def has_room(self) -> bool:
        """Whether more of the first bytes will be kept."""
        return self._left > 0

    def add(self, data: bytes, now: float) -> None:
        """Keep `data`, read at `now`, as far as there is room."""
        held = data[: self._left]
        if held:
            self._left -= len(held)
            self.first += held
            self._sizes.append(len(data))
            self._times.append(now)
            self._count(EACH_READ + len(held))

    def add_discarded(self, data: bytes, now: float) -> None:
        """Keep what was read behind a refused header."""
        self.add(data, now)
        if len(self.behind) < BEHIND:
            self.behind += data[: BEHIND - len(self.behind)]

    def add_broken(self, size: int) -> None:
        """Count the `size` bytes that the machine keeps of a frame that has failed."""
        self._count(size)

    def forget_first(self) -> None:
        """Give up the first bytes and their reads."""
        self._left = 0
        self.first = bytearray()
        self._sizes, self._times = array("Q"), array("d")
        self.leave()

    def shorten(self) -> None:
        """Keep only `TAIL` of the first bytes, and the reads that gave them."""
        del self.first[TAIL:]
        count = at = 0
        while count < len(self._sizes) and at < TAIL:
            at += self._sizes[count]
            count += 1
        self._sizes, self._times = self._sizes[:count], self._times[:count]

    def leave(self) -> None:
        """Give its room to others."""
        self._count(-self.weight)

    def reads(self) -> list[tuple[int, float]]:
        """Return size and time of each read that gave some of the first bytes."""
        return list(zip(self._sizes, self._times, strict=True))

    def _count(self, weight: int) -> None:
        self.weight += weight
        self._room.used += weight
