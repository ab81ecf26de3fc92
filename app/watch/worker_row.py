"""One worker process, as its figures tell: how busy it is."""

from __future__ import annotations

from typing import NamedTuple

from ..core.statistics import WorkerStats
from .beats import MEMORY, rate_over_beats


class WorkerRow(NamedTuple):
    """One worker process: its latest figures, and what it did per second before them."""

    stats: WorkerStats
    frames: float = 0.0
    """Frames echoed."""
    cpu_share: float = 0.0
    """Share of one core."""
    past: tuple[tuple[float, float], ...] = ()
    """The latest times with the frames a second that were measured then."""

    def then(self, stats: WorkerStats) -> WorkerRow:
        """Return the same worker with newer figures."""
        span = stats.t - self.stats.t
        if span <= 0:
            return self._replace(stats=stats)
        measured = stats.t, (stats.frames - self.stats.frames) / span
        past = (*self.past[1 - MEMORY :], measured)
        cpu_share = (stats.cpu_seconds - self.stats.cpu_seconds) / span
        return WorkerRow(stats, rate_over_beats(past), cpu_share, past)
