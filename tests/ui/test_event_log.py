"""The event log: it wraps, scrolls, stays where it is, and is searched."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from app.core.events import Notice
from app.ui.app import EchoApp
from app.ui.event_panels import EventLog, LogLines
from app.watch.screen_state import ScreenState
from tests.making import NOW, FixedSource, listening
from tests.ui.driving import refresh, running, screen_text


def notice(number: int, text: str = "notice") -> Notice:
    return Notice(t=NOW, level="info", text=f"{text} {number:03}")


def notices(count: int, start: int = 0) -> list[Notice]:
    return [notice(start + number) for number in range(count)]


def lines(app: EchoApp) -> list[str]:
    shown = app.query_one(LogLines)._lines
    return ["".join(text for text, _ in line).rstrip() for line in shown]


def title(app: EchoApp) -> str:
    return str(app.query_one(EventLog).border_title)


async def focus(app: EchoApp, pilot: Pilot[int]) -> LogLines:
    await pilot.press("tab")
    await pilot.pause()
    assert isinstance(app.focused, LogLines)
    return app.focused


async def test_the_newest_events_are_at_the_bottom_and_follow() -> None:
    source = FixedSource([listening(), *notices(100)])
    async with running(source) as (app, pilot):
        assert lines(app)[-1].endswith("notice 099")
        source.feed(notice(100))
        await refresh(app, pilot)
        assert lines(app)[-1].endswith("notice 100")
        assert title(app) == "event log"


@pytest.mark.parametrize("words", range(1, 40, 3))
async def test_the_newest_event_is_seen_to_its_end_whatever_came_before(words: int) -> None:
    source = FixedSource(notices(20))
    async with running(source) as (app, pilot):
        log = app.query_one(LogLines)
        for number in range(20, 23):
            source.feed(notice(number, "word " * words))
            await refresh(app, pilot)
            assert lines(app)[-1].endswith(f"{number:03}")
            assert len(lines(app)) <= log.size.height


async def test_it_stays_where_it_is_and_says_how_many_are_below() -> None:
    source = FixedSource([listening(), *notices(100)])
    async with running(source) as (app, pilot):
        log = await focus(app, pilot)
        await pilot.press("pageup", "pageup")
        before = lines(app)
        assert not before[-1].endswith("notice 099")
        below = 99 - int(before[-1][-3:])
        assert f"{below} below" in title(app)
        source.feed(*notices(7, start=100))
        await refresh(app, pilot)
        assert lines(app) == before
        assert f"{below + 7} below" in title(app)
        await pilot.press("home")
        assert "listening" in lines(app)[0]
        assert log.selected is not None
        assert log.selected.word == "listening"
        await pilot.press("end")
        assert lines(app)[-1].endswith("notice 106")
        assert "below" not in title(app)


async def test_one_up_selects_and_still_stays_when_new_ones_come() -> None:
    source = FixedSource([listening(), *notices(100)])
    async with running(source) as (app, pilot):
        log = await focus(app, pilot)
        await pilot.press("up")
        before = lines(app)
        source.feed(*notices(50, start=100))
        await refresh(app, pilot)
        assert lines(app) == before
        assert log.selected is not None
        assert log.selected.text == "notice 098"
        await pilot.press("down", "down")
        assert log.selected.text == "notice 100"
        assert lines(app)[-1].endswith("notice 100")


async def test_page_by_page_every_event_is_seen() -> None:
    long = notice(17, "a long text of many words that does not fit into one line of this panel")
    source = FixedSource([*notices(17), long, *notices(60, start=18)])
    async with running(source) as (app, pilot):
        await focus(app, pilot)
        seen: set[str] = set()
        await pilot.press("home")
        for _ in range(30):
            seen.update(line[-3:] for line in lines(app))
            await pilot.press("pagedown")
        assert seen >= {f"{number:03}" for number in range(78)}
        seen.clear()
        for _ in range(30):
            seen.update(line[-3:] for line in lines(app))
            await pilot.press("pageup")
        assert seen >= {f"{number:03}" for number in range(78)}


async def test_the_oldest_kept_event_comes_up_when_the_one_in_view_is_forgotten() -> None:
    source = FixedSource([*notices(100)])
    async with running(source) as (app, pilot):
        log = await focus(app, pilot)
        await pilot.press("home")
        source.feed(*notices(600, start=100))
        await refresh(app, pilot)
        assert lines(app)[0].endswith("notice 200")
        assert log.selected is not None
        assert log.selected.text == "notice 200"


async def test_a_search_goes_to_the_newest_match_on_and_round_the_end() -> None:
    some = [notice(number, "needle" if number % 30 == 0 else "straw") for number in range(100)]
    async with running(FixedSource(some)) as (app, pilot):
        log = await focus(app, pilot)
        found = []
        await pilot.press("slash", *"NEEDLE", "enter")
        for key in ("n", "n", "n", "n", "N", "N"):
            assert log.selected is not None
            found.append(log.selected.text)
            assert any(found[-1] in line for line in lines(app))
            await pilot.press(key)
        assert found == [f"needle {number:03}" for number in (90, 60, 30, 0, 90, 0)]
        assert "/needle: 2 of 4" in title(app)
        assert app.focused is log


async def test_escape_leaves_the_search_and_then_the_log() -> None:
    async with running(FixedSource(notices(3))) as (app, pilot):
        log = await focus(app, pilot)
        await pilot.press("slash", *"kq", "escape")
        assert app.focused is log
        assert len(app.screen_stack) == 1
        await pilot.press("escape")
        await pilot.pause()
        assert app.focused is app.query_one("#connections")


@pytest.mark.parametrize("width", [80, 100, 139, 160, 200])
async def test_a_long_notice_is_whole_in_the_log(width: int) -> None:
    words = [f"word{number:02}" for number in range(16)]
    source = FixedSource([listening(), Notice(t=NOW, level="warning", text=" ".join(words))])
    async with running(source, (width, 50)) as (app, pilot):
        if width < 140:
            await pilot.press("l")
            await refresh(app, pilot)
        text = screen_text(app)
        assert [word for word in words if word not in text] == []


async def test_leaving_the_log_follows_the_newest_event_again() -> None:
    source = FixedSource(notices(100))
    async with running(source) as (app, pilot):
        await focus(app, pilot)
        await pilot.press("home", "escape")
        source.feed(notice(100))
        await refresh(app, pilot)
        assert app.focused is app.query_one("#connections")
        assert lines(app)[-1].endswith("notice 100")
        assert title(app) == "event log"


async def test_a_recording_that_was_wound_back_shows_its_newest_events() -> None:
    source = FixedSource(notices(100))
    async with running(source) as (app, pilot):
        await focus(app, pilot)
        await pilot.press("up")
        app.model = ScreenState()  # as after a jump in a recording
        source.feed(*notices(30))
        await refresh(app, pilot)
        assert lines(app)[-1].endswith("notice 029")
        assert len(lines(app)) == app.query_one(LogLines).size.height


@pytest.mark.parametrize("text", ["[/", "[red]", "[b]notice[/b]", "\\[", "$x"])
async def test_a_text_that_looks_like_markup_is_searched_and_shown_as_typed(text: str) -> None:
    async with running(FixedSource([listening(), *notices(5)])) as (app, pilot):
        log = await focus(app, pilot)
        await pilot.press("slash", *text, "enter")
        await refresh(app, pilot)
        assert text in log.title
        assert log.title in screen_text(app)
