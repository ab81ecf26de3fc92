"""The loop, a stepped one, and the lab as pictures. Look at a changed one before it is accepted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from app.core.words.language import ENGLISH, language_of
from app.ui.app import EchoApp
from app.ui.lab_app import LabApp
from app.ui.preferences import Preferences
from screenshots.lab_show import Shown
from screenshots.loop_scenes import CALLS, CONNECTIONS, HELD, SEEN, SIDES, STEPPING
from tests.making import FixedSource, listening

SIZES = pytest.mark.parametrize(
    "size", [(160, 50), (100, 30), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}"
)
Compare = Callable[..., bool]


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
    show.sides = SIDES
    app = LabApp(show, Preferences(lang=lang))

    async def prepare(pilot: Pilot[int]) -> None:
        await pilot.press(*keys)
        app._draw()
        await pilot.pause()
        app._draw()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=prepare)
