"""A diagnosis in words for people: facts first, then the name, then what to change."""

from __future__ import annotations

from typing import Final

import msgspec

from ..core.diagnosis import Diagnosis
from ..core.framing import HEADER_SIZE
from .evidence import Stream
from .hypotheses import Hypothesis
from .right import Right
from .signatures import Match
from .slips import TWICE

MENDED_BY: Final = {
    "u32le": "Write the length in network byte order (big-endian).",
    "u16be": "Write the length in 4 bytes, not 2.",
    "u16le": "Write the length in 4 bytes, big-endian.",
    "u24be": "Write the length in 4 bytes, not 3.",
    "u64be": "Write the length in 4 bytes, not 8.",
    "u64le": "Write the length in 4 bytes, big-endian.",
    "counts_itself": "Count the body alone: the length is 4 too large.",
    "counts_itself_le": "Count the body alone, and write the length big-endian.",
    "varint": "Write the length in 4 bytes, big-endian.",
    "netstring": "Write the length in 4 bytes, big-endian, and no comma behind the body.",
    "ascii_length": "Write the length as a number in 4 bytes, big-endian, not as text.",
    "flag_u32be": "Leave out the byte before the length.",
    "extra_bytes": "Count these bytes in the length, or do not send them.",
    "short_length": "Count the bytes of the body as they are sent, after encoding.",
    "long_length": "Count the bytes that are really sent.",
    "interleaved": "Let one writer send a whole frame, header and body, before the next begins.",
    "buffer_tail": "Send only the bytes that were filled, not the whole buffer.",
    "over_cap": "Send smaller frames, or start the server with a larger --cap.",
}
"""The change that the author of a client has to make, by code."""


def spell_bytes(data: bytes) -> str:
    """Bytes in hex with spaces, as in ``0d 00 00 00``."""
    return data.hex(" ")


def describe_protocol(stream: Stream, match: Match) -> str:
    """Say what a server of right frames reads in the first bytes, and what they are."""
    if match.counts_itself:
        return (
            f"{describe_header(stream, 0)} The bytes are {match.words}, whose length counts its own"
            " 4 bytes: a server of right frames waits for 4 more."
        )
    if match.is_framed:
        return (
            f"The frames are right, but the bytes in them are {match.words}, not an echo client's."
        )
    fact = describe_header(stream, 0)
    return f"{fact} All {stream.size:,} bytes fit {match.words}."


def describe_framing(
    stream: Stream, right: Right, best: Hypothesis, others: list[Hypothesis]
) -> str:
    """Say what a server reads at the offset, what explains all bytes, and what would decide."""
    parts = []
    start = _start(best)
    if start:
        parts.append(f"The bytes before offset {stream.origin + start:,} are right frames.")
    if right.is_refused and best.offset != right.at:
        refused = describe_header(stream, right.at).removesuffix(".")
        wrong = stream.data[best.offset : best.offset + HEADER_SIZE]
        at = f"{stream.origin + best.offset:,}: {spell_bytes(wrong)}"
        parts.append(f"{refused}; the first wrong byte is at offset {at}.")
    else:
        parts.append(describe_header(stream, best.offset))
    if best.code == "over_cap":
        parts.append("An honest body that is too large explains all bytes.")
    elif best.walk:
        frames = best.walk.frames
        count = "1 frame" if frames == 1 else f"{frames:,} frames"
        number = stream.size - start
        all_bytes = f"All {number:,} bytes from offset {stream.origin + start:,} on"
        framed = f"frames with {best.words}" if best.words.startswith("a") else best.words
        parts.append(f"{all_bytes} fit {framed}: {count}.")
    parts += [_describe_rival(stream, right, best, other) for other in others]
    if best.framing is TWICE:
        parts.append("Write the header once; a layer below may write it, too.")
    elif best.code in MENDED_BY:
        parts.append(MENDED_BY[best.code])
    return " ".join(parts)


def describe_silence(stream: Stream, right: Right) -> str:
    """Say how far right frames reach in a stream that has no name."""
    if not stream.size:
        return (
            "There are no bytes: the client sent nothing, or waits for the server to speak first."
        )
    frames = "1 whole frame" if right.frames == 1 else f"{right.frames:,} whole frames"
    come = stream.size - right.at - HEADER_SIZE
    if right.is_refused:
        before = f"The first {right.at:,} bytes are {frames}. " if right.frames else ""
        fact = describe_header(stream, right.at)
        return f"{before}{fact} No known framing or protocol explains all bytes."
    if right.is_exact and stream.size == right.at:
        return f"All {stream.size:,} bytes are right: {frames}."
    if right.length < 0:
        rest = stream.size - right.at
        return f"All bytes are right so far: {frames}, and {rest} of the 4 bytes of a header."
    return (
        f"All bytes are right so far: {frames}, and {come:,} of the {right.length:,} bytes of the"
        " next body."
    )


def told_of_a_part(found: Diagnosis, judged: int, received: int) -> Diagnosis:
    """Return a diagnosis whose text says that only `judged` of the bytes `received` are kept."""
    kept = f"Of the {received:,} bytes that came, {judged:,} are kept and were judged. "
    return msgspec.structs.replace(found, text=kept + found.text)


def _start(found: Hypothesis) -> int:
    return found.walk.heads[0][0] if found.walk else found.offset


def _describe_rival(stream: Stream, right: Right, best: Hypothesis, other: Hypothesis) -> str:
    """Name another explanation, and the first byte that the two read differently."""
    ends = [
        found.walk.end if found.walk else right.at + HEADER_SIZE + right.length
        for found in (best, other)
    ]
    words = other.words[0].upper() + other.words[1:]
    at = stream.origin + min(ends)
    return f"{words} ({other.code}): this fits too; the byte at offset {at:,} would decide."


def describe_header(stream: Stream, offset: int) -> str:
    """Say what the header at `offset` announces, and how much of it has come."""
    header = stream.data[offset : offset + HEADER_SIZE]
    spelt, at = spell_bytes(header), stream.origin + offset
    if len(header) < HEADER_SIZE:
        verb = "stands" if len(header) == 1 else "stand"
        return f"At offset {at:,} {verb} {spelt}, where a header of 4 bytes is due."
    length = int.from_bytes(header, "big")
    size = "1 byte" if length == 1 else f"{length:,} bytes"
    said = f"At offset {at:,} the header {spelt} announces {size}"
    if length > stream.cap:
        return f"{said}, over the CAP of {stream.cap:,}."
    come = stream.size - offset - HEADER_SIZE
    return f"{said}; {come:,} have come." if come < length else f"{said}."
