"""Every figure and every kind of event has its sentence, its section and its manual page."""

from __future__ import annotations

import enum
import re
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from app.core.events import (
    FIGURES,
    Closed,
    ConnectionState,
    Event,
    Io,
    Notice,
    Reason,
    Toggled,
)
from app.watch import explanations
from app.watch.columns import COLUMNS, OF_CLOSED
from app.watch.document_names import DOCUMENT_NAMES
from app.watch.explanations import EVENTS, REASONS, STATES, WHYS, Explanation
from app.watch.journal import entries
from app.watch.why import WhyCode

SECTIONS = {
    *("1.1", "1.2", "2.1", "2.2", "3.1", "3.2", "4.1", "4.2", "4.3", "5.1", "5.2", "6.1", "7.1"),
    *("7.2", "8.1", "9.1", "10.1", "10.2", "10.3", "10.4", "10.5", "10.6", "11", "12", "13"),
    *("14.1", "14.2", "14.3", "15", "16"),
}
"""The sections of the source document."""
TABLES = (
    "COLUMNS",
    "OF_CLOSED",
    "HEADER",
    "EVENTS",
    "REASONS",
    "STATES",
    "WHYS",
    "QUEUES",
    "CHARTS",
    "GROUPED",
    "LOOP",
)
ALL = [
    pytest.param(explained, id=f"{name}-{key}")
    for name in TABLES
    for key, explained in getattr(explanations, name).items()
]
PLAIN: dict[Any, object] = {float: 1.0, int: 1, str: "info", bytes: b"x", bool: True}


@pytest.mark.parametrize("explained", explanations.LOOP.values(), ids=explanations.LOOP)
def test_the_pane_of_the_loop_names_sections_and_manual_pages(explained: Explanation) -> None:
    assert explained.section in SECTIONS
    assert re.fullmatch(r"[a-z_]+\([1-8]\)", explained.manual)


@pytest.mark.parametrize("explained", ALL)
def test_an_explanation_is_one_sentence_with_its_references(explained: Explanation) -> None:
    assert re.fullmatch(r"[A-Z][^.]*(\.\w[^.]*)*\.", explained.text), explained.text
    assert explained.section in SECTIONS
    assert re.fullmatch(r"[a-z_]+\([1-8]\)", explained.manual)
    assert explained.references.startswith(f"source document §{explained.place} · man ")


def test_every_column_is_explained() -> None:
    assert explanations.COLUMNS.keys() == COLUMNS.keys()
    assert explanations.OF_CLOSED.keys() == OF_CLOSED.keys()


@pytest.mark.parametrize(
    ("table", "names"),
    [(REASONS, Reason), (STATES, ConnectionState), (WHYS, WhyCode)],
    ids=["reasons", "states", "whys"],
)
def test_every_reason_state_and_code_is_explained(
    table: explanations.Table, names: type[enum.StrEnum]
) -> None:
    assert list(table) == list(names)


def sample(kind: type[Any], **fields: object) -> Event:
    """Make an event of a kind with any value in each field that has no default."""
    hints = typing.get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in fields:
            hint = hints[field.name]
            if isinstance(hint, type) and issubclass(hint, enum.Enum):
                fields[field.name] = next(iter(hint))
            else:
                chosen = next((each for each in typing.get_args(hint) if each in PLAIN), hint)
                fields[field.name] = () if typing.get_origin(hint) is tuple else PLAIN[chosen]
    made: Event = kind(**fields)
    return made


def of_every_kind() -> Iterator[Event]:
    kinds = [kind for kind in typing.get_args(Event) if kind not in FIGURES]
    yield from map(sample, kinds)
    for level in ("info", "warning", "error"):
        yield sample(Notice, level=level)
    yield sample(Notice, text="… not looked at for 3 s")
    yield sample(Toggled, armed=False)
    for reason in Reason:
        yield sample(Closed, reason=reason)
    for call in ("read", "write"):
        yield sample(Io, call=call, asked=2, gap_follows=True)
        yield sample(Io, call=call, asked=1)
        yield sample(Io, call=call, result=0)
        for error in ("EAGAIN", "ECONNRESET", ""):
            yield sample(Io, call=call, result=-1, error=error)


def test_every_kind_of_event_is_explained_and_no_other() -> None:
    kinds = {entry.explained_as for event in of_every_kind() for entry in entries(event)}
    assert kinds == EVENTS.keys()


def test_a_name_of_the_source_document_stands_beside_something_that_is_explained() -> None:
    explained = {str(key) for name in TABLES for key in getattr(explanations, name)}
    assert set(DOCUMENT_NAMES) - explained == set()
    assert "§5.2, len_buf, len_bytes_read ·" in str(explanations.COLUMNS["header"].references)
