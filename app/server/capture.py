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


class Capture:
    """The bytes of one open connection; in the loop's thread only."""

    __slots__ = (
        "_room", "_size", "_sizes", "_time", "_times", "before", "behind", "first", "weight",
    )  # fmt: skip

    def __init__(self, room: Room, data: bytes, size: int, now: float) -> None:
        """Keep `data`, the start of the connection's first read of `size` bytes at `now`.

        It is not copied: most connections that come and go send so little that this is all.
        """
        self._room = room
        self.first: bytes | bytearray = data
        """The connection's first bytes."""
        self.before = b""
        """Bytes before a refused header, once it is refused."""
        self.behind = b""
        """Bytes that came after the read with the refused header."""
        self.weight = weight = EACH + EACH_READ + len(data)
        room.used += weight
        """Bytes of memory that are counted for it."""
        self._size = size
        self._time = now
        # The size and the time, on the loop's clock, of each read behind the first.
        self._sizes: array[int] | None = None
        self._times: array[float] | None = None

    def add(self, data: bytes, size: int, now: float) -> None:
        """Keep `data`, the start of the next read of `size` bytes at `now`."""
        if self._sizes is None or self._times is None:
            self.first = bytearray(self.first)
            self._sizes, self._times = array("Q"), array("d")
        self.first += data
        self._sizes.append(size)
        self._times.append(now)
        self.weight += EACH_READ + len(data)
        self._room.used += EACH_READ + len(data)

    def forget_first(self) -> None:
        """Give up the first bytes and their reads."""
        self.first = b""
        self._room.used -= self.weight
        self.weight = self._size = 0
        self._sizes = self._times = None

    def add_discarded(self, data: bytes) -> None:
        """Keep what was read behind a refused header."""
        if len(self.behind) < BEHIND:
            self.behind += data[: BEHIND - len(self.behind)]

    def reads(self) -> list[tuple[int, float]]:
        """Return size and time of each read that gave some of the first bytes."""
        if not self._size:
            return []
        return [(self._size, self._time), *zip(self._sizes or (), self._times or (), strict=True)]
