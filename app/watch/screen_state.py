"""A `State` with what only a screen shows of the past: rates, charts, log, audit, recent detail."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from ..core.events import DETAIL, FIGURES, Closed, Event, Listening, Opened
from ..core.iteration import MOST_KEPT, Iteration
from ..core.statistics import LoopStats
from ..core.stepping import LoopHeld, LoopResumed, Stepped
from .audit import Audit
from .journal import JournalEntry, entries
from .state import LONGEST_WINDOW, State, shifted

LOG_LIMIT: Final = 500
"""Lines of the log that are kept."""
HISTORY_LIMIT: Final = 180
"""Seconds of history for the sparklines and the charts."""
STEPS_LIMIT: Final = 200
"""Calls of a stepped loop that are kept."""
BODIES_LIMIT: Final = 1000
"""Frames of which the body length is remembered."""
WINDOW: Final = 1.0
"""Seconds over which the server's rates are taken."""


KEEP_CLOSED: Final = 200
"""Closed connections that a dashboard knows, where the server does not say how many it keeps."""
_UNTOLD: Final = frozenset({*DETAIL, *FIGURES, LoopHeld, LoopResumed, Stepped})
_LIFE: Final = frozenset({Opened, Closed})


class Rates(NamedTuple):
    """Rates of the server per second, measured over about a second."""

    t: float
    frames: float
    """Frames echoed."""
    bytes_in: float
    bytes_out: float
    loop_share: float
    """Share of one core used by the loop thread (0 to 1), or by those of all workers together."""
    open: int
    armed: int
    longest_us: int
    """The longest iteration in this time, in microseconds."""
    cpu: float
    """Share of one core used by the whole process; it may be above 1."""
    rss: int
    service_us: tuple[tuple[int, int], ...]
    """Service times since the server's start (`LoopStats.service_us`)."""
    reads: float = 0.0
    """Calls of read on connections; those that follow are of `LoopStats` likewise."""
    writes: float = 0.0
    polls: float = 0.0
    ctls: float = 0.0
    repolls: float = 0.0
    shares: tuple[float, float, float, float] | None = None
    """The loop's time asleep, inside the poll, serving and telling, as shares of the time in which
    it was observed; None if it was not."""

    @property
    def calls(self) -> dict[str, float]:
        """The loop's system calls per second, by what they do."""
        waits = self.polls + self.repolls
        return {"read": self.reads, "write": self.writes, "wait": waits, "ctl": self.ctls}


