"""The dialog of a fault on purpose: what it checks, what it sends, what a row and a page show."""

from __future__ import annotations

import msgspec

from app.core.commands import Fault
from app.core.events import ConnectionState, Reason
from app.core.fault_receipt import FaultEffect, FaultReceipt
from app.ui.fault_dialog import FaultDialog
from tests.making import INSTANCE, FixedSource, closed, listening, opened, snapshot
from tests.ui.driving import drawn_text, refresh, running

FAULTY = msgspec.structs.replace(
    snapshot(1, ConnectionState.WRITE_BODY, out=(3, 9)), fault="stall@3", fault_holds=True
)


def sent(source: FixedSource) -> list[tuple[tuple[int, ...], str, str]]:
    faults = [each for each in source.commands if isinstance(each, Fault)]
    return [(each.ids, each.spec, each.instance) for each in faults]


async def test_a_spec_is_checked_while_it_is_typed_and_sent() -> None:
    source = FixedSource([listening(), opened(1), snapshot(1)])
    async with running(source, (100, 30)) as (app, pilot):
        await pilot.press("g", "F", *"slice=0")
        assert isinstance(app.screen, FaultDialog)
        await refresh(app, pilot)
        assert "0 is not from 1" in drawn_text(app)
        await pilot.press("enter")
        assert sent(source) == []
        await pilot.press("backspace", *"2,delay=0.5")
        await refresh(app, pilot)
        text = drawn_text(app)
        assert "delay=0.5: seconds before each echo" in text
        await pilot.press("enter")
        assert sent(source) == [((1,), "slice=2,delay=0.5", INSTANCE)]


async def test_a_faulty_row_says_so_and_the_fault_is_taken_away() -> None:
    source = FixedSource([listening(), opened(1), FAULTY])
    async with running(source, (100, 30)) as (app, pilot):
        await pilot.press("g")
        await refresh(app, pilot)
        text = drawn_text(app)
        assert "ƒ" in text
        assert "a fault on purpose (stall@3) holds its echo back" in text
        await pilot.press("F", "tab", "tab", "enter")
        assert sent(source) == [((1,), "", INSTANCE)]


async def test_the_page_of_a_closed_one_tells_what_was_done() -> None:
    done = tuple(FaultEffect("slice", number, 0, (1,) * 9) for number in range(1, 9))
    receipt = FaultReceipt("slice=1,seed=3", 3, done, 4)
    end = msgspec.structs.replace(closed(1, Reason.EOF, ago=0.0), fault=receipt)
    async with running(FixedSource([opened(1), end]), (100, 30)) as (app, pilot):
        await pilot.press("C", "enter")
        await refresh(app, pilot)
        text = drawn_text(app)
        assert "slice=1,seed=3, seed 3: slice of frame 1 in 9 pieces" in text
        assert "6 more" in text
