"""The loop, a stepped one, and the lab as pictures. Look at a changed one before it is accepted."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from textual.pilot import Pilot

from app.core.events import POLLIN, POLLOUT, ConnectionState
from app.core.iteration import Iteration, KernelCall, Served
from app.core.queues import Kernel
from app.core.stepping import LoopHeld, Stepped
from app.core.words.language import ENGLISH, language_of
from app.ui.app import EchoApp
from app.ui.lab_app import LabApp
from app.ui.lab_loops import SideLoop
from app.ui.preferences import Preferences
from tests.making import NOW, FixedSource, listening, opened, snapshot
from tests.ui.lab_show import Shown

SIZES = pytest.mark.parametrize(
    "size", [(160, 50), (100, 30), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}"
)
Compare = Callable[..., bool]
STEPPING = msgspec.structs.replace(listening(), step=True)
CYCLE = ("READ_LEN", "READ_BODY", "WRITE_BODY", "READ_LEN")
LISTENER = Served(
    "listener", 3, 0, POLLIN, POLLIN,
    (KernelCall("accept", 0, 9, us=21), KernelCall("watch", POLLIN, 0, us=3),
     KernelCall("accept", 0, 10, us=18), KernelCall("watch", POLLIN, 0, us=2),
     KernelCall("accept", 0, -1, "EAGAIN", 4)), 48,
)  # fmt: skip
ECHOED = Served(
    "connection", 9, 1, POLLIN, POLLIN,
    (KernelCall("read", 65_536, 68, us=9), KernelCall("write", 68, 68, us=14)), 23, CYCLE,
)  # fmt: skip
PARTIAL = Served(
    "connection", 10, 2, POLLIN, POLLIN,
    (KernelCall("read", 409_608, 409_604, us=88), KernelCall("write", 409_604, 65_448, us=61),
     KernelCall("arm", POLLOUT, 0, us=4)), 153, CYCLE[:3],
)  # fmt: skip
WOKEN = Served(
    "connection", 11, 3, POLLOUT, POLLOUT, (KernelCall("write", 900, -1, "EAGAIN", 3),), 3,
    ("WRITE_BODY",), progress=False,
)  # fmt: skip
SEEN = [
    Iteration(NOW - 1.0, 811, 912_400, 6, 52, 0, 50, 4, (LISTENER,)),
    Iteration(NOW - 0.9, 812, 340, 8, 198, 12, 120, 6, (ECHOED, PARTIAL, WOKEN)),
]
CALLS = [
    Stepped(NOW, 40, "poll", -1, 0, 0, 2, "", 1_204, 1),
    Stepped(NOW, 41, "read", 9, 1, 65_536, 68, "", 9, 5),
    Stepped(NOW, 42, "write", 9, 1, 68, 68, "", 14, 6),
    Stepped(NOW, 43, "read", 10, 2, 409_608, 409_604, "", 88, 5),
]
HELD = LoopHeld(NOW, "write", 10, 2, "breakpoint 1, #2", 43, 6)
CONNECTIONS = [
    opened(1), snapshot(1), opened(2), snapshot(2, ConnectionState.WRITE_BODY, out=(0, 409_604)),
    Kernel(NOW, 2, 4_096, 65_448, 2_626_560),
]  # fmt: skip


def dashboard(first: object, *events: object, keys: tuple[str, ...]) -> tuple[EchoApp, object]:
    app = EchoApp(FixedSource([first, *CONNECTIONS, *SEEN, *events]), clock=lambda: 0.0)  # type: ignore[list-item]

    async def prepare(pilot: Pilot[int]) -> None:
        await pilot.pause()
        app.refresh_view()
        await pilot.press("g", "down", *keys)
        app.refresh_view()
        await pilot.pause()

    return app, prepare


@pytest.mark.slow
@SIZES
def test_the_loop(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, prepare = dashboard(listening(), keys=("u",))
    assert snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.slow
@SIZES
def test_a_held_loop(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, prepare = dashboard(STEPPING, *CALLS, HELD, keys=())
    assert snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.slow
@SIZES
def test_the_help_of_a_stepped_one(snap_compare: Compare, size: tuple[int, int]) -> None:
    app, prepare = dashboard(STEPPING, *CALLS, HELD, keys=("question_mark",))
    assert snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.slow
@SIZES
@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("keys", ["", "2", "2s", "2u"], ids=["asked", "why", "source", "loops"])
def test_the_lab(snap_compare: Compare, size: tuple[int, int], lang: str, keys: str) -> None:
    show = Shown("pollout-always", ENGLISH if lang == "en" else language_of(lang))
    right = SideLoop("poll", "", "ready = poll(interest, timeout)", tuple(CALLS), tuple(SEEN))
    wrong = SideLoop("", "accept of fd 3, 2.1 s", "", tuple(CALLS), tuple(SEEN))
    show.sides = right, wrong
    app = LabApp(show, Preferences(lang=lang))

    async def prepare(pilot: Pilot[int]) -> None:
        await pilot.press(*keys)
        app._draw()
        await pilot.pause()
        app._draw()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=prepare)
