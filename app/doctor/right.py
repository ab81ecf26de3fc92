"""Our own framing, u32be: how far it explains a stream."""

from __future__ import annotations

from typing import NamedTuple

from ..core.framing import HEADER_SIZE, read_length
from .evidence import Stream, end_bits, length_bits, unknown_bits

_SCORED = 64
_LAST_KEPT = 6
_CUT_BITS = -5.0
"""Evidence, at least, of a body that is cut: a client that is right may be killed."""
_NEXT_EMPTY_BITS = -1.0
"""Evidence of an empty frame behind another: of many in a row something else is likelier."""


class Right(NamedTuple):
    """How far right frames reach."""

    frames: int
    """Whole frames at the front."""
    at: int
    """Offset of the header behind them: refused, cut, or of a body that is cut; else the end."""
    length: int
    """The length that header announces; -1 if it is not whole."""
    is_refused: bool
    """No byte that may come makes that header one within the CAP."""
    bits: float
    """Evidence that the frames are right, with the header of a body that is cut."""
    starts: tuple[tuple[int, float], ...]
    """Offsets at which another framing may begin (the first and the last frames, and `at`), each
    with the evidence of the right frames before it."""

    @property
    def is_exact(self) -> bool:
        """Whether the stream ends behind a whole frame."""
        return self.length < 0 and not self.is_refused


def read_right_frames(stream: Stream) -> Right:
    """Walk from frame to frame as the server does."""
    data, size, cap = stream.data, stream.size, stream.cap
    at = frames = 0
    bits, previous, length = 0.0, -1, -1
    starts = [(0, 0.0)]
    is_refused = False
    while size - at >= HEADER_SIZE:
        (length,) = read_length(data, at)
        if length > cap:
            is_refused = True
            break
        if frames < _SCORED:
            bits += _gain(stream, at, length, previous)
            previous = length
        end = at + HEADER_SIZE + length
        if end > size:
            break
        at = end
        length = -1
        frames += 1
        starts.append((at, bits))
        if len(starts) > 4 * _LAST_KEPT:
            del starts[1:-_LAST_KEPT]
    part = data[at:] if length < 0 else b""
    if part and int.from_bytes(part.ljust(HEADER_SIZE, b"\0"), "big") > cap:
        is_refused = True
    if not is_refused:
        is_exact = at == size
        bits += max(end_bits(stream, is_exact, max(previous, 0)), _CUT_BITS)
    return Right(frames, at, length, is_refused, bits, tuple(starts[:1] + starts[1:][-_LAST_KEPT:]))


def _gain(stream: Stream, at: int, length: int, previous: int) -> float:
    if length == previous == 0:
        return _NEXT_EMPTY_BITS
    return unknown_bits(stream, at, at + HEADER_SIZE) - length_bits(length)
