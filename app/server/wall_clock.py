"""Unix time on a clock that does not jump, and the steps of the wall clock that it follows.

Events are stamped with the loop's monotonic clock plus `epoch`, so that their order is that in
which things happened. The wall clock is set by NTP or a person, and goes on while a machine sleeps,
when the monotonic clock stands still. So the two are compared regularly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ..watch.figures import words_span

COMPARE_INTERVAL: Final = 0.25
"""Seconds between two comparisons at least."""
IDLE_INTERVAL: Final = 1.0
"""Seconds after which a loop with nothing to do wakes for a comparison."""
STEP: Final = 0.5
"""Seconds of difference from which the wall clock has been set; less is adjusted without a word."""


class WallClock:
    """Unix time as seconds of a monotonic clock plus `epoch`. One thread compares; all may read."""

    def __init__(
        self,
        epoch: float,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives monotonic seconds, `wall` Unix time, which may jump."""
        self.epoch = epoch
        """Unix time minus `clock`, in seconds."""
        self.compare_at = 0.0
        """When to compare next, on `clock`."""
        self._clock = clock
        self._wall = wall
        self._compared_at = clock()
        self.due = self._compared_at + IDLE_INTERVAL
        """When to wake for a comparison if nothing else happens, on `clock`."""

    def now(self) -> float:
        """The time on the clock of the events, in Unix seconds.

        It follows the wall clock with them: a time that did so sooner would come before the notice
        of the step, by which those who know it shift all that was before.
        """
        return self._clock() + self.epoch

    def compare(self) -> float:
        """Follow the wall clock; return the seconds that it was set by, or 0."""
        now = self._clock()
        off = self._wall() - now - self.epoch
        since, self._compared_at = now - self._compared_at, now
        self.compare_at = now + COMPARE_INTERVAL
        self.due = now + IDLE_INTERVAL
        if abs(off) >= STEP:
            self.epoch += off
            return off
        # A time must not come out below one that was given since.
        self.epoch += max(off, -since / 2)
        return 0.0


def describe_step(seconds: float) -> str:
    """Say by how much the wall clock was set."""
    direction = "forward" if seconds > 0 else "back"
    size = abs(seconds)
    span = words_span(round(size)) if size >= 10 else f"{size:.1f} s"
    return f"the wall clock went {direction} by {span}; times follow it from here on"
