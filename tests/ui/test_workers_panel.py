"""The panel of the worker processes, which is hidden if there are none."""

from __future__ import annotations

import pytest

from app.ui.cells import cells
from app.ui.column_layout import heading, layout
from app.ui.header_panel import HeaderPanel
from app.ui.lines_panel import LinesPanel, line_width
from app.ui.workers_panel import WorkersPanel
from app.watch.filter import parse_filter
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from screenshots.scenes import overview, overview_with_workers
from tests.making import NOW, FixedSource, worker
from tests.ui.driving import order, refresh, running, screen_text, table


def text_of(panel: LinesPanel) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in panel._lines]


async def test_a_line_for_each_worker() -> None:
    async with running(FixedSource(overview_with_workers())) as (app, pilot):
        await refresh(app, pilot)
        panel = app.query_one(WorkersPanel)
        first, second, third = text_of(panel)
        assert panel.display
        assert panel.size.height == 3
        assert "● serves    open 18        frames/s 41,204    cpu 97%    longest 870 µs" in first
        assert "memory 24M     pid 4243      restarts 0" in first
        assert first.startswith("worker 1  ")
        assert "frames/s 3,811" in second
        assert "restarts 2" in second
        assert "✕ is down" in third
        assert "workers 3" in text_of(app.query_one(HeaderPanel))[0]


async def test_a_worker_that_hangs_is_among_the_first() -> None:
    events = [worker(number, frames=10, silent=9.0 * (number == 40)) for number in range(1, 65)]
    async with running(FixedSource([*overview_with_workers(), *events])) as (app, pilot):
        await refresh(app, pilot)
        first, second = text_of(app.query_one(WorkersPanel))[:2]
        assert first.startswith("worker 40 ◌ hangs     open")
        assert second.startswith("worker 1  ● serves    open")


async def test_no_workers_no_line() -> None:
    async with running(FixedSource(overview())) as (app, _):
        assert not app.query_one(WorkersPanel).display
        assert "worker" not in {column.key for column in table(app).columns}
        assert "worker" not in screen_text(app)


@pytest.mark.parametrize("size", [(160, 50), (100, 30), (80, 24), (60, 15)])
async def test_lines_are_never_cut(size: tuple[int, int]) -> None:
    async with running(FixedSource(overview_with_workers()), size) as (app, pilot):
        await refresh(app, pilot)
        lines = app.query_one(WorkersPanel)._lines
        assert 1 <= len(lines) <= max(1, size[1] // 8)
        assert all(line_width(line) <= size[0] - 2 for line in lines)


async def test_many_workers_leave_room_for_the_connections() -> None:
    events = [worker(number, frames=10, open=5, alive=number != 40) for number in range(1, 65)]
    async with running(FixedSource([*overview_with_workers(), *events])) as (app, pilot):
        await refresh(app, pilot)
        lines = text_of(app.query_one(WorkersPanel))
        assert len(lines) == 6
        assert lines[0].startswith("worker 40 ✕ is down")
        assert lines[-1].startswith("and 59 more: 295 open, ")


def test_the_column_gives_way_late() -> None:
    model = ScreenState()
    model.apply(Drained(overview_with_workers(), [], None, 0), NOW)
    assert "why" in {column.key for column in layout(157, 4, with_worker=True)}
    for width in range(57, 240, 3):
        columns = layout(width, 6, with_worker=True)
        titles = heading(columns, "worker", descending=False)
        assert line_width(titles) <= width
        keys = [column.key for column in columns]
        assert "worker" in keys or width < 80
        for row in model.rows.values():
            assert line_width(cells(row, columns, NOW)) == line_width(titles) - 2


async def test_ids_are_sorted_though_workers_give_them_out_of_order() -> None:
    events = overview_with_workers()
    async with running(FixedSource([events[0], *reversed(events[1:40])])) as (app, pilot):
        await refresh(app, pilot)
        assert order(app) == sorted(order(app))
        await pilot.press("r")
        await refresh(app, pilot)
        assert order(app) == sorted(order(app), reverse=True)


def test_a_filter_by_worker() -> None:
    model = ScreenState()
    model.apply(Drained(overview_with_workers(), [], None, 0), NOW)
    passes = parse_filter("worker:2").passes
    rows = [row for row in model.rows.values() if passes(row, NOW)]
    assert {row.opened.worker for row in rows} == {2}
    assert len(rows) > 10


def test_rates_are_of_the_time_between_two_lines() -> None:
    model = ScreenState()
    for second, frames in ((0, 100), (2, 500)):
        stats = worker(1, NOW + second, frames, cpu_seconds=second / 4)
        model.apply(Drained([stats], [], None, 0), NOW + second)
    assert (model.workers[1].frames, model.workers[1].cpu_share) == (200, 0.25)
    frozen = model.frozen()
    model.apply(Drained([worker(1, NOW + 3, 501)], [], None, 0), NOW + 3)
    assert frozen.workers[1].frames == 200
