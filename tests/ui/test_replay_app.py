"""The dashboard on a recording, driven by its keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from app.core.commands import Kill
from app.core.events import (
    Event,
    Notice,
    Reason,
    Toggled,
)
from app.recording.reader import Recording
from app.ui.connection_page import ConnectionPage
from app.ui.help_screen import HelpScreen, KeyList
from app.ui.lines_panel import LinesPanel
from app.ui.moment_dialog import MomentDialog
from app.ui.preferences import Preferences
from app.ui.replay_app import ReplayApp
from app.ui.replay_source import ReplaySource
from app.ui.transport_bar import TransportBar, span
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from tests.making import NOW, closed, listening, opened, snapshot
from tests.recording.making import Drain, drain, history, write_recording
from tests.ui.driving import drawn_text, panel_text, refresh, screen_text, table

TOGGLED = Toggled(t=NOW + 31, id=1, armed=True, pending=5, toggles=1)


def life() -> list[Drain]:
    """Make one minute with two connections, a toggle, a close and an error."""
    return [
        drain(NOW, listening(), frames=1),
        drain(NOW + 2, opened(1, age=-2), opened(2, age=-2), frames=2),
        drain(NOW + 31, TOGGLED, snapshots=[snapshot(1, at=NOW + 31)], frames=3),
        drain(NOW + 40, closed(2, Reason.EOF, ago=-40), frames=4),
        drain(NOW + 50, closed(1, Reason.TIMEOUT_BODY, ago=-50), frames=5),
        drain(NOW + 60, frames=6),
    ]


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@asynccontextmanager
async def replaying(
    path: Path, size: tuple[int, int] = (160, 50), preferences: Preferences | None = None
) -> AsyncIterator[tuple[ReplayApp, ReplaySource, Clock, Pilot[int]]]:
    clock = Clock()
    with Recording(path) as recording:
        source = ReplaySource(recording, clock=clock)
        app = ReplayApp(source, preferences=preferences)
        async with app.run_test(size=size) as pilot:
            await refresh(app, pilot)
            yield app, source, clock, pilot


def toasts(app: ReplayApp) -> list[str]:
    return [notification.message for notification in app._notifications]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "life.rec", life())


async def test_p_plays_and_pauses(path: Path) -> None:
    async with replaying(path) as (app, source, clock, pilot):
        assert "paused" in screen_text(app)
        await pilot.press("p")
        clock.time += 5
        await refresh(app, pilot)
        assert source.now() == NOW + 5
        assert len(app.model.rows) == 2
        assert "▶ REPLAY 1x" in screen_text(app)
        await pilot.press("p")
        clock.time += 50
        await refresh(app, pilot)
        assert source.now() == NOW + 5
        assert "‖ paused" in screen_text(app)


@pytest.mark.parametrize(
    ("keys", "after"),
    [
        (["right_curly_bracket"], 60),
        (["right_curly_bracket", "left_curly_bracket"], 0),
        (["right_parenthesis", "right_parenthesis", "left_parenthesis"], 10),
        (["full_stop"], 2),
        (["full_stop"] * 3, 31),
        (["full_stop"] * 3 + ["comma"], 2),
        (["d"], 40),
        (["d", "d"], 50),
        (["d", "d", "D"], 40),
        (["i"], 31),
        (["right_curly_bracket", "I"], 31),
        (["n"], 50),
        (["right_curly_bracket", "N"], 50),
    ],
)
async def test_keys_lead_there(path: Path, keys: list[str], after: float) -> None:
    async with replaying(path) as (app, source, _, pilot):
        await pilot.press(*keys)
        await refresh(app, pilot)
        assert source.now() - NOW == after


async def test_its_keys_are_rebound_and_come_before_those_of_the_table(path: Path) -> None:
    """One key may have a meaning in a replay, and another in the table."""
    preferences = Preferences(keys={"replay_close": "x", "replay_toggle": "f9", "charts": "n"})
    async with replaying(path, preferences=preferences) as (app, source, _, pilot):
        assert "x D close  F9 I POLLOUT" in drawn_text(app)
        await pilot.press("x", "d")
        assert source.now() == NOW + 40
        await pilot.press("n")
        assert source.now() == NOW + 50, "the next error"
        await pilot.press("slash", *"id>1 n", "enter")
        active = app._pane.filter_bar.active
        assert active is not None
        assert active.text == "id>1 n", "in a field it is a letter"
        assert source.now() == NOW + 50


async def test_going_back_takes_back_what_was_shown(path: Path) -> None:
    async with replaying(path) as (app, _, _, pilot):
        await pilot.press("right_curly_bracket")
        await refresh(app, pilot)
        assert app.model.closed == 2
        assert "timeout_body" in screen_text(app)
        await pilot.press("left_parenthesis", "left_parenthesis")
        await refresh(app, pilot)
        assert app.model.closed == 1
        assert "timeout_body" not in screen_text(app)
        await pilot.press("left_curly_bracket")
        await refresh(app, pilot)
        assert app.model.opened == 0
        assert "opened  " not in screen_text(app)


async def test_a_jump_to_nothing_is_said(path: Path) -> None:
    async with replaying(path) as (app, source, _, pilot):
        await pilot.press("I")
        await pilot.pause()
        assert toasts(app) == ["no POLLOUT toggle before this"]
        assert source.now() == NOW


async def test_speed_is_chosen_and_shown(path: Path) -> None:
    async with replaying(path) as (app, source, clock, pilot):
        await pilot.press("right_square_bracket", "right_square_bracket", "p")
        clock.time += 2
        await refresh(app, pilot)
        assert source.now() == NOW + 8
        assert "▶ 4x" in screen_text(app)
        await pilot.press(*["left_square_bracket"] * 4)
        await refresh(app, pilot)
        assert "▶ 0.25x" in screen_text(app)


async def test_a_time_can_be_typed(path: Path) -> None:
    async with replaying(path) as (app, source, _, pilot):
        await pilot.press("colon", *"soon")
        assert isinstance(app.screen, MomentDialog)
        verdict = app.screen.query_one("#verdict", Static)
        assert "'soon' is no moment of a recording" in str(verdict.content)
        assert app.screen.query_one("#set", Button).disabled
        await pilot.press("enter")
        assert isinstance(app.screen, MomentDialog)
        app.screen.query_one(Input).value = "+45"
        await pilot.pause()
        assert "08:54:05" in str(verdict.content)
        await pilot.press("enter")
        await refresh(app, pilot)
        assert source.now() == NOW + 45
        await pilot.press("colon", *"+99", "enter")
        assert isinstance(app.screen, MomentDialog)
        verdict = app.screen.query_one("#verdict", Static)
        assert "+99 is outside the recording" in str(verdict.content)
        await pilot.press("escape")
        await refresh(app, pilot)
        assert source.now() == NOW + 45


async def test_a_click_on_the_line_goes_there(path: Path) -> None:
    async with replaying(path) as (app, source, _, pilot):
        bar = app.query_one(TransportBar)
        line = bar._line
        await pilot.click(bar, offset=(line[-1], 0))
        assert source.now() == NOW + 60
        await pilot.click(bar, offset=(line[len(line) // 2], 0))
        assert source.now() == pytest.approx(NOW + 30, abs=1)
        await pilot.click(bar, offset=(line[0], 0))
        assert source.now() == NOW
        await pilot.click(bar, offset=(line[-1], 1))
        await pilot.click(bar, offset=(line[0] - 1, 0))
        assert source.now() == NOW


@pytest.mark.parametrize("key", ["k", "K", "c", "t", "R"])
async def test_what_changes_a_server_is_refused(path: Path, key: str) -> None:
    async with replaying(path) as (app, _, _, pilot):
        await pilot.press("d", key)
        await pilot.pause()
        assert len(app.screen_stack) == 1
        assert toasts(app) == ["a recording cannot be changed"]


async def test_a_command_that_comes_all_the_same_is_refused_too(path: Path) -> None:
    async with replaying(path) as (app, source, _, pilot):
        source.submit(Kill(request=1, ids=(1,)))
        await refresh(app, pilot)
        assert toasts(app) == ["a recording cannot be changed"]
        assert source.refused == []


async def test_damage_is_told_on_the_screen(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])
    async with replaying(path) as (app, source, _, pilot):
        assert source.recording.damage is not None
        assert f"damaged at byte {source.recording.damage.offset:,}" in screen_text(app)
        await pilot.press("right_curly_bracket")
        await refresh(app, pilot)
        assert app.model.closed == 2


async def test_each_damaged_file_is_named_on_the_screen(path: Path) -> None:
    data = path.read_bytes()
    path.rename(f"{path}.000001")
    for number in (1, 2, 3):
        path.with_name(f"{path.name}.{number:06}").write_bytes(data[: -40 if number != 2 else None])
    async with replaying(path) as (app, _, _, _):
        text = screen_text(app)
        assert f"of {path.name}.000001: " in text
        assert f"also damaged: {path.name}.000003" in text


async def test_a_whole_recording_shows_no_banner(path: Path) -> None:
    async with replaying(path) as (app, _, _, _pilot):
        assert not app.query_one("#banner").display


async def test_the_help_tells_of_the_transport(path: Path) -> None:
    async with replaying(path, (160, 50)) as (app, _, _, pilot):
        assert "Kill" not in screen_text(app)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.pause()
        text = screen_text(app) + "\n".join(map(panel_text, app.screen.query(KeyList)))
        assert "play, pause" in text
        assert "the next close" in text
        assert "kill" not in text
        assert "quit" in text


@pytest.mark.parametrize("size", [(160, 50), (100, 30), (80, 24), (60, 15), (40, 10)])
async def test_it_fits_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_recording(tmp_path / "long.rec", history(3))
    async with replaying(path, size) as (app, source, _, pilot):
        for key in ("right_curly_bracket", "D", "comma", "left_parenthesis"):
            await pilot.press(key)
            await refresh(app, pilot)
        bar = app.query_one(TransportBar)
        assert source.now() < source.end
        if size >= (60, 15):
            assert bar.size.height >= 1
            assert "paused" in screen_text(app)
        else:
            assert not bar.display


async def test_a_row_of_another_model_is_another_row(path: Path) -> None:
    """After a seek, a row may have the id and the version of a row at another time."""

    def told(frames: int, pending: int) -> list[Event]:
        looked = snapshot(1, frames=frames, at=NOW, quiet=0)
        toggled = Toggled(t=NOW, id=1, armed=True, pending=pending, toggles=1)
        return [listening(), opened(1), looked, toggled, Notice(t=NOW, level="info", text="x")]

    async with replaying(path) as (app, _, _, pilot):
        for frames, words in ((1111, "1,111"), (2222, "2,222")):
            app.model = ScreenState()
            app.model.apply(Drained(told(frames, pending=frames), [], None, 0), NOW)
            await refresh(app, pilot)
            assert words in table(app).render_line(0).text
            assert f"{frames / 1024:.1f} KiB pending" in screen_text(app)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3723, "1:02:03"), (-1, "0:00")],
)
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words


async def test_the_next_event_of_the_selected_connection(path: Path) -> None:
    async with replaying(path) as (app, source, _, pilot):
        source.seek(NOW + 3)
        await refresh(app, pilot)
        table(app).select_shown(2)
        await pilot.press("semicolon")
        assert source.now() == NOW + 40
        await pilot.press("semicolon")
        assert toasts(app) == ["no event of #2 after this"]
        await pilot.press("apostrophe")
        assert source.now() == NOW + 2
        await pilot.pause()
        assert "2025-10-09" in screen_text(app)


async def test_a_page_follows_the_position(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.rec", life())
    async with replaying(path, (100, 30)) as (app, source, _, pilot):
        source.seek(NOW + 30)
        await refresh(app, pilot)
        await pilot.press("home", "enter", "semicolon")
        await refresh(app, pilot)
        assert isinstance(app.screen, ConnectionPage)
        assert app.screen.row.id == 1
        assert "POLLOUT armed" in panel_text(app.screen.query_one("#page-lines", LinesPanel))
        source.seek(NOW + 51)
        await refresh(app, pilot)
        assert "closed, timeout_body" in screen_text(app)
        await pilot.press("left_curly_bracket")
        await refresh(app, pilot)
        assert app.screen.row.id == 1
        await pilot.press("escape")
        assert len(app.screen_stack) == 1
