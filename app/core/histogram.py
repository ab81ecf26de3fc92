"""A log-linear histogram of microseconds: a plain list of counts, cheap to record into.

Every power of two is cut into the same number of buckets, as in HdrHistogram. A value read back is
at most that fraction too high: 1/32 (3.1 %) with the default 5 bits, 1/128 (0.8 %) with 7.
Values below twice that number of buckets are exact. The size is fixed, whatever is recorded.

A record takes 70 ns, and 40 ns written into the loop that records (`index_table`), where the
`hdrhistogram` package takes 820 ns (CPython 3.11, the machine of `benchmarks/`). Most values are
looked up in a table of the indices of all values below 4,096: with every index computed it
would be 125 ns, because `int.bit_length` and two shifts cost more than an item of a list.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

DEFAULT_BITS: Final = 5
TABLE_SIZE: Final = 4096
"""Values below this, in microseconds, have their index in a table."""
LARGEST_BITS: Final = 40
"""Bits of the largest value that has a bucket of its own: 2**40 µs are twelve days."""


class Bucket(NamedTuple):
    """The values from `low` to `high` (included), in microseconds, and the number of them."""

    low: int
    high: int
    times: int


def index_of(us: int, bits: int = DEFAULT_BITS) -> int:
    """The index of the bucket that counts `us`."""
    shift = us.bit_length() - bits - 1
    return us if shift <= 0 else (shift << bits) + (us >> shift)


@functools.cache
def index_table(bits: int = DEFAULT_BITS) -> list[int]:
    """The indices of all values below `TABLE_SIZE`.

    For a loop that records without a call: ``counts[table[us] if us < TABLE_SIZE else
    index_of(us, bits)] += 1``, with the `Histogram.counts` of a histogram of the same `bits`.
    """
    return [index_of(us, bits) for us in range(TABLE_SIZE)]


class Histogram:
    """Counts durations in whole microseconds, not below 0; one thread at a time may use it.

    It has 2**`bits` buckets for each power of two; `bits` is 1 to 11, else `ValueError` is raised.
    A duration over twelve days counts as twelve days.
    """

    __slots__ = ("_table", "bits", "counts")

    def __init__(self, bits: int = DEFAULT_BITS) -> None:
        if not 1 <= bits <= 11:
            raise ValueError(f"bits {bits} is out of range: it must be 1 to 11")
        self.bits = bits
        self.counts = [0] * (index_of((1 << LARGEST_BITS) - 1, bits) + 1)
        """One count per bucket, by `index_of`; a loop that records without a call adds to these."""
        self._table = index_table(bits)

    def record(self, us: int, times: int = 1) -> None:
        """Count `us` microseconds, `times` times."""
        try:
            self.counts[self._table[us] if us < TABLE_SIZE else index_of(us, self.bits)] += times
        except IndexError:
            self.counts[-1] += times

    @property
    def count(self) -> int:
        """The number of recorded durations."""
        return sum(self.counts)

    def buckets(self) -> Iterator[Bucket]:
        """Yield the buckets that are not empty, in order."""
        for index, count in enumerate(self.counts):
            if count:
                shift = max((index >> self.bits) - 1, 0)
                low = (index - (shift << self.bits)) << shift
                yield Bucket(low, low + (1 << shift) - 1, count)

    def percentile(self, percent: float) -> int:
        """The microseconds that `percent` of the records (0 to 100) do not exceed; 0 if none.

        As in HdrHistogram, the rank is rounded, and the result is the largest value of its bucket.
        """
        wanted = max(1, int(percent / 100 * self.count + 0.5))
        seen = 0
        for bucket in self.buckets():
            seen += bucket.times
            if seen >= wanted:
                return bucket.high
        return 0

    @property
    def mean(self) -> float:
        """The mean in microseconds, with each record in the middle of its bucket; 0 if none."""
        total = sum((low + high) / 2 * times for low, high, times in self.buckets())
        return total / (self.count or 1)

    def merge(self, other: Histogram) -> None:
        """Add the counts of `other`. Raises `ValueError` if it has other buckets."""
        self._must_be_alike(other)
        self.counts[:] = map(int.__add__, self.counts, other.counts)

    def minus(self, earlier: Histogram) -> Histogram:
        """The records since `earlier`, an earlier state of the same histogram.

        Raises `ValueError` if `earlier` has other buckets, or has counted more.
        """
        self._must_be_alike(earlier)
        since = Histogram(self.bits)
        since.counts[:] = map(int.__sub__, self.counts, earlier.counts)
        if min(since.counts) < 0:
            raise ValueError("not an earlier state: it counted more than this histogram")
        return since

    def _must_be_alike(self, other: Histogram) -> None:
        if other.bits != self.bits:
            raise ValueError(f"a histogram of {other.bits} bits does not fit one of {self.bits}")

    def to_counts(self) -> tuple[tuple[int, int], ...]:
        """The (index, count) of each bucket that is not empty, for an event."""
        return tuple((index, count) for index, count in enumerate(self.counts) if count)

    @classmethod
    def from_counts(cls, counts: Iterable[tuple[int, int]], bits: int = DEFAULT_BITS) -> Histogram:
        """Make a histogram of `to_counts`. Raises `ValueError` if an index is of no bucket."""
        histogram = cls(bits)
        for index, count in counts:
            if not 0 <= index < len(histogram.counts):
                raise ValueError(f"bucket {index} does not exist with {bits} bits")
            histogram.counts[index] += count
        return histogram
