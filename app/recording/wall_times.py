"""The times of a recording and those of the server's wall clock, which may have been set back.

The time of a recording never steps back: after the clock was set back by an hour, it is an hour
ahead of the clock. So every moment has one place, and seconds last as long as they did. Where the
clock was set forward, nothing was recorded between.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """A part of a recording in which the clock was not set back; times in Unix seconds."""

    start: float
    end: float
    behind: float
    """Seconds by which the wall clock is behind the recording's time."""


class WallTimes:
    """Converts between a recording's time and what the wall clock showed, in Unix seconds."""

    def __init__(self, start: float, end: float, steps: Sequence[tuple[float, float]]) -> None:
        """`steps` are the times from which on the wall clock is so many seconds behind."""
        begun = [(start, 0.0), *steps]
        ends = [after for _, (after, _) in pairwise(begun)] + [end]
        self.spans = [
            Span(since, until, behind) for (since, behind), until in zip(begun, ends, strict=True)
        ]
        self._starts = [span.start for span in self.spans[1:]]

    def behind_at(self, t: float) -> float:
        """Return by how many seconds the wall clock was behind at the time `t`."""
        return self.spans[bisect_left(self._starts, t)].behind

    def wall_at(self, t: float) -> float:
        """Return what the wall clock showed at the time `t`."""
        return t - self.behind_at(t)

    def moment_of(self, wall: float) -> float:
        """Return the first time at which the wall clock showed `wall`; `wall` if it never did."""
        for span in self.spans:
            if span.start <= wall + span.behind <= span.end:
                return wall + span.behind
        return wall
