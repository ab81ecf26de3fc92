"""The bytes that are kept of a connection, as lines: a dump with its frames, reads and gaps.

Each line has the offset of its first byte, the bytes in hex, and the same bytes as text, in which
``\\r``, ``\\n`` and ``\\t`` are written so. A bar stands before the first byte of each read. A line
of carets under a header says in words what it is, so that no colour stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from rich.style import Style

from ..core.events import Reason
from ..core.framing import HEADER_SIZE, read_length
from ..core.kept_bytes import KeptBytes, Piece
from ..watch.figures import exact_clock, short_micros
from ..watch.row import Row
from . import palette
from .lines_panel import Line, flow

HEADER: Final = palette.ACCENT
"""The header of a right frame."""
WRONG: Final = palette.ERROR + Style(bold=True, underline=True)
"""A refused header, and the byte at which a stream goes wrong."""
BAR: Final = "│"
_CARETS: Final = "▲▲ "
_ACROSS: Final = (16, 8, 4)
"""Bytes on a line: the first of these that fits."""
_ESCAPES: Final = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\"}


class BytesView(NamedTuple):
    """The lines of the kept bytes of one connection."""

    lines: list[Line]
    failure: int
    """The line of the refused header, or of the first byte that is wrong; 0 if there is none."""


class _Marks(NamedTuple):
    """The meaning of some of the bytes, by their offsets in the stream."""

    headers: frozenset[int]
    """Bytes of the headers of right frames."""
    wrong: range
    """The bytes of the refused header, or of that of the frame in flight."""
    is_refused: bool
    words: str
    """The words for `wrong`."""
    slip: int | None
    """The first byte that is wrong where that is no byte of `wrong`."""
    reads: frozenset[int]
    """The first byte of each read."""


def bytes_view(row: Row, kept: KeptBytes, width: int) -> BytesView:
    """Draw what is kept of a connection in lines of at most `width` cells."""
    lines: list[Line] = [*flow(_summary(kept), width), []]
    digits = max(6, len(f"{kept.size:,}"))
    across = next((each for each in _ACROSS if _width(digits, each) <= width), _ACROSS[-1])
    marks = _marks(row, kept)
    at = 0
    failure: int | None = None
    for piece in kept.pieces:
        if piece.offset > at:
            lines += flow(_gap(at, piece.offset, digits), width, digits + 2)
        for start in range(0, len(piece.data), across):
            part = Piece(piece.offset + start, piece.data[start : start + across])
            under = list(_under(part, marks, digits))
            if under and failure is None:
                failure = len(lines)
            lines.append(_dump(part, marks, digits, across))
            for line in under:
                lines += flow(line, width, digits + 2)
        at = piece.offset + len(piece.data)
    if at < kept.size:
        lines += flow(_gap(at, kept.size, digits), width, digits + 2)
    lines += [part for line in _reads(kept, digits) for part in flow(line, width, digits + 2)]
    return BytesView(lines, failure or 0)


def _width(digits: int, across: int) -> int:
    """Return the cells of a line of so many bytes, each of which may be two cells of text."""
    return digits + 1 + 3 * across + 2 + 2 * across


def _summary(kept: KeptBytes) -> Line:
    held = sum(len(piece.data) for piece in kept.pieces)
    if kept.is_complete:
        text = f"complete: all {kept.size:,} bytes are kept"
        line: Line = [(text, palette.GOOD)]
    else:
        text = f"not complete: {held:,} of the {kept.size:,} bytes that it sent are kept"
        line = [(text, palette.WARNING)]
    line += [(" · ", palette.DIM), (BAR, palette.WARNING), (" begins a read", palette.DIM)]
    return [*line, (" · ", palette.DIM), ("header", HEADER), (" of a right frame", palette.DIM)]


def _gap(start: int, end: int, digits: int) -> Line:
    text = f"… {end - start:,} bytes are not kept, up to offset {end:,}"
    return [(f"{start:>{digits},}  ", palette.FAINT), (text, palette.WARNING)]


def _marks(row: Row, kept: KeptBytes) -> _Marks:
    wrong = range(kept.header_at, kept.header_at + len(kept.header))
    is_refused = row.closed is not None and row.closed.reason is Reason.FRAME_TOO_LARGE
    found = row.diagnosis
    slip = None
    if found is not None and found.offset not in wrong:
        slip = found.offset
    return _Marks(
        headers=frozenset(_right_headers(kept)),
        wrong=wrong,
        is_refused=is_refused,
        words=_header_words(row, kept.header, is_refused),
        slip=slip,
        reads=frozenset(read.offset for read in kept.reads),
    )


def _right_headers(kept: KeptBytes) -> Iterator[int]:
    """Yield the offsets of the bytes of headers, from the first frame on as far as all is kept."""
    if not kept.pieces or kept.pieces[0].offset:
        return
    data = kept.pieces[0].data
    end = kept.header_at if kept.header else len(data)
    at = 0
    while at < min(end, len(data)):
        yield from range(at, min(at + HEADER_SIZE, end))
        if at + HEADER_SIZE > len(data):
            return
        at += HEADER_SIZE + read_length(data, at)[0]


def _header_words(row: Row, header: bytes, is_refused: bool) -> str:
    announces = f"{len(header)} of {HEADER_SIZE} header bytes"
    if len(header) == HEADER_SIZE:
        announces = f"announces {read_length(header, 0)[0]:,} bytes"
    if is_refused:
        return f"REFUSED header: {announces}"
    if row.closed is not None:
        return f"header of the frame that is not whole: {announces}"
    return f"header of the frame in flight: {announces}"


def _dump(part: Piece, marks: _Marks, digits: int, across: int) -> Line:
    line: Line = [(f"{part.offset:>{digits},} ", palette.FAINT)]
    text: Line = []
    for offset, byte in enumerate(part.data, part.offset):
        style = _style(offset, marks)
        begins = offset in marks.reads
        line.append((BAR, palette.WARNING) if begins else (" ", palette.PLAIN))
        line.append((f"{byte:02x}", style))
        text.append(_as_text(byte, style))
    blank = " " * (3 * (across - len(part.data)) + 2)
    return [*line, (blank, palette.PLAIN), *text]


def _style(offset: int, marks: _Marks) -> Style:
    if offset == marks.slip:
        return WRONG
    if offset in marks.wrong:
        return WRONG if marks.is_refused else palette.WARNING
    return HEADER if offset in marks.headers else palette.PLAIN


def _as_text(byte: int, style: Style) -> tuple[str, Style]:
    """Return one byte as text; nothing that a peer sends can be read as an escape sequence."""
    if byte in _ESCAPES:
        return _ESCAPES[byte], palette.INFO if style is palette.PLAIN else style
    if 32 <= byte < 127:
        return chr(byte), style
    return "·", palette.FAINT if style is palette.PLAIN else style


def _under(part: Piece, marks: _Marks, digits: int) -> Iterator[Line]:
    """Yield the lines under a line of bytes: carets at what is wrong in it, and the words."""
    end = part.offset + len(part.data)
    start, stop = max(part.offset, marks.wrong.start), min(end, marks.wrong.stop)
    style = WRONG if marks.is_refused else palette.WARNING
    style += Style(underline=False)
    if start < stop:
        blank = " " * (digits + 2 + 3 * (start - part.offset))
        words = marks.words if stop == marks.wrong.stop else ""
        carets = _CARETS * (stop - start)
        yield [(blank, palette.PLAIN), (carets, style), (words, style)]
    if marks.slip is not None and part.offset <= marks.slip < end:
        blank = " " * (digits + 2 + 3 * (marks.slip - part.offset))
        words = f"wrong from here on, offset {marks.slip:,}"
        ink = WRONG + Style(underline=False)
        yield [(blank, palette.PLAIN), (_CARETS, ink), (words, ink)]


def _reads(kept: KeptBytes, digits: int) -> Iterator[Line]:
    """Yield a line for each read that is known: its offset, its size, its time."""
    if not kept.reads:
        if kept.size:
            yield []
            yield [("no reads are known: the first bytes are not kept", palette.DIM)]
        return
    yield []
    yield [("reads", palette.HEADING)]
    before: float | None = None
    for read in kept.reads:
        since = "" if before is None else f"  +{short_micros(max(0.0, read.t - before) * 1e6)}"
        short = "" if read.held == read.size else f", {read.held:,} of them kept"
        unit = "byte" if read.size == 1 else "bytes"
        yield [
            (f"{read.offset:>{digits},} ", palette.FAINT),
            (f"{BAR}", palette.WARNING),
            (f"{read.size:,} {unit}{short}", palette.PLAIN),
            (f"  at {exact_clock(read.t)}{since}", palette.DIM),
        ]
        before = read.t
    known = kept.reads[-1].offset + kept.reads[-1].size
    if known < kept.size:
        yield [(f"the reads behind offset {known:,} are not known", palette.DIM)]
