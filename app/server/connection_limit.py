"""The room for connections, which all workers share: --max-connections is for all together.

Dividing the limit would refuse a connection at one worker while another has room: which worker
gets one is decided by a hash. So each worker writes how many it has open where all can read it.
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
    """The count of open connections, as one worker takes part in it."""

    def __init__(self, counts: memoryview[int] | None = None, mine: int = 0) -> None:
        """`counts` has a cell for each worker; without it there is only one, in this process."""
        self._counts = memoryview(bytearray(CELL)).cast("q") if counts is None else counts
        self._mine = mine

    def take(self, limit: int) -> bool:
        """Take a seat, unless all `limit` are taken.

        It is counted before it is judged: two workers that reach for the last one at the same
        moment may both give way, but never both stay.
        """
        self._counts[self._mine] += 1
        if sum(self._counts) <= limit:
            return True
        self._counts[self._mine] -= 1
        return False

    def leave(self) -> None:
        """Give a seat back."""
        self._counts[self._mine] -= 1


def make_counts(workers: int) -> int:
    """A descriptor of memory that holds a count for each worker, to be passed on and closed."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("echo-tui seats")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, workers * CELL)
    return descriptor


def map_counts(descriptor: int) -> memoryview[int]:
    """The counts in that memory; every process that maps it sees the same."""
    return memoryview(mmap.mmap(descriptor, 0)).cast("q")
