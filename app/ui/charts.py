"""Charts made of block characters: a line of figures over a graph of the last seconds.

A chart is a list of styled lines; one column of a graph is one second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from math import log10
from typing import Final, NamedTuple

from rich.style import Style

from ..core.histogram import Histogram
from ..watch.figures import short_count, short_micros, short_rate, short_size
from ..watch.screen_state import Rates, ScreenState
from . import palette
from .lines_panel import Line, LinesPanel, line_width, pad

GAP: Final = 2
"""Blank cells between two charts."""
CHART_AT_LEAST: Final = 29
"""Least width of a chart in cells: in a narrower one the figures would be cut."""
_FILL: Final = palette.EDGE
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_SERVICE_SPAN: Final = 60
"""Seconds covered by the histogram of service times."""
_MARKS: Final = ("1µs", "10µs", "100µs", "1ms", "10ms", "100ms", "1s")
"""Marks on the scale of the histogram, one for each power of ten."""
_DECADES: Final = len(_MARKS) - 1


class ChartsPanel(LinesPanel):
    """All charts, as many side by side as there is room for; instead of the selected connection."""

    def render_state(self, model: ScreenState) -> None:
        """Draw the charts again if the history has grown, which happens once a second."""
        if self.is_new(id(model), None if model.rates is None else model.rates.t):
            self.set_lines(grid(charts(model), self.size.width, self.size.height))


class Chart(NamedTuple):
    """The content of one chart: a line of figures, and the values of the last seconds."""

    figures: Line
    values: Sequence[float] = ()
    words: Callable[[float], str] = short_count
    """Writes the value at the top of the graph."""
    style: Style = palette.ACCENT
    histogram: Histogram | None = None
    """Drawn instead of `values`."""
    span: int = 1
    """Number of columns of the grid that the chart takes."""

    @property
    def title(self) -> str:
        """The first words of the figures."""
        return self.figures[0][0].strip()


def charts(model: ScreenState) -> list[Chart]:
    """Make all charts of a server, in the order of the screen."""
    history = model.history
    last = model.rates
    service = service_times(history)

    def over_time(
        title: str,
        value: Callable[[Rates], float],
        words: Callable[[float], str],
        style: Style = palette.ACCENT,
    ) -> Chart:
        now = "-" if last is None else words(value(last))
        return Chart(_figures(title, now), [value(rates) for rates in history], words, style)

    return [
        over_time("in B/s", lambda rates: rates.bytes_in, short_size),
        over_time("out B/s", lambda rates: rates.bytes_out, short_size),
        over_time("frames/s", lambda rates: rates.frames, short_rate),
        Chart(_percentiles(service), histogram=service, style=palette.GOOD, span=2),
        over_time("longest iteration", lambda rates: rates.longest_us, short_micros, palette.GOOD),
        _calls(history, last),
        over_time("connections", lambda rates: rates.open, short_count, palette.INFO),
        over_time("POLLOUT armed", lambda rates: rates.armed, short_count, palette.WARNING),
        _cpu(history, last),
        over_time("memory", lambda rates: rates.rss, short_size, palette.INFO),
    ]


def service_times(history: Sequence[Rates]) -> Histogram:
    """Return the service times of the last minute, or of as much of it as there is."""
    if len(history) < 2:
        return Histogram()
    first = history[max(0, len(history) - 1 - _SERVICE_SPAN)]
    return Histogram.from_counts(history[-1].service_us).minus(
        Histogram.from_counts(first.service_us)
    )


def _figures(title: str, now: str) -> Line:
    return [(f"{title} ", palette.LABEL), (now, palette.STRONG)]


def _percentiles(service: Histogram) -> Line:
    line: Line = [("service time", palette.LABEL)]
    if not service.count:
        return [*line, (" -", palette.STRONG)]
    for name, percent in (("p50", 50), ("p99", 99), ("p99.9", 99.9)):
        line += _figures(f" {name}", short_micros(service.percentile(percent)))
    return line


def _cpu(history: Sequence[Rates], last: Rates | None) -> Chart:
    loop, process = ("-", "-") if last is None else (f"{last.loop_share:.0%}", f"{last.cpu:.0%}")
    figures = [*_figures("CPU loop", loop), *_figures(" process", process)]
    return Chart(figures, [rates.cpu for rates in history], lambda share: f"{share:.0%}")


def _calls(history: Sequence[Rates], last: Rates | None) -> Chart:
    line: Line = [("calls a frame", palette.LABEL)]
    if last is None or not last.frames:
        line.append((" -", palette.STRONG))
    else:
        for name, made in last.calls.items():
            line += _figures(f" {name}", f"{made / last.frames:.1f}")
    values = [sum(rates.calls.values()) / rates.frames if rates.frames else 0 for rates in history]
    return Chart(line, values, lambda calls: f"{calls:.1f}", span=2)


def grid(shown: Sequence[Chart], width: int, height: int) -> list[Line]:
    """Draw the charts side by side, in as many rows as needed; `width` and `height` in cells."""
    columns = max(1, min(5, (width + GAP) // (CHART_AT_LEAST + GAP)))
    rows = _rows(shown, columns)
    cell = (width + GAP) // columns - GAP
    lines: list[Line] = []
    for number, row in enumerate(rows):
        tall = (height - len(lines)) // (len(rows) - number)
        drawn = [draw(chart, chart.span * (cell + GAP) - GAP, tall) for chart in row]
        for pieces in zip(*drawn, strict=True):
            line: Line = []
            for piece in pieces:
                line += [*piece, (" " * GAP, palette.PLAIN)]
            lines.append(line)
    return lines


def _rows(shown: Sequence[Chart], columns: int) -> list[list[Chart]]:
    """Divide the charts into rows, in order; the next chart that fits fills a gap."""
    left = [chart._replace(span=min(chart.span, columns)) for chart in shown]
    rows: list[list[Chart]] = []
    while left:
        row: list[Chart] = []
        room = columns
        while fitting := [chart for chart in left if chart.span <= room]:
            row.append(fitting[0])
            left.remove(fitting[0])
            room -= fitting[0].span
        rows.append(row)
    return rows


def draw(chart: Chart, width: int, height: int) -> list[Line]:
    """Draw one chart in exactly `width` by `height` cells: the figures, the graph under them."""
    if height <= 0:
        return []
    if chart.histogram is not None:
        return [_head(chart.figures, "", width), *_histogram(chart, width, height - 1)]
    values = list(chart.values)[-width:]
    top = max(values, default=0)
    head = _head(chart.figures, f"top {chart.words(top)}" if top else "", width)
    return [head, *graph(values, width, height - 1, top, chart.style)]


def _head(figures: Line, note: str, width: int) -> Line:
    if line_width(figures) + len(note) + 1 > width:
        return pad(figures, width, palette.PLAIN)
    return [*pad(figures, width - len(note), palette.PLAIN), (note, palette.DIM)]


def graph(values: Sequence[float], width: int, height: int, top: float, style: Style) -> list[Line]:
    """Draw `values` as columns of blocks scaled to `top`, the latest at the right.

    Only the upper end of a column has the style; the rest is faint, so that the curve is visible.
    """
    eighths = [_eighths(value, top, height) for value in values[-width:]]
    blank: Line = [(" " * (width - len(eighths)), palette.PLAIN)]
    lines: list[Line] = []
    for level in range(height - 1, -1, -1):
        above = [eighth - 8 * level for eighth in eighths]
        runs = groupby(above, key=lambda rest: rest > 8)
        lines.append(
            blank
            + [
                ("".join(_BLOCKS[min(8, max(0, rest))] for rest in run), _FILL if full else style)
                for full, run in runs
            ]
        )
    return lines


def _eighths(value: float, top: float, height: int) -> int:
    """Return the height of a column in eighths of a cell; at least 1 for a value above 0."""
    if value <= 0 or top <= 0:
        return 0
    return max(1, int(value / top * height * 8))


def _histogram(chart: Chart, width: int, height: int) -> list[Line]:
    """Draw the frequency of durations from 1 µs to 1 s on a logarithmic scale."""
    assert chart.histogram is not None
    counts = [0] * width
    for low, high, count in chart.histogram.buckets():
        counts[_place((low + high) / 2, width)] += count
    has_axis = height > 2
    lines = graph(counts, width, height - has_axis, max(counts), chart.style)
    return [*lines, [(_axis(width), palette.FAINT)]] if has_axis else lines


def _place(us: float, width: int) -> int:
    """Return the column of a duration on the logarithmic scale."""
    decades = log10(min(max(us, 1), 10**_DECADES))
    return round(decades / _DECADES * (width - 1))


def _axis(width: int) -> str:
    """Write the marks of the scale, each starting at its column; the last one ends there."""
    text = ""
    for decade, mark in enumerate(_MARKS[:-1]):
        text = text.ljust(_place(10**decade, width), "─") + mark
    return text.ljust(width - len(_MARKS[-1]), "─")[: width - len(_MARKS[-1])] + _MARKS[-1]
