"""The cursor stays in view when rows change."""

from __future__ import annotations

import msgspec
import pytest

from app.core.commands import Trace, TraceLevel
from app.core.events import ConnectionState, Reason
from app.ui.app import EchoApp
from app.ui.connection_table import ConnectionTable
from app.ui.kill_dialog import KillDialog
from app.watch.stream import Drained
from app.watch.why import why_code
from screenshots.scenes import overview
from tests.control.told import Told
from tests.making import NOW, FixedSource, closed, listening, opened, snapshot
from tests.ui.driving import order, refresh, resize, running, screen_text, table


def in_view(shown: ConnectionTable) -> bool:
    at = [row.id for row in shown.shown].index(shown.selected_id or 0)
    return shown.scroll_offset.y <= at < shown.scroll_offset.y + shown.size.height


def crowd() -> FixedSource:
    return FixedSource([listening(), *(opened(number) for number in range(1, 101))])


async def test_what_a_filter_has_selected_is_traced() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("slash", *"pending>0", "enter")
        await refresh(app, pilot)
        traced = [each for each in source.commands if isinstance(each, Trace)]
        assert (traced[-1].id, traced[-1].level) == (table(app).selected_id, TraceLevel.IO)


async def test_when_the_terminal_is_resized() -> None:
    async with running(crowd()) as (app, pilot):
        await pilot.press("end")
        for size in ((100, 30), (80, 24), (160, 50)):
            await resize(app, pilot, *size)
            await refresh(app, pilot)
            assert table(app).selected_id == 100
            assert in_view(table(app)), size
        await pilot.press("v", "v")
        await refresh(app, pilot)
        assert in_view(table(app))


@pytest.mark.parametrize("keys", [["r"], ["s"], ["/", *"127", "enter"]])
async def test_when_the_order_changes(keys: list[str]) -> None:
    async with running(crowd()) as (app, pilot):
        await pilot.press(*["down"] * 6)
        await pilot.press(*keys)
        await refresh(app, pilot)
        assert table(app).selected_id == 7
        assert in_view(table(app))


async def test_who_has_scrolled_away_stays_there() -> None:
    async with running(crowd()) as (app, pilot):
        table(app).scroll_to(y=50, animate=False, immediate=True)
        await refresh(app, pilot)
        await resize(app, pilot, 160, 44)
        await refresh(app, pilot)
        assert not in_view(table(app))


async def test_when_rows_change_places_by_themselves() -> None:
    source = crowd()
    async with running(source, size=(100, 30)) as (app, pilot):
        table(app).sort_by("pending")
        await pilot.press("home")
        await refresh(app, pilot)
        selected = table(app).selected_id
        for number in range(1, 101):
            if number != selected:
                size = (0, 1000 + number)
                source.feed(snapshot(number, ConnectionState.WRITE_BODY, out=size))
        source.time += 5
        await refresh(app, pilot)
        assert table(app).selected_id == selected
        assert in_view(table(app))


async def test_a_closed_row_stays_as_long_as_the_cursor_is_on_it() -> None:
    source = crowd()
    async with running(source) as (app, pilot):
        await pilot.press("down")
        source.feed(closed(2, Reason.EOF), closed(3, Reason.EOF))
        for _ in range(3):
            source.time += 10
            await refresh(app, pilot)
        assert table(app).selected_id == 2
        assert [row.id for row in table(app).shown][:3] == [1, 2, 4]
        assert "#2 is closed: it stays while the cursor is on it" in screen_text(app)
        assert "connection #2" in screen_text(app)
        await pilot.press("p", "p")
        await refresh(app, pilot)
        assert table(app).selected_id == 2
        await pilot.press("down")
        source.time += 2
        await refresh(app, pilot)
        assert table(app).selected_id == 4
        assert [row.id for row in table(app).shown][:3] == [1, 4, 5]


