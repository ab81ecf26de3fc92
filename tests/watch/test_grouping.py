"""Connections in groups: the sums, the worst, and the filter that shows a group."""

import pytest

from app.core.events import ConnectionState, Event, Reason
from app.watch.filter import parse_filter
from app.watch.grouping import GROUPINGS, Group, Grouper
from app.watch.row import Row
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from screenshots.scenes import overview
from tests.making import NOW, closed, opened, snapshot


def state_of(*events: Event) -> ScreenState:
    state = ScreenState()
    state.apply(Drained(list(events), [], None, 0), NOW)
    return state


def grouped(state: ScreenState, by: str, part: int = 1000, text: str = "") -> list[Group]:
    passes = parse_filter(text).passes if text else None
    grouper = Grouper(state.rows.values(), GROUPINGS[by], NOW, passes)
    while not grouper.work(part):
        pass
    return grouper.groups()


def test_sums_and_the_worst_of_each_state() -> None:
    reading, writing = ConnectionState.READ_LEN, ConnectionState.WRITE_BODY
    state = state_of(
        *(opened(number) for number in (1, 2, 3, 4)),
        snapshot(1, state=reading),
        snapshot(2, state=writing, out=(600, 1000)),
        snapshot(3, state=writing, out=(0, 5000)),
        snapshot(4, state=reading),
        closed(4, Reason.KILLED),
    )
    first, second = grouped(state, "state")
    assert (first.name, first.count, first.pending, first.worst.id) == ("WRITE_BODY", 2, 5400, 3)
    assert (second.name, second.count, second.pending, second.worst.id) == ("READ_LEN", 1, 0, 1)


def test_of_ten_thousand_the_one_bad_host_comes_first() -> None:
    hosts = [f"10.0.{number % 40}.{number % 250}" for number in range(10_000)]
    events: list[Event] = [
        opened(number, peer=f"{host}:{number + 1000}") for number, host in enumerate(hosts, 1)
    ]
    bad = 7777
    events += (snapshot(number) for number in range(1, 10_001) if number != bad)
    events.append(
        snapshot(
            bad,
            state=ConnectionState.WRITE_BODY,
            out=(0, 1 << 20),
            quiet=9.0,
            unacked=1000,
            acked_ago=9.0,
        )
    )
    worst = grouped(state_of(*events), "host")[0]
    assert (worst.name, worst.worst.id) == (hosts[bad - 1], bad)


@pytest.mark.parametrize("by", GROUPINGS)
@pytest.mark.parametrize("text", ["", "id>5 or pending>1K"])
def test_the_filter_of_a_group_shows_its_connections_and_no_others(by: str, text: str) -> None:
    state = state_of(*overview())
    counted = {row for row in state.rows.values() if by == "reason" or row.closed is None}
    met: set[Row] = set()
    for group in grouped(state, by, part=3, text=text):
        chosen = GROUPINGS[by].filter_of(group.name)
        passes = parse_filter(f"({text}) {chosen}" if text else chosen).passes
        shown = {row for row in counted if passes(row, NOW)}
        assert len(shown) == group.count, group.name
        assert group.worst in shown
        assert not met & shown
        met |= shown
    passes = parse_filter(text).passes
    assert met == {row for row in counted if passes(row, NOW)}


def test_a_reason_that_is_empty_can_be_asked_for() -> None:
    row, ended = Row(opened(1)), Row(opened(2))
    ended.close(closed(2, Reason.KILLED))
    none, some = parse_filter('reason=""').passes, parse_filter('reason!=""').passes
    assert [none(each, NOW) for each in (row, ended)] == [True, False]
    assert [some(each, NOW) for each in (row, ended)] == [False, True]
