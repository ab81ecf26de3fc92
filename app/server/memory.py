"""Giving freed memory back to the system.

glibc's malloc raises its mmap threshold to the size of each large block that is freed (mallopt(3),
M_MMAP_THRESHOLD), so after a few large bodies all of them come from the heap of the loop's thread,
and what is freed below its top stays with the process: measured, 25 MB after 50 peers with 1 MiB
frames had gone, 79 MB after 2,000 with 60 kB.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from math import inf
from time import perf_counter
from typing import Final

TRIM_AFTER: Final = 1.0
"""Seconds from the closes that freed enough to the trim."""
WORTH_IT: Final = 4 * 1024**2
"""Bytes received by connections that have closed since the last trim, so that the next one is worth
its time: milliseconds, in which the loop stands still."""
SMALL: Final = 512
"""Bytes received by a connection that are not worth counting: Python's own allocator has them."""
MOST_OF_ONE: Final = 1024**2
"""Bytes that one connection counts for at most: it has not held all that it has ever sent."""
COST_SHARE: Final = 200
"""A trim may take one two-hundredth of the time; slower ones come further apart."""
LONGEST_PAUSE: Final = 2.5
"""Seconds between two trims that are due, however long the last one took."""


def _find_malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        # Not glibc: its malloc has habits of its own.
        return None


_malloc_trim = _find_malloc_trim()


def release_free_memory() -> None:
    """Give free heap pages back to the system, if the C library can (malloc_trim(3))."""
    if _malloc_trim is not None:
        _malloc_trim(0)


class FreedMemory:
    """Plans when freed memory is given back; in the loop's thread only."""

    def __init__(
        self,
        release: Callable[[], None] = release_free_memory,
        stopwatch: Callable[[], float] = perf_counter,
    ) -> None:
        """`release` gives free memory back; `stopwatch`, in seconds, times it."""
        self.due = inf
        """When to call `give_back`, on the loop's clock."""
        self._release = release
        self._stopwatch = stopwatch
        self._freed = 0
        self._not_before = 0.0

    def note_close(self, received: int, now: float) -> None:
        """Note that a connection has closed that had received so many bytes."""
        self._freed += min(received, MOST_OF_ONE)
        if self._freed >= WORTH_IT and self.due == inf:
            self.due = max(now + TRIM_AFTER, self._not_before)

    def give_back(self, now: float) -> None:
        """Give free memory back to the system."""
        self.due = inf
        self._freed = 0
        started = self._stopwatch()
        self._release()
        took = self._stopwatch() - started
        self._not_before = now + min(took * COST_SHARE, LONGEST_PAUSE)


def exclude_program_from_gc() -> None:
    """Have collections of garbage leave out all objects that there are now (gc.freeze).

    A program has some 27,000 before it serves, and they live as long as it does. Where connections
    come and go, they were looked through again and again, for 2 to 3% of the CPU. To be called once
    in a process, by a program and not by a library.
    """
    gc.freeze()
