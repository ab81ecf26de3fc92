"""Statistics in a recording: their histograms tell only what was counted since earlier ones.

A histogram of the server's whole life has hundreds of buckets, of which a second changes a few.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from ..core.histogram import LARGEST_BITS, index_of
from ..core.statistics import LoopStats

Counts: TypeAlias = tuple[tuple[int, int], ...]
_BUCKETS = index_of((1 << LARGEST_BITS) - 1) + 1


def shortened(stats: LoopStats, base: LoopStats | None) -> LoopStats:
    """Return `stats` with histograms of what was counted since `base`; all of it without one."""
    if base is None:
        return stats
    return msgspec.structs.replace(
        stats,
        service_us=_minus(stats.service_us, base.service_us),
        iteration_us=_minus(stats.iteration_us, base.iteration_us),
    )


def restored(stats: LoopStats, base: LoopStats | None) -> LoopStats:
    """Undo `shortened` with the same `base`."""
    if base is None:
        return stats
    return msgspec.structs.replace(
        stats,
        service_us=_plus(stats.service_us, base.service_us),
        iteration_us=_plus(stats.iteration_us, base.iteration_us),
    )


def are_counts(stats: LoopStats) -> bool:
    """Whether the histograms are ones that `Histogram.from_counts` takes."""
    return all(
        0 <= index < _BUCKETS and 0 <= count < 2**63
        for counts in (stats.service_us, stats.iteration_us)
        for index, count in counts
    )


def _minus(counts: Counts, base: Counts) -> Counts:
    changed = dict(counts)
    for index, count in base:
        changed[index] = changed.get(index, 0) - count
    return tuple(sorted((index, count) for index, count in changed.items() if count))


def _plus(counts: Counts, base: Counts) -> Counts:
    whole = dict(base)
    for index, count in counts:
        whole[index] = whole.get(index, 0) + count
    return tuple(sorted((index, count) for index, count in whole.items() if count))
