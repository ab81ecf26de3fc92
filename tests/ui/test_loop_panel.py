"""The pane of the loop, its keys in a `--step` session, and the past of a live dashboard."""

from __future__ import annotations

import msgspec

from app.core.commands import Look, Step, StepAction
from app.core.events import POLLIN
from app.core.iteration import Iteration, KernelCall, Served
from app.core.queues import Kernel
from app.core.stepping import LoopHeld, LoopResumed, Stepped
from app.ui.help_screen import KeyList
from app.ui.preferences import Preferences
from tests.making import NOW, FixedSource, listening, opened, snapshot
from tests.ui.driving import drawn_text, panel_text, refresh, running

CYCLE = ("READ_LEN", "READ_BODY", "WRITE_BODY", "READ_LEN")
ECHOED = Served(
    "connection", 9, 1, POLLIN, POLLIN,
    (KernelCall("read", 512, 68, us=3), KernelCall("write", 409_604, 65_448, us=12)),
    15, CYCLE,
)  # fmt: skip
FOR_NOTHING = Served("connection", 10, 2, POLLIN, POLLIN | 16, (), 1, progress=False)
ITERATION = Iteration(NOW, 812, 98_000, 8, 45, 0, 40, 66, (ECHOED, FOR_NOTHING))
STEPPING = msgspec.structs.replace(listening(), step=True)
HELD = LoopHeld(NOW, "write", 9, 1, "step", 41, 6)


def steps(source: FixedSource) -> list[StepAction]:
    return [each.action for each in source.commands if isinstance(each, Step)]


async def test_the_key_shows_the_last_iterations_and_has_them_told() -> None:
    source = FixedSource([listening(), opened(1), snapshot(1), ITERATION])
    async with running(source) as (app, pilot):
        assert not [each for each in source.commands if isinstance(each, Look)]
        await pilot.press("u")
        await refresh(app, pilot)
        text = drawn_text(app)
        assert "iteration 812: slept 98,000 µs; poll took 2 of 66 in 8 µs" in text
        assert "read 68 · write 65,448 of 409,604, partial" in text
        assert "◔ READ_LEN → ◑ READ_BODY → ▶ WRITE_BODY → ◔ READ_LEN" in text
        assert "IN|HUP of IN" in text
        assert "woken without progress" in text
        assert [each for each in source.commands if isinstance(each, Look)]
        await pilot.press("u")
        await refresh(app, pilot)
        assert "iteration 812" not in drawn_text(app)


async def test_a_stepped_loop_is_drawn_with_its_line_its_calls_and_its_queues() -> None:
    made = Stepped(NOW, 41, "read", 9, 1, 65_536, 18, "", 45, 5)
    kernel = Kernel(NOW, 1, 4096, 8192, 65_536)
    source = FixedSource([STEPPING, opened(1), snapshot(1), made, kernel, HELD])
    async with running(source) as (app, pilot):
        await pilot.press("g")
        await refresh(app, pilot)
        text = drawn_text(app)
        assert "HELD" in text
        assert "held before write of #1" in text
        assert "▶         a frame is whole: write its echo" in text
        assert "read     #1     18 of 65,536" in text
        assert "#1 peer → [" in text
        assert "the loop is held" in text


async def test_the_page_says_how_tracing_changes_the_reads() -> None:
    kernel = Kernel(NOW, 1, 0, 0, 65_536, read_size=65_536, unobserved_read_size=479)
    async with running(FixedSource([listening(), opened(1), snapshot(1), kernel])) as (app, pilot):
        await refresh(app, pilot)
        assert "traced   read size 65,536; unobserved 479" in drawn_text(app)


async def test_the_keys_of_a_session_with_step_belong_to_the_loop() -> None:
    source = FixedSource([STEPPING, opened(1), snapshot(1)])
    async with running(source) as (app, pilot):
        await pilot.press("space")
        assert steps(source) == [StepAction.HOLD]
        source.feed(HELD)
        await refresh(app, pilot)
        await pilot.press("space", "greater_than_sign", "enter")
        assert steps(source)[1:] == [StepAction.CALL, StepAction.ITERATION, StepAction.GO]
        source.feed(LoopResumed(NOW, "go"))
        await refresh(app, pilot)
        await pilot.press("left_square_bracket", "right_square_bracket")
        assert steps(source)[4:] == [StepAction.PACE, StepAction.PACE]
        await pilot.press("enter")
        assert len(app.screen_stack) == 2, "while it runs, Enter opens the connection"


async def test_a_key_of_the_table_that_moves_takes_none_from_the_loop() -> None:
    preferences = Preferences(keys={"open": "x", "pause": "space", "tag": "p"})
    source = FixedSource([STEPPING, opened(1), snapshot(1)])
    async with running(source, preferences=preferences) as (app, pilot):
        source.feed(HELD)
        await refresh(app, pilot)
        await pilot.press("enter", "space")
        assert steps(source) == [StepAction.GO, StepAction.CALL]
        assert not app.screen.has_class("paused")
        await pilot.press("question_mark")
        await pilot.pause()
        told = "\n".join(map(panel_text, app.screen.query(KeyList)))
        assert "hold the loop, then a call" in told
        assert "10 s back" not in told, "nothing is kept for going back"


async def test_without_step_they_are_those_of_the_table() -> None:
    source = FixedSource([listening(), opened(1), snapshot(1)])
    async with running(source) as (app, pilot):
        await pilot.press("g", "space")
        assert steps(source) == []
        assert app._pane.table.tagged == {1}


async def test_a_breakpoint_is_checked_while_it_is_typed() -> None:
    source = FixedSource([STEPPING, opened(1), snapshot(1)])
    async with running(source, (100, 30)) as (app, pilot):
        await pilot.press("B", *"nowhere>")
        await refresh(app, pilot)
        assert "✕" in drawn_text(app)
        await pilot.press(*["backspace"] * 8, *"EAGAIN", "enter")
        asked = [each for each in source.commands if isinstance(each, Step)]
        (added,) = [each for each in asked if each.action is not StepAction.LIST]
        assert (added.action, added.text) == (StepAction.ADD, "EAGAIN")
