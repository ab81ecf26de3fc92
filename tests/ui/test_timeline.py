"""The last minute of POLLOUT, from toggles and the latest snapshot."""

import msgspec

from app.core.events import ConnectionState, Event, Reason, Toggled
from app.ui import palette
from app.ui.lines_panel import line_width
from app.ui.timeline import labelled, slots, timeline
from app.watch.journal import entry
from app.watch.row import TOGGLES_LIMIT, Row, update_rows
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from app.watch.why import why_waiting
from screenshots.scenes import SLOW_READER, overview
from tests.making import NOW, FixedSource, closed, opened, snapshot
from tests.ui.driving import running, screen_text


def row_of(*events: Event) -> Row:
    model = ScreenState()
    model.apply(Drained(list(events), [], None, 0), NOW)
    return model.rows[1]


def toggle(ago: float, armed: bool, pending: int = 0, toggles: int = 1) -> Event:
    return Toggled(t=NOW - ago, id=1, armed=armed, pending=pending, toggles=toggles)


def drawn(row: Row, width: int = 12) -> str:
    return "".join(text for text, _ in timeline(row, NOW, width)[0])


def armed_now(pending: int, toggles: int, armed_for: float) -> Event:
    out = (0, pending)
    return snapshot(1, ConnectionState.WRITE_BODY, out=out, toggles=toggles, armed_for=armed_for)


def test_armed_spans_are_blocks_as_high_as_what_was_pending() -> None:
    row = row_of(
        opened(1, age=90),
        toggle(52, True, 100),
        toggle(51, False),
        toggle(33, True, 800),
        toggle(22, False, 300),
        toggle(2, True, 400),
        armed_now(400, 5, 2),
    )
    assert drawn(row) == "·▁···███···▄"
    assert timeline(row, NOW, 12)[1] == 800


def test_armed_before_the_first_try_is_no_backlog() -> None:
    """In write mode `armed` POLLOUT is armed for each echo, before the kernel is asked."""
    first = msgspec.structs.replace(toggle(2, True, 4000), offered=False)
    row = row_of(
        opened(1, age=90), first, msgspec.structs.replace(armed_now(4000, 1, 2), offered=False)
    )
    line, top = timeline(row, NOW, 12)
    assert (drawn(row), top) == ("···········▁", 0)
    assert line[-1][1] is not palette.WARNING
    assert "".join(text for text, _ in labelled(row, NOW, 100)).endswith("armed first")
    assert why_waiting(row, NOW).startswith("armed first, not tried yet: ")
    told = entry(first)
    assert (told.text, told.tone) == ("armed first, not tried yet, 3.9 KiB pending", "info")


def test_before_the_connection_there_is_nothing() -> None:
    assert drawn(row_of(opened(1, age=28))) == "      ······"


def test_armed_without_its_event_is_known_from_the_snapshot() -> None:
    row = row_of(opened(1, age=90), armed_now(64, 9, 12.5))
    assert drawn(row) == "         ███"


def test_what_went_before_the_oldest_kept_toggle_is_not_guessed() -> None:
    row = row_of(opened(1, age=90), toggle(22, True, 5), toggle(12, False), snapshot(1, toggles=8))
    assert drawn(row) == "       ███··"


def test_a_close_ends_what_was_armed() -> None:
    row = row_of(
        opened(1, age=90), toggle(22, True, 5), closed(1, Reason.RESET, ago=5.5, toggles=1)
    )
    assert drawn(row) == "·······████·"


def test_a_burst_inside_one_slot_shows_its_largest() -> None:
    row = row_of(
        opened(1),
        *(toggle(3 - i / 100, i % 2 == 0, i * 10 * (i % 2 == 0)) for i in range(100)),
        snapshot(1, toggles=100),
    )
    assert slots(row, NOW, 60)[57] == (True, True, 980)


def test_toggles_are_bounded_and_held_by_a_paused_screen() -> None:
    row = row_of(opened(1), *(toggle(9, True, 1) for _ in range(TOGGLES_LIMIT + 5)))
    held = row.frozen()
    row.remember(toggle(1, False))
    assert row.toggled is not None
    assert held.toggled is not None
    assert len(row.toggled) == len(held.toggled) == TOGGLES_LIMIT
    assert held.toggled[-1].armed


def test_the_words_say_the_largest_and_fit() -> None:
    model = ScreenState()
    model.apply(Drained(overview(), [], None, 0), NOW)
    for width in (95, 101, 180):
        text = "".join(piece for piece, _ in labelled(model.rows[SLOW_READER], NOW, width))
        assert text.endswith("now   top 304 KiB pending")
        assert len(text) <= width


async def test_a_wide_detail_pane_shows_it() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("g", *["down"] * 8)
        await pilot.pause()
        assert "top 304 KiB pending" in screen_text(app)


def test_the_line_fits_with_the_longest_words() -> None:
    row = Row(opened(1))
    pending = 16_896  # 16.5 KiB
    row.remember(Toggled(t=NOW - 5, id=1, armed=True, pending=pending, toggles=1))
    update_rows(
        {row.id: row},
        [snapshot(1, ConnectionState.WRITE_BODY, out=(0, pending), toggles=1, armed_for=5)],
    )
    line = labelled(row, NOW, 94)
    assert line_width(line) == 94
    assert "".join(text for text, _ in line).endswith("top 16.5 KiB pending")


def test_the_timeline_follows_a_clock_that_is_set() -> None:
    row = row_of(
        opened(1, age=90),
        toggle(40, True, 100),
        toggle(30, False),
        toggle(2, True, 100),
        armed_now(100, 3, 2),
    )
    before = drawn(row)
    row.shift_times(-7200.0)
    assert "".join(text for text, _ in timeline(row, NOW - 7200, 12)[0]) == before
