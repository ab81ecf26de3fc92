"""The server's processes as the operating system sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import psutil

from ..core.statistics import ProcessStats


class Usage(NamedTuple):
    """What one process has used and holds."""

    cpu_seconds: float
    rss: int


def usage(pid: int) -> Usage | None:
    """What the process uses; None if there is no such process any more."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            cpu = process.cpu_times()
            return Usage(cpu.user + cpu.system, process.memory_info().rss)
    except psutil.Error:
        return None


class ProcessSampler:
    """Makes a `ProcessStats` at each call; CPU is measured since the call before."""

    def __init__(
        self, now: Callable[[], float], worker_pids: Callable[[], Iterable[int]] = tuple
    ) -> None:
        """`worker_pids` names the processes that are added to this one."""
        self._now = now
        self._worker_pids = worker_pids
        self._processes = [psutil.Process()]
        self._processes[0].cpu_percent()

    def __call__(self) -> ProcessStats:
        self._find_workers()
        cpu, rss, fds, threads = 0.0, 0, 0, 0
        for process in self._processes:
            try:
                with process.oneshot():
                    cpu += process.cpu_percent()
                    rss += process.memory_info().rss
                    fds += process.num_fds()
                    threads += process.num_threads()
            except psutil.Error:
                continue  # a worker that has just ended
        return ProcessStats(t=self._now(), cpu_percent=cpu, rss=rss, fds=fds, threads=threads)

    def _find_workers(self) -> None:
        """Keep those that are known: their CPU is measured since the call before."""
        known = {process.pid: process for process in self._processes}
        self._processes = self._processes[:1]
        for pid in self._worker_pids():
            try:
                self._processes.append(known.get(pid) or psutil.Process(pid))
            except psutil.NoSuchProcess:
                continue  # it has ended since it was named
