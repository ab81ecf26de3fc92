"""Framings: a small parser for each, all with the same face.

A parser is given the data, the offset of a header, and the largest length to be believed. It
returns a `FrameHead`; `CUT` if the header's last bytes have not arrived; `None` if the bytes there
cannot be a header. A new framing is one parser and one entry in `FRAMINGS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from .evidence import Stream, end_bits, length_bits, unknown_bits


class FrameHead(NamedTuple):
    """A header that was read."""

    size: int
    """Bytes of the header."""
    body: int
    """Bytes from the header's end to the next header."""
    length: int
    """The length that the header announces."""


CUT: Final = FrameHead(0, 0, 0)
"""The header is not whole yet."""
Read: TypeAlias = Callable[[bytes, int, int], FrameHead | None]


@dataclass(frozen=True, slots=True)
class Framing:
    """A way to write a length before a body."""

    code: str
    words: str
    prior: float
    """Bits against it before a byte is seen: the rarer, the more."""
    read: Read


class Walk(NamedTuple):
    """A stream that a framing explains up to its last byte."""

    frames: int
    """Headers read."""
    bits: float
    """Evidence of all headers and of the end."""
    is_exact: bool
    """The stream ends on the boundary behind a frame."""
    heads: tuple[tuple[int, FrameHead], ...]
    """The first headers with their offsets."""
    end: int
    """Where the next header is due; behind the stream's end if a body is cut."""


_HEADS_KEPT: Final = 64
_HOPELESS: Final = -14.0
_REPEATS_COUNTED: Final = 2
"""Equal headers that count as evidence: streams that repeat a pattern prove nothing by it."""


def walk(read: Read, stream: Stream, start: int) -> Walk | None:
    """Read frame behind frame from `start` on; `None` if a byte contradicts the framing.

    Gives up on a framing as soon as the evidence is hopeless.
    """
    data, size, most = stream.data, stream.size, stream.most
    at, frames, bits = start, 0, 0.0
    heads: list[tuple[int, FrameHead]] = []
    seen: dict[bytes, int] = {}
    head = CUT
    while at < size:
        found = read(data, at, most)
        if found is None:
            return None
        if not found.size:
            break
        head = found
        frames += 1
        end = at + head.size
        if frames <= _HEADS_KEPT:
            heads.append((at, head))
            gain = unknown_bits(stream, at, end) - length_bits(head.length)
            shape = data[at:end]
            seen[shape] = seen.get(shape, 0) + 1
            if gain < 0 or seen[shape] <= _REPEATS_COUNTED:
                bits += gain
            if bits < _HOPELESS:
                return None
        at = end + head.body
    if not frames:
        return None
    bits += end_bits(stream, at == size, head.body + head.size)
    return Walk(frames, bits, at == size, tuple(heads), at)


def number(width: int, order: str, plus: int = 0, flag: bool = False) -> Read:
    """A binary length of `width` bytes; the body is `plus` bytes longer than announced.

    With `flag` a byte of 0 to 3 stands before it.
    """
    lead = int(flag)
    size = lead + width
    is_big = order == "big"

    def read(data: bytes, at: int, most: int) -> FrameHead | None:
        field = data[at + lead : at + size]
        if flag and at < len(data) and data[at] > 3:
            return None
        if len(field) < width:
            # The bytes that have not arrived are taken as zeros.
            least = int.from_bytes(field.ljust(width, b"\0"), "big") if is_big else 0
            return CUT if least <= most else None
        length = int.from_bytes(field, "big" if is_big else "little")
        if length > most or length + plus < 0:
            return None
        return FrameHead(size, length + plus, length)

    return read


def read_varint(data: bytes, at: int, most: int) -> FrameHead | None:
    """A length in groups of 7 bits, the lowest first (protobuf, .NET)."""
    length = shift = 0
    for size, byte in enumerate(data[at : at + 5], 1):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            is_shortest = byte or size == 1
            return FrameHead(size, length, length) if length <= most and is_shortest else None
    return CUT if len(data) - at < 5 else None


_NETSTRING: Final = re.compile(rb"(0|[1-9]\d{0,8})(:?)")


def read_netstring(data: bytes, at: int, most: int) -> FrameHead | None:
    """``5:hello,``."""
    match = _NETSTRING.match(data, at)
    if match is None:
        return None
    if not match[2]:
        return CUT if match.end() == len(data) else None
    length = int(match[1])
    comma = match.end() + length
    if length > most or (comma < len(data) and data[comma] != ord(",")):
        return None
    return FrameHead(match.end() - at, length + 1, length)


def digits(width: int, base: int = 10) -> Read:
    """A length in `width` digits, filled up with zeros or spaces."""
    valid = re.compile(rb" *[0-9]+" if base == 10 else rb"[0-9a-f]+|[0-9A-F]+")

    def read(data: bytes, at: int, most: int) -> FrameHead | None:
        field = data[at : at + width]
        if not valid.fullmatch(field) and not (len(field) < width and not field.strip(b" ")):
            return None
        if len(field) < width:
            return CUT
        length = int(field, base)
        return FrameHead(width, length, length) if length <= most else None

    return read


def delimited(end: bytes) -> Read:
    """A length in digits, ended by `end`."""
    valid = re.compile(rb"(0|[1-9]\d{0,8})(" + re.escape(end) + rb")?")

    def read(data: bytes, at: int, most: int) -> FrameHead | None:
        match = valid.match(data, at)
        if match is None:
            return None
        if not match[2]:
            left = data[match.end() : match.end() + len(end)]
            return CUT if end.startswith(left) and match.end() + len(left) == len(data) else None
        length = int(match[1])
        return FrameHead(match.end() - at, length, length) if length <= most else None

    return read


_ASCII: Final = "a length in ASCII digits"
FRAMINGS: Final = (
    Framing("u32le", "a 4-byte little-endian length", 2, number(4, "little")),
    Framing("u16be", "a 2-byte big-endian length", 4, number(2, "big")),
    Framing("u16le", "a 2-byte little-endian length", 4, number(2, "little")),
    Framing("u24be", "a 3-byte big-endian length", 5, number(3, "big")),
    Framing("u64be", "an 8-byte big-endian length", 4, number(8, "big")),
    Framing("u64le", "an 8-byte little-endian length", 4, number(8, "little")),
    Framing(
        "counts_itself",
        "a 4-byte big-endian length that counts its own 4 bytes",
        2,
        number(4, "big", -4),
    ),
    Framing(
        "counts_itself_le",
        "a 4-byte little-endian length that counts its own 4 bytes",
        4,
        number(4, "little", -4),
    ),
    Framing("varint", "a variable-length integer (7 bits a byte)", 5, read_varint),
    Framing("netstring", "netstrings (5:hello,)", 3, read_netstring),
    *(Framing("ascii_length", _ASCII, 5, digits(width)) for width in (4, 2, 3, 5, 6, 8, 10)),
    *(Framing("ascii_length", "a length in hex digits", 6, digits(width, 16)) for width in (4, 8)),
    *(Framing("ascii_length", _ASCII, 6, delimited(end)) for end in (b"\n", b"\r\n", b" ", b":")),
    Framing(
        "flag_u32be", "a flag byte and a 4-byte big-endian length", 4, number(4, "big", 0, True)
    ),
)
