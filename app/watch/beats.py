"""Rates of what comes in beats: a frame every 3 s is a third of a frame a second, at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

ENOUGH: Final = 10.0
"""Rate a second from which the last second alone is a fair measure."""
BEAT: Final = 2
"""Measurements of a beat at most: less than a second of frames may be counted in two."""
STEADY: Final = 5
"""Measurements over which a lower rate without pauses is taken."""
HELD: Final = 2.0
"""Seconds without anything after which a rate is 0, unless it was measured over a longer time."""
MEMORY: Final = 60
"""Measurements that are looked at."""


def rate_over_beats(measured: Sequence[tuple[float, float]]) -> float:
    """Return the rate a second at the end of `measured`, at least one measurement.

    Each is its time in seconds and the rate since the one before. From the start of one beat to the
    start of the next, so that a pause counts in full, as the rate of a row (`app.watch.row`).
    """
    measured = measured[-MEMORY:]
    now, latest = measured[-1]
    if len(measured) == 1 or (latest >= ENOUGH and measured[-2][1]):
        return latest
    ends = [t for t, _ in measured]
    begins = [ends[0] - 1.0, *ends[:-1]]
    counts = [rate * (end - begin) for begin, (end, rate) in zip(begins, measured, strict=True)]
    last = _last_nonzero(counts, len(counts))
    if last < 0:
        return 0.0
    start = _start_of(counts, last)
    quiet = now - ends[last]
    before = _last_nonzero(counts, start)
    if last - start >= BEAT or before < 0:  # it is no beat, or the first one that is known
        start = max(start, last - STEADY + 1)
        return sum(counts[start:]) / (now - begins[start]) if quiet <= HELD else 0.0
    earlier = _start_of(counts, before)
    span = ends[start] - ends[earlier]
    return sum(counts[earlier:start]) / span if quiet <= max(HELD, 2 * span) else 0.0


def _last_nonzero(counts: Sequence[float], end: int) -> int:
    return next((index for index in range(end - 1, -1, -1) if counts[index]), -1)


def _start_of(counts: Sequence[float], index: int) -> int:
    while index and counts[index - 1]:
        index -= 1
    return index
