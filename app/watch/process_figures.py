"""The server's processes as the operating system sees them; psutil is used nowhere else."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from math import inf
from typing import Final, NamedTuple

import psutil

from ..core.statistics import ProcessStats

SHORTEST_SPAN: Final = 0.1
"""Seconds over which CPU is measured at least: the kernel counts it in steps of some 10 ms."""
LONGEST_SPAN: Final = 2.5
"""Seconds over which CPU is measured at most: a longer time would hide what goes on now."""


class Usage(NamedTuple):
    """The resource usage of one process, or of several together."""

    cpu_seconds: float
    rss: int
    """Resident memory, in bytes."""
    fds: int
    """Open descriptors."""
    threads: int
    started_at: float
    """When the first of them started, in Unix seconds; the wall clock moves it when it is set."""
    identity: int
    """Differs for another process of the same pid, and stays when the wall clock is set."""


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
    cpu, rss, fds, threads, *_ = map(sum, zip(*known, strict=True))
    return Usage(cpu, rss, fds, threads, first.started_at, first.identity)


def descriptor_limit(pid: int) -> float:
    """Return how many descriptors a process may open (its soft limit); ``inf`` for no limit.

    Where the limit of another process cannot be read, it is taken for that of this one.
    """
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if pid != os.getpid() and hasattr(psutil, "RLIMIT_NOFILE"):
        with suppress(psutil.Error, OSError):  # it has ended, or belongs to somebody else
            soft = psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[0]
    return inf if soft == resource.RLIM_INFINITY else soft


class CpuAccount:
    """Adds up the CPU time of processes that come and go; the sum never falls."""

    def __init__(self) -> None:
        self._past = 0.0
        self._latest: dict[int, Usage] = {}

    def total(self, used: Mapping[int, Usage | None]) -> float:
        """Return the CPU seconds of all processes so far; `used` has those of now, by pid.

        A process that cannot be read at present counts as it did last.
        """
        for pid, known in list(self._latest.items()):
            now = used.get(pid)
            if pid not in used or (now is not None and now.identity != known.identity):
                self._past += self._latest.pop(pid).cpu_seconds
        for pid, one in used.items():
            if one is not None and one.cpu_seconds >= self._cpu_of(pid):
                self._latest[pid] = one
        return self._past + sum(one.cpu_seconds for one in self._latest.values())

    def _cpu_of(self, pid: int) -> float:
        known = self._latest.get(pid)
        return 0.0 if known is None else known.cpu_seconds


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
            hash(process),  # on Linux of the start in ticks since boot
        )


class ProcessSampler:
    """Makes a `ProcessStats` at each call; CPU is measured since the call before.

    After a call that came over `LONGEST_SPAN` seconds before, a call only begins to measure.
    """

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

    def __call__(self) -> ProcessStats | None:
        """Return the figures of now; None if CPU has to be measured first: call again soon.

        Raises `psutil.Error` or `OSError` if they cannot be read.
        """
        if self._clock() - self._sampled_at < SHORTEST_SPAN:
            return None
        own = os.getpid()
        used = {own: _read(own)}
        used |= {pid: one for pid in self._worker_pids() if (one := usage(pid)) is not None}
        now, before = self._clock(), self._cpu_before
        span = now - self._sampled_at
        cpu = sum(one.cpu_seconds - before[pid] for pid, one in used.items() if pid in before)
        self._sampled_at = now
        self._cpu_before = {pid: one.cpu_seconds for pid, one in used.items()}
        if span > LONGEST_SPAN:
            return None
        total = together(used.values())
        assert total is not None  # this process is the first
        return ProcessStats(
            t=self._now(),
            cpu_percent=max(0.0, 100 * cpu / span),  # its two clocks differ by some ms
            rss=total.rss,
            fds=total.fds,
            threads=total.threads,
        )
