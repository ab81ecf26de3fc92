"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui import lines_panel
from app.watch import figures


@pytest.mark.parametrize(
    ("size", "short", "words"),
    [
        (0, "0", "0 B"),
        (999, "999", "999 B"),
        (1000, "1K", "1000 B"),
        (1536, "1.5K", "1.5 KiB"),
        (65_536, "64K", "64 KiB"),
        (319_488, "312K", "312 KiB"),
        (1024**2 - 1, "1M", "1 MiB"),
        (1024**3, "1G", "1 GiB"),
    ],
)
def test_sizes(size: int, short: str, words: str) -> None:
    assert figures.short_size(size) == short
    assert figures.words_size(size) == words


@pytest.mark.parametrize(
    ("seconds", "short", "words"),
    [
        (-1, "0s", "0 s"),
        (59.9, "59s", "59 s"),
        (123, "2m03", "2 min 3 s"),
        (3900, "1h05", "1 h 5 min"),
        (273_600, "3d04", "3 d 4 h"),
        (7200, "2h00", "2 h"),
    ],
)
def test_spans(seconds: float, short: str, words: str) -> None:
    assert figures.short_span(seconds) == short
    assert figures.words_span(seconds) == words


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999_999, "999,999"), (1_250_000, "1.25M"), (12_345_678, "12.3M"), (3e9, "3.00G")],
)
def test_counts(count: float, text: str) -> None:
    assert figures.short_count(count) == text


@pytest.mark.parametrize(
    ("done", "whole", "short", "words"),
    [
        (65_535, 65_536, ("63.9K", "64K"), ("65,535 B", "65,536 B")),
        (70_000, 70_010, ("68.3K", "68.4K"), ("70,000 B", "70,010 B")),
        (1024**3 - 1, 1024**3, ("1023M", "1G"), ("1,073,741,823 B", "1,073,741,824 B")),
        (300_010, 300_000, ("293K", "292K"), ("300,010 B", "300,000 B")),
        (1000, 2000, ("1K", "2K"), ("1000 B", "2 KiB")),
        (5000, 5000, ("4.9K", "4.9K"), ("4.9 KiB", "4.9 KiB")),
    ],
)
def test_two_sizes_that_are_compared(
    done: int, whole: int, short: tuple[str, str], words: tuple[str, str]
) -> None:
    assert figures.short_pair(done, whole) == short
    assert figures.words_pair(done, whole) == words


@given(st.integers(0, 2**50), st.integers(1, 2**40) | st.integers(1, 50))
def test_two_sizes_are_never_rounded_to_equal(done: int, more: int) -> None:
    for one, other in (
        figures.short_pair(done, done + more),
        figures.short_pair(done + more, done),
        figures.words_pair(done, done + more),
    ):
        assert one != other
    assert max(map(len, figures.short_pair(done, done + more))) <= 5


@pytest.mark.parametrize(
    ("rate", "text"), [(0, "0"), (1 / 3, "0.33"), (0.999, "1.0"), (2.46, "2.5"), (1250.4, "1,250")]
)
def test_rates(rate: float, text: str) -> None:
    assert figures.short_rate(rate) == text


@given(st.integers(0, 2**50))
def test_columns_never_overflow(number: int) -> None:
    assert len(figures.short_size(number)) <= 5
    assert len(figures.short_count(number)) <= 7
    assert len(figures.short_rate(number / 7)) <= 7
    assert len(figures.short_span(min(number, 99 * 86_400))) <= 5


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(1, 30))
def test_a_bar_fills_its_width_and_is_full_only_when_complete(
    done: int, whole: int, width: int
) -> None:
    filled, empty = figures.bar(done, whole, width)
    assert len(filled + empty) == width
    if done < whole:
        assert len(filled) < width or filled == "╸"


def test_sparklines_and_clips() -> None:
    assert figures.sparkline([1, 2, 4], 5) == "  ▂▄█"
    assert figures.sparkline([0, 0], 3) == " ▁▁"
    assert figures.sparkline([], 3) == "   "
    assert lines_panel.clip("abcdef", 4) == "abc…"
    assert lines_panel.clip_start("[::1]:9000", 6) == "…:9000"
    assert figures.uptime(90_061) == "1d 01:01:01"
    assert figures.exact_clock(1_760_000_000.25) == "08:53:20.250"


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0.2, "0µs"),
        (85.0, "85µs"),
        (999.4, "999µs"),
        (999.6, "1.0ms"),
        (9_949.0, "9.9ms"),
        (9_960.0, "10ms"),
        (250_000.0, "250ms"),
        (999_900.0, "999ms"),
    ],
)
def test_a_time_under_a_second_fits_five_cells(micros: float, text: str) -> None:
    assert figures.narrow_micros(micros) == text
    assert len(text) <= 5
