"""The charts draw the figures of the server at any size."""

from __future__ import annotations

import msgspec
import pytest

from app.core.histogram import Histogram
from app.core.statistics import LoopStats, ProcessStats
from app.ui import palette
from app.ui.charts import Chart, charts, draw, graph, grid
from app.ui.filter_bar import FilterBar
from app.ui.lines_panel import Line, line_width
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from screenshots.scenes import overview
from tests.making import NOW, FixedSource, listening, loop_stats
from tests.ui.driving import refresh, running, screen_text


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


def told(*stats: LoopStats) -> ScreenState:
    model = ScreenState()
    process = ProcessStats(t=NOW, cpu_percent=38.0, rss=64 * 1024**2, fds=9, threads=3)
    model.apply(Drained([listening(), process, *stats], [], None, 0), NOW)
    return model


def second(number: int, longest_us: int = 100, service: Histogram | None = None) -> LoopStats:
    stats = loop_stats(NOW + number, number * 1000, 64, 3)
    counts = () if service is None else service.to_counts()
    return msgspec.structs.replace(stats, longest_us=longest_us, service_us=counts)


def shown(model: ScreenState, title: str) -> str:
    chart = next(chart for chart in charts(model) if text(chart.figures).startswith(title))
    return text(chart.figures)


def test_columns_are_as_high_as_their_values() -> None:
    lines = graph([0, 1, 4, 8, 12, 16], 8, 2, 16, palette.GOOD)
    assert [text(line) for line in lines] == ["      ▄█", "   ▁▄███"]


def test_what_is_not_nothing_is_seen() -> None:
    assert text(graph([1, 1_000_000], 2, 1, 1_000_000, palette.GOOD)[0]) == "▁█"


def test_only_the_end_of_a_column_has_the_colour() -> None:
    lines = graph([24, 8], 2, 3, 24, palette.GOOD)
    assert [[piece for piece in line if piece[0]] for line in lines] == [
        [("█ ", palette.GOOD)],
        [("█", palette.EDGE), (" ", palette.GOOD)],
        [("█", palette.EDGE), ("█", palette.GOOD)],
    ]


def test_the_waits_are_all_calls_of_the_poller() -> None:
    later = msgspec.structs.replace(second(2), reads=2000, writes=1000, repolls=1500, ctls=100)
    assert shown(told(second(1), later), "calls a") == (
        "calls a frame read 2.0 write 1.0 wait 2.0 ctl 0.1"
    )


@pytest.mark.parametrize("size", [(156, 16), (96, 26), (76, 18), (56, 10), (20, 5), (156, 3)])
def test_the_grid_has_the_size_that_it_is_given(size: tuple[int, int]) -> None:
    model = ScreenState()
    model.apply(Drained(overview(), [], None, 0), NOW)
    for drawn in (model, ScreenState(), told()):
        lines = grid(charts(drawn), *size)
        assert len(lines) <= size[1]
        assert all(line_width(line) <= max(size[0], 29 * 2) + 2 for line in lines)


def test_a_hole_that_a_wide_chart_leaves_is_filled() -> None:
    one, wide = Chart([("a", palette.PLAIN)]), Chart([("w", palette.PLAIN)], span=2)
    rows = [text(line).split() for line in grid([one, wide, one, one], 60, 3)]
    assert rows == [["a", "a"], ["w"], ["a"]]


def test_the_longest_iteration_of_a_second_is_kept_though_it_came_between() -> None:
    early = msgspec.structs.replace(second(1), t=NOW + 0.5, longest_us=70_000)
    model = told(second(0), early, second(1, longest_us=90), second(2, longest_us=80))
    assert [rates.longest_us for rates in model.history] == [70_000, 80]
    assert shown(model, "longest") == "longest iteration 80 µs"


def test_service_times_are_those_of_the_last_minute() -> None:
    service = Histogram()
    stats = []
    for number in range(100):
        # In the first 30 seconds every frame takes a second, later 100 µs.
        service.record(1_000_000 if number <= 30 else 100, 10)
        stats.append(second(number, service=service))
    words = shown(told(*stats), "service")
    assert words == "service time p50 101 µs p99 101 µs p99.9 101 µs"
    words = shown(told(*stats[:50]), "service")
    assert "p99 1.0 s" in words


def test_without_frames_there_is_no_service_time() -> None:
    assert shown(told(second(0), second(1)), "service") == "service time -"
    assert shown(ScreenState(), "frames/s") == "frames/s -"


def test_durations_stand_over_their_place_on_the_scale() -> None:
    service = Histogram()
    service.record(1)
    service.record(1_000, 5)
    service.record(5_000_000)
    lines = draw(Chart([], histogram=service), 61, 5)
    axis, columns = text(lines[-1]), text(lines[-2])
    assert axis.startswith("1µs─")
    assert axis.endswith("─1s")
    assert len(axis) == 61
    assert axis.index("1ms") == columns.index("█")
    assert [at for at, block in enumerate(columns) if block != " "] == [0, 30, 60]


def test_another_server_begins_with_an_empty_history() -> None:
    service = Histogram()
    service.record(10, 1000)
    model = told(second(0, service=service), second(1, service=service))
    assert len(model.history) == 1
    model.apply(Drained([listening(), second(2), second(3)], [], None, 0), NOW)
    assert len(model.history) == 1
    assert shown(model, "service") == "service time -"


async def test_a_key_shows_the_charts_and_the_connection_again() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("v")
        await refresh(app, pilot)
        assert "p99.9" in screen_text(app)
        assert "recent events" not in screen_text(app)
        await pilot.press("v")
        await refresh(app, pilot)
        assert "p99.9" not in screen_text(app)
        assert "recent events" in screen_text(app)


async def test_escape_leaves_the_charts_before_anything_else() -> None:
    async with running(FixedSource(overview())) as (app, pilot):
        await pilot.press("O", "enter", "v")
        await pilot.pause()
        grouped = app.query_one(FilterBar).active
        assert grouped is not None
        await pilot.press("escape")
        assert not app.screen_stack[0].has_class("charting")
        assert app.query_one(FilterBar).active == grouped
        await pilot.press("escape")
        assert app.query_one(FilterBar).active is None
