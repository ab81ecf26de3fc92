"""The limits of open connections that all workers share: of all together, and of one address.

Dividing a limit would refuse a connection at one worker while another has room: a hash decides
which worker gets a connection. So each worker writes how many it has open where all can read it.

For --max-per-peer that is a count-min sketch (Cormode, Muthukrishnan, 2005), since a table of
addresses would need a lock between the processes: each address is counted in one cell of each of
`ROWS` rows, and the least of its cells is its number, or more where it shares all of them. With
10,000 open connections of as many addresses, one address in 2,000 is counted one too many. A
server without workers counts exactly.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, NamedTuple

from ..core.addresses import host_of
from ..core.settings import Settings

CELL: Final = 8
"""Bytes of one worker's count: aligned, so that it is read and written as a whole."""
ROWS: Final = 4
ROW_CELLS: Final = 65_536
_SKETCH: Final = ROWS * ROW_CELLS
_SKETCH_CELL: Final = 4
_WORKER_BYTES: Final = CELL + _SKETCH * _SKETCH_CELL


class SharedCounts(NamedTuple):
    """The memory that `map_counts` maps; every process that maps it sees the same."""

    open: memoryview[int]
    """The number of open connections of each worker."""
    peers: memoryview[int]
    """A sketch for each worker: its open connections by the address of the peer."""

    def clear(self, mine: int) -> None:
        """Forget what a worker counted that has ended; `mine` counts from 0."""
        self.open[mine] = 0
        part = self.peers[mine * _SKETCH : (mine + 1) * _SKETCH]
        part[:] = memoryview(bytes(part.nbytes)).cast("i")

    def release(self) -> None:
        """Give up the mapping."""
        self.open.release()
        self.peers.release()


class ConnectionLimit:
    """The count of open connections, and one worker's part in it; for the loop's thread only."""

    def __init__(self, shared: SharedCounts | None = None, mine: int = 0) -> None:
        """`shared` has a place for each worker, `mine` is ours; without `shared` we are alone."""
        self._counts = memoryview(bytearray(CELL)).cast("q") if shared is None else shared.open
        self._mine = mine
        self.peers = PeerLimit(shared, mine)

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

    def admit(self, peer: str, settings: Settings) -> str:
        """Count a connection of `peer` as open; if a setting does not allow one more, say which."""
        if not self.acquire(settings.max_connections):
            return f"--max-connections {settings.max_connections:,}"
        if settings.max_per_peer:
            host = host_of(peer)
            if not self.peers.acquire(host, settings.max_per_peer):
                self.release()
                return f"--max-per-peer {settings.max_per_peer:,} of {host}"
        return ""

    def leave(self, peer: str, settings: Settings) -> None:
        """Count a connection of `peer` as open no more."""
        self.release()
        if settings.max_per_peer:
            self.peers.release(host_of(peer))


class PeerLimit:
    """The counts of open connections by the peer's address; for the loop's thread only.

    Nothing is counted while the limit is 0 (off).
    """

    def __init__(self, shared: SharedCounts | None, mine: int) -> None:
        self._cells = None if shared is None else shared.peers
        self._mine = mine * _SKETCH
        self._open: Counter[str] = Counter()  # ours

    def acquire(self, host: str, limit: int) -> bool:
        """Count one more of `host`; False, and not counted, if it has `limit` open already.

        As of all connections it is counted before it is judged.
        """
        if not limit:
            return True
        self._add(host, 1)
        if self._count(host) <= limit:
            return True
        self._add(host, -1)
        return False

    def release(self, host: str) -> None:
        """Count one less of `host`, if it was counted."""
        if host in self._open:
            self._add(host, -1)

    def recount(self, hosts: Iterable[str]) -> None:
        """Count the connections of these hosts and no others: the limit was set, or turned off."""
        for host, number in list(self._open.items()):
            self._add(host, -number)
        for host in hosts:
            self._add(host, 1)

    def _add(self, host: str, number: int) -> None:
        self._open[host] += number
        if not self._open[host]:
            del self._open[host]
        if self._cells is not None:
            for cell in _cells_of(host):
                self._cells[self._mine + cell] += number

    def _count(self, host: str) -> int:
        cells = self._cells
        if cells is None:
            return self._open[host]
        return min(sum(cells[cell::_SKETCH]) for cell in _cells_of(host))


def _cells_of(host: str) -> list[int]:
    """Return the cell of `host` in each row of a worker's sketch: the same in every process."""
    hashes = struct.unpack(f"={ROWS}I", blake2b(host.encode(), digest_size=4 * ROWS).digest())
    return [row * ROW_CELLS + number % ROW_CELLS for row, number in enumerate(hashes)]


def make_counts(workers: int) -> int:
    """Make memory for the counts of all workers; a page of it takes memory once it is written.

    Returns its descriptor, to be passed on and closed.
    """
    if sys.platform == "linux":
        descriptor = os.memfd_create("echo-tui connection counts")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, workers * _WORKER_BYTES)
    return descriptor


def map_counts(descriptor: int) -> SharedCounts:
    """Map the counts of `make_counts`."""
    mapped = memoryview(mmap.mmap(descriptor, 0))
    split = mapped.nbytes // _WORKER_BYTES * CELL
    return SharedCounts(mapped[:split].cast("q"), mapped[split:].cast("i"))
