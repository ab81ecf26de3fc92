"""Draws the POLLOUT interest of a connection in the last minute as one row of blocks."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..watch.figures import words_size
from ..watch.row import Row
from . import palette
from .lines_panel import Line

SPAN: Final = 60.0
"""Seconds covered by the timeline."""
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_TAIL: Final = len("   top 16.5 KiB pending")


class Slot(NamedTuple):
    """One part of the last minute, drawn as one cell."""

    known: bool
    """False before the connection was opened, and before the oldest toggle that we have."""
    armed: bool
    """Whether POLLOUT was armed at any time within this part."""
    pending: int
    """The largest number of pending bytes reported while POLLOUT was armed and the kernel had been
    offered some of them; 0 where in write mode `armed` it had not."""


def slots(row: Row, now: float, count: int) -> list[Slot]:
    """Divide the last minute before `now` (Unix seconds) into `count` equal parts, in order."""
    start, width = now - SPAN, SPAN / count
    known_from, spans = _spans(row, now)
    parts = []
    for number in range(count):
        begin, end = start + number * width, start + (number + 1) * width
        within = [pending for since, until, pending in spans if since < end and until >= begin]
        known = bool(within) or end > known_from
        parts.append(Slot(known, bool(within), max(within, default=0)))
    return parts


def _spans(row: Row, now: float) -> tuple[float, list[tuple[float, float, int]]]:
    """Return the time from which all toggles are known, and the spans with POLLOUT armed."""
    spans: list[tuple[float, float, int]] = []
    toggled = list(row.toggled or ())
    if len(toggled) >= row.count("toggles"):
        known_from = row.opened.t
    elif toggled:
        known_from = toggled[0].t
    else:
        known_from = now if row.snapshot is None else row.snapshot.toggled_at
    since: float | None = None
    pending = 0
    for event in toggled:
        if event.armed:
            # Armed before anything was offered is no sign of a full queue.
            since, pending = event.t, event.pending if event.offered else 0
        elif since is not None:
            spans.append((since, event.t, max(pending, event.pending)))
            since = None
    end = now if row.closed is None else row.closed.t
    left = 0 if row.armed_first else row.pending
    if since is not None and (row.armed or row.closed is not None):
        spans.append((since, end, max(pending, left)))
    elif row.armed and row.snapshot is not None:
        spans.append((row.snapshot.toggled_at, end, left))
    return known_from, spans


def timeline(row: Row, now: float, width: int) -> tuple[Line, int]:
    """Draw `width` cells: a block by the number of pending bytes if armed, else a dot.

    Also return the largest number of pending bytes, which is drawn as the highest block.
    """
    parts = slots(row, now, width)
    top = max(part.pending for part in parts)
    line: Line = []
    for part in parts:
        if part.armed:
            style = palette.WARNING if part.pending else palette.INFO
            line.append((_block(part.pending, top), style))
        else:
            line.append(("·" if part.known else " ", palette.FAINT))
    return line, top


def _block(pending: int, top: int) -> str:
    eighths = -(-pending * len(_BLOCKS) // top) if top else 0
    return _BLOCKS[max(0, eighths - 1)]


def labelled(row: Row, now: float, width: int) -> Line:
    """Draw the timeline with its label and its largest value, in `width` cells."""
    label, end = "POLLOUT  -60 s ", " now"
    blocks, top = timeline(row, now, max(10, width - len(label) - len(end) - _TAIL))
    is_armed = any(text in _BLOCKS for text, _ in blocks)
    tail = f"   top {words_size(top)} pending" if top else "   not armed"
    if is_armed and not top:
        tail = "   armed first"
    return [(label, palette.LABEL), *blocks, (end, palette.DIM), (tail, palette.PLAIN)]
