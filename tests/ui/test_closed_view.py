"""The table of closed connections, and the mark of an open one that is suspected."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from app.core.commands import Trace
from app.core.events import Reason
from app.recording.keyframes import RecordedState, state_at
from app.ui import palette
from app.ui.cells import cells, row_mark
from app.ui.column_layout import MARK, closed_layout
from app.ui.connection_page import ConnectionPage
from app.ui.detail_panel import _lines
from app.ui.kill_dialog import KillDialog
from app.ui.lines_panel import line_width
from app.ui.plain_text import in_ascii
from app.ui.preferences import Preferences
from app.watch.row import Row
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from tests.making import NOW, FixedSource, closed, opened
from tests.ui.driving import drawn_text, notices, order, refresh, running, table
from tests.ui.failures import GOOD, MANY, REFUSED, SLIPPED, SUSPECTED, failures


def known() -> ScreenState:
    state = ScreenState()
    state.apply(Drained(failures(), [], None, 0), NOW)
    return state


async def test_the_key_shows_closed_ones_newest_first_and_the_open_ones_again() -> None:
    source = FixedSource(failures())
    async with running(source) as (app, pilot):
        await pilot.press("g", "down", "space")
        assert table(app).selected_id == 2
        await pilot.press("C")
        await refresh(app, pilot)
        assert order(app) == [MANY, GOOD, SLIPPED, REFUSED]
        text = drawn_text(app)
        assert "CLOSED connections  4 kept, 4 open  the newest first" in text
        for words in ("frame_too_large", "http1", "extra_bytes", "timeout_body", "lasted"):
            assert words in text
        await pilot.press("down", "C")
        await refresh(app, pilot)
        shown = table(app)
        assert (order(app), shown.selected_id, shown.tagged) == ([1, 2, 3, 4], 2, {2})
        await pilot.press("C")
        assert table(app).selected_id == GOOD  # each list has its own cursor
        await pilot.press("escape")
        await refresh(app, pilot)
        assert not table(app).shows_closed


async def test_one_that_closes_comes_to_the_top_and_the_cursor_stays() -> None:
    source = FixedSource(failures())
    async with running(source) as (app, pilot):
        await pilot.press("C", "down")
        source.feed(closed(1, Reason.RESET, ago=0.0, bytes_in=3))
        source.time += 1.0
        await refresh(app, pilot)
        assert order(app) == [1, MANY, GOOD, SLIPPED, REFUSED]
        assert table(app).selected_id == GOOD


async def test_the_title_says_how_many_newer_ones_stand_above_those_in_view() -> None:
    source = FixedSource(failures())
    async with running(source) as (app, pilot):
        await pilot.press("C", "G")
        for number in range(100, 160):
            source.feed(opened(number), closed(number, Reason.EOF, ago=0.0))
        source.time += 1.0
        await refresh(app, pilot)
        await refresh(app, pilot)
        above = table(app).scroll_offset.y
        assert above > 0
        assert f"the newest first, {above} above" in drawn_text(app)


def test_a_frame_that_ended_in_its_body_had_its_header_complete() -> None:
    state = ScreenState()
    end = closed(1, Reason.EOF_MID_BODY, ago=0.0, detail="3 of 9 body bytes", frames_in=0)
    state.apply(Drained([opened(1), end], [], None, 0), NOW)
    lines = _lines(next(iter(state.kept)), NOW, 98, 9, None)
    assert "READ_LEN  ─1▶" in "".join(part for line in lines for part, _ in line)


async def test_sort_and_filter_work_on_closed_ones_and_leave_the_open_ones_alone() -> None:
    async with running(FixedSource(failures())) as (app, pilot):
        await pilot.press("C", "slash", *"diagnosis:http1 or detail:body", "enter")
        await refresh(app, pilot)
        assert order(app) == [MANY, REFUSED]
        await pilot.press("f", "s")  # by the column behind that of the time: how long it lasted
        await refresh(app, pilot)
        assert table(app).sort_key == "age"
        await pilot.press("r")
        assert order(app) == [MANY, GOOD, SLIPPED, REFUSED]
        await pilot.press("C")
        await refresh(app, pilot)
        assert (order(app), table(app).sort_key) == ([1, 2, 3, 4], "id")
        await pilot.press("C")
        await refresh(app, pilot)
        assert table(app).sort_key == "age"


async def test_what_makes_no_sense_for_closed_ones_is_not_there() -> None:
    source = FixedSource(failures())
    async with running(source) as (app, pilot):
        await pilot.press("C")
        await pilot.press("k", "K", "w", "o", "O", "V", "1")
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1
        assert not any(isinstance(screen, KillDialog) for screen in app.screen_stack)
        assert table(app).shows_closed
        assert "Kill" not in drawn_text(app).splitlines()[-2:]
        assert notices(app) == ""
        traced = [each.id for each in source.commands if isinstance(each, Trace)]
        assert not {MANY, GOOD} & set(traced)


async def test_a_closed_one_has_its_page_its_detail_and_its_columns_explained() -> None:
    async with running(FixedSource(failures())) as (app, pilot):
        await pilot.press("C", "end")
        await refresh(app, pilot)
        assert "announced 1,195,725,856 bytes" in drawn_text(app)
        await pilot.press(*["right"] * 5, "question_mark")
        await refresh(app, pilot)
        assert "column closed" in drawn_text(app)
        await pilot.press("escape", "enter")
        await refresh(app, pilot)
        assert isinstance(app.screen, ConnectionPage)
        assert app.screen.row.id == REFUSED
        assert "HTTP/1 (http1)" in drawn_text(app)


async def test_a_paused_screen_keeps_its_closed_ones() -> None:
    source = FixedSource(failures())
    async with running(source) as (app, pilot):
        await pilot.press("C", "p")
        source.feed(closed(1, Reason.RESET, ago=0.0, bytes_in=3))
        source.time += 2.0
        await refresh(app, pilot)
        assert order(app) == [MANY, GOOD, SLIPPED, REFUSED]
        await pilot.press("p")
        await refresh(app, pilot)
        assert order(app)[0] == 1


async def test_nothing_is_kept_where_nothing_has_closed() -> None:
    async with running(FixedSource([*failures()[:2]]), (80, 24)) as (app, pilot):
        await pilot.press("C", "down", "enter", "b", "space", "r")
        await refresh(app, pilot)
        assert "CLOSED connections  0 kept, 1 open" in drawn_text(app)
        assert "no connection is selected" in notices(app)


@pytest.mark.parametrize("width", range(40, 240, 7))
def test_the_columns_of_closed_ones_fit(width: int) -> None:
    columns = closed_layout(width, 6)
    assert [column.key for column in columns][:3] == ["id", "peer", "reason"]
    for row in known().kept:
        line = cells(row, columns, NOW, of_closed=True)
        assert line_width(line) + MARK <= width or width < 50


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 50)])
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_a_suspected_row_has_a_mark(size: tuple[int, int], ascii_only: bool) -> None:
    chosen = Preferences(ascii=ascii_only)
    async with running(FixedSource(failures()), size, chosen) as (app, pilot):
        await pilot.press("g")
        glyph = in_ascii(palette.SUSPECT) if ascii_only else palette.SUSPECT
        assert glyph == ("!" if ascii_only else "⚑")
        marked = [line for line in drawn_text(app).splitlines() if f"{glyph} " in line]
        assert len(marked) == 1
        assert f" {SUSPECTED} " in marked[0]
        await pilot.press("question_mark")
        await pilot.pause()
        legend = app.screen.query_one("#help-legend", Static)
        assert "suspected: it stands still, and its bytes do not fit" in str(legend.content)


def test_cursor_tag_and_suspicion_are_told_apart() -> None:
    row = known().rows[SUSPECTED]
    marks = {
        "".join(text for text, _ in row_mark(row, selected, tagged))
        for selected in (False, True)
        for tagged in (False, True)
    }
    assert marks == {" ⚑", "▌⚑", "⚑◆"}
    assert "".join(text for text, _ in row_mark(Row(opened(1)), True, True)) == "▌◆"


@pytest.mark.parametrize("number", [SUSPECTED, REFUSED, SLIPPED])
def test_the_detail_tells_the_facts_then_the_name_and_cuts_nothing(number: int) -> None:
    state = known()
    row = {**state.rows, **{row.id: row for row in state.kept}}[number]
    found = row.diagnosis
    assert found is not None
    for width, height in ((76, 8), (96, 12), (102, 14), (156, 14)):
        lines = _lines(row, NOW, width, height, state.cap)[:height]
        assert max(map(line_width, lines)) <= width
        text = " ".join(" ".join("".join(part for part, _ in line) for line in lines).split())
        places = [text.index(word) for word in ("announced", "CAP", "offset", f"({found.code})")]
        assert places == sorted(places)
        assert found.text.rpartition(". ")[2] in text, (width, height)


def test_a_replay_that_begins_at_a_keyframe_knows_those_that_its_log_tells() -> None:
    recorded = RecordedState()
    recorded.apply(Drained(failures(), [], None, 0), NOW)
    for now in (NOW, NOW + 60.0):
        recorded.apply(Drained([], [], None, 0), now)
        state = state_at(recorded.keyframe(), now)
        assert sorted(row.id for row in state.kept) == sorted([MANY, GOOD, SLIPPED, REFUSED])
        assert {row.opened.fd for row in state.kept} == {each + 8 for each in (21, 22, 23, 24)}
