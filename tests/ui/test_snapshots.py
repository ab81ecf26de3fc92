"""The screen as pictures, from a fixed recording. Look at a changed one before it is accepted."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.color import ColorSystem
from textual.pilot import Pilot
from textual.widgets import Input

from app.recording.reader import Recording
from app.ui.app import EchoApp
from app.ui.preferences import THEMES, Preferences
from app.ui.replay_app import ReplayApp
from app.ui.replay_source import ReplaySource
from app.watch.source import Source
from screenshots.__main__ import UsualPalette
from screenshots.recorded import OVERVIEW, held
from screenshots.scenes import overview
from tests.making import NOW, FixedSource
from tests.recording.making import history, write_recording
from tests.ui.failures import AnsweringSource

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


def prepared(
    source: Source, *keys: str, preferences: Preferences | None = None
) -> tuple[EchoApp, Callable[[Pilot[int]], object]]:
    app = EchoApp(source, preferences=preferences, clock=lambda: 0.0)

    async def prepare(pilot: Pilot[int]) -> None:
        await pilot.pause()
        app.refresh_view()
        await pilot.press("g", *["down"] * 8, *keys)
        for field in app.screen.query(Input):
            field.cursor_blink = False
        await app.workers.wait_for_complete()
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
        pytest.param(("enter",), id="page"),
        pytest.param(("enter", "end"), id="page-end"),
        pytest.param(("k",), id="kill"),
        pytest.param(("c", *"40K"), id="cap"),
        pytest.param(("p",), id="paused"),
        pytest.param(("question_mark",), id="help"),
        pytest.param((*["right"] * 5, "question_mark", *["right"] * 2), id="help-column"),
        pytest.param(("question_mark", "end"), id="help-end"),
        pytest.param(("l",), id="log"),
        pytest.param(("slash", *"state:WRITE_BODY or idle>5s", "enter"), id="filter"),
        pytest.param(("space", "up", "space", "K"), id="kill-tagged"),
        pytest.param(("slash", *"peer:127", "enter", "K"), id="kill-filtered"),
        pytest.param(("t", *"2.5", "down", *"x"), id="settings-mistake"),
        pytest.param(("t", *"2.5", *["down"] * 4, *"armed"), id="settings"),
        pytest.param(("a",), id="audit"),
        pytest.param(("v",), id="charts"),
        pytest.param(("B",), id="bytes"),
        pytest.param(("slash", *"pending>lots"), id="filter-mistake"),
        pytest.param(("o", "down", "space", "down", "shift+down"), id="columns"),
        pytest.param(("ctrl+p", *"the"), id="palette"),
        pytest.param(("O", "O", "O"), id="groups"),
        pytest.param(("slash", *"sta", "tab"), id="filter-completed"),
    ],
)
def test_screen(
    snap_compare: Compare, recording: Recording, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    app, prepare = prepared(held(recording), *keys)
    assert snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("colours", ["true", "16"])
@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(("down",) * 2, id="suspected"),
        pytest.param(("C", "down", "down"), id="closed"),
        pytest.param(("C", "down", "down", "b"), id="kept-bytes"),
        pytest.param(("C", "b"), id="kept-in-pieces"),
    ],
)
def test_failures(
    snap_compare: Compare, size: tuple[int, int], colours: str, keys: tuple[str, ...]
) -> None:
    app = EchoApp(AnsweringSource(), control="/run/user/1000/echo-tui/9000.sock")
    if colours == "16":
        app.console._color_system = ColorSystem.STANDARD
        app.watch_theme(app.theme)
        app._few.append(UsualPalette())

    async def prepare(pilot: Pilot[int]) -> None:
        await pilot.pause()
        app.refresh_view()
        for key in ("g", *keys):
            await pilot.press(key)
            await pilot.pause()
            app.refresh_view()
        for _ in range(2):
            await pilot.pause()
            app.refresh_view()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=prepare)


CHOSEN = ("id", "fd", "peer", "reason", "state", "bytes_in", "eagains", "partial_writes", "why")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(160, 50), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("preferences", "keys"),
    [
        *(pytest.param(Preferences(theme=name), (), id=name) for name in THEMES if name != "dark"),
        pytest.param(Preferences(theme="light"), ("k",), id="light-kill"),
        pytest.param(Preferences(ascii=True), (), id="ascii"),
        pytest.param(Preferences(ascii=True), ("k",), id="ascii-kill"),
        pytest.param(Preferences(columns=CHOSEN, sort="-bytes_in"), (), id="chosen-columns"),
    ],
)
def test_preferred(
    snap_compare: Compare,
    recording: Recording,
    size: tuple[int, int],
    preferences: Preferences,
    keys: tuple[str, ...],
) -> None:
    app, prepare = prepared(held(recording), *keys, preferences=preferences)
    assert snap_compare(app, terminal_size=size, run_before=prepare)


@pytest.mark.slow
def test_without_colour(
    snap_compare: Compare, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app, prepare = prepared(held(recording), "space")
    assert snap_compare(app, terminal_size=(160, 50), run_before=prepare)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_quit(snap_compare: Compare, size: tuple[int, int]) -> None:
    """A recording is left without a question; a server of one's own is not."""
    app, prepare = prepared(FixedSource(overview()), "q")
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
        await pilot.press(*["right_parenthesis"] * 6, "end")
        for _ in range(2):  # rows that were kept for a cursor of before are gone then
            await pilot.pause()
            app.refresh_view()
        await pilot.press(*keys)
        await pilot.pause()
        app.refresh_view()
        await pilot.pause()

    with Recording(path) as recording:
        if recording.damage is not None:
            # A new field of an event moves the damage; the picture must not change for that.
            recording._damages[path] = recording.damage._replace(offset=352_542)
        app = ReplayApp(ReplaySource(recording, clock=lambda: 0.0))
        assert snap_compare(app, terminal_size=size, run_before=prepare)
