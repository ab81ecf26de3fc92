"""Slips of a client that knows our framing: a length or a body that is slightly wrong.

Each is a parser with the face of `framings`: what it reads is our header, what differs is where
the next one is due.
"""

from __future__ import annotations

import re
from typing import Final

from ..core.framing import HEADER_SIZE, read_length
from .framings import CUT, FrameHead, Framing, Read, finish_numbers, number

_NO_MORE: Final = 1 << 62


def _length(data: bytes, at: int, most: int) -> int:
    """The announced length; -1 if the header is not whole, -2 if the length is over `most`."""
    if len(data) - at < HEADER_SIZE:
        part = data[at : at + HEADER_SIZE].ljust(HEADER_SIZE, b"\0")
        return -1 if int.from_bytes(part, "big") <= most else -2
    (length,) = read_length(data, at)
    return length if length <= most else -2


def _longer(plus: int) -> Read:
    """Bodies that are `plus` bytes longer than announced (or shorter, if negative)."""
    return number(HEADER_SIZE, "big", plus)


def _times(factor: int) -> Read:
    """Lengths that count words of `factor` bytes."""

    def read(data: bytes, at: int, most: int) -> FrameHead | None:
        length = _length(data, at, most)
        if length < 0:
            return CUT if length == -1 else None
        return FrameHead(HEADER_SIZE, length * factor, length)

    return read


_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BROKEN: Final = "\ufffd"


def _characters(utf16: bool) -> Read:
    """Lengths that count characters (or UTF-16 units) of a body that is UTF-8."""

    def read(data: bytes, at: int, most: int) -> FrameHead | None:
        length = _length(data, at, most)
        if length < 0:
            return CUT if length == -1 else None
        start = at + HEADER_SIZE
        if data[start : start + length].isascii():
            return FrameHead(HEADER_SIZE, length, length)
        text = data[start : start + 4 * length].decode("utf-8", "replace")
        if utf16:
            units = text.encode("utf-16-le")[: 2 * length]
            text, counted = units.decode("utf-16-le", "replace"), len(units) // 2
        else:
            text = text[:length]
            counted = len(text)
        if counted < length and text.endswith(_BROKEN):
            text = text[:-1]  # the last character has not arrived whole
        if _BROKEN in text or _CONTROLS.search(text):
            return None
        return FrameHead(HEADER_SIZE, len(text.encode()) + length - counted, length)

    return read


def _interleaved(data: bytes, at: int, most: int) -> FrameHead | None:
    """Two headers, then both bodies; a frame behind which a header stands is single."""
    first = _length(data, at, most)
    if first < 0:
        return CUT if first == -1 else None
    body = at + HEADER_SIZE
    if _length(data, body + first, most) != -2:
        return FrameHead(HEADER_SIZE, first, first)
    second = _length(data, body, most)
    if second < 0 or not first or not second:
        return None
    return FrameHead(HEADER_SIZE, HEADER_SIZE + first + second, first)


def _filled_up(size: int) -> Read:
    """Whole buffers of `size` bytes: a frame, then zeros."""

    def read(data: bytes, at: int, most: int) -> FrameHead | None:
        length = _length(data, at, most)
        if length < 0:
            return CUT if length == -1 else None
        body, end = at + HEADER_SIZE, at + size
        if not length or body + length > end:
            return None
        if data[body + length : end].strip(b"\0"):
            return None
        return FrameHead(HEADER_SIZE, end - body, length)

    return read


_EXTRA: Final = "right frames with {} behind each body"
EXTRA_SIZES: Final = (1, 2, 3, 4, 8, 16, 20, 32, 64)
EXTRA: Final = tuple(
    Framing(
        "extra_bytes",
        f"right frames, each followed by {size} byte{'s'[: size > 1]} that the length leaves out",
        3.0 if size < 3 else 5.0,
        _longer(size),
        finish_numbers(">I", size),
    )
    for size in EXTRA_SIZES
)
SHORT: Final = (
    Framing(
        "short_length",
        "right frames, but the length counts characters and the body is UTF-8",
        2,
        _characters(False),
        must_differ=True,
    ),
    Framing(
        "short_length",
        "right frames, but the length counts UTF-16 units and the body is UTF-8",
        2.5,
        _characters(True),
        must_differ=True,
    ),
    Framing(
        "short_length",
        "right frames, but the length counts 16-bit words",
        5,
        _times(2),
        must_differ=True,
    ),
    Framing(
        "short_length",
        "right frames, but the length counts 32-bit words",
        7,
        _times(4),
        must_differ=True,
    ),
)
LONG: Final = tuple(
    Framing(
        "long_length",
        f"right frames, but each length is {size} too large",
        3.0 + size / 2,
        _longer(-size),
        finish_numbers(">I", -size),
    )
    for size in (1, 2, 3, 5, 6, 7, 8)
)
CHARACTERS: Final = SHORT[:2]
"""Lengths that count characters."""
INTERLEAVED: Final = (
    Framing("interleaved", "two writers on one connection", 5, _interleaved, must_differ=True),
)


def _twice(data: bytes, at: int, most: int) -> FrameHead | None:
    """A header, the same one again, and the body."""
    length = _length(data, at, most)
    if length < 0:
        return CUT if length == -1 else None
    header, again = data[at : at + HEADER_SIZE], data[at + HEADER_SIZE : at + 2 * HEADER_SIZE]
    if not length or not header.startswith(again):
        return None
    return CUT if len(again) < HEADER_SIZE else FrameHead(2 * HEADER_SIZE, length, length)


TWICE: Final = Framing("extra_bytes", "right frames, each with its header written twice", 5, _twice)
BUFFER_SIZES: Final = tuple(1 << power for power in range(4, 17)) + tuple(
    count * unit for unit in (100, 1000) for count in range(1, 11)
)
BUFFERS: Final = tuple(
    Framing(
        "buffer_tail",
        f"right frames in buffers of {size:,} bytes that are sent whole, the rest zeros",
        5,
        _filled_up(size),
        must_differ=True,
    )
    for size in sorted(set(BUFFER_SIZES))
) + tuple(
    Framing(
        "buffer_tail",
        f"right headers, each with a whole buffer of {size:,} bytes behind it, the rest zeros",
        5,
        _filled_up(HEADER_SIZE + size),
        must_differ=True,
    )
    for size in sorted(set(BUFFER_SIZES))
)
