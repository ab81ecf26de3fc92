"""The histogram, bucket for bucket against the `hdrhistogram` package."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.histogram import LARGEST_BITS, TABLE_SIZE, Histogram, index_of, index_table

try:
    from hdrh.histogram import HdrHistogram
except ImportError:
    HdrHistogram = None

needs_hdrhistogram = pytest.mark.skipif(
    HdrHistogram is None, reason="hdrhistogram is not installed: pip install hdrhistogram"
)
LARGEST = (1 << LARGEST_BITS) - 1
BITS_OF_DIGITS = {1: 4, 2: 7, 3: 10}
"""Our bits for hdrhistogram's significant digits: 20, 200 and 2,000 rounded up, and halved."""

durations = st.one_of(st.integers(0, 300), st.integers(0, 2 * TABLE_SIZE), st.integers(0, LARGEST))
records = st.lists(durations, min_size=1, max_size=60)
all_bits = st.integers(1, 11)
percents = st.one_of(st.floats(0.1, 100), st.sampled_from([50.0, 90.0, 99.0, 99.9, 100.0]))


def recorded(values: list[int], bits: int = 5) -> Histogram:
    histogram = Histogram(bits)
    for value in values:
        histogram.record(value)
    return histogram


@needs_hdrhistogram
@given(records, st.sampled_from(sorted(BITS_OF_DIGITS)), percents)
def test_as_hdrhistogram(values: list[int], digits: int, percent: float) -> None:
    theirs: Any = HdrHistogram(1, LARGEST, digits)
    for value in values:
        assert theirs.record_value(value)
    ours = recorded(values, BITS_OF_DIGITS[digits])
    assert ours.count == theirs.get_total_count()
    assert ours.percentile(percent) == theirs.get_value_at_percentile(percent)
    assert ours.percentile(100) == theirs.get_highest_equivalent_value(max(values))
    for value in values:
        ((low, high, _),) = recorded([value], ours.bits).buckets()
        assert low == theirs.get_lowest_equivalent_value(value)
        assert high == theirs.get_highest_equivalent_value(value)


@given(durations, all_bits)
def test_a_bucket_holds_its_value_and_is_narrow_enough(value: int, bits: int) -> None:
    ((low, high, count),) = recorded([value], bits).buckets()
    assert count == 1
    assert low <= value <= high
    assert high - value <= value / 2**bits
    assert value >= 2 ** (bits + 1) or low == high


@given(all_bits, st.integers(0, TABLE_SIZE))
def test_the_buckets_are_without_gaps(bits: int, value: int) -> None:
    assert 0 <= index_of(value + 1, bits) - index_of(value, bits) <= 1


@given(all_bits)
def test_the_table_says_what_is_computed(bits: int) -> None:
    assert index_table(bits) == [index_of(us, bits) for us in range(TABLE_SIZE)]


@given(records, percents)
def test_a_percentile_is_at_most_a_32nd_over_the_record_of_its_rank(
    values: list[int], percent: float
) -> None:
    rank = max(1, int(percent / 100 * len(values) + 0.5))
    exact = sorted(values)[rank - 1]
    assert exact <= recorded(values).percentile(percent) <= exact * (1 + 1 / 32)


@given(records, records, all_bits)
def test_merged_is_as_recorded_in_one(first: list[int], second: list[int], bits: int) -> None:
    both = recorded(first, bits)
    both.merge(recorded(second, bits))
    assert both.counts == recorded(first + second, bits).counts


@given(records, records, all_bits)
def test_a_window_is_the_difference_of_two_states(
    before: list[int], during: list[int], bits: int
) -> None:
    window = recorded(before + during, bits).minus(recorded(before, bits))
    assert window.counts == recorded(during, bits).counts


@given(records, all_bits)
def test_counts_there_and_back(values: list[int], bits: int) -> None:
    sent = recorded(values, bits).to_counts()
    assert sum(count for _, count in sent) == len(values)
    assert Histogram.from_counts(sent, bits).counts == recorded(values, bits).counts


def test_several_at_once() -> None:
    histogram = Histogram()
    histogram.record(40, times=3)
    histogram.record(7)
    assert histogram.to_counts() == ((7, 1), (40, 3))
    assert histogram.mean == pytest.approx((3 * 40 + 7) / 4)


def test_nothing_recorded() -> None:
    histogram = Histogram()
    assert (histogram.count, histogram.percentile(99), histogram.mean) == (0, 0, 0.0)
    assert histogram.to_counts() == ()


@pytest.mark.parametrize("us", [LARGEST + 1, LARGEST * 64])
def test_longer_than_the_largest_counts_as_the_largest(us: int) -> None:
    assert recorded([us]).percentile(100) == LARGEST


@pytest.mark.parametrize("bits", [0, 12])
def test_bits_out_of_range(bits: int) -> None:
    with pytest.raises(ValueError, match=f"bits {bits} is out of range"):
        Histogram(bits)


def test_histograms_of_other_buckets_do_not_mix() -> None:
    with pytest.raises(ValueError, match="7 bits does not fit one of 5"):
        Histogram(5).merge(Histogram(7))
    with pytest.raises(ValueError, match="5 bits does not fit one of 7"):
        Histogram(7).minus(Histogram(5))


def test_a_later_state_is_no_earlier_one() -> None:
    with pytest.raises(ValueError, match="not an earlier state"):
        recorded([1]).minus(recorded([1, 1]))


@pytest.mark.parametrize("index", [-1, 10_000])
def test_counts_of_no_bucket(index: int) -> None:
    with pytest.raises(ValueError, match=f"bucket {index} does not exist"):
        Histogram.from_counts([(index, 1)])
