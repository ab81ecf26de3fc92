"""The topics that `?` explains: figures and events on the screen, with their present values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from ..core.stepping import LoopHeld
from ..core.words.language import Language, compose
from ..watch.columns import COLUMNS, EVERY_COLUMN
from ..watch.explanations import (
    CHARTS,
    EVENTS,
    GROUPED,
    HEADER,
    LOOP,
    NOTES,
    OF_CLOSED,
    QUEUES,
    REASONS,
    STATES,
    WHYS,
    Explanation,
    Table,
)
from ..watch.explanations import (
    COLUMNS as OF_COLUMNS,
)
from ..watch.figures import clock
from ..watch.journal import JournalEntry
from ..watch.notes import notes_of
from ..watch.row import Row
from ..watch.why import why_code, why_waiting
from . import palette
from .cells import CELLS
from .charts import Chart
from .column_layout import FittedColumn
from .lines_panel import Line, LinesPanel, flow

EXPLAINED: Final[Table] = {**OF_COLUMNS, **OF_CLOSED}
"""The explanation of each column, of open and of closed connections, by key."""
_NAME: Final = 18
"""Cells of a name in the list of all explanations."""
SECTIONS_OF: Final = (
    "§ is a section of the source document, “Non-blocking I/O and multiplexing”, 14 September 2025"
)
"""Says which document the sections are of."""
GROUPS: Final[tuple[tuple[str, Table], ...]] = (
    ("columns of the table", EXPLAINED),
    ("header and workers", HEADER),
    ("charts", CHARTS),
    ("the loop", LOOP),
    ("groups", GROUPED),
    ("page of a connection", QUEUES),
    ("events", EVENTS),
    ("why a connection waits", WHYS),
    ("notes about a peer", NOTES),
    ("states", STATES),
    ("why a connection closed", REASONS),
)
"""Every table of explanations with its title."""


_PLACES: Final = frozenset(
    {"column", "header", "chart", "group", "page", "loop", "event", "state", "note"}
)
"""The first words of topics."""


class Topic(NamedTuple):
    """One figure or event with its explanation."""

    name: str
    value: str
    """As it is on the screen now; empty if it is not there."""
    explained: Explanation

    def lines(self, width: int, language: Language) -> list[Line]:
        """Draw the topic in lines of at most `width` cells: name and value, meaning, references."""
        told = language.text(self.name)
        place, blank, name = self.name.partition(" ")
        if place in _PLACES:  # what follows it is a name, the same in every language
            told = f"{language.text(place)}{blank}{name}"
        line: Line = [(told, palette.SORTED)]
        if self.value:
            line += [("  ", palette.PLAIN), (self.value, palette.STRONG)]
        return [
            *flow(line, width, 2),
            *flow([(language.text(self.explained.text), palette.PLAIN)], width),
            *flow([(language.text(self.explained.references), palette.DIM)], width),
        ]


def of_event(entry: JournalEntry) -> Topic:
    """Return the topic of one event, with all of its words."""
    return Topic("event", f"{clock(entry.t)} {entry.line}", EVENTS[entry.explained_as])


def of_row(row: Row, now: float) -> list[Topic]:
    """Return why a connection waits or how it ended, and its state."""
    state = Topic("state", palette.state_label(row.state), STATES[row.state])
    if row.closed is not None:
        detail = f": {row.closed.detail}" if row.closed.detail else ""
        value = f"{row.closed.reason.value}{detail}"
        closed = compose("why #{id} closed", id=row.id)
        return [Topic(closed, value, REASONS[row.closed.reason]), state]
    waits = compose("why #{id} waits", id=row.id)
    why = Topic(waits, why_waiting(row, now), WHYS[why_code(row, now)])
    notes = [Topic(f"note {each.word}", each.text, NOTES[each.word]) for each in notes_of(row, now)]
    return [why, *notes, state]


def of_columns(keys: Iterable[str], row: Row | None, now: float) -> list[Topic]:
    """Return the columns with these keys, then all others, with the values of a connection."""
    order = [*keys]
    order += [key for key in COLUMNS if key not in order]
    return [
        Topic(f"column {EVERY_COLUMN[key].title}", _value(key, row, now), EXPLAINED[key])
        for key in order
    ]


def _value(key: str, row: Row | None, now: float) -> str:
    if row is None:
        return ""
    if key == "why" and row.closed is None:
        return why_waiting(row, now)
    column = EVERY_COLUMN[key]
    fitted = FittedColumn(key, column.title, max(column.width, len(row.peer)), column.right)
    return _text(CELLS[key](row, fitted, now))


def of_header(values: Mapping[str, str]) -> list[Topic]:
    """Return all figures of the header; those with a present value have it, and come first."""
    names = sorted(HEADER, key=lambda name: name not in values)
    return [Topic(f"header {name}", values.get(name, ""), HEADER[name]) for name in names]


def of_charts(shown: Iterable[Chart]) -> list[Topic]:
    """Return the charts with their figures."""
    return [
        Topic(
            f"chart {chart.title}",
            _text(chart.figures[1:]),
            CHARTS[chart.title],
        )
        for chart in shown
    ]


def _text(line: Line) -> str:
    return "".join(text for text, _ in line).strip()


def of_groups() -> list[Topic]:
    """Return the figures of a group."""
    return [Topic(f"group {name}", "", explained) for name, explained in GROUPED.items()]


def of_loop(held: LoopHeld | None = None) -> list[Topic]:
    """Return what stands in the pane of the loop; first the call before which it is held."""
    first = "" if held is None else f"call {held.call}"
    names = sorted(LOOP, key=lambda name: name != first)
    return [Topic(f"loop {name}", "", LOOP[name]) for name in names]


def put_first(first: Sequence[Topic], topics: Iterable[Topic]) -> list[Topic]:
    """Return some topics, and behind them all others."""
    names = {topic.name for topic in first}
    return [*first, *(topic for topic in topics if topic.name not in names)]


def of_the_rest() -> list[Topic]:
    """Return what needs no present value: figures of charts, groups and a page, events, codes."""
    tables = (
        *(("chart", CHARTS), ("group", GROUPED), ("page", QUEUES), ("loop", LOOP)),
        *(("event", EVENTS), ("why", WHYS), ("state", STATES)),
    )
    return [
        Topic(f"{place} {name}", "", explained)
        for place, table in tables
        for name, explained in table.items()
    ]


class AllTopics(LinesPanel):
    """Every explanation, group by group."""

    def __init__(self, language: Language) -> None:
        super().__init__(id="help-all")
        self._language = language

    def on_resize(self) -> None:
        """Wrap the explanations at the new width."""
        lines = _all_lines(self.size.width, self._language)
        self.set_height(len(lines))
        self.set_lines(lines)


def _all_lines(width: int, language: Language) -> Sequence[Line]:
    lines: list[Line] = [[], *flow([(language.text(SECTIONS_OF), palette.DIM)], width)]
    for title, table in GROUPS:
        lines += [[], [(language.text(title), palette.HEADING)]]
        for name, explained in table.items():
            shown = EVERY_COLUMN[name].title if table is EXPLAINED else name
            line: Line = [
                (f"{shown:<{_NAME}} ", palette.STRONG),
                (f"{language.text(explained.text)} ", palette.PLAIN),
                (f"§{explained.place} {explained.manual}", palette.FAINT),
            ]
            lines += flow(line, width, _NAME + 1)
    return lines
