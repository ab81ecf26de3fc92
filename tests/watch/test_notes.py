"""Notes about a peer: each from its figures, none of good ones, none before it has held."""

from __future__ import annotations

import msgspec
import pytest

from app.core.diagnosis import Diagnosis
from app.core.events import ConnectionState, Reason, Snapshot
from app.core.habits import Habits
from app.watch.columns import COLUMNS, column_named
from app.watch.explanations import NOTES
from app.watch.filter import FilterError, parse_filter
from app.watch.host_ends import HostTable
from app.watch.notes import WORDS, lint, notes_of, words_of
from app.watch.row import Row
from tests.making import NOW, closed, opened, snapshot

READ, WRITE = ConnectionState.READ_BODY, ConnectionState.WRITE_BODY
THE_TEN = {
    "nagle", "byte_by_byte", "connection_per_frame", "pipelines_without_reading", "empty_frames",
    "half_counted", "closes_unread", "window_closes", "reconnects_fast", "ends_mid_frame",
}  # fmt: skip


def row_of(seen: Snapshot, habits: Habits | None = None) -> Row:
    """A row with this snapshot, and these figures in it."""
    row = Row(opened(1))
    row.snapshot = msgspec.structs.replace(seen, habits=habits) if habits else seen
    return row


def stopped(ago: float, waiting: int = 0, window: int = 0, pending: int = 900) -> Row:
    """A peer that took a byte last `ago` seconds before `NOW`; the kernel sees what it reads."""
    seen = snapshot(1, WRITE, out=(0, pending), unacked=4_000, acked_ago=ago + 5, quiet=ago)
    assert seen.queues is not None
    queues = msgspec.structs.replace(seen.queues, window=window)
    habits = Habits(stopped_since=NOW - ago, waiting=waiting)
    return row_of(msgspec.structs.replace(seen, queues=queues), habits)


def half(missing: int = 4, quiet: float = 3.0, came_within: float = 0.0, read: int = 5) -> Row:
    """A connection in whose body so many bytes are missing since `quiet` seconds."""
    seen = snapshot(1, READ, body=(read, read + missing), quiet=quiet)
    return row_of(msgspec.structs.replace(seen, frame_at=seen.active_at - came_within))


def test_there_are_ten_and_each_is_explained() -> None:
    assert set(WORDS) == set(NOTES) == THE_TEN
    assert COLUMNS["notes"].choices == WORDS
    assert COLUMNS["notes"].title == "!"


LATE = Habits(
    headers_alone=20, late_bodies=19, late_least_us=38_000, late_most_us=44_900, late_since=NOW - 9
)
BAD = {
    "nagle": row_of(snapshot(1, frames=20), LATE),
    "byte_by_byte": row_of(
        snapshot(1, frames=9), Habits(pieces=99, single_bytes=80, single_since=NOW - 1)
    ),
    "empty_frames": row_of(snapshot(1, frames=8, size=0)),
    "pipelines_without_reading": stopped(4, waiting=458_752),
    "window_closes": stopped(6),
    "half_counted": half(),
}


@pytest.mark.parametrize(("word", "row"), BAD.items())
def test_a_note_is_told_with_its_evidence_in_one_sentence(word: str, row: Row) -> None:
    (note,) = notes_of(row, NOW)
    assert note.word == word
    assert words_of(row, NOW) == COLUMNS["notes"].json_value(row, NOW) == [word]
    assert any(character.isdigit() for character in note.text)
    assert not note.text.endswith(".")
    assert ". " not in note.text


def test_the_evidence_has_the_figures() -> None:
    (note,) = notes_of(BAD["nagle"], NOW)
    assert note.text.startswith(
        "19 of 20 bodies whose header came alone followed it by 38 to 44 ms: "
    )
    (note,) = notes_of(BAD["pipelines_without_reading"], NOW)
    assert note.text.startswith("it has sent 448 KiB more while 4.8 KiB of its echo wait, of which")


def test_empty_frames_in_turn_with_others_may_be_a_length_of_8_bytes() -> None:
    def told(empty: int) -> str:
        habits = Habits(empty=empty, sampled=66, empty_since=NOW - 2)
        (note,) = notes_of(row_of(snapshot(1, frames=66), habits), NOW)
        return note.text

    assert told(33).startswith("33 of 66 frames that were looked at are empty (length 0), every")
    assert "8 bytes" in told(33)
    assert "8 bytes" not in told(40)


def test_zeros_that_a_diagnosis_explains_are_no_empty_frames() -> None:
    row = row_of(snapshot(1, frames=66), Habits(empty=33, sampled=66, empty_since=NOW - 2))
    assert row.snapshot is not None
    found = Diagnosis("buffer_tail", "")
    row.snapshot = msgspec.structs.replace(row.snapshot, diagnosis=found)
    assert words_of(row, NOW) == []


