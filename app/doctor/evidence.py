"""Evidence, in bits: how improbable bytes would be if nothing known had written them.

A hypothesis (a framing, a slip) predicts the bytes of its headers from the lengths of its bodies.
An unknown writer must spend bits on these bytes; the hypothesis only spends the bits of the
lengths. The difference is the evidence of one header. The codes on both sides are near to proper
codes (their probabilities sum to about 1), so that random bytes reach `b` bits of evidence with a
probability of about 2**-b, whatever the hypothesis is.
"""

from __future__ import annotations

import itertools
import math
from typing import Final

MOST_STEPS: Final = 4000
"""64 KiB of the smallest frames, for some framings: a few milliseconds. More are not
read, and a framing that would need them is not named."""
SWITCH_BITS: Final = 4.0
"""Bits for a change between text, small numbers and anything else, by an unknown writer."""
_REPEATED_BITS: Final = 1.5
_ZEROS_BITS: Final = 2.0
_TEXT, _LOW, _OTHER = b"t", b"l", b"o"
_NEAR: Final = 3


def _is_text(byte: int) -> bool:
    return 32 <= byte <= 126 or byte in b"\t\n\r"


def _text_bits(byte: int) -> float:
    char = chr(byte)
    if char == " ":
        return 3.0
    if "a" <= char <= "z":
        return 5.2
    if char.isdigit() or char == "\n":
        return 5.5
    if "A" <= char <= "Z":
        return 7.0
    return 7.5 if _is_text(byte) else 99.0


def _low_bits(byte: int) -> float:
    return 1.5 if byte == 0 else 6.0 if byte <= 16 else 9.2


_CLASSES: Final = b"".join(
    _TEXT if _is_text(byte) else _LOW if byte < 32 else _OTHER for byte in range(256)
)
_TEXT_BITS: Final = tuple(_text_bits(byte) for byte in range(256))
_LOW_BITS: Final = tuple(_low_bits(byte) for byte in range(256))
_ANY_BITS: Final = (8.0,) * 256
_OWN_BITS: Final = tuple(
    _TEXT_BITS[byte] if _is_text(byte) else _LOW_BITS[byte] if byte < 32 else 8.0
    for byte in range(256)
)
"""Bits of each byte in the class that it belongs to."""


class Stream:
    """The bytes to be judged, with what is known about them."""

    __slots__ = (
        "cap", "classes", "data", "ended", "known_bits", "most", "origin", "size", "steps_left"
    )  # fmt: skip

    def __init__(self, data: bytes, ended: bool, cap: int, origin: int = 0) -> None:
        """`origin` is the offset of the first of the bytes in the connection."""
        self.origin = origin
        self.data = data
        self.size = len(data)
        self.ended = ended
        self.cap = cap
        self.most = max(cap, 1 << 20)
        """The largest body, in bytes, that another framing than ours is believed to announce."""
        self.classes = data.translate(_CLASSES)
        self.known_bits: dict[tuple[int, int], float] = {}
        """Results of `unknown_bits`: many framings read the same headers."""
        self.steps_left = MOST_STEPS
        """Frames that may still be read behind those that are weighed, of all framings together."""


def length_bits(length: int) -> float:
    """Bits of a body's length: lengths of 0 to 1 MiB are as probable in each power of two."""
    if not length:
        return 5.5  # an empty body is rare
    return math.log2(length + 1) + (3.8 if length < 1 << 20 else 6.8)


def unknown_bits(stream: Stream, start: int, end: int) -> float:
    """Bits that an unknown writer spends on ``data[start:end]``, given what stands around it."""
    known = stream.known_bits.get((start, end))
    if known is None:
        known = stream.known_bits[start, end] = _unknown_bits(stream, start, end)
    return known


def _unknown_bits(stream: Stream, start: int, end: int) -> float:
    data, classes = stream.data, stream.classes
    piece = data[start:end]
    if not data[max(0, start - 1) : end + 1].strip(b"\0"):
        return _ZEROS_BITS  # in a run of zeros
    left_text = classes[max(0, start - _NEAR) : start] == _TEXT * _NEAR
    right_text = classes[end : end + _NEAR] == _TEXT * _NEAR
    any_bits = _sum(piece, _ANY_BITS) + SWITCH_BITS * (left_text + right_text)
    left_low = start == 0 or classes[start - 1 : start] == _LOW
    right_low = end >= stream.size or classes[end : end + 2] == _LOW * 2
    low_bits = _sum(piece, _LOW_BITS) + SWITCH_BITS * (2 - left_low - right_low)
    text_bits = _sum(piece, _TEXT_BITS) + SWITCH_BITS * (
        2 - (left_text or start == 0) - (right_text or end >= stream.size)
    )
    left = _TEXT if left_text else _LOW if left_low else _OTHER
    right = _TEXT if right_text else _LOW if right_low else _OTHER
    kinds = (left if start else b"") + classes[start:end] + (right if end < stream.size else b"")
    changes = sum(kind != before for before, kind in itertools.pairwise(kinds))
    mixed_bits = _sum(piece, _OWN_BITS) + SWITCH_BITS * changes
    return min(any_bits, low_bits, text_bits, mixed_bits)


def text_bits(text: str) -> float:
    """Evidence that bytes which are `text` in UTF-8 are that and not chance."""
    spent = 0.0
    for char in text[:200]:
        code = ord(char)
        spent += _TEXT_BITS[code] if code < 128 else 14.0 if code < 0x800 else 16.5
    return 8.0 * len(text[:200].encode()) - spent


def _sum(piece: bytes, table: tuple[float, ...]) -> float:
    total, previous = 0.0, -1
    for byte in piece:
        bits = table[byte]
        total += _REPEATED_BITS if byte == previous and bits > _REPEATED_BITS else bits
        previous = byte
    return total


def end_bits(stream: Stream, is_exact: bool, last: int) -> float:
    """Evidence of where the stream ends: on the boundary behind a body of `last` bytes, or not.

    A writer that waits for its echo stops on a boundary. Streams that are cut in a body are
    mostly long ones, that still arrive or of which the first bytes are kept.
    """
    if is_exact:
        return min(math.log2(last + 2), 8.0) + (1.0 if stream.ended else 0.0)
    if stream.ended:
        return -8.0
    return -1.0 if stream.size >= 500 else -5.0
