"""`O` groups the connections; Enter goes into a group, Esc comes out of it."""

import pytest

from app.core.events import ConnectionState, Event, Reason
from app.core.framing import frame
from app.ui.groups_screen import GroupList, GroupsScreen
from screenshots.scenes import overview
from tests.making import NOW, FixedSource, closed, listening, opened, snapshot
from tests.peers import connect, exchange
from tests.terminal import Terminal
from tests.ui.driving import notices, order, refresh, running, screen_text, table
from tests.ui.test_terminal import wait_for_port

WRITE_BODY = ConnectionState.WRITE_BODY
MANY = 10_000
BAD = 7777


def crowd() -> list[Event]:
    """Ten thousand connections of a thousand hosts; one of them has stopped reading."""
    events: list[Event] = [listening()]
    for number in range(1, MANY + 1):
        events.append(opened(number, peer=f"10.0.{number % 40}.{number % 250}:{number + 1000}"))
        if number == BAD:
            events.append(snapshot(number, WRITE_BODY, out=(0, 1 << 20), unacked=9, acked_ago=9.0))
        else:
            events.append(snapshot(number, frames=1))
    return events


@pytest.mark.slow
async def test_the_one_bad_host_of_ten_thousand_is_found_in_four_keys() -> None:
    async with running(FixedSource(crowd()), (100, 30)) as (app, pilot):
        await pilot.press("O", "O", "enter")  # three: state, host, into it
        await refresh(app, pilot)
        assert not isinstance(app.screen, GroupsScreen)
        assert table(app).selected_id == BAD
        assert all(number % 40 == BAD % 40 for number in order(app))
        assert f"peer=10.0.{BAD % 40}.{BAD % 250}:*" in screen_text(app)
        assert "Esc goes back" in notices(app)
        await pilot.press("escape")
        await refresh(app, pilot)
        assert len(order(app)) == MANY


async def test_a_group_is_within_the_filter_that_was_there() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("slash", *"id>5", "enter", "O")
        await refresh(app, pilot)
        assert "of the filter id&gt;5" in screen_text(app)
        await pilot.press("right", "right")  # by why
        assert isinstance(app.screen, GroupsScreen)
        assert app.screen.by == "why"
        await pilot.press("enter")
        await refresh(app, pilot)
        assert order(app) == [9]
        await pilot.press("escape")
        await refresh(app, pilot)
        assert min(order(app)) == 6
        await pilot.press("O")
        assert isinstance(app.screen, GroupsScreen)
        assert app.screen.by == "why"  # as it was left
        await pilot.press("escape")
        assert min(order(app)) == 6


async def test_it_goes_on_while_it_is_open_and_the_cursor_stays_on_its_group() -> None:
    source = FixedSource([listening(), *(opened(number) for number in range(1, 10))])
    source.feed(*(snapshot(number) for number in range(1, 10)))
    async with running(source) as (app, pilot):
        await pilot.press("O")
        groups = app.screen.query_one(GroupList)
        assert groups.selected is not None
        assert (groups.selected.name, groups.selected.count) == ("READ_LEN", 9)
        source.time = at = NOW + 2
        source.feed(*(snapshot(number, WRITE_BODY, out=(0, 900), at=at) for number in (1, 2)))
        await refresh(app, pilot)
        await pilot.pause(0.2)
        assert (groups.selected.name, groups.selected.count) == ("WRITE_BODY", 2)  # the worst
        await pilot.press("down")
        source.time = at = NOW + 4
        source.feed(snapshot(1, at=at))
        source.feed(*(snapshot(each, WRITE_BODY, out=(0, 900), at=at) for each in range(2, 9)))
        await refresh(app, pilot)
        await pilot.pause(0.2)
        assert (groups.selected.name, groups.selected.count) == ("READ_LEN", 2)


@pytest.mark.slow
def test_keys_that_come_in_one_read_find_the_screen_that_the_first_one_opens() -> None:
    with Terminal("127.0.0.1", "0") as terminal:
        with connect(wait_for_port(terminal)) as client:
            exchange(client, [frame(b"x")], 5)
            terminal.wait_for(lambda text: "1 open" in text)
            terminal.press("OO\r")
            terminal.wait_for(lambda text: "peer=127.0.0.1:*" in text)
        terminal.press("q\r")
        assert terminal.exit_code() == 0


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (250, 70)])
async def test_it_fits_and_an_empty_server_has_no_group(size: tuple[int, int]) -> None:
    async with running(FixedSource([listening()]), size) as (app, pilot):
        await pilot.press("O", "enter", "O", "down", "G", "pageup", "tab", "enter")
        await pilot.pause()
        assert isinstance(app.screen, GroupsScreen)
        assert "0 groups of 0 connections" in screen_text(app)
        await pilot.press("escape")
        assert not isinstance(app.screen, GroupsScreen)


async def test_a_filter_that_looks_like_markup_stands_in_the_title_as_typed() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("slash", *"[/ or id>5", "enter", "O")
        await refresh(app, pilot)
        assert "of the filter [/ or id&gt;5" in screen_text(app)


async def test_a_group_of_closed_ones_is_listed_among_the_closed() -> None:
    source = FixedSource([opened(1), opened(2), closed(1, Reason.RESET)])
    async with running(source) as (app, pilot):
        await pilot.press("O", "left")  # by reason
        await refresh(app, pilot)
        screen = app.screen
        assert isinstance(screen, GroupsScreen)
        assert screen.by == "reason"
        commands = set()
        for _ in range(2):
            commands |= set(screen.commands())
            await pilot.press("down")
        assert commands == {
            ("list", "--closed", "--where", "reason=reset"),
            ("list", "--where", 'reason=""'),
        }
