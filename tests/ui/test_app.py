"""The dashboard as a person uses it: keys in, commands out, the screen after the event."""

from typing import Any

import pytest
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from app.core.commands import Kill, KillMode, Set, Trace, TraceLevel
from app.core.events import CommandResult, ConnectionState, Reason, SettingChanged
from app.ui.app import EchoApp
from app.ui.dialogs import CapDialog, FailureScreen
from app.ui.kill_dialog import KillDialog
from app.watch.source import Failure
from screenshots.scenes import overview, server
from tests.making import NOW, FixedSource, closed, listening, opened, snapshot
from tests.ui.driving import actions, refresh, resize, running, screen_text, table


@pytest.mark.parametrize("mode", list(KillMode))
async def test_kill_names_the_connection_and_submits_its_mode(mode: KillMode) -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("g", "down", "down", "k")
        assert isinstance(app.screen, KillDialog)
        assert app.focused is app.screen.query_one("#cancel")
        row = app.model.rows[3]
        said = str(app.screen.query_one(".what Static", Static).content)
        assert "#3" in said
        assert row.peer in said
        assert "READ_LEN" in said
        await pilot.click(f"#{mode.value}")
        await pilot.pause()
        [command] = actions(source)
        assert isinstance(command, Kill)
        assert (command.ids, command.mode) == ((3,), mode)
        assert row.state is ConnectionState.READ_LEN  # nothing changes before the event is back


@pytest.mark.parametrize("way_out", ["escape", "enter"])
async def test_leaving_the_kill_dialog_submits_nothing(way_out: str) -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("down", "k", way_out)
        await pilot.pause()
        assert len(app.screen_stack) == 1
        assert actions(source) == []


async def test_the_kill_dialog_acts_on_what_it_named_whatever_comes() -> None:
    source = FixedSource([listening(), opened(1), opened(2), opened(3)])
    async with running(source) as (app, pilot):
        await pilot.press("down", "k")
        order = [row.id for row in table(app).shown]
        source.feed(closed(1, Reason.EOF, ago=0), *(opened(number) for number in range(4, 30)))
        source.time += 20
        await refresh(app, pilot)
        assert [row.id for row in table(app).shown] == order
        await pilot.press("right", "right", "enter")
        await pilot.pause()
        [command] = actions(source)
        assert isinstance(command, Kill)
        assert command.ids == (2,)
        await refresh(app, pilot)
        assert len(table(app).shown) == 28
        assert table(app).selected_id == 2


async def test_killing_what_is_closed_is_refused() -> None:
    source = FixedSource([opened(1), closed(1, Reason.EOF)])
    async with running(source) as (app, pilot):
        await pilot.press("k")
        assert len(app.screen_stack) == 1
        assert actions(source) == []


@pytest.mark.parametrize("value", ["0", "2GiB", "lots", ""])
async def test_the_cap_dialog_refuses_while_typing(value: str) -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("c")
        assert isinstance(app.screen, CapDialog)
        app.screen.query_one(Input).value = value
        await pilot.pause()
        assert "✕" in str(app.screen.query_one("#verdict", Static).content)
        assert app.screen.query_one("#set", Button).disabled
        await pilot.press("enter")
        assert isinstance(app.screen, CapDialog)
        assert actions(source) == []


async def test_the_cap_changes_when_the_event_is_back() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("c", *"40KiB")
        verdict = str(app.screen.query_one("#verdict", Static).content)
        assert "3 bodies being read are larger and will still be echoed" in verdict
        await pilot.press("enter")
        await pilot.pause()
        [command] = actions(source)
        assert isinstance(command, Set)
        assert (command.name, command.value) == ("cap", 40_960)
        assert app.model.cap == 1024**2
        source.feed(SettingChanged(t=NOW, name="cap", old=1024**2, new=40_960))
        await refresh(app, pilot)
        assert "40KiB" in screen_text(app)


async def test_a_failed_command_is_reported_and_a_strangers_is_not() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("down", "k", "right", "enter")
        await pilot.pause()
        [command] = actions(source)
        refusal = CommandResult(
            t=NOW, request=command.request, command="kill", ok=False, message="[b]no such id", id=2
        )
        source.feed(refusal, CommandResult(t=NOW, request=0, command="set", ok=True, message="x"))
        await refresh(app, pilot)
        [notification] = app._notifications
        assert notification.message == "#2: [b]no such id"
        assert notification.severity == "error"


async def test_pause_holds_the_screen_while_the_model_goes_on() -> None:
    source = FixedSource([listening(), opened(1), snapshot(1, frames=5)])
    time = 100.0
    app = EchoApp(source, clock=lambda: time)
    async with app.run_test(size=(160, 50)) as pilot:
        await refresh(app, pilot)
        await pilot.press("p")
        time += 7
        source.time -= 7200  # the wall clock is set meanwhile
        source.feed(opened(2), snapshot(1, frames=4_321, quiet=0))
        await refresh(app, pilot)
        text = screen_text(app)
        assert "PAUSED" in text
        assert "7 s ago" in text
        assert "4,321" not in text
        assert app.model.rows[1].frames == 4_321
        await pilot.press("p")
        await refresh(app, pilot)
        text = screen_text(app)
        assert "PAUSED" not in text
        assert "4,321" in text


