"""The screen of the lab: its answers, its keys, and both loops call by call."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from app.core.events import POLLIN
from app.core.iteration import Iteration, KernelCall, Served
from app.core.stepping import Stepped
from app.ui.lab_app import LabApp
from app.ui.lab_loops import SideLoop
from app.ui.preferences import Preferences
from screenshots.lab_show import Shown
from tests.ui.driving import drawn_text

MADE = Stepped(1.0, 3, "read", 7, 0, 1024, -1, "EAGAIN", 4, 5)
WOKEN = Served("connection", 7, 0, POLLIN, POLLIN, (KernelCall("read", 1024, -1, "EAGAIN", 4),), 4,
               ("READ_LEN",), progress=False)  # fmt: skip
ONE = Iteration(1.0, 812, 340, 0, 21, 0, 20, 3, (WOKEN,))
HELD = SideLoop("read of fd 7", "", "conn.advance()", (MADE,), (ONE,))
BLOCKED = SideLoop("", "accept of fd 3, 2.1 s", "", (), (ONE,))


async def drawn(app: LabApp, pilot: Pilot[int]) -> str:
    app._draw()
    await pilot.pause()
    return drawn_text(app)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(160, 50), (100, 30), (80, 24)])
async def test_both_loops_are_held_stepped_and_let_go(size: tuple[int, int]) -> None:
    show = Shown("eagain")
    app = LabApp(show)
    async with app.run_test(size=size) as pilot:
        await pilot.press("space", "u")
        assert (show.orders, show.looked) == ([], []), "first the question is to be answered"
        await pilot.press("2", "space")
        assert show.looked == [True]
        show.sides = HELD, BLOCKED
        text = await drawn(app, pilot)
        assert "held before read of fd 7" in text
        assert "▶ conn.advance()" in text
        assert ("read     fd 7   EAGAIN" if size[0] >= 100 else "read fd 7  EAGAIN  4 µs") in text
        assert "in accept of fd 3, 2.1 s" in text
        assert "812: slept 340 µs, poll 0 µs, 1" in text
        assert "space a call  > to poll  Enter go on  [ ] pace  q quit" in text
        await pilot.press("space", ">", "enter", "]", "]", "[", "enter")
        assert show.orders == [
            ("hold", 0), ("call", 0), ("iteration", 0), ("go", 0),
            ("pace", 1.0), ("pace", 0.3), ("pace", 1.0), ("go", 0),
        ]  # fmt: skip
        await pilot.press("u")
        assert show.looked == [True, False]
        assert show.words["why"].split()[0] in await drawn(app, pilot)


async def test_its_keys_are_those_of_the_one_table() -> None:
    show = Shown("eagain")
    app = LabApp(show, Preferences(keys={"lab_heal": "f5", "step_call": "x", "quit": "f10"}))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("1", "H", "space")
        assert (show.is_healed, show.orders) == (False, [])
        await pilot.press("f5", "x")
        assert (show.is_healed, show.orders) == (True, [("hold", 0)])
        assert "F5 heal" in await drawn(app, pilot)
        await pilot.press("q", "f10")
    assert app.return_code == 0
