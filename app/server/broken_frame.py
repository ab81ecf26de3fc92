"""A frame that is not whole, as it is given out by the machine for those that judge its bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

LEAD: Final = 1024
"""Bytes of right frames before a refused header that are given out with it, if the frames came in
the same read."""
MOST: Final = 4096
"""Bytes of the frame, from its header on, that are given out."""

Chunk: TypeAlias = bytes | bytearray | memoryview


class BrokenFrame(NamedTuple):
    """A frame with a refused header, or in which the connection ends or stands still."""

    at: int
    """Offset of its header among the bytes that the machine has received."""
    lead: int
    """Bytes of right frames at the front of `data`."""
    data: bytes
    """These frames, then the header and what has come behind it, `MOST` bytes at most."""
    cap: int = 0
    """The CAP that has refused it, in bytes; 0 if none has."""

    @property
    def is_cut(self) -> bool:
        """Whether more of the frame may have come than `data` has."""
        return len(self.data) >= self.lead + MOST


def start_of(chunks: Iterable[Chunk]) -> bytes:
    """Return the first `MOST` bytes of a frame; none of the rest is copied."""
    data = b""
    for chunk in chunks:
        data += memoryview(chunk)[: MOST - len(data)]
        if len(data) >= MOST:
            break
    return data
