"""A connection as a line of the table, cell by cell.

A closed connection shows its reason in place of its offsets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from rich.cells import cell_len
from rich.style import Style

from ..core.events import ORDERLY, Closed, ConnectionState
from ..core.framing import HEADER_SIZE
from ..watch.columns import AMOUNT_WIDTH, COLUMNS, Unit
from ..watch.figures import (
    bar,
    clock,
    narrow_micros,
    short_count,
    short_pair,
    short_rate,
    short_size,
    short_span,
)
from ..watch.notes import words_of
from ..watch.row import Row
from ..watch.why import why_in_brief
from . import palette
from .column_layout import GAP, MARK, FittedColumn, Layout
from .lines_panel import Line, clip, clip_start


def cells(row: Row, columns: Layout, now: float, of_closed: bool = False) -> Line:
    """One connection as a line, without the cursor's mark.

    `of_closed` says that the columns are those of closed connections, which have all their values.
    """
    if row.closed is not None and not of_closed:
        return _closed_cells(row, row.closed, columns, now)
    line: Line = []
    for column in columns:
        _append_gap(line)
        line += CELLS[column.key](row, column, now)
    return line


def row_mark(row: Row, selected: bool, tagged: bool) -> Line:
    """The marks in front of a row: the cursor, a tag, and whether its bytes are suspected, or it
    has a fault on purpose.

    There are two cells for them. A marked row that is tagged has no bar of the cursor: the ground
    of the whole row tells of it too.
    """
    cursor, tag = "▌" if selected else " ", palette.TAG if tagged else " "
    is_faulty = row.snapshot is not None and bool(row.snapshot.fault)
    if row.closed is not None or (row.diagnosis is None and not is_faulty):
        return [((cursor + tag).ljust(MARK), palette.ACCENT)]
    sign: tuple[str, Style] = (palette.FAULT, palette.WARNING)
    if row.diagnosis is not None:
        sign = (palette.SUSPECT, palette.ERROR)
    if tagged:
        return [sign, (tag, palette.ACCENT)]
    return [(cursor, palette.ACCENT), sign]


def _append_gap(line: Line) -> None:
    """Append the gap to the last cell: a line of fewer pieces is drawn sooner."""
    if line:
        text, style = line[-1]
        line[-1] = (text + " " * GAP, style)


def _align(text: str, column: FittedColumn) -> str:
    blanks = " " * (column.width - cell_len(text))
    return blanks + text if column.right else text + blanks


def _id(row: Row, column: FittedColumn, _now: float) -> Line:
    return [(_align(str(row.id), column), palette.STRONG)]


def _peer(row: Row, column: FittedColumn, _now: float) -> Line:
    return [(_align(clip_start(row.peer, column.width), column), palette.PLAIN)]


def _state(row: Row, column: FittedColumn, _now: float) -> Line:
    label = palette.state_label(row.state)
    resting = row.state is ConnectionState.READ_LEN and not (row.snapshot and row.snapshot.header)
    return [(_align(label, column), palette.DIM if resting else palette.STATES[row.state])]


def _header(row: Row, column: FittedColumn, _now: float) -> Line:
    if row.snapshot is None or not row.snapshot.header:
        return [(_align("·", column), palette.FAINT)]
    complete = row.snapshot.header_read == HEADER_SIZE
    text = f"{row.snapshot.header_read}/{HEADER_SIZE}"
    return [(_align(text, column), palette.DIM if complete else palette.WARNING)]


def _body(row: Row, column: FittedColumn, _now: float) -> Line:
    snapshot = row.snapshot
    if snapshot is None or snapshot.state is not ConnectionState.READ_BODY:
        return [(_align("·", column), palette.FAINT)]
    style = palette.STATES[ConnectionState.READ_BODY]
    return _progress(snapshot.body_read, snapshot.body_length, column, style)


def _out(row: Row, column: FittedColumn, _now: float) -> Line:
    snapshot = row.snapshot
    if snapshot is None or not snapshot.pending:
        return [(_align("·", column), palette.FAINT)]
    style = palette.STATES[ConnectionState.WRITE_BODY]
    return _progress(snapshot.out_sent, snapshot.out_length, column, style)


def _progress(done: int, whole: int, column: FittedColumn, style: Style) -> Line:
    amount = "/".join(short_pair(done, whole))
    width = column.width - AMOUNT_WIDTH - 1
    if width <= 0:
        return [(_align(amount, column), style)]
    filled, empty = bar(done, whole, width)
    return [
        (filled, style),
        (empty + " ", palette.FAINT),
        (amount.ljust(AMOUNT_WIDTH), palette.PLAIN),
    ]


def _pollout(row: Row, column: FittedColumn, _now: float) -> Line:
    if row.armed:
        return [(_align("● on", column), palette.INFO if row.armed_first else palette.WARNING)]
    return [(_align("○ off", column), palette.FAINT)]


def _age(row: Row, column: FittedColumn, now: float) -> Line:
    age = row.age(now)
    text = short_span(age) if row.closed is None or age >= 1 else narrow_micros(age * 1e6)
    return [(_align(text, column), palette.DIM)]


def _idle(row: Row, column: FittedColumn, now: float) -> Line:
    idle = row.idle(now)
    return _number(short_span(idle), idle >= 1, column)


def _why(row: Row, column: FittedColumn, now: float) -> Line:
    text = clip(why_in_brief(row, now), column.width)
    return [(_align(text, column), palette.DIM)]


def _reason(row: Row, column: FittedColumn, _now: float) -> Line:
    is_failure = row.closed is not None and row.closed.reason not in ORDERLY
    style = palette.ERROR if is_failure else palette.DIM if row.closed else palette.PLAIN
    return _number(clip(row.reason, column.width), bool(row.reason), column, style)


def _diagnosis(row: Row, column: FittedColumn, _now: float) -> Line:
    code = "" if row.diagnosis is None else row.diagnosis.code
    return _number(clip(code, column.width), bool(code), column, palette.WARNING)


def _detail(row: Row, column: FittedColumn, _now: float) -> Line:
    detail = "" if row.closed is None else row.closed.detail
    return [(_align(clip(detail, column.width), column), palette.DIM)]


def _closed_at(row: Row, column: FittedColumn, now: float) -> Line:
    if row.closed is None:
        return _number("", False, column)
    at = row.closed.t
    text = clock(at) if now - at < _DAY else time.strftime("%m-%d", time.localtime(at))
    return [(_align(text, column), palette.PLAIN)]


def _notes(row: Row, column: FittedColumn, now: float) -> Line:
    count = len(words_of(row, now))
    mark = "" if not count else "!" if count == 1 else str(count)
    return [(_align(mark, column), palette.WARNING)]


def _number(text: str, matters: bool, column: FittedColumn, style: Style = palette.PLAIN) -> Line:
    if not matters:
        return [(_align("·", column), palette.FAINT)]
    return [(_align(text, column), style)]


Cell: TypeAlias = Callable[[Row, FittedColumn, float], Line]
"""Draws a row's cell in a column at a time."""
_FORMATS: Final[Mapping[Unit, Callable[[Any], str]]] = {
    Unit.TEXT: str,
    Unit.COUNT: short_count,
    Unit.BYTES: short_size,
    Unit.SECONDS: short_span,
    Unit.FLAG: str,
}


