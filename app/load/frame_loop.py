"""What the connections send: one endless loop of frames with random bodies.

The reel is made once from the seed. Each connection goes round it from a frame of its own, so
frame n of connection c is known without keeping it: to send is to write a slice of the reel, and to
verify what came back, every byte of headers and bodies, is one comparison in place with the reel
(`bytes.startswith`, no copy), however many frames a read holds. No two frames of a reel are alike
(if bodies are long enough to differ), so an echo that is shifted, swapped, repeated or left out is
noticed.
"""

from __future__ import annotations

import math
import random
from typing import Final

from ..core.framing import HEADER_SIZE, header
from ..core.settings import GIB, SettingError
from .sizes import Sizes, draw, mean_frame

WINDOW: Final = 256 * 1024
"""The most bytes of one read, and how far a slice may reach beyond the end of the reel."""
USUAL_BYTES: Final = 1024 * 1024
"""Of a reel: it should stay in the processor's cache."""
MOST_FRAMES: Final = 16 * 1024
"""Of a reel, unless rare sizes or a large depth need more."""
LARGEST_REEL: Final = GIB
"""Bytes of bodies."""
_AT_ONCE: Final = 1024 * 1024
"""Random bytes made at once: Python needs three times as many meanwhile."""
_SPREAD: Final = 0x9E3779B1
"""Neighbouring connections start far apart (2**32 divided by the golden ratio)."""


class FrameLoop:
    """The frames; `frames` of them in `size` bytes, then again from the start.

    `stream` is the reel and as much of its start as a `WINDOW` needs. `starts` says where a frame
    starts in it, for two rounds; a connection's position is always in the first.
    """

    def __init__(self, sizes: Sizes, depth: int, seed: int) -> None:
        self.frames = _frames_needed(sizes, depth)
        needed = self.frames * (mean_frame(sizes) - HEADER_SIZE)
        if needed > LARGEST_REEL:
            raise SettingError(
                f"--size and --depth {depth} need {needed / GIB:,.3g} GiB of frames unlike each "
                "other, 1 GiB is the most: choose smaller ones, or weights that differ less"
            )
        chance = random.Random(seed)
        self.stream, starts = bytearray(), [0]
        for size in draw(sizes, self.frames, chance):
            self.stream += header(size)
            for begin in range(0, size, _AT_ONCE):
                self.stream += chance.randbytes(min(size - begin, _AT_ONCE))
            starts.append(len(self.stream))
        self.size = len(self.stream)
        again = self.stream[:WINDOW]
        self.stream += (again * (WINDOW // len(again) + 1))[:WINDOW]
        self.view = memoryview(self.stream)
        self.starts = starts + [self.size + start for start in starts[1:]]

    def first_frame(self, connection: int) -> int:
        """The index of the frame that a connection starts with."""
        return connection * _SPREAD % self.frames

    def frame(self, index: int) -> bytes:
        """One whole frame, by an index that may be of any round."""
        index %= self.frames
        return bytes(self.view[self.starts[index] : self.starts[index + 1]])


def _frames_needed(sizes: Sizes, depth: int) -> int:
    """Enough that frames in flight differ and each size has its share."""
    rarest = min(kind.weight for kind in sizes)
    for_every_size = math.ceil(sum(kind.weight for kind in sizes) / rarest) * (len(sizes) > 1)
    for_ranges = 64 * any(kind.low != kind.high for kind in sizes)
    usual = min(MOST_FRAMES, math.ceil(USUAL_BYTES / mean_frame(sizes)))
    return max(usual, 2 * depth + 2, for_every_size, for_ranges)
