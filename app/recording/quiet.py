"""Figures that tell nothing new, held back so that an idle server's recording hardly grows."""

from __future__ import annotations

from math import inf
from typing import Final

from ..core.events import Event
from ..core.statistics import LoopStats, ProcessStats, WorkerStats, carry_longest
from .format import RecordedBatch

INTERVAL: Final = 60.0
"""Seconds after which figures are recorded though nothing has changed."""
LONG_US: Final = 10_000
"""Microseconds of an iteration that is worth telling by itself."""
CPU_STEP: Final = 5.0
"""Change of a process's CPU, in percent of a core, that is worth telling by itself."""
RSS_STEP: Final = 1024**2
"""Change of its memory, in bytes, that is."""
_UNIMPORTANT: Final = frozenset(
    {"t", "polls", "wakeups", "ready", "longest_us", "cpu_seconds", "service_us", "iteration_us"}
    | {"oldest_at", "queue_depth"}
)
_COUNTED: Final = tuple(name for name in LoopStats.__struct_fields__ if name not in _UNIMPORTANT)
_OF_WORKERS: Final = ("pid", "alive", "restarts", "open", "frames", "silent", "silent_since")


class QuietFigures:
    """Decides which figures are recorded, and keeps the latest of the others."""

    def __init__(self) -> None:
        self._written_at = -inf
        self._stats: LoopStats | None = None
        self._figures: dict[tuple[type, int], Event] = {}
        """The latest that were recorded, by type and worker."""
        self._held_stats: LoopStats | None = None
        self._held: dict[tuple[type, int], Event] = {}

    def choose(self, batch: RecordedBatch, now: float) -> RecordedBatch | None:
        """Return what is to be recorded of a batch and of those that were held back before.

        None if it holds figures only, and they tell nothing new. `now` is in Unix seconds.
        """
        if not self._is_news(batch) and now - self._written_at < INTERVAL:
            if batch.stats is not None:
                self._held_stats = carry_longest(batch.stats, self._held_stats)
            self._held |= {_subject(event): event for event in batch.events}
            return None
        return self._merged(batch, now)

    def rest(self, now: float) -> RecordedBatch | None:
        """Return what has been held back; None if nothing has."""
        if self._held_stats is None and not self._held:
            return None
        return self._merged(RecordedBatch(), now)

    def _merged(self, batch: RecordedBatch, now: float) -> RecordedBatch:
        figures = {_subject(event): event for event in batch.events if _is_figure(event)}
        older = [event for subject, event in self._held.items() if subject not in figures]
        stats = batch.stats or self._held_stats
        if stats is not None:
            stats = carry_longest(stats, self._held_stats)
            self._stats = stats
        self._figures |= self._held | figures
        self._held_stats, self._held = None, {}
        self._written_at = now
        return RecordedBatch(
            events=(*older, *batch.events),
            snapshots=batch.snapshots,
            stats=stats,
            dropped=batch.dropped,
        )

    def _is_news(self, batch: RecordedBatch) -> bool:
        if batch.snapshots or not all(map(_is_figure, batch.events)):
            return True
        stats, known = batch.stats, self._stats
        if stats is not None and (
            known is None
            or stats.longest_us >= LONG_US
            or any(getattr(stats, name) != getattr(known, name) for name in _COUNTED)
        ):
            return True
        return any(_tells_more(event, self._figures.get(_subject(event))) for event in batch.events)


def _is_figure(event: Event) -> bool:
    return type(event) is ProcessStats or type(event) is WorkerStats


def _subject(event: Event) -> tuple[type, int]:
    return type(event), event.worker if isinstance(event, WorkerStats) else 0


def _tells_more(event: Event, known: Event | None) -> bool:
    """Whether a figure differs from the one that was recorded last by more than chance."""
    if isinstance(event, ProcessStats) and isinstance(known, ProcessStats):
        return (
            (event.fds, event.threads) != (known.fds, known.threads)
            or abs(event.cpu_percent - known.cpu_percent) >= CPU_STEP
            or abs(event.rss - known.rss) >= RSS_STEP
        )
    if isinstance(event, WorkerStats) and isinstance(known, WorkerStats):
        changed = any(getattr(event, name) != getattr(known, name) for name in _OF_WORKERS)
        return changed or event.longest_us >= LONG_US or abs(event.rss - known.rss) >= RSS_STEP
    return True