def _plain_cell(
    key: str, style: Style = palette.PLAIN, form: Callable[[Any], str] | None = None
) -> Cell:
    """The cell of a column that needs no drawing of its own: its value, and a dot for nothing."""
    get, form = COLUMNS[key].value, form or _FORMATS[COLUMNS[key].unit]

    def cell(row: Row, column: FittedColumn, now: float) -> Line:
        value = get(row, now)
        return _number(form(value), bool(value), column, style)

    return cell


def _bytes_cell(received: bool) -> Cell:
    """The cell of the bytes in one direction, which are compared with those in the other."""

    def cell(row: Row, column: FittedColumn, _now: float) -> Line:
        there, back = row.count("bytes_in"), row.count("bytes_out")
        value = there if received else back
        return _number(short_pair(there, back)[0 if received else 1], bool(value), column)

    return cell


def _name_cell(key: str) -> Cell:
    """The cell of a number that is a name: in full, never shortened."""
    get = COLUMNS[key].value
    return lambda row, column, now: [(_align(str(get(row, now)), column), palette.DIM)]


CELLS: Final[Mapping[str, Cell]] = {
    **{key: _plain_cell(key) for key in COLUMNS},
    "id": _id,
    "fd": _name_cell("fd"),
    "peer": _peer,
    "worker": _name_cell("worker"),
    "state": _state,
    "header": _header,
    "body": _body,
    "out": _out,
    "pollout": _pollout,
    "pending": _plain_cell("pending", palette.WARNING),
    "bytes_in": _bytes_cell(received=True),
    "bytes_out": _bytes_cell(received=False),
    "reason": _reason,
    "diagnosis": _diagnosis,
    "detail": _detail,
    "closed_at": _closed_at,
    "rate": _plain_cell("rate", palette.STRONG, short_rate),
    "age": _age,
    "idle": _idle,
    "notes": _notes,
    "why": _why,
}
"""The drawing of each column of `app.watch.columns`, by its key."""
_DAY: Final = 86_400.0
"""Seconds after which a time is told as a date, as month and day."""
_OFFSETS: Final = frozenset({"header", "body", "out", "pollout"})


@lru_cache(maxsize=32)
def _reason_columns(columns: Layout) -> range:
    """The columns in which a closed connection shows its reason: the widest run of offsets."""
    runs: list[range] = []
    for index, column in enumerate(columns):
        if column.key in _OFFSETS:
            start = runs.pop().start if runs and runs[-1].stop == index else index
            runs.append(range(start, index + 1))
    if runs:
        return max(runs, key=lambda run: sum(columns[index].width for index in run))
    at = next((index for index, column in enumerate(columns) if column.key == "why"), None)
    return range(0) if at is None else range(at, at + 1)


def _closed_cells(row: Row, closed: Closed, columns: Layout, now: float) -> Line:
    """The totals are dimmed; the reason takes the place of the offsets."""
    style = palette.DIM if closed.reason in ORDERLY else palette.ERROR
    places = _reason_columns(columns)
    line: Line = []
    for index, column in enumerate(columns):
        if index in places[1:]:
            continue
        _append_gap(line)
        if index in places:
            room = sum(columns[each].width + GAP for each in places) - GAP
            reason = row.reason + (f": {closed.detail}" if closed.detail else "")
            line.append((_align(clip(reason, room), column._replace(width=room)), style))
        elif column.key == "state":
            line.append((_align(palette.state_label(ConnectionState.CLOSED), column), style))
        elif column.key in _OFFSETS or column.key == "why":
            line.append((" " * column.width, palette.FAINT))
        else:
            text = "".join(piece for piece, _ in CELLS[column.key](row, column, now))
            line.append((text, palette.FAINT))
    return line
