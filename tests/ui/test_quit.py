"""The question before a quit that stops the server."""

import pytest
from textual.widgets import Static

from app.core.events import Reason
from app.ui.questions import QuitDialog
from screenshots.scenes import overview
from tests.making import FixedSource, closed, listening, opened
from tests.ui.driving import refresh, running


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_with_connections_open_it_asks_and_the_second_time_it_goes(key: str) -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press(key)
        assert isinstance(app.screen, QuitDialog)
        said = str(app.screen.query_one(".what", Static).content)
        assert "The server in this process stops with the dashboard." in said
        assert "35 connections are open" in said
        assert "for up to 5 s" in said
        await pilot.press(key)
    assert (app.return_value, app.return_code) == (0, 0)


@pytest.mark.parametrize(
    "way", [("enter",), ("q",), ("click",)], ids=["enter", "the key again", "mouse"]
)
async def test_ways_to_go(way: tuple[str, ...]) -> None:
    async with running(FixedSource([opened(1)])) as (app, pilot):
        await pilot.press("q")
        assert app.focused is app.screen.query_one("#yes")
        if way == ("click",):
            await pilot.click("#yes")
        else:
            await pilot.press(*way)
    assert app.return_value == 0


@pytest.mark.parametrize("way", ["escape", "click"])
async def test_ways_to_stay(way: str) -> None:
    async with running(FixedSource([opened(1)])) as (app, pilot):
        await pilot.press("q")
        if way == "click":
            await pilot.click("#cancel")
        else:
            await pilot.press(way)
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1
        assert app.is_running


async def test_a_server_of_somebody_else_goes_on_and_nothing_is_asked() -> None:
    source = FixedSource([listening(), opened(1)])
    source.owns_server = False
    async with running(source) as (app, pilot):
        await pilot.press("q")
    assert (app.return_value, app.return_code) == (0, 0)


async def test_it_leaves_from_within_a_dialog_too() -> None:
    async with running(FixedSource([opened(1)])) as (app, pilot):
        await pilot.press("c", "ctrl+q")
        assert isinstance(app.screen, QuitDialog)
        await pilot.press("enter")
    assert app.return_value == 0


async def test_the_question_is_answered_when_nothing_is_open_any_more() -> None:
    source = FixedSource([opened(1)])
    async with running(source) as (app, pilot):
        await pilot.press("q")
        await refresh(app, pilot)
        assert isinstance(app.screen, QuitDialog)
        source.feed(closed(1, Reason.EOF))
        await refresh(app, pilot)
    assert (app.return_value, app.return_code) == (0, 0)
