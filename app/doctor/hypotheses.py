"""Framings and slips weighed against each other, against right frames, and against chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from ..core.framing import HEADER_SIZE, read_length
from .evidence import Stream, unknown_bits
from .framings import FRAMINGS, UNNAMED, Framing, Walk, finish_numbers, number, read_kind, walk
from .right import Right
from .slips import BUFFERS, CHARACTERS, EXTRA, INTERLEAVED, LONG, SHORT, TWICE

LATER_BITS: Final = 2.0
"""Against a fault that begins only behind right frames."""
CHANCE_MARGIN: Final = 8.0
"""Evidence that a hypothesis must have over an unknown writer, in bits."""
RIGHT_MARGIN: Final = 9.0
"""Evidence that it must have over right frames, where these fit too."""
RIVAL_MARGIN: Final = 7.0
"""Hypotheses nearer than this to the best one are told beside it."""
DOUBT_MARGIN: Final = 6.0
"""Evidence beyond the least, up to which a body over the CAP bears no rival."""
_KNOWN_TAILS: Final = {b"\n": 6.0, b"\r\n": 8.0, b"\r": 3.0, b"\n\0": 6.0}
"""Evidence in the first tail, where it is one that clients send by mistake."""


class Hypothesis(NamedTuple):
    """An explanation of the whole stream."""

    code: str
    bits: float
    """Evidence for it over an unknown writer, less what was against it before."""
    offset: int
    """Offset at which it begins to differ from right frames."""
    words: str
    walk: Walk | None = None
    framing: Framing | None = None


def weigh(stream: Stream, right: Right) -> list[Hypothesis]:
    """Hypotheses that explain every byte and stand out from chance, the best first, a code once."""
    best: dict[str, Hypothesis] = {}
    for found in _candidates(stream, right):
        known = best.get(found.code)
        if known is None or found.bits > known.bits:
            best[found.code] = found
    short = best.get("short_length")
    if short and short.framing in CHARACTERS and short.bits > CHANCE_MARGIN:
        best.pop("extra_bytes", None)  # the bytes behind are the ends of characters
    least = _chance_bits(right) + CHANCE_MARGIN
    if not right.is_refused:
        least = max(least, right.bits + RIGHT_MARGIN)
    ranked = sorted(best.values(), key=lambda found: -found.bits)
    if not ranked or ranked[0].bits < least:
        return []
    is_doubtful = ranked[0].code == "over_cap" and ranked[0].bits < least + DOUBT_MARGIN
    if is_doubtful and any(found.bits >= ranked[0].bits - RIVAL_MARGIN for found in ranked[1:]):
        return []  # any body fits a length over the CAP
    if any(not found.code and found.bits >= ranked[0].bits - RIVAL_MARGIN for found in ranked):
        return []  # what remains beside the others cannot be told
    strides = {_stride(found) for found in ranked if found.bits >= least}
    ranked = [found for found in ranked if not _is_multiple(_stride(found), strides)]
    near = max(ranked[0].bits - RIVAL_MARGIN, least)
    return [found for found in ranked if found.bits >= near]


def _chance_bits(right: Right) -> float:
    """Evidence of right frames with something unknown behind them.

    An empty frame is none where the bytes behind it are not right: any zeros read so.
    """
    found, last = 0.0, -HEADER_SIZE
    for start, bits in right.starts:
        if start - last > HEADER_SIZE:
            found = max(found, bits - (LATER_BITS if start else 0.0))
        last = start
    return found


def _stride(found: Hypothesis) -> int:
    """Bytes from header to header where it is always the same number; else 0."""
    heads = found.walk.heads if found.walk else ()
    steps = {head.size + head.body for _, head in heads}
    return steps.pop() if len(steps) == 1 and len(heads) > 1 else 0


def _is_multiple(stride: int, strides: set[int]) -> bool:
    """Whether a stream that repeats itself is explained by a shorter step as well."""
    return any(0 < shorter < stride and stride % shorter == 0 for shorter in strides)


def _candidates(stream: Stream, right: Right) -> Iterator[Hypothesis]:
    over = _over_cap(stream, right)
    if over:
        yield over
    holds_records = None
    for start, before in reversed(right.starts):
        if start >= stream.size:
            continue
        against = LATER_BITS if start else 0.0
        for framing in _ALL:
            found = walk(framing, stream, start)
            if found and start and framing.code == "flag_u32be" and _is_a_tail(stream, found):
                continue
            if start and not right.is_refused and framing.code == "counts_itself":
                continue  # right frames of which the last is 4 bytes short for now
            if found and _is_telling(stream, framing, found):
                is_large = right.is_refused and over is not None and framing.code in _NARROW
                if (is_large or not right.is_refused) and framing.code != "u64be":
                    if holds_records is None:
                        holds_records = _holds_records(stream, right)
                    if holds_records:
                        continue
                bits = before + found.bits - framing.prior - against
                bits += _tail_bits(stream, framing, found) + _body_bits(stream, framing, found)
                if framing.code in _NARROW and not found.is_exact:
                    bits -= _NARROW_BITS
                if framing.code in _NARROW and not _has_text_bodies(stream, found):
                    bits -= _NARROW_BITS
                if framing.code in _SLIPPED and not right.is_refused:
                    bits -= _NO_REFUSAL_BITS
                words = _words(stream, framing, found)
                yield Hypothesis(framing.code, bits, _offset(framing, found), words, found, framing)


def _holds_records(stream: Stream, right: Right) -> bool:
    """Whether the body of the last right frame is framed itself: many records in one frame.

    Read from the connection's start on, many framings come into step with the records by chance,
    and explain all behind them.
    """
    starts = (start for start, _ in right.starts if start < right.at)
    last = right.at if right.length >= 0 else max(starts, default=0)
    for lead in (0, 2, 4, 1, 8) if not right.is_refused else (0,):  # a number of them, or a kind
        for framing in (_OURS, _KIND, *FRAMINGS):
            inner = walk(framing, stream, last + HEADER_SIZE + lead)
            if inner and inner.frames >= _RECORDS and inner.bits - framing.prior >= _RECORD_BITS:
                return True
    return False


def _words(stream: Stream, framing: Framing, found: Walk) -> str:
    """The framing in words; of extra bytes with their name, if they are always the same."""
    if framing.code != "extra_bytes" or framing is TWICE:
        return framing.words
    tails = set()
    for at, head in found.heads:
        if (end := at + head.size + head.body) <= stream.size:
            tails.add(stream.data[at + HEADER_SIZE + head.length : end])
    known = _NAMED_TAILS.get(tails.pop()) if len(tails) == 1 else None
    told = f"right frames, each followed by {known} that the length leaves out"
    return told if known else framing.words


_NAMED_TAILS: Final = {
    b"\n": "a newline (0a)",
    b"\r": "a carriage return (0d)",
    b"\r\n": "a line end (0d 0a)",
    b"\0": "a NUL (00)",
    b"\n\0": "a newline and a NUL (0a 00)",
}
_TAILED: Final = frozenset({"extra_bytes", "buffer_tail", "short_length"})
_NARROW: Final = frozenset({"u16be", "u16le", "varint"})
_NARROW_BITS: Final = 4.0
"""Against lengths of 1 or 2 bytes that do not meet the stream's end, or have other bodies than
text: any bytes fit them."""
_NEEDS_AN_END: Final = frozenset({"u16be", "u16le", "u24be", "varint", "ascii_length"})
"""Framings of which a single header is no evidence where its body is cut."""
_SLIPPED: Final = frozenset({"extra_bytes", "buffer_tail", "short_length", "long_length"})
_NO_REFUSAL_BITS: Final = 4.0
"""Against a slip where the server met no header that it must refuse."""
_NO_TEXT_ENDS: Final = (b" ", b",", b":", b"\t")
"""Characters that a whole text does not end with."""
_ONE_TEXT: Final = frozenset({"counts_itself", "u16be", "u16le", "u24be", "varint", "flag_u32be"})
"""Framings of which a single header is more if it stands before one whole text."""
_TEXT_BODY_BITS: Final = 4.0
"""Evidence of a single body that is a whole text; twice that of one that only begins with a
bracket: nothing else begins or ends one."""
_COMMA_BITS: Final = 3.0
"""Evidence of the comma behind a netstring."""
_OURS: Final = Framing("u32be", "", 2, number(4, "big"), finish_numbers(">I"))
_KIND: Final = Framing("", "", 4, read_kind)
_RECORDS: Final = 3
"""Records in one body, from which on it is a batch of them."""
_RECORD_BITS: Final = 12.0
"""Evidence of them."""
_ALL: Final = (*FRAMINGS, *UNNAMED, *LONG, *EXTRA, *SHORT, *INTERLEAVED, TWICE, *BUFFERS)


def _is_telling(stream: Stream, framing: Framing, found: Walk) -> bool:
    """Whether a walk shows more than right frames or a chance would."""
    heads = found.heads
    if not framing.code:
        return found.frames >= _RECORDS or (found.frames > 1 and found.is_exact)
    if framing.must_differ or framing is TWICE:
        return True
    if framing.code == "u64be":
        # Right frames with an empty one before each look the same.
        return found.frames >= 6 or (found.frames >= 3 and _has_text_bodies(stream, found))
    if framing.code == "u24be" and heads[0][1].length <= 1:
        return False  # the header of a right frame that carries 3-byte lengths reads so, too
    if found.frames > 1:
        return True
    at, head = heads[0]
    if framing.code == "extra_bytes":
        return stream.data[at + HEADER_SIZE + head.length :] in _KNOWN_TAILS
    if framing.code == "flag_u32be":
        return stream.data[at] <= 1 and found.is_exact
    if framing.code == "u32le" and (head.length == 1 or not any(stream.data[4:8])):
        return False  # a flag and the start of a length; an 8-byte length, of which the body is cut
    if framing.code == "counts_itself":
        return _is_one_text(stream, found)  # a right body is cut there as easily
    if framing.code in _NEEDS_AN_END:
        return found.is_exact
    return framing.code != "long_length"


def _is_a_tail(stream: Stream, found: Walk) -> bool:
    """Whether the flag before each frame is rather a byte behind each, also behind the last."""
    flags = {stream.data[at] for at, _ in found.heads}
    return found.end == stream.size - 1 and flags == {stream.data[-1]}


def _has_text_bodies(stream: Stream, found: Walk) -> bool:
    for at, head in found.heads[:8]:
        body = stream.classes[at + head.size : at + head.size + head.length]
        if body.count(b"t") != len(body):
            return False
    return True


def _is_one_text(stream: Stream, found: Walk) -> bool:
    at, head = found.heads[0]
    body = stream.classes[at + head.size :]
    is_text = len(body) >= 3 and body.count(b"t") == len(body)
    ends = {b"{": b"}", b"[": b"]", b"<": b">"}.get(
        stream.data[at + head.size : at + head.size + 1]
    )
    last = stream.data[-1:]
    has_lines = b"\n" in stream.data[at + head.size :]
    is_whole = last == (ends or b"\n") if ends or has_lines else last not in _NO_TEXT_ENDS
    return found.is_exact and at == 0 and is_text and is_whole


def _offset(framing: Framing, found: Walk) -> int:
    """The first byte that differs from right frames."""
    at, head = found.heads[0]
    if framing.must_differ:
        at, head = next((at, head) for at, head in found.heads if head.body != head.length)
    if framing.code == "interleaved" or framing is TWICE:
        return at + HEADER_SIZE
    return at + HEADER_SIZE + head.length if framing.code in _TAILED else at


def _tail_bits(stream: Stream, framing: Framing, found: Walk) -> float:
    """Evidence in the bytes between a body and the next header."""
    if framing.code not in ("extra_bytes", "buffer_tail") or framing is TWICE:
        return 0.0
    tails = []
    for at, head in found.heads:
        start = at + HEADER_SIZE + head.length
        tails.append((start, stream.data[start : at + HEADER_SIZE + head.body]))
    if framing.code == "buffer_tail":
        zeros = sum(len(tail) for _, tail in tails)
        return -8.0 if zeros < 8 else min(zeros / 16, 8.0)
    first = tails[0][1]
    present = [tail for _, tail in tails if tail]
    if present and all(_is_length(tail, stream.cap) for tail in present):
        return -99.0  # empty frames, the tail of a buffer, or frames in frames
    whole = [(start, tail) for start, tail in tails if len(tail) == len(first)]
    if any(tail != first for _, tail in whole):
        return 0.0
    bits = _KNOWN_TAILS.get(first, 0.0 if first.strip(b"\0") else 3.0)
    bodies = {stream.data[at : at + HEADER_SIZE + head.length] for at, head in found.heads}
    if len(bodies) > 1 or first in _KNOWN_TAILS:
        for start, tail in whole[1:3]:
            bits += min(unknown_bits(stream, start, start + len(tail)), 16.0) - 1.0
    return bits


def _body_bits(stream: Stream, framing: Framing, found: Walk) -> float:
    """Evidence in whole bodies that begin and end as texts do."""
    if framing.code == "netstring":
        return _COMMA_BITS if found.is_exact or found.frames > 1 else 0.0
    if found.frames == 1 and framing.code in _ONE_TEXT and _is_one_text(stream, found):
        is_document = stream.data[found.heads[0][1].size] in b"{[<"
        return 2 * _TEXT_BODY_BITS if is_document else _TEXT_BODY_BITS
    return 0.0


def _is_length(tail: bytes, cap: int) -> bool:
    """Whether bytes between two frames read as a header themselves."""
    return len(tail) >= HEADER_SIZE and read_length(tail)[0] <= cap


def _over_cap(stream: Stream, right: Right) -> Hypothesis | None:
    """An honest body over the CAP: any body fits, so the length alone is weighed."""
    if not right.is_refused or right.length < 0:
        return None
    start, length = right.at + HEADER_SIZE, right.length
    if start + length <= stream.size or stream.ended:
        return None
    bits = right.starts[-1][1] + unknown_bits(stream, right.at, start)
    bits -= over_cap_bits(length, stream.cap)
    bits += 4.0 if right.frames else 0.0  # a slip would have shown before
    kinds = stream.classes[start : start + 256]
    if 0 < len(kinds) < min(256, length):
        bits -= 10.0 if len(kinds) >= 64 else 14.0  # a large body arrives in large pieces
    if len(kinds) >= 16:
        if kinds.count(b"l") * 3 > len(kinds):
            bits -= 6.0  # many small numbers: another binary protocol is likelier
        elif kinds.count(b"t") == len(kinds):
            bits += 4.0
    return Hypothesis(
        "over_cap", bits, right.at, f"right frames; a body of {length:,} bytes is over the CAP"
    )


def over_cap_bits(length: int, cap: int) -> float:
    """Bits of a length over the CAP: near to it and round ones are the likely ones."""
    spent = 1.0 + _whole_number_bits(length - cap)
    if not length & (length - 1):
        spent = min(spent, 5.0)  # a power of two
    for unit in (1 << 20, 1 << 16, 1 << 12, 1000, 1_000_000):
        if length % unit == 0:
            spent = min(spent, 3.5 + _whole_number_bits(length // unit))
    return spent


def _whole_number_bits(number: int) -> float:
    size = math.log2(number + 1)
    return size + 2 * math.log2(size + 1)
