"""The columns of the connection table: which there are, and which fit a given width.

A narrow table loses its bars first, then the columns that matter least; no cell is ever cut where
that would change its meaning. Whoever chose columns gets those, in that order, as far as they fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from ..core.events import ConnectionState
from ..watch.row import Row
from ..watch.why import why_in_brief
from . import palette
from .lines_panel import Line

GAP: Final = 1
"""Blank cells between two columns."""
MARK: Final = 2
"""Cells for the cursor's mark in front of the first column."""
ID_AT_LEAST: Final = 4
AMOUNT: Final = 11
"""Cells of ``done/whole``, two short sizes."""


class Column(NamedTuple):
    """One column at one width."""

    key: str
    title: str
    width: int
    right: bool = False
    """Whether title and cells are aligned at the right."""


Layout = tuple[Column, ...]


def _body(row: Row) -> int:
    snapshot = row.snapshot
    return (
        snapshot.body_read if snapshot is not None and row.state is ConnectionState.READ_BODY else 0
    )


def _out(row: Row) -> int:
    return row.snapshot.out_sent if row.snapshot is not None and row.pending else 0


def _why(row: Row, now: float) -> str:
    return row.reason if row.closed is not None else why_in_brief(row.snapshot, now)


SORT_KEYS: Final[dict[str, Callable[[Row, float], float | str]]] = {
    "id": lambda row, _now: row.id,
    "fd": lambda row, _now: row.fd,
    "peer": lambda row, _now: row.peer,
    "worker": lambda row, _now: row.worker,
    "state": lambda row, _now: tuple(ConnectionState).index(row.state),
    "reason": lambda row, _now: row.reason,
    "header": lambda row, _now: 0 if row.snapshot is None else row.snapshot.header_read,
    "body": lambda row, _now: _body(row),
    "out": lambda row, _now: _out(row),
    "pollout": lambda row, _now: row.armed,
    "toggles": lambda row, _now: row.toggles,
    "pending": lambda row, _now: row.pending,
    "frames": lambda row, _now: row.frames,
    "rate": lambda row, now: row.rate(now),
    "bytes_in": lambda row, _now: row.bytes_in,
    "bytes_out": lambda row, _now: row.bytes_out,
    "eagains": lambda row, _now: row.eagains,
    "partial_writes": lambda row, _now: row.partial_writes,
    "age": lambda row, now: row.age(now),
    "idle": lambda row, now: row.idle(now),
    "why": _why,
}
"""What each column is sorted by."""
STEADY: Final = frozenset({"id", "fd", "peer", "worker"})
"""The columns that never change for a connection."""
DESCENDING_AT_FIRST: Final = frozenset(SORT_KEYS) - STEADY - {"state", "reason", "age", "why"}
"""The columns of which the largest figures are looked for."""