class ScreenState(State):
    """The state of one server that a dashboard shows."""

    def __init__(self, keep_closed: int = KEEP_CLOSED) -> None:
        """Keep up to `keep_closed` connections that have closed, apart from the rows."""
        super().__init__(keep_closed=keep_closed)
        self.rates: Rates | None = None
        self.history: deque[Rates] = deque(maxlen=HISTORY_LIMIT)
        self.bodies: deque[tuple[float, int, int]] = deque(maxlen=BODIES_LIMIT)
        """A sample of recent frames: time, connection id, body length."""
        self.log: deque[JournalEntry] = deque(maxlen=LOG_LIMIT)
        self.log_version = 0
        """Grows with every line of the log."""
        self.audit = Audit()
        self.iterations: deque[Iteration] = deque(maxlen=MOST_KEPT)
        """The iterations that were told last, the oldest first."""
        self.longest_iteration: Iteration | None = None
        """The longest of the last `LONGEST_WINDOW` seconds of these."""
        self.steps: deque[Stepped] = deque(maxlen=STEPS_LIMIT)
        """The calls that a stepped loop has made last, the oldest first."""
        self._window_from: LoopStats | None = None
        self._longest_us = 0

    def apply_event(self, event: Event, is_news: bool = True) -> None:
        """Apply one event; what opened or closed long ago (not `is_news`) gets no log line."""
        super().apply_event(event, is_news)
        kind = type(event)
        # Detail stays with its connection: it would drown the log.
        if isinstance(event, Iteration):
            self._add_iteration(event)
        elif isinstance(event, Stepped):
            self.steps.append(event)
        elif isinstance(event, LoopResumed) and event.cause == "go":
            self.steps.clear()  # of a loop that runs, the last ones are not known
        elif kind in DETAIL or kind is Closed:
            row = self.rows.get(getattr(event, "id", 0))
            if row is not None:
                row.remember(event)
        elif isinstance(event, LoopStats):
            self._add_rates(event)
        elif kind is Listening:
            self._forget_rates()
        if kind not in _UNTOLD and (is_news or kind not in _LIFE):
            self._add_to_log(event)
            self.audit.apply(event)

    def replace_log(self, log: Iterable[Event], deeds: Iterable[Event]) -> None:
        """Make the log of the events `log`, and the audit of `deeds`, and of nothing else."""
        self.log.clear()
        self.audit = Audit()
        for event in log:
            self._add_to_log(event)
        for event in deeds:
            self.audit.apply(event)

    def frozen(self) -> ScreenState:
        """Return a copy that stays as it is while this one goes on, for a paused screen."""
        state = copy.copy(self)
        state.rows = {connection_id: row.frozen() for connection_id, row in self.rows.items()}
        state.kept = self.kept.copy()
        state.history = self.history.copy()
        state.iterations = self.iterations.copy()
        state.steps = self.steps.copy()
        state.bodies = self.bodies.copy()
        state.log = self.log.copy()
        state.audit = self.audit.copy()
        state._longest = self._longest.copy()
        state.workers = self.workers.copy()
        return state

    def _begin_afresh(self) -> None:
        """Forget the server as it was known; its log and audit stay."""
        super()._begin_afresh()
        self._forget_rates()
        self.bodies.clear()
        self.iterations.clear()
        self.longest_iteration = None
        self.steps.clear()

    def _shift_times(self, seconds: float, worker: int) -> None:
        """Shift the past of the charts too: a span over the step would be of no true length."""
        super()._shift_times(seconds, worker)
        if worker:
            return
        if self._window_from is not None:
            self._window_from = shifted(self._window_from, seconds)
        if self.rates is not None:
            self.rates = self.rates._replace(t=self.rates.t + seconds)
        past = (rates._replace(t=rates.t + seconds) for rates in self.history)
        self.history = deque(past, HISTORY_LIMIT)
        bodies = ((t + seconds, number, length) for t, number, length in self.bodies)
        self.bodies = deque(bodies, BODIES_LIMIT)

    def _add_rates(self, stats: LoopStats) -> None:
        self.bodies.extend((stats.t, *body) for body in stats.bodies)
        self._longest_us = max(self._longest_us, stats.longest_us)
        start, process = self._window_from, self.process
        if start is None:
            self._window_from, self._longest_us = stats, 0  # those are of before
            return
        span = stats.t - start.t
        if span < 0:  # the wall clock was set back
            self._window_from = stats
        if span < WINDOW:
            return
        self._window_from = stats
        self.rates = Rates(
            t=stats.t,
            frames=(stats.frames_out - start.frames_out) / span,
            bytes_in=(stats.bytes_in - start.bytes_in) / span,
            bytes_out=(stats.bytes_out - start.bytes_out) / span,
            loop_share=(stats.cpu_seconds - start.cpu_seconds) / span,
            open=stats.open,
            armed=stats.armed,
            longest_us=self._longest_us,
            cpu=0.0 if process is None else process.cpu_percent / 100,
            rss=0 if process is None else process.rss,
            service_us=stats.service_us,
            reads=(stats.reads - start.reads) / span,
            writes=(stats.writes - start.writes) / span,
            polls=(stats.polls - start.polls) / span,
            ctls=(stats.ctls - start.ctls) / span,
            repolls=(stats.repolls - start.repolls) / span,
            shares=_shares(start, stats),
        )
        self._longest_us = 0
        # Where nothing was told for long, the mean stands for each second of it.
        for ago in range(min(int(span), HISTORY_LIMIT) - 1, 0, -1):
            self.history.append(self.rates._replace(t=stats.t - ago, longest_us=0))
        self.history.append(self.rates)

    def _add_iteration(self, iteration: Iteration) -> None:
        self.iterations.append(iteration)
        longest = self.longest_iteration
        is_old = longest is not None and iteration.t - longest.t > LONGEST_WINDOW
        if is_old or longest is None or iteration.took_us > longest.took_us:
            self.longest_iteration = iteration

    def _forget_rates(self) -> None:
        """Begin to count anew: nothing can be subtracted from what another server counted."""
        self._window_from = self.rates = None
        self.history.clear()
        self._longest_us = 0

    def _add_to_log(self, event: Event) -> None:
        for line in entries(event):
            self.log.append(line)
            self.log_version += 1


def _shares(start: LoopStats, end: LoopStats) -> tuple[float, float, float, float] | None:
    spent = (
        end.asleep_us - start.asleep_us,
        end.polling_us - start.polling_us,
        end.serving_us - start.serving_us,
        end.telling_us - start.telling_us,
    )
    whole = sum(spent)
    if whole <= 0:
        return None
    asleep, polling, serving, telling = (each / whole for each in spent)
    return asleep, polling, serving, telling
