"""Framings: a small parser for each, all with the same face.

A parser is given the data, the offset of a header, and the largest length to be believed. It
returns a `FrameHead`; `CUT` if the header's last bytes have not arrived; `None` if the bytes there
cannot be a header. A new framing is one parser and one entry in `FRAMINGS`.
"""

from __future__ import annotations

import re
import struct
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
Finish: TypeAlias = Callable[[bytes, int, int], tuple[int, int] | None]
"""Reads on to the stream's end: where the next header is due, and the frames read; `None` if a byte
contradicts the framing."""


@dataclass(frozen=True, slots=True)
class Framing:
    """A way to write a length before a body."""

    code: str
    words: str
    prior: float
    """Bits against it before a byte is seen: the rarer, the more."""
    read: Read
    finish: Finish | None = None
    """A quicker way than `read` to read what is behind the headers that are weighed."""
    must_differ: bool = False
    """It is ours but for some frames: if none of the first ones differs, it says nothing."""


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
    """Offset at which the next header is due; behind the stream's end if a body is cut."""


_HEADS_KEPT: Final = 64
_STEP: Final = 2
_IN_VAIN: Final = 1000
"""Steps that are counted for a reading that a byte contradicts."""
_HOPELESS: Final = -14.0
_REPEATS_COUNTED: Final = 2
"""Equal headers that count in full: a stream that repeats a pattern proves little by it."""
_REPEATS_NOTED: Final = 8
_REPEAT_BITS: Final = 3.0
"""Evidence of further equal headers, up to `_REPEATS_NOTED`."""


