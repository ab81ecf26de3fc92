"""When a connection is ended by a time-out, in words, case by case."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.core.events import ConnectionState, Reason, Snapshot
from app.watch.figures import clock
from app.watch.row import Row
from app.watch.time_left import time_left
from tests.making import NOW, closed, opened, snapshot

SETTINGS: dict[str, int | float | str] = {
    "header_timeout": 10.0,
    "body_timeout": 60.0,
    "idle_timeout": 300.0,
    "write_timeout": 30.0,
}


def told(seen: Snapshot | None, **settings: float) -> str:
    row = Row(opened(1, age=40))
    row.snapshot = seen
    return time_left(row, {**SETTINGS, **settings}, NOW)


def begun(ago: float, *args: Any, **fields: Any) -> Snapshot:
    return msgspec.structs.replace(snapshot(1, *args, **fields), frame_at=NOW - ago)


BODY = begun(20, ConnectionState.READ_BODY, body=(1, 9), quiet=3)
HEADER = begun(4, header=b"\0\0")


@pytest.mark.parametrize(
    ("seen", "left", "words"),
    [
        (None, 260, "unless a byte arrives: idle time-out of 300 s"),
        (snapshot(1, frames=3, quiet=100), 200, "unless a byte arrives: idle time-out of 300 s"),
        (HEADER, 6, "unless the header is complete by then: header time-out of 10 s"),
        (BODY, 40, "unless the body is complete by then: body time-out of 60 s"),
        (
            snapshot(1, frames=9, quiet=8, unacked=100, acked_ago=5),
            25,
            "unless the peer acknowledges more: write time-out of 30 s",
        ),
        (
            snapshot(1, ConnectionState.WRITE_BODY, out=(0, 900), quiet=12),
            18,
            "unless the kernel takes more: write time-out of 30 s",
        ),
        (
            msgspec.structs.replace(
                begun(50, ConnectionState.READ_BODY, body=(1, 9)),
                queues=snapshot(1, frames=9, unacked=100, acked_ago=5).queues,
            ),
            10,
            "unless the body is complete by then: body time-out of 60 s",
        ),
    ],
)
def test_the_first_end_is_told_with_what_prevents_it(
    seen: Snapshot | None, left: int, words: str
) -> None:
    span = f"{left // 60} min {left % 60} s" if left >= 60 else f"{left} s"
    assert told(seen) == f"by {clock(NOW + left)}, in {span}, {words}"


def test_what_is_due_is_within_a_second() -> None:
    assert told(begun(60, ConnectionState.READ_BODY, body=(1, 9))).startswith("within a second, ")


@pytest.mark.parametrize(("seen", "setting"), [(None, "idle"), (HEADER, "header"), (BODY, "body")])
def test_a_time_out_that_is_off_ends_nothing(seen: Snapshot | None, setting: str) -> None:
    words = told(seen, **{f"{setting}_timeout": 0})
    assert words == f"never by itself: the {setting} time-out is off"


def test_nothing_is_told_of_what_no_time_out_of_these_ends() -> None:
    draining = snapshot(1, ConnectionState.DRAINING, closing=Reason.EOF)
    assert told(draining) == ""
    row = Row(opened(1))
    row.close(closed(1, Reason.EOF))
    assert time_left(row, SETTINGS, NOW) == ""
    assert time_left(Row(opened(1)), {}, NOW) == ""
