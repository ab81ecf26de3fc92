"""A dashboard when another server answers: nothing of the one before is acted upon."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from textual.command import CommandPalette
from textual.screen import Screen

from app.core.commands import Set, Trace, TraceLevel
from app.ui.app import EchoApp
from app.ui.connection_page import ConnectionPage
from app.ui.dialogs import CapDialog
from app.ui.help_screen import HelpScreen
from app.ui.kill_dialog import KillDialog
from app.ui.settings_dialog import SettingsDialog
from app.watch.stream import Drained
from tests.control.told import Told
from tests.making import listening, opened
from tests.ui.driving import refresh

pytestmark = pytest.mark.slow


def other_server(*connections: int) -> Drained:
    other = msgspec.structs.replace(listening(), instance="fedcba9876543210")
    return Drained([other, *map(opened, connections)], [], None, 0, afresh=True)


@pytest.mark.parametrize(
    ("keys", "dialog"),
    [
        (("k",), KillDialog),
        (("k", "f1"), HelpScreen),
        (("enter",), ConnectionPage),
        (("enter", "k"), KillDialog),
        (("enter", "f1"), HelpScreen),
        (("c",), CapDialog),
        (("t",), SettingsDialog),
        (("t", "f1"), HelpScreen),
        (("ctrl+p",), CommandPalette),
        (("p", "k"), KillDialog),
    ],
)
async def test_a_dialog_about_one_server_closes_and_says_why_when_another_one_answers(
    keys: tuple[str, ...], dialog: type[Screen[Any]]
) -> None:
    source = Told(Drained([listening(), opened(1), opened(2)], [], None, 0, afresh=True))
    app = EchoApp(source)
    async with app.run_test(size=(160, 50)) as pilot:
        await refresh(app, pilot)
        await pilot.press(*keys)
        assert isinstance(app.screen, dialog)
        source.sent.clear()
        source.drains.append(other_server(1, 2))
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1
        (notice,) = app._notifications
        assert notice.message.startswith("another server answers now: the dialog was closed")
        await pilot.press("enter", "tab", "enter")
        await refresh(app, pilot)
        assert [type(command) for command in source.sent] == [Trace]


@pytest.mark.parametrize("keys", [(), ("down",), ("f1",), ("k",), ("p",)])
async def test_the_new_selection_is_traced_at_once(keys: tuple[str, ...]) -> None:
    source = Told(Drained([listening(), opened(1), opened(2)], [], None, 0, afresh=True))
    app = EchoApp(source)
    async with app.run_test(size=(160, 50)) as pilot:
        await refresh(app, pilot)
        await pilot.press(*keys)
        await pilot.pause()
        source.sent.clear()
        source.drains.append(other_server(1, 2))
        await refresh(app, pilot)
        (trace,) = source.sent
        assert isinstance(trace, Trace)
        assert (trace.instance, trace.id, trace.level) == ("fedcba9876543210", 1, TraceLevel.IO)


@pytest.mark.parametrize("key", ["c", "t"])
async def test_a_setting_names_the_server_that_the_dialog_was_about(key: str) -> None:
    source = Told(Drained([listening(), opened(1)], [], None, 0, afresh=True))
    app = EchoApp(source)
    async with app.run_test(size=(160, 50)) as pilot:
        await refresh(app, pilot)
        await pilot.press(key, *["backspace"] * 10, "9", "enter")
        changes = [command for command in source.sent if isinstance(command, Set)]
        assert [change.instance for change in changes] == [listening().instance]