async def test_a_row_that_no_longer_passes_the_filter_stays_too() -> None:
    source = crowd()
    async with running(source) as (app, pilot):
        for number in (5, 6):
            source.feed(snapshot(number, ConnectionState.WRITE_BODY, out=(0, 9)))
        await refresh(app, pilot)
        await pilot.press("slash", *"pending>0", "enter")
        assert (order(app), table(app).selected_id) == ([5, 6], 5)
        source.feed(snapshot(5, at=NOW + 1))
        source.time += 5
        await refresh(app, pilot)
        assert (order(app), table(app).selected_id) == ([5, 6], 5)
        assert "#5 does not pass the filter now" in screen_text(app)
        await pilot.press("K")
        assert isinstance(app.screen, KillDialog)
        assert app.screen.open_ids == [6]
        await pilot.press("escape", "down")
        source.time += 5
        await refresh(app, pilot)
        assert order(app) == [6]


async def test_a_connection_that_ended_unheard_leaves_the_cursor_on_none() -> None:
    source = Told(Drained([listening(), *map(opened, (1, 2, 3))], [], None, 0, afresh=True))
    app = EchoApp(source)
    async with app.run_test(size=(160, 50)) as pilot:
        await refresh(app, pilot)
        await pilot.press("down")
        source.sent.clear()
        source.drains.append(Drained([listening(), opened(1), opened(3)], [], None, 0, afresh=True))
        await refresh(app, pilot)
        assert table(app).selected_id == 2
        assert "#2 is not among the connections any more" in screen_text(app)
        assert "no connection selected" in screen_text(app)
        assert source.sent == []
        await pilot.press("k")
        assert len(app.screen_stack) == 1
        await pilot.press("up")
        assert table(app).selected_id == 1


async def test_w_lists_what_the_codes_call_stuck() -> None:
    writing, reading = ConnectionState.WRITE_BODY, ConnectionState.READ_BODY
    draining = ConnectionState.DRAINING
    stopped = snapshot(1, writing, out=(0, 9), unacked=900, acked_ago=9, quiet=9)
    assert stopped.queues is not None
    stopped_queues = msgspec.structs.replace(stopped.queues, has_stopped=True)
    deaf_queues = msgspec.structs.replace(stopped.queues, answers=False)
    seen = [
        msgspec.structs.replace(stopped, queues=stopped_queues),
        msgspec.structs.replace(stopped, id=2, queues=deaf_queues),
        msgspec.structs.replace(stopped, id=3, out_length=0, queues=stopped_queues),
        msgspec.structs.replace(snapshot(4, quiet=9), unread=5, unread_at=NOW - 9),
        snapshot(5, draining, unacked=900, acked_ago=9, closing=Reason.EOF, quiet=9),
        snapshot(6, header=b"\0", quiet=9),
        snapshot(7, reading, body=(3, 9), quiet=9),
        snapshot(8, writing, out=(0, 9), unacked=900, acked_ago=0.1, rate=9e5, quiet=9),
        snapshot(9, draining, closing=Reason.EOF, quiet=9),
        snapshot(10, header=b"\0", quiet=0.2),
        snapshot(11, reading, body=(3, 9), quiet=0.2),
        snapshot(12, frames=3, quiet=9),
    ]
    source = FixedSource([listening(), *map(opened, range(1, 13)), *seen])
    async with running(source) as (app, pilot):
        codes = [why_code(row, NOW).value for row in app.model.rows.values()]
        assert codes == [
            *("window_closed", "does_not_answer", "not_fetched", "server_behind"),
            *("draining_unacknowledged", "needs_header", "needs_body"),
            *("reads_slowly", "draining_peer", "needs_header", "needs_body", "between_frames"),
        ]
        await pilot.press("w")
        assert order(app) == [1, 2, 3, 4, 5, 6, 7]
        await pilot.press("w")
        assert len(order(app)) == 12


async def test_the_order_goes_on_changing_after_the_clock_was_set_back() -> None:
    source = FixedSource([opened(1), snapshot(1, frames=1), opened(2), snapshot(2, frames=9)])
    async with running(source) as (app, pilot):
        table(app).sort_by("frames_out")
        await refresh(app, pilot)
        first = order(app)
        source.time -= 7200
        source.feed(opened(3), snapshot(3, frames=5))
        await refresh(app, pilot)
        assert sorted(order(app)) == [1, 2, 3]
        assert order(app) != first
