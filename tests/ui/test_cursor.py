"""The cursor stays in view when rows change."""

from __future__ import annotations

import pytest

from app.ui.connection_table import ConnectionTable
from tests.making import FixedSource, listening, opened
from tests.ui.driving import refresh, running, table


def in_view(shown: ConnectionTable) -> bool:
    at = [row.id for row in shown.shown].index(shown.selected_id or 0)
    return shown.scroll_offset.y <= at < shown.scroll_offset.y + shown.size.height


def crowd() -> FixedSource:
    return FixedSource([listening(), *(opened(number) for number in range(1, 101))])


async def test_when_the_terminal_is_resized() -> None:
    async with running(crowd()) as (app, pilot):
        await pilot.press("end")
        for size in ((100, 30), (80, 24), (160, 50)):
            await pilot.resize_terminal(*size)
            await refresh(app, pilot)
            assert table(app).selected_id == 100
            assert in_view(table(app)), size
        await pilot.press("v", "v")
        await refresh(app, pilot)
        assert in_view(table(app))


@pytest.mark.parametrize("keys", [["r"], ["s"], ["/", *"127", "enter"]])
async def test_when_the_order_changes(keys: list[str]) -> None:
    async with running(crowd()) as (app, pilot):
        await pilot.press(*["down"] * 6)
        await pilot.press(*keys)
        await refresh(app, pilot)
        assert table(app).selected_id == 7
        assert in_view(table(app))


async def test_who_has_scrolled_away_stays_there() -> None:
    async with running(crowd()) as (app, pilot):
        table(app).scroll_to(y=50, animate=False, immediate=True)
        await refresh(app, pilot)
        await pilot.resize_terminal(160, 44)
        await refresh(app, pilot)
        assert not in_view(table(app))
