"""Signatures of data that was sent without any framing: text, archives, serialised objects."""

from __future__ import annotations

import re
import zlib
from typing import Final

from .evidence import Stream, text_bits
from .signatures import Contradiction, FieldReader, Match, Signature, check, reads

_MOST_UNPACKED: Final = 1 << 18


def gzip(stream: Stream) -> Match | None:
    """A gzip member that really unpacks, as far as it is there."""
    data = stream.data
    if data[:3] != b"\x1f\x8b\x08" or stream.size < 10 or data[3] > 31:
        return None
    for _ in range(100):
        unpacker = zlib.decompressobj(31)
        try:
            unpacker.decompress(data, _MOST_UNPACKED)
        except zlib.error:
            return None
        if not unpacker.eof or not (data := unpacker.unused_data):
            break
        if data[:2] != b"\x1f\x8b"[: len(data)]:
            return None
    return Match("gzip", "gzip")


def java_serialization(stream: Stream) -> Match | None:
    """The magic number and version of Java's ObjectOutputStream, and the kind of an object."""
    data = stream.data
    if data[:4] != b"\xac\xed\0\x05" or (stream.size > 4 and not 0x70 <= data[4] <= 0x7E):
        return None
    return Match("java_serialization", "Java serialisation (ObjectOutputStream)")


_FIXED: Final = {
    **dict.fromkeys(b"012(.N)R][}abdelostuQ", 0),
    **dict.fromkeys(b"\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98", 0),
    **dict.fromkeys(b"Khq\x82", 1),
    **dict.fromkeys(b"M\x83", 2),
    **dict.fromkeys(b"Jjr\x84", 4),
    **dict.fromkeys(b"G\x95", 8),
}
"""Opcodes of pickle with the size of their argument, in bytes."""
_COUNTED: Final = {
    **dict.fromkeys(b"UC\x8c\x8a", 1),
    **dict.fromkeys(b"TBX\x8b", 4),
    **dict.fromkeys(b"\x8d\x8e\x96", 8),
}
"""Opcodes with a little-endian length of so many bytes, and so many bytes behind it."""
_MOST_PICKLED: Final = 1 << 24
"""Bytes of one string in a pickle that are believed: any bytes fit a larger one."""
_LINES: Final = {**dict.fromkeys(b"ILFSVPgp", 1), **dict.fromkeys(b"ic", 2)}
"""Opcodes with so many lines behind them."""


_PICKLED: Final = re.compile(
    rb"\x80[\x02\x03][})\](cXKMJNGUBCT\x88-\x8a]|\x80[\x04\x05]\x95.{0,4}(?:\Z|.\0{0,3}(?:\Z|\0))",
    re.DOTALL,
)
"""The protocol, and the first opcode; from protocol 4 on that is a frame of less than 1 TiB."""


def pickle(stream: Stream) -> Match | None:
    """Python's pickle of protocol 2 to 5: opcode behind opcode to a full stop."""
    if not _PICKLED.match(stream.data):
        return None
    if stream.size < 6 or not reads(_pickled, FieldReader(stream.data), stream.ended, 6):
        return None
    return Match("pickle", "a Python pickle")


def _pickled(reader: FieldReader) -> None:
    reader.expect(b"\x80")
    check(2 <= reader.number(1) <= 5)
    while (opcode := reader.number(1)) != ord("."):
        if opcode in _FIXED:
            reader.skip(_FIXED[opcode])
        elif opcode in _COUNTED:
            size = reader.number(_COUNTED[opcode], "little")
            check(size < _MOST_PICKLED)
            reader.skip(size)
        elif opcode in _LINES:
            for _ in range(_LINES[opcode]):
                end = reader.data.find(b"\n", reader.at)
                reader.skip(end + 1 - reader.at if end >= 0 else reader.left + 1)
        else:
            raise Contradiction


_ENOUGH_TEXT: Final = 20.0
"""Evidence, in bits, from which bytes are called text."""
_FEWEST_UTF16: Final = 16


def text_utf16(stream: Stream) -> Match | None:
    """UTF-16 with a byte order mark, or with every second byte zero."""
    data = stream.data
    order = {b"\xff\xfe": "le", b"\xfe\xff": "be"}.get(data[:2])
    has_mark = order is not None
    if order is None:
        if stream.size < _FEWEST_UTF16:
            return None
        order = "le" if data[1] == 0 else "be" if data[0] == 0 else ""
        zeros, chars = (data[1::2], data[::2]) if order == "le" else (data[::2], data[1::2])
        if not order or zeros.strip(b"\0") or not _is_plain(chars.decode("latin-1")):
            return None
    try:
        text = data[2 * has_mark : stream.size - stream.size % 2].decode(f"utf-16-{order}")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return None
        text = data[2 * has_mark : error.start + 2 * has_mark].decode(f"utf-16-{order}")
    is_ascii = sum(char.isascii() for char in text) * 2 >= len(text)
    if len(text) < 2 or not _is_plain(text) or not (is_ascii or _is_one_script(text)):
        return None
    if stream.ended and stream.size % 2:
        return None
    return Match("text_utf16", "text in UTF-16")


_LINE_ENDS: Final = str.maketrans("\t\r\n", "   ")


def _is_one_script(text: str) -> bool:
    """Whether the letters come from few blocks of Unicode, as those of a language do."""
    return len(text) >= 8 and len({ord(char) >> 12 for char in text}) <= 4 and text.isprintable()


def _is_plain(text: str) -> bool:
    return text.translate(_LINE_ENDS).isprintable()


def text_utf8(stream: Stream) -> Match | None:
    """Text in UTF-8 (or ASCII) without control characters; the last character may be cut."""
    data = stream.data
    has_mark = data.startswith(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or stream.ended or error.end < stream.size - 3:
            return None
        text = data[: error.start].decode("utf-8-sig", "ignore")
    if not _is_plain(text) or (not has_mark and text_bits(text) < _ENOUGH_TEXT):
        return None
    return Match("text_utf8", "plain text")


FORMAT_SIGNATURES: Final[tuple[Signature, ...]] = (gzip, java_serialization, pickle, text_utf16)
