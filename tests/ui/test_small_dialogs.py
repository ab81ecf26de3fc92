"""Dialogs where there is little: in the smallest terminal, over a slow link."""

import pytest
from textual.widgets import Button

from app.ui import dialogs
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


@pytest.mark.parametrize(("piece_time", "is_darkened"), [(0.001, True), (0.15, False)])
async def test_over_a_slow_link_a_dialog_leaves_the_ground_around_it_as_it_is(
    monkeypatch: pytest.MonkeyPatch, piece_time: float, is_darkened: bool
) -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        monkeypatch.setattr(dialogs, "TerminalDriver", type(app._driver))
        monkeypatch.setattr(app._driver, "piece_time", piece_time, raising=False)
        await pilot.press("c")
        await pilot.pause()
        assert (app.screen.styles.background.a > 0) is is_darkened
