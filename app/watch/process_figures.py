"""The server's processes as the operating system sees them; psutil is used nowhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import psutil

from ..core.statistics import ProcessStats


class Usage(NamedTuple):
    """The resource usage of one process, or of several together."""

    cpu_seconds: float
    rss: int
    """Resident memory, in bytes."""
    fds: int
    """Open descriptors."""
    threads: int
    started_at: float
    """When the first of them started, in Unix seconds."""


def usage(pid: int) -> Usage | None:
    """Return what a process uses; None where that cannot be read, as of one that has ended."""
    try:
        return _read(pid)
    except (psutil.Error, OSError):
        return None


def together(used: Iterable[Usage | None]) -> Usage | None:
    """Add up what processes use; None if nothing is known of the first one."""
    first, *others = used
    if first is None:
        return None
    known = [first, *(one for one in others if one is not None)]
    cpu, rss, fds, threads, _ = map(sum, zip(*known, strict=True))
    return Usage(cpu, rss, fds, threads, first.started_at)


def _read(pid: int) -> Usage:
    """Read the figures. Raises `psutil.Error`, or `OSError` where descriptors have run out."""
    process = psutil.Process(pid)
    with process.oneshot():
        cpu = process.cpu_times()
        return Usage(
            cpu.user + cpu.system,
            process.memory_info().rss,
            process.num_fds(),
            process.num_threads(),
            process.create_time(),
        )


class ProcessSampler:
    """Makes a `ProcessStats` at each call; CPU is measured since the call before."""

    def __init__(
        self,
        now: Callable[[], float],
        worker_pids: Callable[[], Iterable[int]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` stamps the figures; `worker_pids` names the processes added to this one."""
        self._now = now
        self._worker_pids = worker_pids
        self._clock = clock
        self._sampled_at = clock()
        self._cpu_before = {os.getpid(): time.process_time()}

    def __call__(self) -> ProcessStats:
        """Return the figures of now. Raises `psutil.Error` or `OSError` if they cannot be read."""
        own = os.getpid()
        used = {own: _read(own)}
        used |= {pid: one for pid in self._worker_pids() if (one := usage(pid)) is not None}
        now, before = self._clock(), self._cpu_before
        span = max(now - self._sampled_at, 1e-3)
        cpu = sum(one.cpu_seconds - before[pid] for pid, one in used.items() if pid in before)
        self._sampled_at = now
        self._cpu_before = {pid: one.cpu_seconds for pid, one in used.items()}
        total = together(used.values())
        assert total is not None  # this process is the first
        return ProcessStats(
            t=self._now(),
            cpu_percent=100 * cpu / span,
            rss=total.rss,
            fds=total.fds,
            threads=total.threads,
        )
