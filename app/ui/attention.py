"""Tells in the terminal's title how many connections are stuck, and rings when more are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from ..watch.row import Row
from ..watch.state import State
from ..watch.why import is_stuck

SLICE: Final = 500
"""Connections that are judged for one drawing: of 10,000 that takes 0.5 ms."""
BELL_INTERVAL: Final = 60.0
"""Least seconds between two bells."""


class StuckCounter:
    """Counts the stuck connections of a state, a part of them at each call."""

    def __init__(self) -> None:
        self._stuck = 0
        self._rest: Iterator[Row] | None = None
        self._so_far = 0

    def count(self, model: State, now: float) -> int:
        """Judge the next connections; return the latest whole count."""
        if self._rest is None:
            self._rest, self._so_far = iter(list(model.live())), 0
        rows = list(islice(self._rest, SLICE))
        self._so_far += sum(row.closed is None and is_stuck(row, now) for row in rows)
        if len(rows) < SLICE:
            self._stuck, self._rest = self._so_far, None
        return self._stuck


class Telling(NamedTuple):
    """What the terminal is to be told."""

    title: str
    rings: bool


class Attention:
    """Decides on the title of the terminal and on its bell. Times are in seconds of one clock."""

    def __init__(self, title: str, may_ring: bool) -> None:
        self._title = title
        self._may_ring = may_ring
        self._rang_for = 0
        """How many were stuck when it rang last, less those that went on since."""
        self._rang_at = float("-inf")

    def tell(self, stuck: int, absent: bool, now: float) -> Telling:
        """Return the title for so many stuck connections; it rings if more are than it rang for.

        `absent` is whether the server is gone or dead.
        """
        known = min(self._rang_for, stuck)
        has_more = stuck > known
        rings = self._may_ring and has_more and now - self._rang_at >= BELL_INTERVAL
        if rings:
            self._rang_at = now
        self._rang_for = stuck if rings else known
        if absent:
            return Telling(f"{self._title}: the server is gone", rings)
        return Telling(f"{self._title}: {stuck:,} stuck" if stuck else self._title, rings)
