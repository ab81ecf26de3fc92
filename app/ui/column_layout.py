"""Which columns of the table fit a given width, and how wide each is.

A narrow table first loses its bars, then the columns that matter least. No cell is cut where that
would change its meaning. Columns that a person chose are shown in that order, as far as they fit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from rich.style import Style

from ..watch.columns import AMOUNT_WIDTH, COLUMNS, EVERY_COLUMN, ID_AT_LEAST, WHY_AT_LEAST
from . import palette
from .lines_panel import Line

GAP: Final = 1
"""Blank cells between two columns."""
MARK: Final = 2
"""Cells for the cursor's mark in front of the first column."""


class FittedColumn(NamedTuple):
    """A column at the width that it has on this screen."""

    key: str
    title: str
    width: int
    """Cells."""
    right: bool
    """Whether title and cells are aligned at the right."""


Layout: TypeAlias = tuple[FittedColumn, ...]
_ALL: Final = {
    column.key: FittedColumn(column.key, column.title, column.width, column.right)
    for column in EVERY_COLUMN.values()
}
_AT_FIRST: Final = tuple(column.key for column in COLUMNS.values() if column.at_first)
"""The columns that are placed while nobody has chosen any; the words of `why` come after them."""
_SHRINK: Final = (
    ("body", 5 + 1 + AMOUNT_WIDTH),
    ("out", 5 + 1 + AMOUNT_WIDTH),
    ("peer", 17),
    ("body", AMOUNT_WIDTH),
    ("out", AMOUNT_WIDTH),
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
"""Steps that make a row narrower, in their order; a width of 0 removes the column."""
_OF_CLOSED: Final = (
    "id", "peer", "reason", "diagnosis", "closed_at", "age", "frames_in", "frames", "bytes_in",
    "bytes_out",
)  # fmt: skip
"""The columns of closed connections; their detail comes after them, where there is room."""
_SHRINK_CLOSED: Final = (
    ("peer", 17),
    ("frames_in", 0),
    ("age", 0),
    ("frames", 0),
    ("peer", 15),
    ("diagnosis", 16),
    ("bytes_out", 0),
    ("bytes_in", 0),
    ("closed_at", 0),
    ("diagnosis", 0),
)
"""Steps that make a row of a closed connection narrower, as `_SHRINK`."""
_SHORT_TITLES: Final = {"pollout": "P.OUT", "toggles": "toggle"}
_STEPS_FOR_WHY: Final = 3
"""Number of `_SHRINK` steps that are worth it to make room for the column `why`."""


@lru_cache(maxsize=32)
def layout(
    width: int,
    id_width: int = ID_AT_LEAST,
    chosen: tuple[str, ...] = (),
    with_worker: bool = False,
    with_notes: bool = False,
) -> Layout:
    """The columns that fit into `width` cells: the chosen ones, or those that matter most.

    `id_width` is the number of cells of the largest id: an id is never cut.
    """
    left_out = {"worker": not with_worker, "notes": not with_notes}
    keys = chosen or (key for key in _AT_FIRST if not left_out.get(key))
    columns = {key: _ALL[key] for key in keys}
    if "id" in columns:
        columns["id"] = columns["id"]._replace(width=max(ID_AT_LEAST, id_width))
    return _fit_chosen(columns, width) if chosen else _fit_default(columns, width)


@lru_cache(maxsize=32)
def closed_layout(width: int, id_width: int = ID_AT_LEAST) -> Layout:
    """The columns of closed connections that fit into `width` cells."""
    columns = {key: _ALL[key] for key in _OF_CLOSED}
    columns["id"] = columns["id"]._replace(width=max(ID_AT_LEAST, id_width))
    columns["age"] = columns["age"]._replace(title="lasted", width=len("lasted"))
    for key, smaller in _SHRINK_CLOSED:
        if _width_of(columns) <= width:
            break
        if smaller:
            columns[key] = _narrow(columns[key], smaller)
        else:
            del columns[key]
    spare = width - _width_of(columns) - GAP
    if spare >= WHY_AT_LEAST:
        columns["detail"] = _ALL["detail"]._replace(width=spare)
    elif spare >= 0:
        columns["peer"] = _widen(columns["peer"], spare + GAP)
    return tuple(columns.values())


def _fit_chosen(columns: dict[str, FittedColumn], width: int) -> Layout:
    """Narrow the columns where that is needed; then leave out the last ones."""
    for key, smaller in _SHRINK:
        if smaller and key in columns and _width_of(columns) > width:
            columns[key] = _narrow(columns[key], smaller)
    while _width_of(columns) > width and len(columns) > 1:
        columns.popitem()
    spare = width - _width_of(columns)
    if "why" in columns and spare > 0:
        columns["why"] = columns["why"]._replace(width=WHY_AT_LEAST + spare)
    elif "peer" in columns and spare > 0:
        columns["peer"] = _widen(columns["peer"], spare)
    return tuple(columns.values())


def _fit_default(columns: dict[str, FittedColumn], width: int) -> Layout:
    """Shorten bars and drop columns, first for the column `why`, then until the rest fits."""
    steps_for_why = _STEPS_FOR_WHY + 2 * ("worker" in columns)
    spare = width - _width_of(columns) - GAP
    for steps, (key, smaller) in enumerate(_SHRINK):
        if spare >= WHY_AT_LEAST or (steps >= steps_for_why and spare + GAP >= 0):
            break
        if key not in columns:
            continue
        if smaller:
            columns[key] = _narrow(columns[key], smaller)
        else:
            del columns[key]
        spare = width - _width_of(columns) - GAP
    if spare >= WHY_AT_LEAST:
        columns["why"] = _ALL["why"]._replace(width=spare)
    elif spare >= 0:
        columns["peer"] = _widen(columns["peer"], spare + GAP)
    return tuple(columns.values())


def _narrow(column: FittedColumn, width: int) -> FittedColumn:
    return column._replace(width=width, title=_SHORT_TITLES.get(column.key, column.title))


def _widen(column: FittedColumn, spare: int) -> FittedColumn:
    return column._replace(width=min(45, column.width + spare))


def _width_of(columns: dict[str, FittedColumn]) -> int:
    return MARK + sum(column.width for column in columns.values()) + GAP * (len(columns) - 1)


def heading(columns: Layout, sort_key: str, descending: bool, chosen: str = "") -> Line:
    """The titles, with an arrow at the column that the table is sorted by.

    The title of the column `chosen`, which `?` explains, is reversed.
    """
    line: Line = [(" " * MARK, palette.HEADING)]
    for index, column in enumerate(columns):
        title, style = column.title, palette.HEADING
        if column.key == sort_key:
            title, style = title + ("▼" if descending else "▲"), palette.SORTED
        text = title.rjust(column.width) if column.right else title.ljust(column.width)
        if column.key == chosen:
            style += Style(reverse=True)
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
