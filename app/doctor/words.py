"""A diagnosis in words for people: facts first, then the name, then what to change."""

from __future__ import annotations

from typing import Final

import msgspec

from ..core.diagnosis import Diagnosis
from ..core.framing import HEADER_SIZE
from ..core.words.language import Sentence, capitalize, compose, join_texts
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
        return compose(
            "{fact}. The bytes are {words}, whose length counts its own 4 bytes: a server of right"
            " frames waits for 4 more.",
            fact=describe_header(stream, 0),
            words=match.words,
        )
    if match.is_framed:
        return compose(
            "The frames are right, but the bytes in them are {words}, not an echo client's.",
            words=match.words,
        )
    return compose(
        "{fact}. All {count:,} bytes fit {words}.",
        fact=describe_header(stream, 0),
        count=stream.size,
        words=match.words,
    )


def describe_framing(
    stream: Stream, right: Right, best: Hypothesis, others: list[Hypothesis]
) -> str:
    """Say what a server reads at the offset, what explains all bytes, and what would decide."""
    parts: list[str] = []
    start = _start(best)
    if start:
        before = "The bytes before offset {start:,} are right frames."
        parts.append(compose(before, start=stream.origin + start))
    if right.is_refused and best.offset != right.at:
        wrong = stream.data[best.offset : best.offset + HEADER_SIZE]
        refused = compose(
            "{fact}; the first wrong byte is at offset {at:,}: {spelt}.",
            fact=describe_header(stream, right.at),
            at=stream.origin + best.offset,
            spelt=spell_bytes(wrong),
        )
        parts.append(refused)
    else:
        parts.append(compose("{fact}.", fact=describe_header(stream, best.offset)))
    if best.code == "over_cap":
        parts.append("An honest body that is too large explains all bytes.")
    elif best.walk:
        frames = best.walk.frames
        has_article = best.words.startswith("a")
        explained = compose(
            "All {count:,} bytes from offset {start:,} on fit {words}: {frames}.",
            count=stream.size - start,
            start=stream.origin + start,
            words=compose("frames with {words}", words=best.words) if has_article else best.words,
            frames="1 frame" if frames == 1 else compose("{count:,} frames", count=frames),
        )
        parts.append(explained)
    parts += [_describe_rival(stream, right, best, other) for other in others]
    if best.framing is TWICE:
        parts.append("Write the header once; a layer below may write it, too.")
    elif best.code in MENDED_BY:
        parts.append(MENDED_BY[best.code])
    return join_texts(parts)


def describe_silence(stream: Stream, right: Right) -> str:
    """Say how far right frames reach in a stream that has no name."""
    if not stream.size:
        return (
            "There are no bytes: the client sent nothing, or waits for the server to speak first."
        )
    frames: str = compose("{count:,} whole frames", count=right.frames)
    if right.frames == 1:
        frames = "1 whole frame"
    if right.is_refused:
        template = "{fact}. No known framing or protocol explains all bytes."
        if right.frames:
            template = (
                "The first {size:,} bytes are {frames}. {fact}. No known framing or protocol"
                " explains all bytes."
            )
        return compose(
            template,
            size=right.at,
            frames=frames,
            fact=describe_header(stream, right.at),
        )
    if right.is_exact and stream.size == right.at:
        return compose("All {size:,} bytes are right: {frames}.", size=stream.size, frames=frames)
    if right.length < 0:
        return compose(
            "All bytes are right so far: {frames}, and {rest} of the 4 bytes of a header.",
            frames=frames,
            rest=stream.size - right.at,
        )
    return compose(
        "All bytes are right so far: {frames}, and {come:,} of the {length:,} bytes of the next"
        " body.",
        frames=frames,
        come=stream.size - right.at - HEADER_SIZE,
        length=right.length,
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
    return compose(
        "{words} ({code}): this fits too; the byte at offset {at:,} would decide.",
        words=capitalize(other.words),
        code=other.code,
        at=stream.origin + min(ends),
    )


def describe_header(stream: Stream, offset: int) -> Sentence:
    """Say what the header at `offset` announces, and how much of it has come; no full stop."""
    header = stream.data[offset : offset + HEADER_SIZE]
    spelt, at = spell_bytes(header), stream.origin + offset
    if len(header) < HEADER_SIZE:
        template = "At offset {at:,} stand {spelt}, where a header of 4 bytes is due"
        if len(header) == 1:
            template = "At offset {at:,} stands {spelt}, where a header of 4 bytes is due"
        return compose(template, at=at, spelt=spelt)
    length = int.from_bytes(header, "big")
    said = compose(
        "At offset {at:,} the header {spelt} announces {size}",
        at=at,
        spelt=spelt,
        size="1 byte" if length == 1 else compose("{count:,} bytes", count=length),
    )
    if length > stream.cap:
        return compose("{said}, over the CAP of {cap:,}", said=said, cap=stream.cap)
    come = stream.size - offset - HEADER_SIZE
    return compose("{said}; {come:,} have come", said=said, come=come) if come < length else said
