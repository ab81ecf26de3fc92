"""The connections that closed last: how many are kept, and which are not pushed out."""

from __future__ import annotations

import pytest

from app.core.events import Closed, Event, Reason
from app.watch.state import State
from app.watch.stream import Drained
from tests.making import NOW, closed, opened, snapshot


class Server:
    """Connections that open and close at once."""

    def __init__(self, keep: int) -> None:
        self.state = State(closed_limit=0, keep_closed=keep)
        self.count = 0

    def close(self, reason: Reason, number: int = 1, **fields: int) -> None:
        for _ in range(number):
            self.count += 1
            end = closed(self.count, reason, **fields)
            told: list[Event] = [opened(self.count), snapshot(self.count), end]
            self.state.apply(Drained(told, [], None, 0), NOW)

    def kept(self) -> list[int]:
        return [row.id for row in self.state.kept]


def test_the_last_ones_are_kept_in_the_order_of_closing() -> None:
    server = Server(3)
    server.close(Reason.EOF, 3)
    server.close(Reason.RESET)
    server.close(Reason.EOF)
    assert server.kept() == [3, 4, 5]
    assert not server.state.rows, "only `kept` has closed ones"


@pytest.mark.parametrize(
    ("flood", "fields"),
    [
        (Reason.LIMIT, {}),
        (Reason.EOF, {"bytes_in": 0}),
        (Reason.RESET, {"bytes_in": 0}),
        (Reason.EOF, {"bytes_in": 68}),
        (Reason.KILLED, {"bytes_in": 68}),
    ],
)
def test_a_flood_does_not_push_out_the_one_failure(flood: Reason, fields: dict[str, int]) -> None:
    server = Server(10)
    server.close(Reason.FRAME_TOO_LARGE)
    server.close(flood, 1000, **fields)
    assert server.kept() == [1, *range(993, 1002)]


def test_failures_do_not_push_out_each_other_before_the_others() -> None:
    server = Server(4)
    server.close(Reason.ERROR)
    server.close(Reason.EOF, 10)
    server.close(Reason.ERROR)
    assert server.kept() == [1, 10, 11, 12]
    server.close(Reason.ERROR)
    assert server.kept() == [10, 11, 12, 13]
    server.close(Reason.ERROR, 2)
    assert server.kept() == [12, 13, 14, 15]


@pytest.mark.parametrize("keep", [0, 1])
def test_few_or_none(keep: int) -> None:
    server = Server(keep)
    server.close(Reason.RESET, bytes_in=5)
    server.close(Reason.EOF, 5)
    assert server.kept() == [1][:keep]


def test_another_server_begins_with_none() -> None:
    server = Server(3)
    for _ in range(3):
        server.close(Reason.EOF)
    server.state.apply(Drained([], [], None, 0, afresh=True), NOW)
    assert server.kept() == []
    for _ in range(3):
        server.close(Reason.EOF)
    assert len(server.kept()) == 3


def test_of_a_closed_connection_only_what_is_kept_stays() -> None:
    state = State(closed_limit=0, keep_closed=1, tells_changes=True)
    for number in range(1, 101):
        state.apply(Drained([opened(number)], [snapshot(number)], None, 0), NOW)
        late = snapshot(number, frames=9, at=NOW + 1)
        state.apply(Drained([closed(number, Reason.EOF)], [late], None, 0), NOW)
    assert not state.changed_since(-1)
    assert not state.everything().snapshots
    assert [row.id for row in state.kept] == [100]


def test_a_close_is_what_it_was() -> None:
    server = Server(5)
    server.close(Reason.EOF_MID_BODY, bytes_in=12)
    (row,) = server.state.kept
    assert isinstance(row.closed, Closed)
    assert (row.reason, row.count("bytes_in")) == ("eof_mid_body", 12)
    assert row.snapshot == snapshot(1)


def test_a_copy_stays_as_it_is_and_the_version_tells_of_each_change() -> None:
    server = Server(keep=2)
    server.close(Reason.EOF, 2)
    before = server.state.kept.copy()
    server.close(Reason.RESET, bytes_in=1)
    assert [row.id for row in before] == [1, 2]
    assert (server.kept(), len(server.state.kept), len(before)) == ([2, 3], 2, 2)
    version = server.state.kept.version
    assert version > before.version
    server.state.kept.clear()
    assert (len(server.state.kept), server.kept()) == (0, [])
    assert server.state.kept.version > version
