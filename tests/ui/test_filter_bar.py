"""The filter bar while a filter is typed, and the rows that the table then shows."""

import msgspec
import pytest
from textual.widgets import Input

from app.core.events import Reason
from app.core.habits import Habits
from app.ui.detail_panel import DetailPanel
from app.ui.filter_bar import FilterBar
from app.watch.filter import parse_filter
from screenshots.scenes import overview
from tests.making import NOW, FixedSource, closed, listening, opened, snapshot
from tests.ui.driving import actions, order, panel_text, refresh, running, screen_text, table


async def test_a_filter_is_in_force_while_it_is_typed() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("slash", *"write")
        await refresh(app, pilot)
        assert order(app) == [9, 10]
        await pilot.press("enter")
        await refresh(app, pilot)
        assert "shows 2, hides 37" in screen_text(app)
        assert app.focused is table(app)
        assert actions(source) == []


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("reads", "shows 0, hides 39; not in peer, state, reason: why:reads?"),
        ("stuck", "; a slow reader is not stuck: why:slow"),
    ],
)
async def test_a_filter_that_may_not_find_what_is_meant_says_what_would(
    text: str, advice: str
) -> None:
    async with running(FixedSource(overview()), (100, 30)) as (app, pilot):
        await pilot.press("slash", *text, "enter")
        await refresh(app, pilot)
        assert advice in screen_text(app)
        await pilot.press("slash", "ctrl+u", *"write", "enter")
        await refresh(app, pilot)
        assert "shows 2, hides 37" in screen_text(app)
        assert advice not in screen_text(app)


async def test_mistakes_are_explained_and_the_last_good_filter_stays() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("slash", *"#9 (")
        await refresh(app, pilot)
        assert "at 5: something is missing at the end" in screen_text(app)
        assert order(app) == [9]
        await pilot.press("enter")
        assert app.focused is not table(app)


async def test_escape_restores_and_one_key_turns_off_and_on() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("f")
        await refresh(app, pilot)
        assert len(order(app)) == 39
        await pilot.press("slash", *"#9", "enter", "slash", "1", "escape")
        await refresh(app, pilot)
        assert order(app) == [9]
        assert app.focused is table(app)
        await pilot.press("f")
        await refresh(app, pilot)
        assert len(order(app)) == 39
        assert "filter off" in screen_text(app)
        await pilot.press("f")
        await refresh(app, pilot)
        assert order(app) == [9]
        await pilot.press("slash", "backspace", "backspace", "enter")
        await refresh(app, pilot)
        assert len(order(app)) == 39
        assert not app.query_one(FilterBar).has_class("filtered")


async def test_the_row_under_the_cursor_stays_though_it_no_longer_passes() -> None:
    source = FixedSource([opened(number) for number in range(1, 40)])
    source.feed(*(snapshot(number, frames=number % 2) for number in range(1, 40)))
    async with running(source) as (app, pilot):
        await pilot.press("g", *["down"] * 10)
        assert table(app).selected_id == 11
        await pilot.press("slash", *"frames=1", "enter")
        await refresh(app, pilot)
        assert table(app).selected_id == 11
        source.feed(snapshot(11, frames=2))
        source.time += 1
        await refresh(app, pilot)
        assert (table(app).selected_id, 11 in order(app)) == (11, True)
        await pilot.press("down")
        source.time += 1
        await refresh(app, pilot)
        assert (table(app).selected_id, 11 in order(app)) == (13, False)
        await pilot.press("f")
        assert table(app).selected_id == 13


async def test_nothing_passes_and_then_something_does() -> None:
    source = FixedSource([opened(1)])
    async with running(source) as (app, pilot):
        await pilot.press("slash", *"reason:killed", "enter")
        await refresh(app, pilot)
        assert (order(app), table(app).selected_id) == ([], None)
        await pilot.press("down", "end", "k")
        source.feed(closed(1, Reason.KILLED, ago=-1))
        source.time += 1
        await refresh(app, pilot)
        assert (order(app), table(app).selected_id) == ([1], 1)


@pytest.mark.parametrize("way", ["enter", "down"])
async def test_leaving_the_field_keeps_the_filter(way: str) -> None:
    async with running(FixedSource(overview()), (80, 24)) as (app, pilot):
        await pilot.press("slash", *"[::1]", way)
        await refresh(app, pilot)
        assert order(app) == [12]
        assert app.focused is table(app)
        await pilot.press("q", "enter")
    assert app.return_value == 0


async def test_one_key_shows_what_is_stuck_and_all_again() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        everybody = order(app)
        await pilot.press("w")
        await refresh(app, pilot)
        assert order(app) == [6, 8, 9, 11]
        assert "shows 4, hides 35" in screen_text(app)
        await pilot.press("w")
        await refresh(app, pilot)
        assert order(app) == everybody


async def test_tab_completes_names_and_values_and_offers_one_after_the_other() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        field = app.query_one("#filter", Input)
        await pilot.press("slash", *"sta", "tab")
        await refresh(app, pilot)
        assert field.value == "state:"
        assert "READ_LEN  READ_BODY  WRITE_BODY" in screen_text(app)
        await pilot.press("tab", "tab", "tab")
        assert field.value == "state:WRITE_BODY"
        assert order(app) == [9, 10]
        await pilot.press("shift+tab")
        assert field.value == "state:READ_BODY"
        await pilot.press("space", *"peer:", "tab", "tab", "enter")
        assert app.focused is table(app)
        assert parse_filter(field.value).text == field.value.strip()


async def test_tab_says_so_where_nothing_can_be_completed() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("slash", *"pending>6", "tab")
        await refresh(app, pilot)
        assert "pending takes a size, as in 65536 or 64K" in screen_text(app)
        await pilot.press("4")
        await refresh(app, pilot)
        assert "pending takes" not in screen_text(app)
        assert app.query_one("#filter", Input).value == "pending>64"


async def test_one_key_shows_what_has_a_note_and_all_again() -> None:
    habits = Habits(headers_alone=9, late_bodies=9, late_since=NOW - 3)
    late = msgspec.structs.replace(snapshot(2, frames=9), habits=habits)
    source = FixedSource([listening(), opened(1), opened(2), snapshot(1, frames=9), late])
    async with running(source, size=(110, 40)) as (app, pilot):
        assert [column.key for column in table(app).columns].count("notes") == 1
        await pilot.press("exclamation_mark")
        await refresh(app, pilot)
        assert order(app) == [2]
        assert "shows 1, hides 1" in screen_text(app)
        panel = panel_text(app.query_one(DetailPanel))
        assert "note     nagle: 9 of 9 bodies whose header came alone" in panel
        await pilot.press("exclamation_mark")
        await refresh(app, pilot)
        assert order(app) == [1, 2]


async def test_without_notes_the_column_takes_no_room() -> None:
    async with running(FixedSource(overview())) as (app, _pilot):
        assert "notes" not in [column.key for column in table(app).columns]
