"""The screen as pictures, from fixed events. Look at a changed one before it is accepted."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from app.ui.app import EchoApp
from screenshots.scenes import FixedSource, overview

SIZES = [(160, 50), (100, 30), (80, 24)]
Compare = Callable[..., bool]


def prepared(*keys: str) -> tuple[EchoApp, Callable[[Pilot[int]], object]]:
    app = EchoApp(FixedSource(overview()))

    async def prepare(pilot: Pilot[int]) -> None:
        await pilot.pause()
        app.refresh_view()
        await pilot.press("g", *["down"] * 8, *keys)
        await pilot.pause()
        app.refresh_view()
        await pilot.pause()

    return app, prepare


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((), id="slow-reader"),
        pytest.param(("k",), id="kill"),
        pytest.param(("c", *"40K"), id="cap"),
        pytest.param(("p",), id="paused"),
        pytest.param(("question_mark",), id="help"),
        pytest.param(("l",), id="log"),
        pytest.param(("slash", *"state:WRITE_BODY or idle>5s", "enter"), id="filter"),
        pytest.param(("space", "up", "space", "K"), id="kill-tagged"),
        pytest.param(("slash", *"peer:127", "enter", "K"), id="kill-filtered"),
        pytest.param(("t", *"2.5", "down", *"x"), id="settings-mistake"),
        pytest.param(("t", *"2.5", *["down"] * 4, *"armed"), id="settings"),
        pytest.param(("a",), id="audit"),
        pytest.param(("v",), id="charts"),
        pytest.param(("x",), id="bytes"),
        pytest.param(("slash", *"pending>lots"), id="filter-mistake"),
    ],
)
def test_screen(snap_compare: Compare, size: tuple[int, int], keys: tuple[str, ...]) -> None:
    app, prepare = prepared(*keys)
    assert snap_compare(app, terminal_size=size, run_before=prepare)
