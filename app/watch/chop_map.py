"""How the bytes of a connection came apart: for each read, the headers and bodies that it held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..core.framing import HEADER_SIZE, read_length
from ..core.kept_bytes import KeptBytes


class ChopLine(NamedTuple):
    """One read."""

    offset: int
    size: int
    after: float | None
    """Seconds since the read before; None for the first."""
    holds: str
    """The headers and bodies in it, as in ``hdr 4 | body 5``."""
    mark: str
    """The place where a header or a frame came apart behind it, in words; empty if none did."""


def chop_map(kept: KeptBytes, cap: int | None = None) -> list[ChopLine]:
    """Return a line for each read that is known; `cap` is the CAP in bytes, if it is known."""
    data = kept.pieces[0].data if kept.pieces and not kept.pieces[0].offset else b""
    spans = list(_spans(data, kept.size, cap))
    lines: list[ChopLine] = []
    before: float | None = None
    for read in kept.reads:
        end = read.offset + read.size
        inside = [span for span in spans if span.start < end and span.end > read.offset]
        held = [
            f"{span.name} {min(span.end, end) - max(span.start, read.offset):,}"
            for span in inside
            if span.end > span.start
        ]
        after = None if before is None else max(0.0, read.t - before)
        lines.append(ChopLine(read.offset, read.size, after, " | ".join(held), _mark(inside, end)))
        before = read.t
    return lines


class _Span(NamedTuple):
    name: str
    start: int
    end: int
    has_body: bool = False


def _spans(data: bytes, size: int, cap: int | None) -> Iterator[_Span]:
    """Yield the headers and bodies from the first byte on, as far as the headers are kept."""
    at = 0
    while at < size:
        if len(data) - at < HEADER_SIZE:
            name = "hdr" if at <= len(data) and size - at < HEADER_SIZE else "not known"
            yield _Span(name, at, size)
            return
        (length,) = read_length(data, at)
        yield _Span("hdr", at, at + HEADER_SIZE, length > 0)
        start = at + HEADER_SIZE
        if cap is not None and length > cap:
            yield _Span("REFUSED, then", start, size)
            return
        at = start + length
        yield _Span("body", start, at)


def _mark(inside: list[_Span], end: int) -> str:
    """Say what came apart at the end of a read."""
    if not inside:
        return ""
    last = inside[-1]
    if last.has_body and last.end == end:
        return "header and body came apart"
    if last.name == "hdr" and end < last.end:
        return f"header cut after {end - last.start} of {HEADER_SIZE}"
    if last.name == "body" and end < last.end:
        return "body cut"
    return ""
