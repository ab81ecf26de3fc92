"""Diagnosis of a stream: a name that explains every byte, or none.

The rule: a wrong name is worse than no name. A name is given only where it explains all bytes up
to the last, stands out from chance, and stands out from right frames where those fit too. If two
explanations are near to each other, both are told, with the byte that would decide.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from ..core.diagnosis import MOST_ALSO, Diagnosis
from ..core.framing import HEADER_SIZE
from ..core.words.language import capitalize, compose
from .binary_protocols import BINARY_SIGNATURES
from .databases import DATABASE_SIGNATURES
from .evidence import Stream
from .formats import FORMAT_SIGNATURES, text_utf8
from .framings import FRAMINGS, VARINT, walk
from .hypotheses import Hypothesis, weigh
from .messaging import MESSAGING_SIGNATURES
from .right import Right, is_whole_frames, read_right_frames
from .signatures import Match
from .slips import TWICE
from .text_protocols import TEXT_SIGNATURES
from .words import describe_framing, describe_protocol, describe_silence

MOST_JUDGED: Final = 1 << 16
"""Bytes that are judged; a longer stream is judged by its first ones, as one that goes on."""
_MOST_OF_DENSE: Final = 1 << 13
"""Bytes of a stream of tiny frames that are judged: of more frames nothing is to be learnt."""
_DENSE_FRAMES: Final = 500
_MOST_OF_PROTOCOL: Final = 1 << 13
"""Bytes that are compared with the signatures of protocols."""
_FEWEST_ZEROS: Final = 64
_SURE_SIZE: Final = 12
_LIKELY_LENGTHS: Final = 4.0
"""Evidence, in bits, from which lengths as text are told before plain text."""
_HUGE: Final = 1 << 24
_SIGNATURES: Final = (
    *DATABASE_SIGNATURES,
    *BINARY_SIGNATURES,
    *MESSAGING_SIGNATURES,
    *TEXT_SIGNATURES,
    *FORMAT_SIGNATURES,
)


def diagnose(data: bytes, before: int, ended: bool, cap: int, origin: int = 0) -> Diagnosis | None:
    """Name what `data` most probably is, or return `None`. Pure; any thread may call it.

    `data` are the first bytes of a connection, or bytes from a frame's boundary on. `before` are
    the frames that were read whole, in `data` and before it. `ended` tells that the peer closed
    behind the last byte. `cap` is the CAP in bytes. `origin` is the offset of `data` in the
    connection, from which the diagnosis counts. Right frames give `None`.
    """
    found = compose_diagnosis(data, before, ended, cap, origin)
    if found is None:
        return None
    return replace(found, text=str(found.text))  # it goes into events: msgspec knows no `Sentence`


def compose_diagnosis(
    data: bytes, before: int, ended: bool, cap: int, origin: int = 0
) -> Diagnosis | None:
    """Do as `diagnose`; the text is a `Sentence`, for those who tell it in another language."""
    if len(data) > MOST_JUDGED:
        data, ended = data[:MOST_JUDGED], False
    if len(data) > _MOST_OF_DENSE:
        found, frames = _judge(Stream(bytes(data[:_MOST_OF_DENSE]), False, cap, origin), before)
        if frames > _DENSE_FRAMES and (found or is_whole_frames(data, cap)):
            return found
    return _judge(Stream(bytes(data), ended, cap, origin), before)[0] if data else None


def _judge(stream: Stream, before: int) -> tuple[Diagnosis | None, int]:
    """Return the diagnosis, and the frames that it, or our own framing, reads in the stream."""
    if not stream.data.strip(b"\0"):
        return _judge_zeros(stream), 0
    right = read_right_frames(stream)
    is_first = before <= right.frames
    if is_first and (match := _find_protocol(stream, right)):
        return _from_match(stream, match), 0
    found = weigh(stream, right)
    if found and (is_first or found[0].code != "u64be"):
        walked = found[0].walk
        return _from_hypotheses(stream, right, found), walked.frames if walked else 0
    if is_first and _may_be_foreign(stream, right) and (match := text_utf8(stream)):
        return _from_text(stream, right, match), 0
    return None, 0 if right.is_refused else right.frames


def describe_unnamed(data: bytes, ended: bool, cap: int) -> Diagnosis:
    """Say what can be said of bytes that have no name: the facts, with an empty `code`."""
    if len(data) > MOST_JUDGED:
        data, ended = data[:MOST_JUDGED], False
    stream = Stream(bytes(data), ended, cap)
    right = read_right_frames(stream)
    header = stream.data[right.at : right.at + HEADER_SIZE]
    text = describe_silence(stream, right)
    fits = "" if right.is_refused or not data else "right frames"
    return Diagnosis("", text, (), right.at, header.hex(), fits)


def _from_text(stream: Stream, right: Right, match: Match) -> Diagnosis | None:
    """Text, unless its first character may be the length of what stands behind it."""
    found = walk(VARINT, stream, 0)
    if found and found.is_exact:
        return None  # nothing but more bytes would decide
    is_bare = b"\r" in stream.data.replace(b"\r\n", b"")[:-1]
    if is_bare or (stream.data[1:2] == b"{" and not stream.data[:1].isspace()):
        return None
    lengths = _lengths_as_text(stream)
    text = _from_match(stream, match)
    if lengths is None:
        return text
    framed = _from_hypotheses(stream, right, [lengths])
    if framed is None or lengths.bits < _LIKELY_LENGTHS:
        return _with_also(text, lengths.code, lengths.words)
    return _with_also(framed, match.code, match.words)


def _with_also(found: Diagnosis, code: str, words: str) -> Diagnosis:
    text = compose(
        "{text} {words} ({code}): this fits too.",
        text=found.text,
        words=capitalize(words),
        code=code,
    )
    return replace(found, text=text, also=(code,))


def _lengths_as_text(stream: Stream) -> Hypothesis | None:
    """Lengths in digits that the text consists of as well, as syslog counts its octets."""
    for framing in FRAMINGS:
        if framing.code != "ascii_length" or not (found := walk(framing, stream, 0)):
            continue
        has_bodies = any(head.body for _, head in found.heads)
        if has_bodies and (found.is_exact or found.frames > 1):
            bits = found.bits - framing.prior
            return Hypothesis(framing.code, bits, 0, framing.words, found, framing)
    return None


def _judge_zeros(stream: Stream) -> Diagnosis | None:
    if stream.size < _FEWEST_ZEROS:
        return None  # some empty frames
    return _from_match(stream, Match("zeros", "nothing but zeros"))


def _find_protocol(stream: Stream, right: Right) -> Match | None:
    is_foreign = _may_be_foreign(stream, right)
    if stream.size > _MOST_OF_PROTOCOL:
        stream = Stream(stream.data[:_MOST_OF_PROTOCOL], False, stream.cap)
    for signature in _SIGNATURES:
        match = signature(stream)
        if match and (match.is_framed or is_foreign):
            return match
    return None


def _may_be_foreign(stream: Stream, right: Right) -> bool:
    """Whether right frames do not explain the stream, or only as the start of a huge first body."""
    if right.is_refused:
        return not right.frames
    return right.frames == 0 and stream.size >= _SURE_SIZE and right.length >= _HUGE


def _from_match(stream: Stream, match: Match) -> Diagnosis:
    header = stream.data[:HEADER_SIZE]
    return Diagnosis(
        match.code,
        describe_protocol(stream, match),
        match.also[:MOST_ALSO],
        stream.origin,
        header.hex(),
        match.words,
    )


def _from_hypotheses(stream: Stream, right: Right, found: list[Hypothesis]) -> Diagnosis | None:
    best, *others = found
    also = [other.code for other in others]
    also += [code for code in _also_true(stream, best) if code not in also]
    if len(also) > MOST_ALSO:
        return None  # too many explanations are none
    return Diagnosis(
        best.code,
        describe_framing(stream, right, best, others),
        tuple(also),
        stream.origin + best.offset,
        stream.data[best.offset : best.offset + HEADER_SIZE].hex(),
        best.words,
    )


def _also_true(stream: Stream, best: Hypothesis) -> tuple[str, ...]:
    """Codes that are other words for the same bytes."""
    if best.code == "extra_bytes":
        return () if best.framing is TWICE else ("short_length",)
    if best.code == "short_length" and best.walk:
        excess = {head.body - head.length for _, head in best.walk.heads}
        return ("extra_bytes",) if len(excess) == 1 else ()
    if best.code == "ascii_length" and best.walk and best.walk.frames == 1:
        return ("text_utf8",) if text_utf8(stream) else ()
    if best.code == "flag_u32be" and best.walk:
        flags = {stream.data[at] for at, _ in best.walk.heads}
        return ("grpc",) if flags <= {0, 1} else ()
    return ()
