"""The page of a connection: all that is known of it, while it goes on and when it has closed."""

from __future__ import annotations

import msgspec
import pytest

from app.core.commands import Kill
from app.core.events import CommandResult, ConnectionState, Listening, Reason
from app.ui.actions import GROUPS
from app.ui.connection_page import ConnectionPage
from app.ui.help_screen import KEYS, KeyList
from app.ui.kill_dialog import KillDialog
from app.ui.lines_panel import Line, line_width
from app.ui.page_lines import page_lines
from app.watch.explanations import REASONS, WHYS
from app.watch.row import Row, update_rows
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from app.watch.why import why_code, why_waiting
from screenshots.scenes import SLOW_READER, overview
from tests.making import NOW, FixedSource, closed, listening, opened, snapshot
from tests.ui.driving import actions, panel_text, refresh, running, screen_text, table

DETAIL = "1,195,725,856 bytes, CAP 1,048,576; looks like an HTTP request: 'GET / HTTP/1.1 Host: a'"


def text_of(lines: list[Line]) -> str:
    return " ".join("\n".join("".join(text for text, _ in line) for line in lines).split())


def known() -> ScreenState:
    state = ScreenState()
    state.apply(Drained(overview(), [], None, 0), NOW)
    return state


def ended() -> Row:
    row = Row(opened(99, peer="[2001:db8:85a3:8d3:1319:8a2e:370:7348%enp0s31f6]:40112"))
    row.close(closed(99, Reason.FRAME_TOO_LARGE, detail=DETAIL))
    return row


def test_at_every_width_nothing_that_explains_is_cut() -> None:
    state = known()
    for row in (*(state.rows[number] for number in (2, 5, 8, SLOW_READER, 11, 13, 18)), ended()):
        why = DETAIL if row.closed is not None else why_waiting(row, NOW)
        meaning = WHYS[why_code(row, NOW)] if row.closed is None else REASONS[row.reason]
        for width in range(76, 201):
            lines = page_lines(row, state.audit.changes, state.settings, NOW, width)
            assert max(map(line_width, lines)) <= width, (row.id, width)
            text = text_of(lines)
            assert why in text, (row.id, width)
            assert meaning.text in text, (row.id, width)
            assert text.index(why) < text.index(meaning.text)


def test_the_slow_readers_page_tells_the_figures_that_it_was_judged_by() -> None:
    state = known()
    text = text_of(
        page_lines(state.rows[SLOW_READER], state.audit.changes, state.settings, NOW, 100)
    )
    assert "pending 304 KiB · POLLOUT armed for 4 s · unacknowledged for 5 s" in text
    assert "last acknowledgement 4 s ago" in text
    assert "in 25 s, unless the peer acknowledges more: write time-out of 30 s" in text
    assert "128 KiB left by the peer's program" in text
    assert "peer's window 0 B" in text
    assert "2.4 MiB in the send queue, not sent" in text
    assert "3.8 MiB of 6.2 MiB written" in text
    assert "write 311,300 B → EAGAIN" in text
    assert "+1.1 s write 311,300 B → 65,536, partial" in text
    assert "what was done to it" in text
    assert "cap 64KiB → 1MiB" in text


def test_two_figures_that_are_compared_are_never_rounded_to_equal() -> None:
    row = Row(opened(1))
    update_rows({row.id: row}, [snapshot(1, frames=1, size=2**21 - 4, unacked=1)])
    text = text_of(page_lines(row, [], {}, NOW, 100))
    assert "2,097,151 B of 2,097,152 B written" in text


def test_the_bar_of_a_body_is_full_only_when_it_is_complete() -> None:
    row = Row(opened(1))
    update_rows({row.id: row}, [snapshot(1, ConnectionState.READ_BODY, body=(1_200, 5_000))])
    (line,) = (
        "".join(text for text, _ in line)
        for line in page_lines(row, [], {}, NOW, 100)
        if "of 5,000 B read" in "".join(text for text, _ in line)
    )
    filled, empty = line.count("━"), line.count("─")
    assert 0.2 < filled / (filled + empty) < 0.28


async def test_the_help_of_a_page_has_the_keys_that_act_on_it() -> None:
    async with running(FixedSource(overview()), (100, 30)) as (app, pilot):
        for keys, is_there in ((["enter", "question_mark"], False), (["escape"] * 2, True)):
            await pilot.press(*keys, *["question_mark"] * is_there)
            await pilot.pause()
            text = "\n".join(map(panel_text, app.screen.query(KeyList)))
            assert "copy the connection" in text
            for words in ("its last bytes, in hex", "the connection above", "tag the connection"):
                assert (words in text) == is_there


