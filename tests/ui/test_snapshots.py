"""The screen as pictures, from a fixed recording. Look at a changed one before it is accepted."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from app.recording.reader import Recording
from app.ui.app import EchoApp
from app.ui.replay_app import ReplayApp
from app.ui.replay_source import ReplaySource
from screenshots.recorded import OVERVIEW, held
from screenshots.scenes import NOW, overview
from tests.recording.making import history, write_recording

SIZES = [(160, 50), (100, 30), (80, 24)]
Compare = Callable[..., bool]


@pytest.fixture
def recording() -> Iterator[Recording]:
    with Recording(OVERVIEW) as recording:
        yield recording


def test_the_recording_is_of_the_present_scene(recording: Recording) -> None:
    recorded = [item.event for item in recording.items(NOW, NOW)]
    assert recorded == overview(), "the scene has changed: run python -m screenshots"
    assert recording.damage is None


def prepared(recording: Recording, *keys: str) -> tuple[EchoApp, Callable[[Pilot[int]], object]]:
    app = EchoApp(held(recording))

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
        pytest.param(("c", "0"), id="cap"),
        pytest.param(("p",), id="paused"),
        pytest.param(("question_mark",), id="help"),
        pytest.param(("l",), id="log"),
        pytest.param(("slash", *"state:WRITE_BODY or idle>5s", "enter"), id="filter"),
        pytest.param(("space", "up", "space", "K"), id="kill-tagged"),
        pytest.param(("slash", *"peer:127", "enter", "K"), id="kill-filtered"),
        pytest.param(("t", *"2.5", "down", *"x"), id="settings-mistake"),
        pytest.param(("t", *"2.5", *["down"] * 4, *"armed"), id="settings"),
        pytest.param(("a",), id="audit"),
        pytest.param(("slash", *"pending>lots"), id="filter-mistake"),
    ],
)
def test_screen(
    snap_compare: Compare, recording: Recording, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    app, prepare = prepared(recording, *keys)
    assert snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("damage", "keys"),
    [
        pytest.param(0, (), id="replay"),
        pytest.param(0, ("colon", *"+1:30"), id="moment"),
        pytest.param(0, ("question_mark",), id="replay-help"),
        pytest.param(9, ("p",), id="damaged"),
    ],
)
def test_replay_screen(
    snap_compare: Compare,
    tmp_path: Path,
    size: tuple[int, int],
    damage: int,
    keys: tuple[str, ...],
) -> None:
    path = write_recording(tmp_path / "life.rec", history(3))
    path.write_bytes(path.read_bytes()[: -damage or None])

    async def prepare(pilot: Pilot[int]) -> None:
        await pilot.pause()
        await pilot.press(*["right_parenthesis"] * 6, "end", *keys)
        await pilot.pause()
        app.refresh_view()
        await pilot.pause()

    with Recording(path) as recording:
        app = ReplayApp(ReplaySource(recording, clock=lambda: 0.0))
        assert snap_compare(app, terminal_size=size, run_before=prepare)