async def test_only_the_selected_connection_is_traced() -> None:
    source = FixedSource([opened(1), opened(2)])
    async with running(source) as (_, pilot):
        await pilot.press("down")
        await pilot.pause()
        traces = [(c.id, c.level) for c in source.commands if isinstance(c, Trace)]
        assert traces == [(1, TraceLevel.IO), (1, TraceLevel.OFF), (2, TraceLevel.IO)]


async def test_the_cursor_stays_on_its_connection() -> None:
    source = FixedSource([opened(number) for number in range(1, 100)])
    async with running(source) as (app, pilot):
        await pilot.press("down", "down")
        source.feed(closed(1, Reason.EOF, ago=60))
        await refresh(app, pilot)
        assert 1 not in app.model.rows
        assert table(app).selected_id == 3
        source.feed(closed(3, Reason.EOF, ago=60))
        await refresh(app, pilot)
        assert table(app).selected_id == 3
        await pilot.press("G")
        assert table(app).selected_id == 99
        assert table(app).scroll_offset.y > 0
        await pilot.press("pageup", "g")
        assert table(app).selected_id == 2


async def test_a_click_selects_and_a_click_on_a_title_sorts() -> None:
    source = FixedSource([opened(1), opened(2), snapshot(2, frames=9), opened(3)])
    async with running(source) as (app, pilot):
        await pilot.click("#connections", offset=(8, 2))
        assert table(app).selected_id == 3
        start = 2
        for column in table(app).columns:
            if column.key == "frames":
                break
            start += column.width + 1
        await pilot.click("#heading", offset=(start + 1, 0))
        await refresh(app, pilot)
        assert next(row.id for row in table(app).shown) == 2
        assert table(app).selected_id == 3
        await pilot.press("r")
        assert [row.id for row in table(app).shown][-1] == 2


async def test_sorting_goes_through_the_columns_that_are_shown() -> None:
    source = FixedSource([opened(1), opened(2)])
    async with running(source) as (app, pilot):
        shown = [column.key for column in table(app).columns]
        assert shown[-1] == "why"
        seen = [table(app).sort_key]
        for _ in shown:
            await pilot.press("s")
            seen.append(table(app).sort_key)
        assert seen == [*shown, "id"]
        await pilot.press("<")
        assert table(app).sort_key == "why"


async def test_quit_gives_zero_and_a_dead_server_one() -> None:
    async with running(FixedSource([listening()])) as (app, pilot):
        await pilot.press("q")
    assert (app.return_value, app.return_code) == (0, 0)
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        source.failed = Failure("the loop thread died: [ValueError] oops", server_is_dead=True)
        await refresh(app, pilot)
        await refresh(app, pilot)
        assert isinstance(app.screen, FailureScreen)
        assert len(app.screen_stack) == 2
        assert "THE SERVER IS DEAD" in screen_text(app)
        assert "oops" in screen_text(app)
        await pilot.press("q")
    assert (app.return_value, app.return_code) == (1, 1)


async def test_a_screen_that_hears_nothing_more_does_not_say_that_the_server_is_dead() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        source.failed = Failure("the dashboard has failed: KeyError", server_is_dead=False)
        await refresh(app, pilot)
        await refresh(app, pilot)
        assert "THE SCREEN NO LONGER HEARS THE SERVER" in screen_text(app)
        assert "DEAD" not in screen_text(app)
        await pilot.press("q")
    assert (app.return_value, app.return_code) == (1, 1)


HOSTILE = "[red]not red[/red] [/] '\"] \\ [@click=app.quit]x"


async def test_a_peers_text_is_never_markup() -> None:
    source = FixedSource(
        [listening(), opened(1, peer=HOSTILE), opened(2, peer=HOSTILE), closed(
            2, Reason.FRAME_TOO_LARGE, detail=HOSTILE
        )]
    )  # fmt: skip
    async with running(source) as (app, pilot):
        text = screen_text(app).replace("&quot;", '"')
        assert "[red]not red[/red] [/]" in text
        await pilot.press("k")
        await refresh(app, pilot)
        assert isinstance(app.screen, KillDialog)
        assert HOSTILE in str(app.screen.query_one(".what Static", Static).content)


@pytest.mark.parametrize("size", [(59, 15), (60, 14), (1, 1), (20, 5)])
async def test_a_small_terminal_is_told_so(size: tuple[int, int]) -> None:
    async with running(FixedSource(overview()), size) as (app, pilot):
        assert app.screen.has_class("too-small")
        await resize(app, pilot, 120, 40)
        await refresh(app, pilot)
        assert not app.screen.has_class("too-small")
        assert "127.0.0.1:9000" in screen_text(app)


async def test_ten_thousand_connections_draw_only_what_is_in_view() -> None:
    source = FixedSource([opened(number) for number in range(1, 10_001)])
    async with running(source) as (app, pilot):
        await pilot.press("end")
        assert table(app).selected_id == 10_000
        assert len(table(app)._strips) < 200


async def test_a_refresh_lays_nothing_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout changes with keys and sizes only, not ten times a second."""
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await refresh(app, pilot)
        laid_out: list[Widget] = []
        original = Widget.refresh

        def watched(widget: Widget, *regions: Region, layout: bool = False, **how: Any) -> Widget:
            if layout:
                laid_out.append(widget)
            return original(widget, *regions, layout=layout, **how)

        monkeypatch.setattr(Widget, "refresh", watched)
        source.time += 1
        source.feed(snapshot(4, frames=2_000_000, at=source.time), *server(35))
        await refresh(app, pilot)
        assert laid_out == []
        await pilot.press("p")
        await refresh(app, pilot)
        assert laid_out != []
