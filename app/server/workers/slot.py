"""One of the workers: a number that stays, and the processes that take it one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Final

from ...core.statistics import LoopStats, WorkerStats
from ...watch.process_figures import usage
from ..listener import Listener
from ..totals import NOTHING, sum_statistics
from .worker_process import WorkerProcess

STEADY: Final = 10.0
"""Seconds of life after which a death is not one of a row."""
FIRST_WAIT: Final = 0.1
"""Seconds before the second restart in a row; the first is at once, and each doubles the wait."""
LONGEST_WAIT: Final = 5.0


class WorkerSlot:
    """The data that outlives a process: its listeners, the next id, and the counts before it."""

    def __init__(self, number: int, listeners: tuple[Listener, ...]) -> None:
        self.number = number
        self.listeners = listeners
        self.process: WorkerProcess | None = None
        self.next_id = number
        """The first connection id that no process in this slot is known to have given."""
        self.start_at = 0.0
        """When to start a process; ``inf`` while there is one."""
        self.has_served = False
        """Whether a loop has ever begun here."""
        self.restarts = 0
        self.failures = 0
        """Deaths in a row, each soon after its start."""
        self._pid = 0
        self._past = NOTHING  # the figures of earlier processes
        self._past_cpu = 0.0
        self._cpu = 0.0  # of the process that is there now

    def assign(self, process: WorkerProcess) -> None:
        """Put a process that has been started into this slot."""
        self.restarts += self._pid != 0
        self._pid = process.pid
        self.process = process
        self.start_at = inf

    def release(self, process: WorkerProcess) -> None:
        """Give up a process that has ended, once its last message was read."""
        self.process = None
        self._past = sum_statistics([self._past, process.final_figures()])
        self._past_cpu += self._cpu
        self._cpu = 0.0

    def plan_restart(self, started_at: float, now: float) -> None:
        """Choose when to start the next: at once, and later and later in a row of quick deaths."""
        if now - started_at >= STEADY:
            self.failures = 0
        # A float has no room for 2 ** 1024; 6 doublings are more than `LONGEST_WAIT`.
        wait = FIRST_WAIT * 2 ** min(self.failures - 1, 6) if self.failures else 0.0
        self.start_at = now + min(wait, LONGEST_WAIT)
        self.failures += 1

    @property
    def totals(self) -> LoopStats:
        """The figures of all its processes."""
        if self.process is None:
            return self._past
        return sum_statistics([self._past, self.process.stats])

    def make_worker_stats(self, t: float) -> WorkerStats:
        """Return the figures of this worker, at `t` (Unix seconds); reads those of its process."""
        process = self.process
        used = None if process is None else usage(process.pid)
        if used is not None:
            self._cpu = used.cpu_seconds
        return WorkerStats(
            t=t,
            worker=self.number,
            pid=self._pid,
            alive=process is not None and process.ready,
            restarts=self.restarts,
            open=0 if process is None else process.state.open,
            frames=self.totals.frames_out,
            cpu_seconds=self._past_cpu + self._cpu,
            rss=0 if used is None else used.rss,
            longest_us=0 if process is None else process.new_longest_us(),
            silent=process.silence if process is not None and process.hangs else 0.0,
            silent_since=0.0 if process is None else process.silent_since,
        )


def running_in(slots: Iterable[WorkerSlot]) -> list[WorkerProcess]:
    """Return the processes that run now, in the order of their slots."""
    return [slot.process for slot in slots if slot.process is not None]
