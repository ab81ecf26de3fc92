"""The report and the progress line, without a program."""

from __future__ import annotations

from app.histogram import Histogram
from app.load.outcome import HISTOGRAM_BITS
from app.load.report import histogram_lines


def wide_histogram() -> Histogram:
    latency = Histogram(HISTOGRAM_BITS)
    for us in (1, 900, 1_000_000, 3_000_000_000):
        latency.record(us, 999_999_999)
    return latency


def test_a_line_of_the_histogram_fits_80_columns() -> None:
    lines = list(histogram_lines(wide_histogram()))
    assert max(map(len, lines)) <= 79


def test_bars_in_an_encoding_without_blocks() -> None:
    lines = list(histogram_lines(wide_histogram(), "latin-1"))
    assert "\n".join(lines).isascii()
    assert any(" ## " in line or line.count("#") > 20 for line in lines)