def walk(framing: Framing, stream: Stream, start: int) -> Walk | None:
    """Read frame behind frame from `start` on; `None` if a byte contradicts the framing.

    Gives up on a framing as soon as the evidence is hopeless. Only the first headers are weighed.
    """
    data, size, most, read = stream.data, stream.size, stream.most, framing.read
    at, bits = start, 0.0
    heads: list[tuple[int, FrameHead]] = []
    seen: dict[bytes, int] = {}
    while at < size and len(heads) < _HEADS_KEPT:
        head = read(data, at, most)
        if head is None:
            return None
        if not head.size:
            break
        heads.append((at, head))
        end = at + head.size
        gain = unknown_bits(stream, at, end) - length_bits(head.length)
        shape = data[at:end]
        repeats = seen[shape] = seen.get(shape, 0) + 1
        if gain < 0 or repeats <= _REPEATS_COUNTED:
            bits += gain
        elif repeats <= _REPEATS_NOTED:
            bits += min(gain, _REPEAT_BITS)
        if bits < _HOPELESS:
            return None
        at = end + head.body
    if not heads or not _says_something(framing, heads):
        return None
    last = heads[-1][1].size + heads[-1][1].body
    frames = len(heads)
    if frames == _HEADS_KEPT and at < size:
        if stream.steps_left <= 0:
            return None
        if framing.finish:
            found = framing.finish(data, at, most)
        else:
            found = _finish(read, data, at, most, stream.steps_left // _STEP)
        if found is None:
            stream.steps_left -= _IN_VAIN if framing.finish else stream.steps_left // 2
            return None
        at, more = found
        frames += more
        stream.steps_left -= more if framing.finish is None else more // 4
    bits += end_bits(stream, at == size, last)
    return Walk(frames, bits, at == size, tuple(heads), at)


def _says_something(framing: Framing, heads: list[tuple[int, FrameHead]]) -> bool:
    """Whether the headers are not those of right frames, read in another way."""
    if framing.must_differ:
        return any(head.body != head.length for _, head in heads)
    # A reading with half of the frames empty splits the headers of another framing.
    least = 1 if framing.code == "varint" else 0
    return sum(head.body <= least for _, head in heads) * 2 < len(heads)


def _finish(
    read: Read, data: bytes, at: int, most: int, most_frames: int
) -> tuple[int, int] | None:
    size, frames = len(data), 0
    while at < size:
        if frames >= most_frames:
            return None
        head = read(data, at, most)
        if head is None:
            return None
        if not head.size:
            break
        at += head.size + head.body
        frames += 1
    return at, frames


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


def finish_numbers(format_: str, plus: int = 0) -> Finish:
    """The quick way for lengths that `struct` can read; `format_` as there."""
    header = struct.Struct(format_)
    width = header.size
    step = width + plus

    def finish(data: bytes, at: int, most: int) -> tuple[int, int] | None:
        last, frames = len(data) - width, 0
        while at <= last:
            (length,) = header.unpack_from(data, at)
            if length > most or length + plus < 0:
                return None
            at += step + length
            frames += 1
        return at, frames

    return finish


def finish_varints(data: bytes, at: int, most: int) -> tuple[int, int] | None:
    """The quick way for lengths of mostly one byte."""
    size, frames = len(data), 0
    while at < size:
        length = data[at]
        if length >= 0x80:
            head = read_varint(data, at, most)
            if head is None:
                return None
            if not head.size:
                break
            at += head.size + head.body
        else:
            at += 1 + length
        frames += 1
    return at, frames


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


def finish_netstrings(data: bytes, at: int, most: int) -> tuple[int, int] | None:
    """The quick way for netstrings that are whole; the last one is left to `read_netstring`."""
    size, frames = len(data), 0
    while at < size:
        colon = data.find(b":", at, at + 10)
        digits_ = data[at:colon]
        end = colon + 1 + int(digits_) if colon > 0 and digits_.isdigit() else size
        if end >= size or data[end] != ord(","):
            head = read_netstring(data, at, most)
            if head is None:
                return None
            if not head.size:
                break
            end = at + head.size + head.body - 1
        at = end + 1
        frames += 1
    return at, frames


def finish_digits(width: int, base: int = 10) -> Finish:
    """The quick way for lengths in `width` digits."""
    read = digits(width, base)

    def finish(data: bytes, at: int, most: int) -> tuple[int, int] | None:
        size, frames = len(data), 0
        while at < size:
            field = data[at : at + width]
            if field.isdigit() and len(field) == width:
                at += width + int(field, base)
            else:
                head = read(data, at, most)
                if head is None:
                    return None
                if not head.size:
                    break
                at += head.size + head.body
            frames += 1
        return at, frames

    return finish


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


_MOST_KINDS: Final = 1 << 12


def _read_typed(data: bytes, at: int, most: int) -> FrameHead | None:
    """A type and a length, both of 4 bytes and big-endian."""
    field = data[at : at + 8]
    if len(field) < 8:
        return CUT if not field[:1].strip(b"\0") else None
    kind, length = int.from_bytes(field[:4], "big"), int.from_bytes(field[4:], "big")
    # A type of 0 is the upper half of a longer length, and an equal one a header twice.
    if not 0 < kind < _MOST_KINDS or kind == length or length > most:
        return None
    return FrameHead(8, length, length)


def read_kind(data: bytes, at: int, most: int) -> FrameHead | None:
    """A type of 1 byte and a length of 2, big-endian, as records in a body often have them."""
    field = data[at : at + 3]
    if len(field) < 3:
        return CUT
    length = int.from_bytes(field[1:], "big")
    return FrameHead(3, length, length) if 0 < length <= most else None


def _read_segments(data: bytes, at: int, most: int) -> FrameHead | None:
    """Cap'n Proto: the number of segments less 1, here 0, and the length in words of 8 bytes."""
    field = data[at : at + 8]
    if field[:4].strip(b"\0"):
        return None
    if len(field) < 8:
        return CUT
    length = 8 * int.from_bytes(field[4:], "little")
    return FrameHead(8, length, length) if length <= most else None


def _read_padded(data: bytes, at: int, most: int) -> FrameHead | None:
    """XDR: the body is filled up with zeros to a multiple of 4 bytes."""
    field = data[at : at + 4]
    if len(field) < 4:
        return CUT if not field[:1].strip(b"\0") else None
    length = int.from_bytes(field, "big")
    end = at + 4 + length
    padding = -length % 4
    if length > most or data[end : end + padding].strip(b"\0"):
        return None
    return FrameHead(4, length + padding, length)


UNNAMED: Final = (
    Framing("", "", 4, _read_typed),
    Framing("", "", 5, number(8, "big", -8), finish_numbers(">Q", -8)),
    Framing("", "", 5, number(8, "little", -8), finish_numbers("<Q", -8)),
    Framing("", "", 6, number(6, "big")),
    Framing("", "", 6, _read_segments),
    Framing("", "", 5, _read_padded, must_differ=True),
)
"""Framings that have no name: where one of them explains a stream, nothing is said of it."""
VARINT: Final = Framing(
    "varint", "a variable-length integer (7 bits a byte)", 6, read_varint, finish_varints
)
_ASCII: Final = "a length in ASCII digits"
FRAMINGS: Final = (
    Framing("u32le", "a 4-byte little-endian length", 2, number(4, "little"), finish_numbers("<I")),
    Framing("u16be", "a 2-byte big-endian length", 4, number(2, "big"), finish_numbers(">H")),
    Framing("u16le", "a 2-byte little-endian length", 4, number(2, "little"), finish_numbers("<H")),
    Framing("u24be", "a 3-byte big-endian length", 5, number(3, "big")),
    Framing("u64be", "an 8-byte big-endian length", 4, number(8, "big"), finish_numbers(">Q")),
    Framing(
        "u64le", "an 8-byte little-endian length", 4, number(8, "little"), finish_numbers("<Q")
    ),
    Framing(
        "counts_itself",
        "a 4-byte big-endian length that counts its own 4 bytes",
        2,
        number(4, "big", -4),
        finish_numbers(">I", -4),
    ),
    Framing(
        "counts_itself_le",
        "a 4-byte little-endian length that counts its own 4 bytes",
        4,
        number(4, "little", -4),
        finish_numbers("<I", -4),
    ),
    VARINT,
    Framing("netstring", "netstrings (5:hello,)", 3, read_netstring, finish_netstrings),
    *(
        Framing("ascii_length", _ASCII, 5, digits(width), finish_digits(width))
        for width in (4, 2, 3, 5, 6, 8, 10)
    ),
    *(
        Framing(
            "ascii_length", "a length in hex digits", 6, digits(width, 16), finish_digits(width, 16)
        )
        for width in (4, 8)
    ),
    *(Framing("ascii_length", _ASCII, 6, delimited(end)) for end in (b"\n", b"\r\n", b" ", b":")),
    Framing(
        "flag_u32be", "a flag byte and a 4-byte big-endian length", 4, number(4, "big", 0, True)
    ),
)
