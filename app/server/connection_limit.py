"""The limit of open connections that all workers share: --max-connections is for all together.

Dividing the limit would refuse a connection at one worker while another has room: a hash decides
which worker gets a connection. So each worker writes how many it has open where all can read it.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from typing import Final

CELL: Final = 8
"""Bytes of one worker's count: aligned, so that it is read and written as a whole."""


class ConnectionLimit:
    """The count of open connections, and one worker's part in it; for the loop's thread only."""

    def __init__(self, counts: memoryview[int] | None = None, mine: int = 0) -> None:
        """`counts` has a cell for each worker, `mine` is ours; without `counts` we are alone."""
        self._counts = memoryview(bytearray(CELL)).cast("q") if counts is None else counts
        self._mine = mine

    def acquire(self, limit: int) -> bool:
        """Count one more open connection; False, and not counted, if `limit` are open already.

        It is counted before it is judged: two workers that reach for the last one at the same
        moment may both give way, but never both stay.
        """
        self._counts[self._mine] += 1
        if sum(self._counts) <= limit:
            return True
        self._counts[self._mine] -= 1
        return False

    def release(self) -> None:
        """Count one open connection less."""
        self._counts[self._mine] -= 1


def make_counts(workers: int) -> int:
    """Make memory for a count per worker; returns its descriptor, to be passed on and closed."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("echo-tui connection counts")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, workers * CELL)
    return descriptor


def map_counts(descriptor: int) -> memoryview[int]:
    """Map the counts of `make_counts`; every process that maps them sees the same."""
    return memoryview(mmap.mmap(descriptor, 0)).cast("q")
