"""What a keyframe must tell: the events so far, condensed as far as nobody would see it.

The limits are those of what a dashboard keeps (`app.watch.state`); a test plays recordings from the
start and from a keyframe, and compares.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import Final

import msgspec

from ..core.events import (
    Closed,
    CommandResult,
    Crashed,
    Event,
    Listening,
    Notice,
    Opened,
    SettingChanged,
    Snapshot,
    Stopped,
    Stopping,
)
from ..core.statistics import LoopStats, ProcessStats
from .format import Keyframe, RecordedBatch

LOG_LIMIT: Final = 500
"""Events of the log that are kept."""
DEEDS_LIMIT: Final = 1100
"""Changes and answers: a change and its answer are one line of the audit."""
DETAIL_LIMIT: Final = 2000
"""Detail events that are kept, of all connections together."""
HISTORY_LIMIT: Final = 400
"""Statistics that are kept, the loop's and the process's by turns: some more of each than the rates
that are made of them."""
HISTORY_STEP: Final = 1.0
"""Seconds between two of them at the least."""
DEPARTED_FOR: Final = 6.0
"""Seconds for which a closed connection is kept."""
DEPARTED_LIMIT: Final = 200
_LOGGED: Final = (Notice, Stopped, Crashed)


class Remembered:
    """Takes everything in, and gives a `Keyframe` when asked."""

    def __init__(self) -> None:
        self._listening: Listening | None = None
        self._settings: dict[str, int | float | str] = {}
        self._opened = 0
        self._closed = 0
        self._connections: dict[int, Opened] = {}
        self._departed: dict[int, Closed] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._log: deque[Event] = deque(maxlen=LOG_LIMIT)
        self._deeds: deque[SettingChanged | CommandResult] = deque(maxlen=DEEDS_LIMIT)
        self._detail: deque[Event] = deque(maxlen=DETAIL_LIMIT)
        self._history: deque[Event] = deque(maxlen=HISTORY_LIMIT)
        self._kept_at = -inf
        self._longest_us = 0
        self._stats: LoopStats | None = None
        self._figures: dict[tuple[object, ...], deque[Event]] = {}
        self._stopping: Stopping | None = None
        self._dropped = 0

    def take(self, batch: RecordedBatch, now: float) -> None:
        """Take in what was drained; `now` is on the clock of the events."""
        for event in batch.events:
            self._take_event(event)
        self._take_snapshots(batch.snapshots)
        if batch.stats is not None:
            self._take_stats(batch.stats)
        self._dropped = max(self._dropped, batch.dropped)
        self._let_go(now)

    def keyframe(self) -> Keyframe:
        """All that there is to tell now."""
        return Keyframe(
            listening=self._listening,
            settings=self._settings,
            opened=self._opened,
            closed=self._closed,
            connections=tuple(self._connections.values()),
            departed=tuple(self._departed.values()),
            snapshots=tuple(self._snapshots.values()),
            log=tuple(self._log),
            deeds=tuple(self._deeds),
            detail=tuple(event for event in self._detail if self._is_shown(event)),
            history=(*self._history, *self._since_kept()),
            stats=self._stats,
            figures=tuple(event for latest in self._figures.values() for event in latest),
            stopping=self._stopping,
            dropped=self._dropped,
        )

    def _since_kept(self) -> Iterable[Event]:
        """Statistics that stand for those since the last ones that were kept."""
        if self._stats is not None and self._longest_us:
            yield msgspec.structs.replace(self._stats, longest_us=self._longest_us)

    def _is_shown(self, event: Event) -> bool:
        return getattr(event, "id", None) in self._connections

    def _take_event(self, event: Event) -> None:
        match event:
            case Snapshot():
                self._take_snapshots((event,))
                return
            case LoopStats():
                self._take_stats(event)
                return
            case ProcessStats():
                self._history.append(event)
                self._take_figures(event)
                return
            case Opened():
                self._connections[event.id] = event
                self._opened += 1
            case Closed():
                self._closed += 1
                if event.id in self._connections:
                    self._departed[event.id] = event
            case Listening():
                self._listening, self._settings = event, {}
            case SettingChanged():
                self._settings[event.name] = event.new
                self._deeds.append(event)
            case CommandResult():
                if event.command == "trace":
                    return  # follows whoever looks: nobody would see it in a log
                self._deeds.append(event)
            case Stopping():
                self._stopping = event
            case _ if not isinstance(event, _LOGGED):
                self._take_detail(event)
                return
            case _:
                pass
        self._log.append(event)

    def _take_detail(self, event: Event) -> None:
        """Keep what a connection did, or the figures of something else than a connection."""
        if hasattr(event, "id"):
            self._detail.append(event)
        else:
            self._take_figures(event)

    def _take_figures(self, event: Event) -> None:
        """Keep the two latest of a kind, and of each worker: of two, a rate can be made."""
        key = (type(event), getattr(event, "worker", 0))
        self._figures.setdefault(key, deque(maxlen=2)).append(event)

    def _take_snapshots(self, snapshots: Iterable[Snapshot]) -> None:
        latest = self._snapshots
        for snapshot in snapshots:
            known = latest.get(snapshot.id)
            is_open = snapshot.id in self._connections and snapshot.id not in self._departed
            if is_open and (known is None or snapshot.t >= known.t):
                latest[snapshot.id] = snapshot

    def _take_stats(self, stats: LoopStats) -> None:
        self._stats = stats
        self._dropped = max(self._dropped, stats.drops)
        self._longest_us = max(self._longest_us, stats.longest_us)
        if stats.t - self._kept_at >= HISTORY_STEP:
            # The longest iteration of those that are not kept must not be lost.
            self._history.append(msgspec.structs.replace(stats, longest_us=self._longest_us))
            self._kept_at, self._longest_us = stats.t, 0

    def _let_go(self, now: float) -> None:
        departed = self._departed
        while departed:
            closed = next(iter(departed.values()))
            if now - closed.t < DEPARTED_FOR and len(departed) <= DEPARTED_LIMIT:
                return
            del departed[closed.id], self._connections[closed.id]
            self._snapshots.pop(closed.id, None)
