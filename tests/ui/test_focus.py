"""Keys keep their meaning when the focused table is hidden."""

import pytest

from app.ui.dialogs import CapDialog
from screenshots.scenes import overview
from tests.making import FixedSource
from tests.ui.driving import refresh, resize, running, table

SMALL = (80, 24)
"""Charts take the place of the table."""


@pytest.mark.parametrize("shows_charts", [True, False])
async def test_a_dialog_over_or_after_the_charts_leaves_the_keys_as_they_were(
    shows_charts: bool,
) -> None:
    async with running(FixedSource(overview()), size=SMALL) as (app, pilot):
        await pilot.press(*(["v"] if shows_charts else ["v", "v"]), "c")
        assert isinstance(app.screen, CapDialog)
        await pilot.press("escape", "v")
        await pilot.pause()
        assert app.screen_stack[0].has_class("charting") is not shows_charts


async def test_the_table_has_its_keys_again_after_the_charts() -> None:
    async with running(FixedSource(overview()), size=SMALL) as (app, pilot):
        before = table(app).selected_id
        await pilot.press("v", "v")
        await refresh(app, pilot)
        await pilot.press("down")
        assert table(app).selected_id != before


async def test_a_filter_is_typed_where_it_is_seen() -> None:
    async with running(FixedSource(overview()), size=SMALL) as (app, pilot):
        await pilot.press("v", "slash", "a")
        await pilot.pause()
        assert not app.screen_stack[0].has_class("charting")
        field = app.query_one("#filter")
        assert field.has_focus
        assert field.region.area
        await pilot.press("escape", "v")
        assert app.screen_stack[0].has_class("charting")


async def test_the_table_has_its_keys_again_when_the_terminal_has_grown() -> None:
    async with running(FixedSource(overview()), size=SMALL) as (app, pilot):
        await resize(app, pilot, 30, 8)
        await refresh(app, pilot)
        await pilot.press("slash", "escape")
        await resize(app, pilot, *SMALL)
        await refresh(app, pilot)
        before = table(app).selected_id
        await pilot.press("down")
        assert table(app).selected_id != before
