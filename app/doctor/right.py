"""Our own framing, u32be: how far it explains a stream."""

from __future__ import annotations

from typing import NamedTuple

from ..core.framing import HEADER_SIZE, read_length
from .evidence import Stream, end_bits, length_bits, unknown_bits

_SCORED = 64
_SCORED_FIRST = 48
_LAST_KEPT = 6
_CUT_BITS = -5.0
"""Evidence, at least, of a body that is cut: a client that is right may be killed."""
_NEXT_EMPTY_BITS = -1.0
"""Evidence of an empty frame behind another: of many in a row something else is likelier."""


class Right(NamedTuple):
    """The reach of right frames in a stream."""

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
    at, length = 0, -1
    heads: list[int] = []
    is_refused = False
    while size - at >= HEADER_SIZE:
        (length,) = read_length(data, at)
        if length > cap:
            is_refused = True
            break
        heads.append(at)
        at += HEADER_SIZE + length
    is_cut = at > size
    if is_cut:
        at = heads[-1]
    elif not is_refused:
        length = -1
        part = data[at:].ljust(HEADER_SIZE, b"\0")
        is_refused = at < size and int.from_bytes(part, "big") > cap
    bits, starts = _score(stream, heads, at)
    if not is_refused:
        is_exact = at == size
        last = at - heads[-1] if heads else 0
        bits += max(end_bits(stream, is_exact, last), _CUT_BITS)
    return Right(len(heads) - is_cut, at, length, is_refused, bits, starts)


def is_whole_frames(data: bytes, cap: int) -> bool:
    """Whether no header in `data` announces more than `cap` bytes; the last frame may be cut."""
    at, last = 0, len(data) - HEADER_SIZE
    while at <= last:
        (length,) = read_length(data, at)
        if length > cap:
            return False
        at += HEADER_SIZE + length
    return int.from_bytes(data[at:].ljust(HEADER_SIZE, b"\0"), "big") <= cap


def _score(
    stream: Stream, heads: list[int], end: int
) -> tuple[float, tuple[tuple[int, float], ...]]:
    """The evidence of all headers, and that before each offset where a fault may begin.

    Among very many frames only the first and the last ones are scored.
    """
    bits, previous = 0.0, -1
    starts = []
    scored = heads if len(heads) <= _SCORED else heads[:_SCORED_FIRST] + heads[-_LAST_KEPT:]
    for at in scored:
        starts.append((at, bits))
        (length,) = read_length(stream.data, at)
        bits += _gain(stream, at, length, previous)
        previous = length
    if not starts or starts[-1][0] < end:
        starts.append((end, bits))
    if len(starts) > _LAST_KEPT:
        starts = [starts[0], *starts[-_LAST_KEPT + 1 :]]
    return bits, tuple(starts)


def _gain(stream: Stream, at: int, length: int, previous: int) -> float:
    if length == previous == 0:
        return _NEXT_EMPTY_BITS
    return unknown_bits(stream, at, at + HEADER_SIZE) - length_bits(length)
