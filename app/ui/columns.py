"""The columns of the connection table: what each one shows, and which fit a given width.

A narrow table loses its bars first, then the columns that matter least; no cell is ever cut where
that would change its meaning. Closed connections tell their reason in place of their offsets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from rich.style import Style

from app.events import ORDERLY, Closed, State
from app.framing import HEADER_SIZE
from app.ui import palette
from app.ui.figures import (
    bar,
    clip,
    clip_start,
    short_count,
    short_rate,
    short_size,
    short_span,
)
from app.ui.lines_panel import Line
from app.ui.rows import Row
from app.ui.stuck import why_in_brief

GAP: Final = 1
"""Blank cells between two columns."""
MARK: Final = 2
"""Cells for the cursor's mark in front of the first column."""
ID_AT_LEAST: Final = 4
_AMOUNT: Final = 11
"""Cells of ``done/whole``, two short sizes."""


class Column(NamedTuple):
    """One column at one width."""

    key: str
    title: str
    width: int
    right: bool = False
    """Whether title and cells are aligned at the right."""


Layout = tuple[Column, ...]
SORT_KEYS: Final[dict[str, Callable[[Row, float], float | str]]] = {
    "id": lambda row, _now: row.id,
    "peer": lambda row, _now: row.peer,
    "state": lambda row, _now: tuple(State).index(row.state),
    "toggles": lambda row, _now: row.toggles,
    "pending": lambda row, _now: row.pending,
    "frames": lambda row, _now: row.frames,
    "rate": lambda row, now: row.rate(now),
    "age": lambda row, now: row.age(now),
    "idle": lambda row, now: row.idle(now),
}
"""By which columns the table can be sorted, in the order in which the key goes through them."""

_FULL: Final = (
    Column("id", "id", ID_AT_LEAST, right=True),
    Column("peer", "peer", 21),
    Column("state", "state", 12),
    Column("header", "hdr", 3),
    Column("body", "body read", 8 + 1 + _AMOUNT),
    Column("out", "out sent", 8 + 1 + _AMOUNT),
    Column("pollout", "POLLOUT", 7),
    Column("toggles", "toggles", 7, right=True),
    Column("pending", "pending", 7, right=True),
    Column("frames", "frames", 7, right=True),
    Column("rate", "rate/s", 7, right=True),
    Column("age", "age", 5, right=True),
    Column("idle", "idle", 5, right=True),
)
WHY_AT_LEAST: Final = 26
"""Cells below which the words of why a connection waits are not worth their room."""
_SHRINK: Final = (
    ("body", 5 + 1 + _AMOUNT),
    ("out", 5 + 1 + _AMOUNT),
    ("peer", 17),
    ("body", _AMOUNT),
    ("out", _AMOUNT),
    ("age", 0),
    ("pending", 0),
    ("peer", 15),
    ("rate", 0),
    ("frames", 0),
    ("toggles", 6),
    ("toggles", 0),
    ("pollout", 5),
    ("idle", 0),
    ("out", 0),
    ("header", 0),
)
"""What gives way, step by step, until the rest fits; a width of 0 removes the column."""
_SHORT_TITLES: Final = {"pollout": "P.OUT", "toggles": "toggle"}
_STEPS_FOR_WHY: Final = 3
"""How many of these steps are taken to make room for the words alone."""


@lru_cache(maxsize=32)
def layout(width: int, id_width: int = ID_AT_LEAST) -> Layout:
    """The columns that fit into `width` cells; why a connection waits comes before long bars.

    `id_width` is what the largest id takes: ids only grow, and are never cut.
    """
    columns = {column.key: column for column in _FULL}
    columns["id"] = columns["id"]._replace(width=max(ID_AT_LEAST, id_width))
    spare = width - _taken(columns) - GAP
    for steps, (key, smaller) in enumerate(_SHRINK):
        if spare >= WHY_AT_LEAST or (steps >= _STEPS_FOR_WHY and spare + GAP >= 0):
            break
        if smaller:
            title = _SHORT_TITLES.get(key, columns[key].title)
            columns[key] = columns[key]._replace(width=smaller, title=title)
        else:
            del columns[key]
        spare = width - _taken(columns) - GAP
    if spare >= WHY_AT_LEAST:
        columns["why"] = Column("why", "why", spare)
    elif spare >= 0:
        columns["peer"] = _wider(columns["peer"], spare + GAP)
    return tuple(columns.values())


def _wider(column: Column, spare: int) -> Column:
    return column._replace(width=min(45, column.width + spare))


def _taken(columns: dict[str, Column]) -> int:
    return MARK + sum(column.width for column in columns.values()) + GAP * (len(columns) - 1)


def heading(columns: Layout, sort_key: str, descending: bool) -> Line:
    """The titles, with an arrow at the column that the table is sorted by."""
    line: Line = [(" " * MARK, palette.HEADING)]
    for index, column in enumerate(columns):
        title, style = column.title, palette.HEADING
        if column.key == sort_key:
            title, style = title + ("▼" if descending else "▲"), palette.SORTED
        text = title.rjust(column.width) if column.right else title.ljust(column.width)
        line.append((text[: column.width], style))
        if index < len(columns) - 1:
            line.append((" " * GAP, palette.HEADING))
    return line


def column_at(columns: Layout, x: int) -> str | None:
    """The key of the column under cell `x`; a gap belongs to the column before it."""
    start = MARK
    for column in columns:
        if start <= x < start + column.width + GAP:
            return column.key
        start += column.width + GAP
    return None


