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
