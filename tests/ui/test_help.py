"""The help: for what has the focus first, then every key with what it does."""

import pytest
from textual.widgets import Static

from app.ui.actions import ACTIONS, GROUPS, key_sign
from app.ui.connection_table import ConnectionTable
from app.ui.dialogs import CapDialog
from app.ui.filter_bar import FilterBar
from app.ui.help_screen import HelpScreen
from app.ui.preferences import Preferences
from screenshots.scenes import overview
from tests.making import FixedSource
from tests.ui.driving import running


def said(screen: HelpScreen, selector: str) -> str:
    return "\n".join(str(static.content) for static in screen.query(selector).results(Static))


@pytest.mark.parametrize(
    "preferences",
    [Preferences(), Preferences(preset="vim"), Preferences(keys={"kill": "f9", "audit": ""})],
)
async def test_every_key_that_is_in_force_is_listed_with_its_action(
    preferences: Preferences,
) -> None:
    async with running(FixedSource(overview()), preferences=preferences) as (app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        lines = [line.split("  ") for line in said(app.screen, ".help-keys").splitlines()]
        listed = {parts[-1]: parts[-2].strip() for parts in lines if len(parts) > 1}
        assert listed["a view"] == "1…9"  # in one line, as long as they are the digits
        for name, keys in preferences.bindings().items():
            if ACTIONS[name] in GROUPS["views"]:
                continue
            assert listed[ACTIONS[name].words] == (" ".join(map(key_sign, keys)) or "-")
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize(
    ("keys", "place"), [((), ConnectionTable), (("slash",), FilterBar), (("c",), CapDialog)]
)
async def test_what_has_the_focus_comes_first(keys: tuple[str, ...], place: type) -> None:
    async with running(FixedSource(overview()), (80, 24)) as (app, pilot):
        await pilot.press(*keys, "f1")
        assert isinstance(app.screen, HelpScreen)
        assert said(app.screen, "#help-here") == getattr(place, "HELP")  # noqa: B009
        top = app.screen.query_one("#help-dialog")
        await pilot.press("end")
        await pilot.pause()
        assert top.scroll_offset.y > 0
        before = len(app.screen_stack)
        await pilot.press("escape")
        assert len(app.screen_stack) == before - 1
