"""The process of a graded server: the CPU that it uses at rest, and what it gives back."""

from __future__ import annotations

import time
from typing import Final

import psutil

from ..core.settings import MIB
from .server_target import Sign, Wrong

IDLE_CPU: Final = 0.1
"""Share of a core that a server may use while nothing happens."""
GIVEN_BACK: Final = 3.0
"""Seconds within which descriptors are given back."""
STEADY: Final = 0.3
"""Seconds without a change after which the number of descriptors is taken for steady."""
MOST_LEFT: Final = 64 * MIB
"""Bytes of memory that may stay once all peers have left."""


def rest_quietly(process: psutil.Process, when: str) -> None:
    """Look at the CPU that a server uses in a second in which it has nothing to do."""
    time.sleep(0.2)
    before = sum(process.cpu_times()[:2])
    time.sleep(1.0)
    used = sum(process.cpu_times()[:2]) - before
    if used > IDLE_CPU:
        raise Wrong("it uses {used:.0%} of a core {when}", Sign.BUSY, used=used, when=when)


def count_steady_descriptors(process: psutil.Process) -> int:
    """Return the number of descriptors once it falls no more: earlier peers may still be closed."""
    number, since = process.num_fds(), time.monotonic()
    until = since + GIVEN_BACK
    while time.monotonic() < min(until, since + STEADY):
        time.sleep(0.02)
        if (now := process.num_fds()) != number:
            number, since = now, time.monotonic()
    return number


def expect_given_back(process: psutil.Process, before: int, memory: int) -> None:
    """Wait for the descriptors and the memory of peers that have left. Raises `Wrong`.

    There were `before` descriptors and `memory` bytes before they came.
    """
    until = time.monotonic() + GIVEN_BACK
    while process.num_fds() > before and time.monotonic() < until:
        time.sleep(0.05)
    left = process.num_fds() - before
    if left > 0:
        raise Wrong(
            "{left:,} descriptors are still open {seconds:g} s after all have left",
            Sign.KEPT,
            left=left,
            seconds=GIVEN_BACK,
        )
    while process.memory_info().rss - memory > MOST_LEFT and time.monotonic() < until:
        time.sleep(0.05)
    grown = process.memory_info().rss - memory
    if grown > MOST_LEFT:
        raise Wrong(
            "{count:,} MiB of memory stay after all have left", Sign.KEPT, count=grown // MIB
        )