@pytest.mark.parametrize(
    ("row", "after"),
    [
        (row_of(snapshot(1), msgspec.structs.replace(LATE, late_since=NOW)), 1.0),
        (row_of(snapshot(1), Habits(single_since=NOW)), 1.0),
        (row_of(snapshot(1, frames=1), Habits(empty=9, sampled=9, empty_since=NOW)), 1.0),
        (stopped(0, waiting=458_752), 3.0),
        (stopped(0), 5.0),
        (half(quiet=0), 2.0),
    ],
)
def test_it_is_shown_once_it_has_held_though_nothing_happens(row: Row, after: float) -> None:
    assert words_of(row, NOW + after - 0.01) == []
    assert len(words_of(row, NOW + after + 0.01)) == 1


GOOD = [
    row_of(snapshot(1)),
    row_of(snapshot(1, frames=5_000, quiet=90)),
    row_of(snapshot(1, frames=7, size=0)),
    row_of(snapshot(1, frames=100), Habits(headers_alone=100, late_bodies=5)),
    row_of(snapshot(1, frames=100), Habits(pieces=900, single_bytes=31, empty=7, sampled=300)),
    row_of(snapshot(1, WRITE, out=(0, 900), unacked=90, acked_ago=0.5, rate=9e4, quiet=0.5)),
    row_of(snapshot(1, WRITE, out=(0, 900), unacked=90, acked_ago=9, quiet=9)),
    stopped(3.5),
    stopped(30, window=3_000),
    stopped(2.5, waiting=458_752),
    half(missing=5, quiet=60),
    half(missing=3, quiet=60),
    half(quiet=1.9),
    half(quiet=60, came_within=0.4),
    half(quiet=60, read=0),
]


@pytest.mark.parametrize("row", GOOD)
def test_of_a_good_client_nothing_is_noted(row: Row) -> None:
    assert words_of(row, NOW) == []


def test_a_peer_elsewhere_that_reads_in_steps_is_given_more_time() -> None:
    for row in (stopped(9), stopped(9, waiting=458_752)):
        assert row.snapshot is not None
        assert row.snapshot.queues is not None
        queues = msgspec.structs.replace(row.snapshot.queues, peer_unread_bytes=None)
        row.snapshot = msgspec.structs.replace(row.snapshot, queues=queues)
        assert words_of(row, NOW) == []
        assert len(words_of(row, NOW + 2.1)) == 1


def test_a_closed_connection_has_those_that_stood_at_its_end() -> None:
    row = half(quiet=3.5)
    row.close(closed(1, Reason.EOF_MID_BODY, ago=2.0))
    assert words_of(row, NOW + 60) == []
    row = half(quiet=4.5)
    row.close(closed(1, Reason.EOF_MID_BODY, ago=2.0))
    assert words_of(row, NOW + 60) == ["half_counted"]


def test_the_times_follow_a_wall_clock_that_is_set() -> None:
    row = row_of(snapshot(1), msgspec.structs.replace(LATE, late_since=NOW))
    row.shift_times(-500.0)
    assert words_of(row, NOW - 499.5) == []
    assert words_of(row, NOW - 498.5) == ["nagle"]


def test_the_filter_finds_a_note_and_any_note() -> None:
    late, good = BAD["nagle"], GOOD[1]
    for text in ("note:nagle", "notes:nag", "notes=nagle", "is:noted", 'notes!=""', "note:n?gle"):
        assert parse_filter(text).passes(late, NOW), text
        assert not parse_filter(text).passes(good, NOW), text
    assert parse_filter("notes!=nagle").passes(good, NOW)
    assert not parse_filter("note:empty").passes(late, NOW)
    with pytest.raises(FilterError, match="no note is like 'slow'"):
        parse_filter("note:slow")
    with pytest.raises(FilterError, match="write is:stuck or is:noted"):
        parse_filter("is:noisy")
    assert column_named("note") is COLUMNS["notes"]


def test_lint_joins_the_connections_of_a_host() -> None:
    rows = []
    for number, peer in ((3, "10.0.0.1:7"), (4, "10.0.0.2:7"), (5, "10.0.0.1:8")):
        row = row_of(snapshot(number, frames=20), LATE)
        row.opened = opened(number, peer=peer)
        row.id = number
        rows.append(row)
    found = lint(rows, HostTable(), NOW)
    told = [(one.peer, one.note, one.ids) for one in found]
    assert told == [("10.0.0.1", "nagle", (3, 5)), ("10.0.0.2", "nagle", (4,))]
    assert lint(GOOD, HostTable(), NOW) == []
