"""The part of the dashboard that sends no command: keys, order, palette, clipboard, mouse."""

import json

import pytest
from textual.content import Content
from textual.events import MouseScrollDown
from textual.pilot import Pilot

from app.core.events import CommandResult, Reason
from app.ui.app import EchoApp
from app.ui.audit_screen import AuditScreen
from app.ui.filter_bar import FilterBar
from app.ui.kill_dialog import KillDialog
from app.ui.lines_panel import LinesPanel
from app.ui.palette_commands import Offer, provider_of
from app.ui.preferences import Preferences
from screenshots.scenes import overview
from tests.making import NOW, FixedSource, closed, opened
from tests.ui.driving import (
    actions,
    order,
    panel_text,
    refresh,
    resize,
    running,
    screen_text,
    table,
)


async def test_an_action_has_the_keys_that_it_was_given_and_no_others() -> None:
    preferences = Preferences(keys={"kill": "x,delete", "pause": "k", "down": "n", "up": ""})
    async with running(FixedSource(overview()), preferences=preferences) as (app, pilot):
        await pilot.press("g", "n", "n", "down", "j", "up")
        assert table(app).selected_id == 3
        await pilot.press("k")
        assert app.screen.has_class("paused")
        await pilot.press("k", "p")
        assert not app.screen.has_class("paused")
        for key in ("x", "delete"):
            await pilot.press(key)
            assert isinstance(app.screen, KillDialog)
            await pilot.press("escape")


async def choose_in_palette(app: EchoApp, pilot: Pilot[int], text: str) -> None:
    """Run the first entry of the palette for `text`."""
    await pilot.press("ctrl+p", *text)
    await app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.press("enter")
    await refresh(app, pilot)


async def test_the_palette_knows_the_words_of_the_bottom_line() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await choose_in_palette(app, pilot, "audit")
        assert isinstance(app.screen, AuditScreen)


async def test_a_key_is_never_read_as_markup() -> None:
    brackets = {"log": "[", "filter": "]", "pause": "backslash"}
    preferences = Preferences(keys=brackets)
    async with running(FixedSource(overview()), (80, 24), preferences) as (app, pilot):
        assert "[ event log" in screen_text(app)
        await pilot.press("f", "left_square_bracket", "backslash")
        await refresh(app, pilot)
        assert "[ detail" in screen_text(app)
        [notification] = app._notifications
        assert notification.message == "there is no filter yet: ] makes one"
        assert "\\ resumes" in screen_text(app)


async def test_the_vim_preset_moves_with_hjkl() -> None:
    preferences = Preferences(preset="vim")
    async with running(FixedSource(overview()), preferences=preferences) as (app, pilot):
        await pilot.press("g", "j", "j", "j", "k")
        assert table(app).selected_id == 3
        await pilot.press("l", "l", "h")
        assert table(app).sort_key == "peer"
        await pilot.press("x")
        assert isinstance(app.screen, KillDialog)


async def test_chosen_columns_and_order_are_there_from_the_start() -> None:
    preferences = Preferences(columns=("why", "fd", "id"), sort="-id", theme="light")
    async with running(FixedSource(overview()), preferences=preferences) as (app, _):
        assert [column.key for column in table(app).columns] == ["why", "fd", "id"]
        assert order(app)[:2] == [39, 38]
        assert app.theme == "light"


async def test_the_palette_goes_to_a_connection() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await choose_in_palette(app, pilot, "#17")
        assert table(app).selected_id == 17


@pytest.mark.parametrize("typed", ["kill the connection", "theme light", "filter [b]"])
async def test_the_palette_does_what_is_chosen(typed: str) -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("slash", *"[b]", "enter", "f")
        await choose_in_palette(app, pilot, typed)
        match typed.split(maxsplit=1)[0]:
            case "kill":
                assert isinstance(app.screen, KillDialog)
            case "theme":
                assert app.theme == "light"
            case _:
                active = app.query_one(FilterBar).active
                assert active is not None
                assert active.text == "[b]"


async def test_every_action_and_theme_is_offered() -> None:
    async with running(FixedSource(overview())) as (app, _):
        names = [offer.name for offer in app._offers("")]
        assert len(names) == len(set(names))
        assert {"quit", "choose the columns", "theme colour-blind"} <= set(names)
        assert not [name for name in names if name.startswith("go to")]
        assert next(app._offers("9")).name == "go to #9  127.0.0.1:52271"
        assert next(app._offers("99")).name == names[0]


