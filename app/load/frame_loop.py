"""The frames that the connections send: one endless loop of frames with random bodies.

The loop is made once from the seed. Each connection goes round it, starting at a frame of its own,
so frame n of connection c is known without being stored. Sending writes a slice of the loop.
Verifying every byte of headers and bodies is one comparison in place (`bytes.startswith`, no copy),
however many frames one read holds. No two frames of a loop are equal (if the bodies are long enough
to differ), so a shifted, swapped, repeated or dropped echo is detected.
"""

from __future__ import annotations

import math
import random
from typing import Final

from ..core.framing import HEADER_SIZE, header
from ..core.settings import GIB, SettingError
from .sizes import Sizes, draw_sizes, mean_frame

WINDOW: Final = 256 * 1024
"""Most bytes of one read, and of a slice beyond the end of the loop."""
USUAL_BYTES: Final = 1024 * 1024
"""Usual size of a loop in bytes: it should stay in the processor's cache."""
MOST_FRAMES: Final = 16 * 1024
"""Most frames of a loop, unless rare sizes or a large depth need more."""
LARGEST_LOOP: Final = GIB
"""Most bytes of bodies in a loop."""
_AT_ONCE: Final = 1024 * 1024
"""Random bytes made by one call, during which Python needs three times as many."""
_SPREAD: Final = 0x9E3779B1
"""2**32 divided by the golden ratio: neighbouring connections start far apart."""


class FrameLoop:
    """`frames` different frames in `size` bytes, repeated for ever.

    `stream` holds the frames, followed by `WINDOW` bytes from the start. `starts` has the offset of
    each frame, for two rounds; the position of a connection is always in the first round. Raises
    `SettingError` if the sizes and the depth need more than `LARGEST_LOOP` bytes.
    """

    def __init__(self, sizes: Sizes, depth: int, seed: int) -> None:
        self.frames = _frames_needed(sizes, depth)
        needed = self.frames * (mean_frame(sizes) - HEADER_SIZE)
        if needed > LARGEST_LOOP:
            raise SettingError(
                f"--size and --depth {depth} need {needed / GIB:,.3g} GiB of frames unlike each "
                "other, 1 GiB is the most: choose smaller ones, or weights that differ less"
            )
        chance = random.Random(seed)
        self.stream, starts = bytearray(), [0]
        for size in draw_sizes(sizes, self.frames, chance):
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
        """Return the index of the frame that a connection starts with."""
        return connection * _SPREAD % self.frames

    def frame(self, index: int) -> bytes:
        """Return one whole frame; `index` may be of any round."""
        index %= self.frames
        return bytes(self.view[self.starts[index] : self.starts[index + 1]])


def _frames_needed(sizes: Sizes, depth: int) -> int:
    """Return a number such that all frames in flight differ and each size gets its share."""
    rarest = min(kind.weight for kind in sizes)
    for_every_size = math.ceil(sum(kind.weight for kind in sizes) / rarest) * (len(sizes) > 1)
    for_ranges = 64 * any(kind.low != kind.high for kind in sizes)
    usual = min(MOST_FRAMES, math.ceil(USUAL_BYTES / mean_frame(sizes)))
    return max(usual, 2 * depth + 2, for_every_size, for_ranges)
