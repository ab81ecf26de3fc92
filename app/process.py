"""This process as the operating system sees it."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from app.events import ProcessStats


class ProcessSampler:
    """Makes a `ProcessStats` at each call; CPU is measured since the call before."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._process = psutil.Process()
        self._process.cpu_percent()

    def __call__(self) -> ProcessStats:
        process = self._process
        with process.oneshot():
            return ProcessStats(
                t=self._now(),
                cpu_percent=process.cpu_percent(),
                rss=process.memory_info().rss,
                fds=process.num_fds(),
                threads=process.num_threads(),
            )
