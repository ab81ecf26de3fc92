"""From a state to a keyframe, and back.

A keyframe is a `State` in a file, with the latest events of which a dashboard that begins there
makes its log, audit, recent detail and charts. It keeps at least as many as `ScreenState` does. A
test plays recordings from the start and from a keyframe, and compares.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Final

import msgspec

from ..core.events import DETAIL, Closed, CommandResult, Event, Opened, SettingChanged, Snapshot
from ..core.statistics import LoopStats, ProcessStats, WorkerStats
from ..watch.row import Row
from ..watch.screen_state import LOG_LIMIT, ScreenState
from ..watch.state import State, rates_of, shifted
from ..watch.stream import Drained
from .format import Keyframe
from .histograms import restored, shortened

DEEDS_LIMIT: Final = 1100
"""Changes and answers: a change and its answer are one line of the audit."""
DETAIL_LIMIT: Final = 2000
"""Detail events that are kept, of all connections together."""
HISTORY_LIMIT: Final = 400
"""Statistics that are kept, the loop's and the process's by turns: some more of each than the rates
that are made of them."""
HISTORY_STEP: Final = 1.0
"""Seconds between two of them at the least."""


class RecordedState(State):
    """A `State` that also keeps the latest events, to make keyframes."""

    def __init__(self) -> None:
        super().__init__()
        self._log: deque[Event] = deque(maxlen=LOG_LIMIT)
        self._effects: deque[SettingChanged | CommandResult] = deque(maxlen=DEEDS_LIMIT)
        self._detail: deque[Event] = deque(maxlen=DETAIL_LIMIT)
        self._history: deque[Event] = deque(maxlen=HISTORY_LIMIT)
        self._kept_at = -inf
        self._longest_us = 0
        self._figures: dict[tuple[type, int], deque[Event]] = {}

    def apply_event(self, event: Event, is_news: bool = True) -> None:
        """Apply one event, and keep it as long as a dashboard would show it."""
        super().apply_event(event, is_news)
        if isinstance(event, LoopStats):
            self._keep_stats(event)
        elif isinstance(event, ProcessStats):
            self._history.append(event)
            self._keep_figures(event)
        elif isinstance(event, WorkerStats):
            self._keep_figures(event, event.worker)
        elif type(event) in DETAIL:
            self._detail.append(event)
        elif isinstance(event, CommandResult) and event.command == "trace":
            return  # the dashboard traces what its cursor is on: nobody would see it in a log
        elif type(event) is not Snapshot:
            self._log.append(event)
            if isinstance(event, SettingChanged | CommandResult):
                self._effects.append(event)

    def _shift_times(self, seconds: float, worker: int) -> None:
        """Shift what rates are made of too: a span over the step would be of no true length."""
        super()._shift_times(seconds, worker)
        if worker:
            return
        self._kept_at += seconds
        self._history = deque((shifted(each, seconds) for each in self._history), HISTORY_LIMIT)
        for of, latest in self._figures.items():
            self._figures[of] = deque((shifted(each, seconds) for each in latest), 2)

    def keyframe(self) -> Keyframe:
        """Return all that a reader needs who begins at this moment."""
        rows = self.rows.values()
        history = [*self._history, *self._stats_since_kept()]
        return Keyframe(
            listening=self.listening,
            opened=self.opened,
            closed=self.closed,
            connections=tuple(row.opened for row in rows),
            departed=tuple(row.closed for row in self._departing if row.closed is not None),
            snapshots=tuple(row.snapshot for row in rows if row.snapshot is not None),
            rates=rates_of(rows),
            log=tuple(self._log),
            deeds=tuple(self._effects),
            detail=tuple(event for event in self._detail if getattr(event, "id", 0) in self.rows),
            history=tuple(_chained(history, shortened)),
            stats=self.stats,
            figures=tuple(event for latest in self._figures.values() for event in latest),
            stopping=self.stopping,
            dropped=self.drops,
        )

    def _stats_since_kept(self) -> tuple[LoopStats, ...]:
        """Return statistics that stand for those since the last that were kept."""
        if self.stats is None or not self._longest_us:
            return ()
        return (msgspec.structs.replace(self.stats, longest_us=self._longest_us),)

    def _keep_figures(self, event: Event, worker: int = 0) -> None:
        """Keep the two latest of a kind, and of each worker: of two, a rate can be made."""
        self._figures.setdefault((type(event), worker), deque(maxlen=2)).append(event)

    def _keep_stats(self, stats: LoopStats) -> None:
        self._longest_us = max(self._longest_us, stats.longest_us)
        if stats.t - self._kept_at >= HISTORY_STEP:
            # The longest iteration of those that are not kept must not be lost.
            self._history.append(msgspec.structs.replace(stats, longest_us=self._longest_us))
            self._kept_at, self._longest_us = stats.t, 0


def expanded(keyframe: Keyframe) -> Keyframe:
    """Return a keyframe of format version 2 with whole histograms in its history."""
    history = tuple(_chained(keyframe.history, restored))
    return msgspec.structs.replace(keyframe, history=history)


def _chained(
    events: Iterable[Event], change: Callable[[LoopStats, LoopStats | None], LoopStats]
) -> Iterator[Event]:
    """Yield the events, with each `LoopStats` changed by the one before it as it is in full."""
    before: LoopStats | None = None
    for event in events:
        if isinstance(event, LoopStats):
            changed = change(event, before)
            before = event if change is shortened else changed
            yield changed
        else:
            yield event


def state_at(keyframe: Keyframe, now: float) -> ScreenState:
    """Return a state as if everything before the keyframe had been applied to it.

    `now` is the time of the keyframe or later, in Unix seconds.
    """
    state = ScreenState()
    _keep_closed(state, keyframe)
    events: list[Event] = [] if keyframe.listening is None else [keyframe.listening]
    # Recordings of earlier versions have apart what was changed since the server listened.
    changed = keyframe.settings.items()
    events += [SettingChanged(t=now, name=name, old=value, new=value) for name, value in changed]
    # What stays with a connection must be told while it still counts as open.
    events += keyframe.connections
    events += keyframe.snapshots
    events += keyframe.detail
    events += keyframe.departed
    events += keyframe.history
    events += keyframe.figures
    events += [] if keyframe.stopping is None else [keyframe.stopping]
    state.apply(Drained(events, [], None, keyframe.dropped, rates=keyframe.rates), now)
    state.stats = keyframe.stats  # those of the history stand for the ones between them too
    state.opened, state.closed = keyframe.opened, keyframe.closed
    state.replace_log(keyframe.log, keyframe.deeds)
    return state


def _keep_closed(state: ScreenState, keyframe: Keyframe) -> None:
    """Keep the connections whose close the log tells, but those that have a row still."""
    descriptors = {event.id: event.fd for event in keyframe.log if isinstance(event, Opened)}
    departed = {closed.id for closed in keyframe.departed}
    for event in keyframe.log:
        if isinstance(event, Closed) and event.id not in departed:
            fd = descriptors.get(event.id, 0)
            row = Row(Opened(t=event.opened_at, id=event.id, fd=fd, peer=event.peer))
            row.close(event)
            state.kept.add(row, event)
