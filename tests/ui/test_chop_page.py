"""The page of the chop map: opened, drawn, copied, and exchanged for the page of the bytes."""

from __future__ import annotations

from app.core.commands import ReadBytes
from app.ui.bytes_page import BytesPage
from app.ui.chop_page import ChopPage
from tests.ui.driving import drawn_text, refresh, running
from tests.ui.failures import AnsweringSource


async def test_the_key_shows_each_read_and_what_it_held() -> None:
    source = AnsweringSource()
    async with running(source) as (app, pilot):
        await pilot.press("C", "end", "m")
        await refresh(app, pilot)
        await refresh(app, pilot)
        assert isinstance(app.screen, ChopPage)
        text = drawn_text(app)
        assert "chop map of connection #" in text
        assert "hdr 4 | REFUSED, then" in text
        await pilot.press("y")
        await refresh(app, pilot)
        assert "hdr 4 | REFUSED, then" in app.clipboard


async def test_the_two_pages_take_turns_and_escape_leaves_both() -> None:
    source = AnsweringSource()
    async with running(source, (80, 24)) as (app, pilot):
        await pilot.press("C", "b", "m")
        await refresh(app, pilot)
        assert type(app.screen) is ChopPage
        await pilot.press("b")
        await refresh(app, pilot)
        assert type(app.screen) is BytesPage
        await pilot.press("m", "m")
        await refresh(app, pilot)
        assert len([one for one in source.commands if isinstance(one, ReadBytes)]) == 5
        await pilot.press("escape")
        assert len(app.screen_stack) == 1
