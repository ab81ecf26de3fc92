"""The help: for what has the focus first, then every key with what it does."""

import msgspec
import pytest
from textual.widgets import Static

from app.core.events import Crashed, Endpoint, Stopped, Stopping
from app.ui import palette
from app.ui.actions import ACTIONS, CONTEXTS, GROUPS, REWIND_ACTIONS, key_sign
from app.ui.app import EchoApp
from app.ui.connection_table import ConnectionTable
from app.ui.dialogs import CapDialog
from app.ui.filter_bar import FilterBar
from app.ui.header_panel import _figures, header_figures
from app.ui.help_screen import HelpScreen, KeyList, TopicPanel
from app.ui.lines_panel import LinesPanel
from app.ui.preferences import Preferences
from app.ui.workers_panel import _lines
from app.watch.explanations import CHARTS, COLUMNS, EVENTS, GROUPED, HEADER, QUEUES, STATES, WHYS
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from screenshots.scenes import overview, overview_with_workers
from tests.making import NOW, FixedSource, listening, opened
from tests.ui.driving import panel_text, running, screen_text, table


def said(screen: HelpScreen, selector: str) -> str:
    return "\n".join(str(static.content) for static in screen.query(selector).results(Static))


@pytest.mark.parametrize(
    "preferences",
    [Preferences(), Preferences(preset="vim"), Preferences(keys={"kill": "f9", "audit": ""})],
)
async def test_every_key_that_is_in_force_is_listed_with_its_action(
    preferences: Preferences,
) -> None:
    async with running(FixedSource(overview()), preferences=preferences) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        told = "\n".join(map(panel_text, app.screen.query(KeyList)))
        lines = [line.split("  ") for line in told.splitlines()]
        listed = {parts[-1]: parts[-2].strip() for parts in lines if len(parts) > 1}
        assert listed["a view"] == "1…9"  # in one line, as long as they are the digits
        for name, keys in preferences.bindings().items():
            if ACTIONS[name] in GROUPS["views"]:
                continue
            if name in REWIND_ACTIONS or name not in CONTEXTS["table"]:
                assert ACTIONS[name].words not in listed  # of another app than this one
                continue
            assert listed[ACTIONS[name].words] == (" ".join(map(key_sign, keys)) or "-")
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize(
    ("keys", "place"), [((), ConnectionTable), (("slash",), FilterBar), (("c",), CapDialog)]
)
async def test_what_has_the_focus_comes_first(keys: tuple[str, ...], place: type) -> None:
    async with running(FixedSource(overview()), (80, 24)) as (app, pilot):
        await pilot.press(*keys, "f1")
        assert isinstance(app.screen, HelpScreen)
        assert said(app.screen, "#help-here") == getattr(place, "HELP")  # noqa: B009
        top = app.screen.query_one("#help-dialog")
        await pilot.press("end")
        await pilot.pause()
        assert top.scroll_offset.y > 0
        before = len(app.screen_stack)
        await pilot.press("escape")
        assert len(app.screen_stack) == before - 1


def explained(screen: HelpScreen) -> str:
    lines = screen.query_one(TopicPanel)._lines
    return " ".join(" ".join("".join(text for text, _ in line) for line in lines).split())


