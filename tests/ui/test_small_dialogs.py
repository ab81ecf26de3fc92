"""Every button of every dialog is visible in the smallest terminal."""

import pytest
from textual.widgets import Button

from app.ui.app import SMALLEST
from screenshots.scenes import overview
from tests.making import FixedSource, opened
from tests.ui.driving import running


@pytest.mark.parametrize(
    "keys", [("k",), ("slash", "1", "enter", "K"), ("c",), ("t",), ("o",)], ids="-".join
)
async def test_the_buttons_are_seen(keys: tuple[str, ...]) -> None:
    source = FixedSource([*overview(), *map(opened, range(100, 120))])
    async with running(source, size=SMALLEST) as (app, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        inside = app.screen.query_one(".dialog").content_region
        buttons = list(app.screen.query(Button))
        assert buttons
        for button in buttons:
            assert button.region.area
            assert inside.contains_region(button.region), button
