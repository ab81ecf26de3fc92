"""Adds up the figures of several loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any, Final

from ..core.events import Stopped
from ..core.statistics import LoopStats
from .connection import Counts

COUNTED: Final = Counts._fields
"""The names of a connection's counters, in snapshots, closes and the loop's statistics alike."""
_LARGEST: Final = frozenset({"t", "longest_us"})
_LISTS: Final = ("service_us", "iteration_us", "bodies", "accepts")
_NUMBERS: Final = tuple(name for name in LoopStats.__struct_fields__ if name not in _LISTS)
NOTHING: Final = LoopStats(**dict.fromkeys(_NUMBERS, 0))  # type: ignore[arg-type]
"""The statistics of a loop that has published none yet."""


def sum_statistics(figures: Iterable[LoopStats]) -> LoopStats:
    """Add counters and histograms; take the latest time and the longest iteration.

    The samples of bodies are left out: each is of one moment, and is published once. So is the age
    of the oldest figures: some of these may be of processes that have ended.
    """
    rows = list(figures) or [NOTHING]
    numbers: dict[str, Any] = {
        name: (max if name in _LARGEST else sum)(getattr(row, name) for row in rows)
        for name in _NUMBERS
    }
    return LoopStats(
        **numbers,
        service_us=_added(row.service_us for row in rows),
        iteration_us=_added(row.iteration_us for row in rows),
        accepts=tuple(map(sum, zip_longest(*(row.accepts for row in rows), fillvalue=0))),
    )


def _added(histograms: Iterable[tuple[tuple[int, int], ...]]) -> tuple[tuple[int, int], ...]:
    counts: Counter[int] = Counter()
    for histogram in histograms:
        counts.update(dict(histogram))
    return tuple(sorted(counts.items()))


def make_stopped(t: float, cause: str, figures: LoopStats) -> Stopped:
    """Make the last event of all, at `t` (Unix seconds)."""
    return Stopped(
        t=t,
        cause=cause,
        opened=figures.opened,
        closed=figures.closed,
        frames_out=figures.frames_out,
        bytes_in=figures.bytes_in,
        bytes_out=figures.bytes_out,
    )