async def test_the_arrow_keys_walk_through_every_explanation_and_back() -> None:
    async with running(FixedSource(overview()), (80, 24)) as (app, pilot):
        await pilot.press("g", *["down"] * 8, "question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        first = explained(app.screen)
        assert "why #9 waits peer is not reading: window closed for 4 s, 304 KiB pending" in first
        assert "source document §10.6 · man 7 tcp" in first
        seen = {first}
        for _ in range(400):
            app.screen.action_walk(1)  # what the key does, without waiting for the screen
            if explained(app.screen) == first:
                break
            seen.add(explained(app.screen))
        else:
            pytest.fail("the walk does not come round")
        all_of_it = " ".join(seen)
        for table in (COLUMNS, HEADER, EVENTS, WHYS, STATES, QUEUES, CHARTS, GROUPED):
            for each in table.values():
                assert each.text in all_of_it
        for name, words in (("column pending", "304K"), ("header open", "35")):
            assert any(text.startswith(f"{name} {words}") for text in seen), name
        await pilot.press("left")
        assert explained(app.screen) != first
        await pilot.press("right")
        assert explained(app.screen) == first


async def test_the_chosen_column_is_explained_first() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        keys = [column.key for column in table(app).columns]
        await pilot.press(*["right"] * (keys.index("toggles") + 1), "question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        assert explained(app.screen).startswith("column toggles")
        assert COLUMNS["toggles"].text in explained(app.screen)
        await pilot.press("escape", *["left"] * (len(keys) + 1), "question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        assert explained(app.screen).startswith("why #")


@pytest.mark.parametrize("key", ["enter", "question_mark"])
async def test_the_selected_event_is_opened_whole_and_explained(key: str) -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("tab", "slash", *"http", "enter", key)
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        text = explained(app.screen)
        assert "#17" in text
        assert "CAP 1,048,576; looks like an HTTP request: 'GET / HTTP'" in text
        assert EVENTS["closed frame_too_large"].text in text


NOTES = tuple(f"note {number}: {'words of a notice ' * 9}end{number}" for number in range(3))


async def test_the_notices_of_the_start_are_read_whole_by_one_key() -> None:
    event = msgspec.structs.replace(listening(), notes=NOTES)
    async with running(FixedSource([event, opened(1)]), (80, 24)) as (app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = said(app.screen, "#help-notices")
        assert [note for note in NOTES if note not in shown] == []
        assert "end0" in screen_text(app)
        assert "…" not in screen_text(app).partition("end2")[0].rpartition("note 0")[2]


async def test_figures_that_a_narrow_header_leaves_out_are_read_by_one_key() -> None:
    async with running(FixedSource(overview()), (80, 24)) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        text = said(app.screen, "#help-header")
        assert "address 127.0.0.1:9000 · CAP 1MiB · up 00:12:34 · poller epoll" in text
        assert "pid 4242" in text
        assert "opened 39" in text


def test_every_figure_of_the_header_is_explained() -> None:
    state = ScreenState()
    events = overview_with_workers()
    two = (Endpoint("127.0.0.1", 9000), Endpoint("::1", 9000))
    events[0] = msgspec.structs.replace(events[0], listeners=two)
    state.apply(Drained(events, [], None, 0), NOW)
    figures = header_figures(state, NOW)
    assert [label for label in figures if label not in HEADER] == []
    assert {"address", "workers", "listener", "accepted", "frames/s", "drops"} <= figures.keys()
    drawn = {text.strip() for text, style in _figures(state, 300)[0] if style == palette.LABEL}
    assert drawn <= figures.keys()
    lines = _lines(list(state.workers.values()), 300, 9)
    labels = {text.strip() for line in lines for text, style in line if style == palette.LABEL}
    assert {label.split()[0] for label in labels} <= HEADER.keys()


def test_every_mode_of_the_screen_is_explained() -> None:
    app = EchoApp(FixedSource([]))
    modes = [app._mode()[0]]
    app._frozen = app.model, NOW
    modes.append(app._mode()[0])
    app.model.stopping = Stopping(t=NOW, cause="SIGTERM", grace=1.0, open=0)
    modes.append(app._mode()[0])
    app.model.stopped = Stopped(NOW, "SIGTERM", 0, 0, 0, 0, 0)
    modes.append(app._mode()[0])
    app.model.gone = "no answer"
    modes.append(app._mode()[0])
    app.model.crashed = Crashed(NOW, "error", "")
    modes.append(app._mode()[0])
    words = [mode.removeprefix("● ") for mode in modes]
    assert words == ["LIVE", "PAUSED", "STOPPING", "STOPPED", "GONE", "DEAD"]
    assert {*words, "REC", "REPLAY"} <= HEADER.keys()


@pytest.mark.parametrize("keys", [{}, {"filter": "f8", "kill_several": ""}])
async def test_the_recipes_name_the_keys_in_force(keys: dict[str, str]) -> None:
    async with running(FixedSource(overview()), preferences=Preferences(keys=keys)) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        text = panel_text(app.screen.query_one("#help-recipes", LinesPanel))
        assert f"{'F8' if keys else '/'} why:slow" in text
        assert ("end all of one host" in text) is not bool(keys)


@pytest.mark.parametrize(
    ("key", "names"),
    [("v", [f"chart {name}" for name in CHARTS]), ("O", [f"group {name}" for name in GROUPED])],
)
async def test_charts_and_groups_are_explained_first_where_they_are_shown(
    key: str, names: list[str]
) -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press(key, "question_mark")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, HelpScreen)
        for name in names:
            assert explained(screen).startswith(f"{name} ")
            screen.action_walk(1)