async def test_no_offer_is_read_as_markup() -> None:
    async with running(FixedSource(overview())) as (app, _):
        name = "filter [b]peer[/b] [@click=app.quit]x"
        provider = provider_of(lambda query: [Offer(name, query, app.refresh_view)])(app.screen)
        for hits in (provider.discover(), provider.search("peer")):
            [hit] = [hit async for hit in hits]
            assert isinstance(hit.prompt, Content)
            assert hit.prompt.plain == name


async def test_the_latest_filters_are_remembered_once() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        for text in ("#9", "write", "#9"):
            await pilot.press("slash", "ctrl+u", *text, "enter")
        assert list(app.query_one(FilterBar).recent) == ["#9", "write"]


async def test_a_connection_is_copied_as_a_line() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("g", *["down"] * 8, "y")
        line = app.clipboard
        assert line.startswith("id=9 fd=17 peer=127.0.0.1:52271 worker=0 state=WRITE_BODY reason=")
        assert 'why="peer is not reading: ' in line
        assert "\n" not in line
        await pilot.press("Y")
        whole = json.loads(app.clipboard)
        assert (whole["id"], whole["pending"]) == (9, 311_300)
        titles = [note.title for note in app._notifications]
        assert titles == ["sent to the clipboard of the terminal"] * 2


async def test_without_a_connection_nothing_is_copied() -> None:
    async with running(FixedSource()) as (app, pilot):
        await pilot.press("y")
        [notification] = app._notifications
        assert notification.message == "no connection is selected"
        assert app.clipboard == ""


async def test_the_audit_grows_while_it_is_open() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("a")
        audit = app.screen
        assert isinstance(audit, AuditScreen)
        listed = audit.query_one("#audit-list LinesPanel", LinesPanel)
        before = panel_text(listed)
        source.feed(
            CommandResult(t=NOW, request=7, command="kill", ok=False, message="late news", id=4)
        )
        await refresh(app, pilot)
        newest, _, rest = panel_text(listed).partition("\n")
        assert newest.endswith("✕ late news")
        assert rest == before


@pytest.mark.parametrize(("x", "control"), [(0, False), (1, False), (9, True)])
async def test_a_click_on_the_mark_or_with_control_tags(x: int, control: bool) -> None:
    async with running(FixedSource([opened(1), opened(2)])) as (app, pilot):
        await pilot.click("#connections", offset=(x, 1), control=control)
        assert (table(app).tagged, table(app).selected_id) == ({2}, 2)
        await pilot.click("#connections", offset=(x, 1), control=control)
        assert table(app).tagged == set()
        await pilot.click("#connections", offset=(9, 0))
        assert (table(app).tagged, table(app).selected_id) == (set(), 1)


@pytest.mark.parametrize("key", ["k", "c", "t", "a", "o", "q", "question_mark"])
async def test_a_click_beside_a_dialog_leaves_it_and_one_within_does_not(key: str) -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("down", key)
        if key != "question_mark":  # a click anywhere leaves the help
            await pilot.click(".dialog", offset=(2, 1))
        assert len(app.screen_stack) == 2
        await pilot.click(app.screen, offset=(1, 1))
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1
        assert app.is_running
        assert actions(source) == []


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_click_on_a_panels_lower_title_shows_the_other_panel(size: tuple[int, int]) -> None:
    async with running(FixedSource(overview()), size) as (app, pilot):
        for hidden, shown in (("#log", "#detail"), ("#detail", "#log")):
            assert not app.query_one(hidden).region
            frame = app.query_one(shown).outer_size
            await pilot.click(shown, offset=(frame.width - 5, frame.height - 1))
            await refresh(app, pilot)
            assert app.query_one(hidden).region


async def test_where_both_panels_are_there_is_nothing_to_click() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        assert not app.query_one("#detail").border_subtitle
        await resize(app, pilot, 100, 30)
        await refresh(app, pilot)
        assert "event log" in str(app.query_one("#detail").border_subtitle)


async def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    async with running(FixedSource([opened(n) for n in range(1, 200)])) as (app, pilot):
        wheel = MouseScrollDown(table(app), 5, 5, 0, 1, 0, False, False, False)
        table(app).post_message(wheel)
        await refresh(app, pilot)
        await pilot.wait_for_animation()
        assert table(app).scroll_offset.y > 0
        assert table(app).selected_id == 1


async def test_a_closed_connection_tells_its_reason_in_chosen_columns() -> None:
    source = FixedSource([opened(1), closed(1, Reason.RESET, detail="ECONNRESET")])
    preferences = Preferences(columns=("id", "why"))
    async with running(source, preferences=preferences) as (app, _):
        assert "reset: ECONNRESET" in screen_text(app)
