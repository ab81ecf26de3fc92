"""A loop that is stepped, drawn: its ten lines, the last calls, and the queues on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from typing import Final

from ..core.queues import Kernel
from ..core.stepping import LINES, Stepped
from ..watch.figures import short_size
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from . import palette
from .lines_panel import Line, clip, pad

_CODE: Final = max(map(len, LINES)) + 6
"""Cells of the ten lines."""
_COLUMNS: Final = 46
"""Cells of a call in columns."""
_BAR: Final = 16
_THIRD: Final = 3
"""POLLOUT comes when a third of the send buffer is free (Linux, sk_stream_is_writeable)."""
_STYLES: Final = {
    "read": palette.GOOD,
    "write": palette.WARNING,
    "accept": palette.INFO,
    "close": palette.ERROR,
    "poll": palette.ACCENT,
}


def step_lines(model: ScreenState, row: Row | None, width: int) -> Iterator[Line]:
    """Draw the loop in ten lines, beside or above the calls that it has made last."""
    yield from _queues(row)
    code = list(_code(model))
    if width < 2 * _CODE:
        yield from code
        yield from _calls(model, 4, width)
        return
    for left, right in zip_longest(code, _calls(model, len(code), width - _CODE)):
        yield [*pad(left or [], _CODE, palette.PLAIN), ("│ ", palette.EDGE), *(right or [])]


def _code(model: ScreenState) -> Iterator[Line]:
    """Draw the ten lines; the one that runs next is marked, in the colour of the last call."""
    held = model.held
    at = held.line if held is not None else model.steps[-1].line if model.steps else -1
    call = held.call if held is not None else model.steps[-1].call if model.steps else ""
    for number, text in enumerate(LINES):
        if number == at:
            style = _STYLES.get(call, palette.ACCENT)
            yield [("▶ ", style), (text, style)]
        else:
            yield [("  ", palette.PLAIN), (text, palette.DIM)]


def _calls(model: ScreenState, room: int, width: int) -> Iterator[Line]:
    held = model.held
    if held is None:
        yield [("it runs", palette.GOOD)]
    else:
        yield [(held.where, palette.ALARM)]
        yield [(held.cause, palette.DIM)]
    last = list(model.steps)[: -room + 1 : -1] if room > 2 else []
    yield from islice(call_lines(last, width), max(0, room - 2))


def call_lines(steps: Iterable[Stepped], width: int) -> Iterator[Line]:
    """Draw calls, the latest first; a blank line stands where calls between two were not told."""
    after: Stepped | None = None
    for step in steps:
        if after is not None and step.number != after.number - 1:
            yield [("…", palette.FAINT)]
        yield _call_line(step, width)
        after = step


def _call_line(step: Stepped, width: int) -> Line:
    """Draw one call with its result and its time; in columns, if these fit."""
    who = f"#{step.id}" if step.id else "-" if step.fd < 0 else f"fd {step.fd}"
    style = _STYLES.get(step.call, palette.PLAIN)
    if width < _COLUMNS:
        told: Line = [(f"{step.call} {who}  ", style), (step.outcome, palette.STRONG)]
        return [*told, (f"  {step.us:,} µs", palette.DIM)]
    return [
        (f"{step.call:<8} ", style),
        (f"{who:<6} ", palette.PLAIN),
        (f"{step.outcome:<17} ", palette.STRONG),
        (f"{step.us:>7,} µs", palette.DIM),
    ]


def _queues(row: Row | None) -> Iterator[Line]:
    """Draw both queues of the kernel for the selected connection."""
    kernel = None if row is None else row.kernel
    if row is None or kernel is None:
        yield [("peer → [receive queue] → server → [send queue] → peer", palette.DIM)]
        return
    yield [
        (f"#{row.id} peer → ", palette.LABEL),
        *_bar(kernel.unread or 0, max(kernel.unread or 0, 65_536), False),
        (" → server → ", palette.LABEL),
        *_sent(kernel),
        (" → peer", palette.LABEL),
    ]


def _sent(kernel: Kernel) -> Line:
    queued = kernel.unacknowledged or 0
    return _bar(queued, max(queued, kernel.send_buffer // 2), True)


def _bar(size: int, whole: int, has_mark: bool) -> Line:
    """Draw a queue; the mark stands where POLLOUT would come."""
    filled = round(_BAR * size / whole) if whole else 0
    filled = max(filled, size > 0)
    cells = ["█" if place < filled else "·" for place in range(_BAR)]
    if has_mark:
        cells[_BAR - _BAR // _THIRD] = "┊"
    return [
        ("[", palette.EDGE),
        ("".join(cells), palette.ACCENT),
        ("] ", palette.EDGE),
        (clip(short_size(size), 6), palette.STRONG),
    ]
