"""The one table of columns: names, values, sorting and filtering by every column."""

from __future__ import annotations

import pytest

from app.core.events import Closed, Snapshot
from app.watch.columns import COLUMNS, LISTED, Column, Unit, column_named, facts_of
from app.watch.filter import FilterError, parse_filter
from app.watch.row import Row
from app.watch.state import State
from app.watch.stream import Drained
from screenshots.scenes import overview
from tests.making import NOW, opened

MODEL = State()
MODEL.apply(Drained(overview(), [], None, 0), NOW)
ROWS = list(MODEL.rows.values())
EXAMPLES = {Unit.TEXT: "e", Unit.COUNT: "1", Unit.BYTES: "1K", Unit.SECONDS: "1s", Unit.FLAG: "on"}
every_column = pytest.mark.parametrize("column", COLUMNS.values(), ids=list(COLUMNS))


def passing(text: str) -> set[int]:
    passes = parse_filter(text).passes
    return {row.id for row in ROWS if passes(row, NOW)}


def test_the_promised_names_for_programs_are_there_in_their_order() -> None:
    promised = (
        "id fd peer worker state reason armed toggles pending frames_in frames_out bytes_in "
        "bytes_out eagains partial_writes frames_per_second age_seconds idle_seconds why"
    ).split()
    names = [column.json_name for column in LISTED]
    assert [name for name in names if name in promised] == promised


def test_the_promised_names_for_people_are_there() -> None:
    assert set(COLUMNS) >= set(
        "id fd peer worker state reason header body out pollout toggles pending frames_in frames "
        "rate bytes_in bytes_out eagains partial_writes age idle why".split()
    )


def test_no_two_columns_share_a_name() -> None:
    for column in COLUMNS.values():
        for name in {column.key, column.json_name}:
            assert column_named(name) is column


@every_column
def test_a_column_is_named_and_explained_within_its_width(column: Column) -> None:
    assert 0 < len(column.title) <= column.width
    assert column.meaning


@every_column
def test_rows_are_sorted_by_every_column(column: Column) -> None:
    assert len(sorted(ROWS, key=lambda row: column.sort_value(row, NOW))) == len(ROWS)


@every_column
def test_both_names_filter_alike(column: Column) -> None:
    signs = (":", "=", "!=") if column.unit is Unit.TEXT else (":", "!=", "<", ">=")
    for sign in signs:
        by_key, by_json_name = (
            passing(f"{name}{sign}{EXAMPLES[column.unit]}")
            if not column.choices
            else passing(f"{name}{sign}{column.choices[0]}")
            for name in (column.key, column.json_name)
        )
        assert by_key == by_json_name


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("frames_per_second>1000", {4}),
        ("frames_out>1000000", {4}),
        ("idle_seconds>10s state:READ_LEN", {12, 13}),
        ("pollout=on", {9, 10, 11}),
        ("armed:yes", {9, 10, 11}),
        ("armed!=no", {9, 10, 11}),
        ("armed=TRUE and id=9", {9}),
        ('why:"not reading"', {9}),
        ("fd=10 or worker>0", passing("fd=10")),
    ],
)
def test_more_columns_are_filtered_by(text: str, ids: set[int]) -> None:
    assert passing(text) == ids


def test_a_flag_is_yes_or_no() -> None:
    with pytest.raises(FilterError, match="'perhaps' is neither yes nor no") as caught:
        parse_filter("armed=perhaps")
    assert caught.value.position == len("armed=")


def test_counters_stand_in_the_snapshot_and_in_the_last_word_alike() -> None:
    shared = set(Snapshot.__struct_fields__) & set(Closed.__struct_fields__)
    counters = shared - {"t", "id", "peer", "diagnosis", "habits"}
    assert counters <= {column.json_name for column in LISTED}


def test_before_the_first_snapshot_every_value_is_there() -> None:
    facts = facts_of(Row(opened(1)), NOW)
    assert (facts["frames_out"], facts["armed"], facts["state"]) == (0, False, "READ_LEN")
    assert all(column.json_value(Row(opened(1)), NOW) is not None for column in COLUMNS.values())


def test_figures_for_programs_are_rounded() -> None:
    facts = facts_of(MODEL.rows[4], NOW + 1 / 3)
    for name, decimals in {"frames_per_second": 2, "age_seconds": 3, "idle_seconds": 3}.items():
        value = facts[name]
        assert isinstance(value, float)
        assert round(value, decimals) == value
