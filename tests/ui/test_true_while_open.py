"""A dialog tells what is true while it is open, and names the command that does the same."""

from __future__ import annotations

import pytest
from textual.widgets import Input, Static

from app.core.commands import Kill, KillMode, Set
from app.core.events import ConnectionState, Reason, SettingChanged
from app.ui.app import EchoApp
from app.ui.dialogs import CapDialog, Dialog
from app.ui.kill_dialog import LISTED, KillDialog
from app.ui.settings_dialog import SettingsDialog
from app.watch.stream import Drained
from tests.control.told import Told
from tests.making import INSTANCE, NOW, FixedSource, closed, listening, opened, snapshot
from tests.ui.driving import actions, refresh, running

WRITING = ConnectionState.WRITE_BODY


def said(app: EchoApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def last_line(app: EchoApp) -> str:
    assert isinstance(app.screen, Dialog)
    return app.screen.ctl_line.command


def notices(app: EchoApp) -> list[str]:
    return [notice.message for notice in app._notifications]


def some(*ids: int) -> FixedSource:
    return FixedSource([listening(), *map(opened, ids)])


async def test_a_kill_dialog_tells_what_would_be_lost_now() -> None:
    source = some(9)
    async with running(source) as (app, pilot):
        await pilot.press("k")
        assert said(app, "#lost") == "nothing pending, nothing unacknowledged"
        source.feed(snapshot(9, WRITING, out=(0, 384 * 1024), unacked=12 * 1024))
        await refresh(app, pilot)
        assert said(app, "#lost").splitlines() == [
            "384 KiB of echo pending, 12 KiB unacknowledged",
            "lost now: by Close 384 KiB, by Reset 396 KiB",
        ]
        assert "WRITE_BODY" in said(app, "#named")
        source.feed(snapshot(9, at=NOW + 1))
        await refresh(app, pilot)
        assert said(app, "#lost") == "nothing pending, nothing unacknowledged"


async def test_it_does_so_on_a_paused_screen() -> None:
    source = some(9)
    async with running(source) as (app, pilot):
        await pilot.press("p", "k")
        source.feed(snapshot(9, WRITING, out=(0, 1024)))
        await refresh(app, pilot)
        assert "1 KiB of echo pending" in said(app, "#lost")


@pytest.mark.parametrize("over", [(), ("f1",)])
async def test_it_closes_with_a_word_when_its_connection_goes(over: tuple[str, ...]) -> None:
    source = some(8, 9)
    async with running(source) as (app, pilot):
        await pilot.press("k", *over)
        source.feed(closed(8, Reason.EOF))
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1
        assert notices(app) == ["#8 has closed meanwhile (eof): nothing was done"]
        await pilot.press("enter")
        assert actions(source) == []


async def test_of_several_only_those_still_open_are_ended() -> None:
    source = some(*range(1, 13))
    async with running(source) as (app, pilot):
        await pilot.press("slash", *"id>0", "enter", "K")
        source.feed(closed(2, Reason.EOF), closed(11, Reason.EOF))
        await refresh(app, pilot)
        assert isinstance(app.screen, KillDialog)
        assert "10 connections, all that the filter shows: id>0; 2 of them" in said(app, "#named")
        shown = f"{said(app, '#named')} {said(app, '#others')}".split()
        ids = [int(word[1:]) for word in shown if word.startswith("#")]
        assert ids == [1, 3, 4, 5, 6, 7, 8, 9, 10, 12]
        await pilot.press("right", "enter")
        (command,) = actions(source)
        assert isinstance(command, Kill)
        assert (list(command.ids), command.mode) == (ids, KillMode.DRAIN)
        assert command.instance == INSTANCE


async def test_it_closes_when_all_have_gone() -> None:
    source = some(1, 2)
    async with running(source) as (app, pilot):
        await pilot.press("space", "down", "space", "K")
        source.feed(closed(1, Reason.EOF), closed(2, Reason.EOF))
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1
        assert notices(app) == ["all 2 have closed meanwhile: nothing was done"]


async def test_the_what_if_of_a_cap_follows_the_state() -> None:
    source = some(1, 2)
    async with running(source) as (app, pilot):
        await pilot.press("c", *["backspace"] * 9, *"40KiB")
        assert "no body being read is larger" in said(app, "#verdict")
        source.feed(snapshot(2, ConnectionState.READ_BODY, body=(10, 64 * 1024)))
        await refresh(app, pilot)
        assert "#2 64 KiB" in said(app, "#verdict")


def changed(name: str, old: float, new: float) -> SettingChanged:
    return SettingChanged(t=NOW, name=name, old=old, new=new)


async def test_a_cap_that_another_one_changes_is_not_changed_back() -> None:
    source = some(1)
    async with running(source) as (app, pilot):
        await pilot.press("c")
        source.feed(changed("cap", 1024**2, 4096))
        await refresh(app, pilot)
        assert isinstance(app.screen, CapDialog)
        assert "now 4KiB" in said(app, ".what")
        assert app.screen.query_one(Input).value == "4KiB"
        await pilot.press(*["backspace"] * 9, "9")
        source.feed(changed("cap", 4096, 8192))
        await refresh(app, pilot)
        assert app.screen.query_one(Input).value == "9"


async def test_a_setting_that_another_one_changes_is_not_changed_back() -> None:
    source = some(1)
    async with running(source) as (app, pilot):
        await pilot.press("t", "tab", *["backspace"] * 4, "7")
        source.feed(changed("header_timeout", 10, 20))
        await refresh(app, pilot)
        assert isinstance(app.screen, SettingsDialog)
        assert app.screen.query_one("#header_timeout", Input).value == "20"
        await pilot.press("enter")
        commands = [each for each in actions(source) if isinstance(each, Set)]
        assert [(each.name, each.value) for each in commands] == [("body_timeout", 7)]


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        (("k",), f"kill 9 --mode close --instance {INSTANCE}"),
        (("k", "right"), f"kill 9 --mode drain --instance {INSTANCE}"),
        (("c", *["backspace"] * 9, *"40KiB"), "set cap 40960"),
        (("t", *["backspace"] * 9, "7"), "set header-timeout 7"),
    ],
)
async def test_y_copies_the_command_that_does_the_same(keys: tuple[str, ...], command: str) -> None:
    app = EchoApp(some(9), control="/run/my server.sock")
    async with app.run_test(size=(100, 30)) as pilot:
        await refresh(app, pilot)
        await pilot.press(*keys)
        await pilot.pause()
        whole = f"echo-tui ctl {command} --control '/run/my server.sock'"
        assert last_line(app) == whole
        shown = str(app.screen.query_one(".ctl", Static).content)
        assert shown == whole
        await pilot.press("y")
        assert app.clipboard == whole
        assert "this terminal" in notices(app)[0]
        assert len(app.screen_stack) == 2


async def test_without_a_control_socket_there_is_no_command() -> None:
    async with running(some(9)) as (app, pilot):
        await pilot.press("k")
        assert not app.screen.query_one(".ctl").display
        await pilot.press("y")
        assert app.clipboard == ""


async def test_a_server_that_is_not_heard_of_is_said_to_be() -> None:
    source = Told(Drained([listening(), opened(9)], [], None, 0, afresh=True))
    app = EchoApp(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await refresh(app, pilot)
        await pilot.press("k")
        source.last = Drained([], [], None, 0, gone="the server is gone")
        await refresh(app, pilot)
        assert said(app, "#lost").endswith("as last heard of: the server is gone")


async def test_of_thousands_the_first_ids_and_the_last_are_listed() -> None:
    async with running(some(*range(1, 3001))) as (app, pilot):
        await pilot.press("slash", *"id>0", "enter", "K")
        ids = [word for word in said(app, "#others").split() if word.startswith("#")]
        assert said(app, "#others").startswith("and 2,995 more: #6 #7 #8")
        assert (len(ids), ids[-2:]) == (LISTED + 1, ["#505", "#3000"])
        assert isinstance(app.screen, KillDialog)
        assert len(app.screen.open_ids) == 3000