@pytest.mark.parametrize("width", [80, 100, 160])
async def test_the_words_of_a_key_wrap_under_themselves(width: int) -> None:
    async with running(FixedSource(overview()), (width, 30)) as (app, pilot):
        await pilot.press("question_mark")
        await pilot.pause()
        for part in app.screen.query(KeyList):
            assert part.size.height >= len(part._lines) - 1
            for line in panel_text(part).splitlines():
                words = line[KEYS:]
                assert len(line) <= part.size.width
                assert not line[:KEYS].strip() or words or line.strip() in GROUPS, line


async def test_enter_opens_it_and_escape_returns() -> None:
    async with running(FixedSource(overview()), (100, 30)) as (app, pilot):
        await pilot.press("g", *["down"] * 8, "enter")
        await refresh(app, pilot)
        assert isinstance(app.screen, ConnectionPage)
        assert app.screen.row.id == SLOW_READER
        assert "window closed for 4 s" in screen_text(app)
        await pilot.press("s", "slash", "space", "K", "o")  # there is no table to act on
        assert isinstance(app.screen, ConnectionPage)
        await pilot.press("escape")
        assert len(app.screen_stack) == 1
        shown = table(app)
        assert (shown.selected_id, shown.sort_key, shown.tagged) == (SLOW_READER, "id", set())


async def test_it_goes_on_with_its_connection_and_stays_when_that_closes() -> None:
    source = FixedSource([listening(), opened(1), opened(2), snapshot(1)])
    async with running(source) as (app, pilot):
        await pilot.press("enter")
        await refresh(app, pilot)
        source.feed(snapshot(1, ConnectionState.READ_BODY, body=(100, 64_000), quiet=0))
        await refresh(app, pilot)
        assert "100 of 64,000 B read" in screen_text(app)
        source.feed(closed(1, Reason.EOF_MID_BODY, ago=0, detail="100 of 64,000 body bytes"))
        await refresh(app, pilot)
        for seconds in (0, 3, 30):
            source.time = NOW + seconds
            await refresh(app, pilot)
            assert isinstance(app.screen, ConnectionPage)
            text = screen_text(app)
            assert f"#1 closed {seconds} s ago" in text
            assert "eof_mid_body: 100 of 64,000 body bytes" in text
        await pilot.press("k")
        assert isinstance(app.screen, ConnectionPage)
        await pilot.press("escape")
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1


async def test_its_kill_is_of_its_connection() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("g", *["down"] * 8, "enter", "k")
        dialog = app.screen
        assert isinstance(dialog, KillDialog)
        await pilot.click("#drain")
        await pilot.pause()
        [command] = actions(source)
        assert isinstance(command, Kill)
        assert command.ids == (SLOW_READER,)
        assert isinstance(app.screen, ConnectionPage)


async def test_another_server_closes_it_with_a_word() -> None:
    source = FixedSource(overview())
    async with running(source) as (app, pilot):
        await pilot.press("enter")
        await refresh(app, pilot)
        other: Listening = msgspec.structs.replace(listening(), instance="0123456789abcdef")
        source.feed(other, opened(1))
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1
        assert any("another server answers now" in each.message for each in app._notifications)


async def test_what_was_done_to_it_is_told_of_each_of_several() -> None:
    source = FixedSource([listening(), opened(1), opened(2), opened(3)])
    async with running(source) as (app, pilot):
        await pilot.press("down", "enter")
        source.feed(
            CommandResult(t=NOW, request=7, command="fault", ok=True, message="held", id=1),
            CommandResult(t=NOW, request=7, command="fault", ok=True, message="held", id=2),
            CommandResult(t=NOW, request=8, command="fault", ok=False, message="refused", id=3),
        )
        await refresh(app, pilot)
        text = screen_text(app)
        assert "fault 2 connections" in text
        assert "held" in text
        assert "refused" not in text


async def test_a_paused_page_stands_still() -> None:
    source = FixedSource([listening(), opened(1), snapshot(1)])
    async with running(source) as (app, pilot):
        await pilot.press("enter", "p")
        source.feed(closed(1, Reason.RESET, ago=0))
        await refresh(app, pilot)
        text = screen_text(app)
        assert "PAUSED" in text
        assert "closed" not in text
        await pilot.press("p")
        await refresh(app, pilot)
        assert "#1 closed" in screen_text(app)