WHY_AT_LEAST: Final = 26
"""Cells below which the words of why a connection waits are not worth their room."""
_ALL: Final = {
    column.key: column
    for column in (
        Column("id", "id", ID_AT_LEAST, right=True),
        Column("fd", "fd", 5, right=True),
        Column("peer", "peer", 21),
        Column("worker", "worker", 6, right=True),
        Column("state", "state", 12),
        Column("reason", "reason", 15),
        Column("header", "hdr", 3),
        Column("body", "body read", 8 + 1 + AMOUNT),
        Column("out", "out sent", 8 + 1 + AMOUNT),
        Column("pollout", "POLLOUT", 7),
        Column("toggles", "toggles", 7, right=True),
        Column("pending", "pending", 7, right=True),
        Column("frames", "frames", 7, right=True),
        Column("rate", "rate/s", 7, right=True),
        Column("bytes_in", "in B", 5, right=True),
        Column("bytes_out", "out B", 5, right=True),
        Column("eagains", "EAGAIN", 7, right=True),
        Column("partial_writes", "partial", 7, right=True),
        Column("age", "age", 5, right=True),
        Column("idle", "idle", 5, right=True),
        Column("why", "why", WHY_AT_LEAST),
    )
}
_AT_FIRST: Final = (
    "id", "peer", "worker", "state", "header", "body", "out", "pollout", "toggles", "pending",
    "frames", "rate", "age", "idle",
)  # fmt: skip
"""The columns for which room is looked for when nobody chose any; then for the words."""
WHAT_IT_IS: Final = {
    "id": "its number, never used again",
    "fd": "its file descriptor",
    "peer": "address and port of the peer",
    "worker": "the process that serves it",
    "state": "state of its frame, or of its end",
    "reason": "why it closed or is closing",
    "header": "header bytes read, of 4",
    "body": "body bytes read, of all",
    "out": "bytes of echo sent, of all",
    "pollout": "whether POLLOUT is armed",
    "toggles": "times POLLOUT was armed or disarmed",
    "pending": "bytes of echo not yet taken",
    "frames": "frames echoed",
    "rate": "frames echoed per second",
    "bytes_in": "bytes received",
    "bytes_out": "bytes sent",
    "eagains": "calls answered with EAGAIN",
    "partial_writes": "writes taken only in part",
    "age": "since it was opened",
    "idle": "since a byte last moved",
    "why": "why it waits, in words",
}
"""Each column in a few words, for whoever chooses."""
_SHRINK: Final = (
    ("body", 5 + 1 + AMOUNT),
    ("out", 5 + 1 + AMOUNT),
    ("peer", 17),
    ("body", AMOUNT),
    ("out", AMOUNT),
    ("age", 0),
    ("pending", 0),
    ("peer", 15),
    ("rate", 0),
    ("frames", 0),
    ("toggles", 6),
    ("toggles", 0),
    ("pollout", 5),
    ("idle", 0),
    ("worker", 0),
    ("out", 0),
    ("header", 0),
)
"""What gives way, step by step, until the rest fits; a width of 0 removes the column."""
_SHORT_TITLES: Final = {"pollout": "P.OUT", "toggles": "toggle"}
_STEPS_FOR_WHY: Final = 3
"""How many of these steps are taken to make room for the words alone."""


@lru_cache(maxsize=32)
def layout(
    width: int,
    id_width: int = ID_AT_LEAST,
    chosen: tuple[str, ...] = (),
    with_worker: bool = False,
) -> Layout:
    """The columns that fit into `width` cells: the chosen ones, or those that matter most.

    `id_width` is what the largest id takes: ids only grow, and are never cut.
    """
    keys = chosen or (key for key in _AT_FIRST if key != "worker" or with_worker)
    columns = {key: _ALL[key] for key in keys}
    if "id" in columns:
        columns["id"] = columns["id"]._replace(width=max(ID_AT_LEAST, id_width))
    return _as_chosen(columns, width) if chosen else _as_it_fits(columns, width)


def _as_chosen(columns: dict[str, Column], width: int) -> Layout:
    """All of them narrower if need be, then without the last ones."""
    for key, smaller in _SHRINK:
        if smaller and key in columns and _taken(columns) > width:
            columns[key] = _narrower(columns[key], smaller)
    while _taken(columns) > width and len(columns) > 1:
        columns.popitem()
    spare = width - _taken(columns)
    if "why" in columns and spare > 0:
        columns["why"] = columns["why"]._replace(width=WHY_AT_LEAST + spare)
    elif "peer" in columns and spare > 0:
        columns["peer"] = _wider(columns["peer"], spare)
    return tuple(columns.values())


def _as_it_fits(columns: dict[str, Column], width: int) -> Layout:
    """Why a connection waits comes before long bars."""
    steps_for_why = _STEPS_FOR_WHY + 2 * ("worker" in columns)
    spare = width - _taken(columns) - GAP
    for steps, (key, smaller) in enumerate(_SHRINK):
        if spare >= WHY_AT_LEAST or (steps >= steps_for_why and spare + GAP >= 0):
            break
        if key not in columns:
            continue
        if smaller:
            columns[key] = _narrower(columns[key], smaller)
        else:
            del columns[key]
        spare = width - _taken(columns) - GAP
    if spare >= WHY_AT_LEAST:
        columns["why"] = _ALL["why"]._replace(width=spare)
    elif spare >= 0:
        columns["peer"] = _wider(columns["peer"], spare + GAP)
    return tuple(columns.values())


def _narrower(column: Column, width: int) -> Column:
    return column._replace(width=width, title=_SHORT_TITLES.get(column.key, column.title))


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