def cells(row: Row, columns: Layout, now: float) -> Line:
    """One connection as a line, without the cursor's mark."""
    if row.closed is not None:
        return _closed_cells(row, row.closed, columns, now)
    line: Line = []
    for column in columns:
        if line:
            line.append((" " * GAP, palette.PLAIN))
        line += _CELLS[column.key](row, column, now)
    return line


def _aligned(text: str, column: Column) -> str:
    return text.rjust(column.width) if column.right else text.ljust(column.width)


def _id(row: Row, column: Column, _now: float) -> Line:
    return [(_aligned(str(row.id), column), palette.STRONG)]


def _peer(row: Row, column: Column, _now: float) -> Line:
    return [(_aligned(clip_start(row.peer, column.width), column), palette.PLAIN)]


def _state(row: Row, column: Column, _now: float) -> Line:
    label = palette.state_label(row.state)
    resting = row.state is State.READ_LEN and not (row.snapshot and row.snapshot.header)
    return [(_aligned(label, column), palette.DIM if resting else palette.STATES[row.state])]


def _header(row: Row, column: Column, _now: float) -> Line:
    if row.snapshot is None or not row.snapshot.header:
        return [(_aligned("·", column), palette.FAINT)]
    complete = row.snapshot.header_read == HEADER_SIZE
    text = f"{row.snapshot.header_read}/{HEADER_SIZE}"
    return [(_aligned(text, column), palette.DIM if complete else palette.WARNING)]


def _body(row: Row, column: Column, _now: float) -> Line:
    snapshot = row.snapshot
    if snapshot is None or snapshot.state is not State.READ_BODY:
        return [(_aligned("·", column), palette.FAINT)]
    style = palette.STATES[State.READ_BODY]
    return _progress(snapshot.body_read, snapshot.body_length, column, style)


def _out(row: Row, column: Column, _now: float) -> Line:
    snapshot = row.snapshot
    if snapshot is None or not snapshot.pending:
        return [(_aligned("·", column), palette.FAINT)]
    style = palette.STATES[State.WRITE_BODY]
    return _progress(snapshot.out_sent, snapshot.out_length, column, style)


def _progress(done: int, whole: int, column: Column, style: Style) -> Line:
    amount = f"{short_size(done)}/{short_size(whole)}"
    width = column.width - _AMOUNT - 1
    if width <= 0:
        return [(_aligned(amount, column), style)]
    filled, empty = bar(done, whole, width)
    return [(filled, style), (empty + " ", palette.FAINT), (amount.ljust(_AMOUNT), palette.PLAIN)]


def _pollout(row: Row, column: Column, _now: float) -> Line:
    if row.armed:
        return [(_aligned("● on", column), palette.WARNING)]
    return [(_aligned("○ off", column), palette.FAINT)]


def _toggles(row: Row, column: Column, _now: float) -> Line:
    return _number(short_count(row.toggles), row.toggles > 0, column)


def _pending(row: Row, column: Column, _now: float) -> Line:
    return _number(short_size(row.pending), row.pending > 0, column, palette.WARNING)


def _frames(row: Row, column: Column, _now: float) -> Line:
    return _number(short_count(row.frames), row.frames > 0, column)


def _rate(row: Row, column: Column, now: float) -> Line:
    rate = row.rate(now)
    return _number(short_rate(rate), rate > 0, column, palette.STRONG)


def _age(row: Row, column: Column, now: float) -> Line:
    return [(_aligned(short_span(row.age(now)), column), palette.DIM)]


def _idle(row: Row, column: Column, now: float) -> Line:
    idle = row.idle(now)
    return _number(short_span(idle), idle >= 1, column)


def _why(row: Row, column: Column, now: float) -> Line:
    text = clip(why_in_brief(row.snapshot, now), column.width)
    return [(_aligned(text, column), palette.DIM)]


def _number(text: str, matters: bool, column: Column, style: Style = palette.PLAIN) -> Line:
    if not matters:
        return [(_aligned("·", column), palette.FAINT)]
    return [(_aligned(text, column), style)]


_CELLS: Final[dict[str, Callable[[Row, Column, float], Line]]] = {
    "id": _id,
    "peer": _peer,
    "state": _state,
    "header": _header,
    "body": _body,
    "out": _out,
    "pollout": _pollout,
    "toggles": _toggles,
    "pending": _pending,
    "frames": _frames,
    "rate": _rate,
    "age": _age,
    "idle": _idle,
    "why": _why,
}
_REASON_SPANS: Final = frozenset({"header", "body", "out", "pollout"})


def _closed_cells(row: Row, closed: Closed, columns: Layout, now: float) -> Line:
    """The totals dimmed, and the reason where the offsets were."""
    room = sum(column.width + GAP for column in columns if column.key in _REASON_SPANS) - GAP
    reason = closed.reason.value + (f": {closed.detail}" if closed.detail else "")
    style = palette.DIM if closed.reason in ORDERLY else palette.ERROR
    line: Line = []
    told = False
    for column in columns:
        if column.key in _REASON_SPANS and told:
            continue
        if line:
            line.append((" " * GAP, palette.FAINT))
        if column.key in _REASON_SPANS:
            line.append((clip(reason, room).ljust(room), style))
            told = True
        elif column.key == "state":
            line.append((_aligned(palette.state_label(State.CLOSED), column), style))
        elif column.key == "why":
            line.append((" " * column.width, palette.FAINT))
        else:
            text = "".join(piece for piece, _ in _CELLS[column.key](row, column, now))
            line.append((text, palette.FAINT))
    return line
