"""The key bar shows the most important keys that fit; a click presses a key."""

import pytest

from app.ui.actions import ACTIONS, CONTEXTS, IN_THE_FOOTER
from app.ui.dialogs import CapDialog
from app.ui.key_bar import KeyBar
from app.ui.preferences import Preferences
from screenshots.scenes import overview
from tests.making import FixedSource
from tests.ui.driving import refresh, resize, running


def told(bar: KeyBar) -> str:
    return "".join(segment.text for segment in bar.render_line(0))


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160, 200])
async def test_help_and_quit_are_there_at_every_width_and_nothing_is_cut(width: int) -> None:
    async with running(FixedSource(overview()), (width, 24)) as (app, _):
        line = told(app.query_one(KeyBar))
        assert len(line) == width
        labels = [ACTIONS[name].label for name in IN_THE_FOOTER if name in CONTEXTS["table"]]
        shown = line.split()[1::2]  # each after its key
        assert [label for label in labels if label in shown] == shown
        assert shown[:5] == ["Help", "Quit", "Kill", "Filter", "Open"]
        if width == 200:  # there the log is seen without its key
            assert shown == [label for label in labels if label != "Log"]


async def test_it_follows_the_focus_and_the_size() -> None:
    async with running(FixedSource(overview()), (100, 30)) as (app, pilot):
        bar = app.query_one(KeyBar)
        await pilot.press("slash")
        await refresh(app, pilot)
        assert "Restore" in told(bar)
        assert "Kill" not in told(bar)
        assert "Filter" not in told(bar)  # a slash is typed like any other character
        await pilot.press("escape")
        await refresh(app, pilot)
        assert "Kill" in told(bar)
        assert "Export" not in told(bar)
        await resize(app, pilot, 200, 50)
        await refresh(app, pilot)
        assert "Export" in told(bar)


async def test_a_click_presses_the_key_that_is_in_force() -> None:
    preferences = Preferences(keys={"cap": "f7"})
    async with running(FixedSource(overview()), preferences=preferences) as (app, pilot):
        line = told(app.query_one(KeyBar))
        assert "F7 CAP" in line
        await pilot.click("#keys", offset=(line.index("CAP"), 0))
        await pilot.pause()
        assert isinstance(app.screen, CapDialog)
