"""A file that is written by a thread of its own, so that nobody waits for a disk."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from ..core.printable import reason_of

MOST_WAITING: Final = 16 * 1024**2
"""Bytes that may wait for the disk before it counts as too slow."""
CHECK_INTERVAL: Final = 1.0
"""Seconds between two checks whether the file is whole, while nothing is written."""
LONGEST_WRITE: Final = 10.0
"""Seconds that one write may take before the disk counts as too slow."""


class Sink(Protocol):
    """An unbuffered file, as far as it is needed here."""

    def write(self, data: memoryview, /) -> int | None:
        """Write some of the bytes; how many."""

    def close(self) -> None:
        """Close it."""

    def loss(self) -> str:
        """What somebody else has done to it, in words; empty if it is whole."""


class Disk:
    """Takes bytes at once and writes them when the disk lets it."""

    def __init__(self, file: Sink, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._queue: SimpleQueue[bytes | Callable[[], Sink] | None] = SimpleQueue()
        self._put = 0  # written by whoever puts
        self._written = 0  # written by the thread
        self._writing_since: float | None = None
        self._failure = ""
        self._thread = threading.Thread(target=self._run, name="echo-tui disk", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, data: bytes) -> None:
        """Have bytes written after all that were put before; never waits."""
        self._put += len(data)
        self._queue.put(data)

    def switch(self, open_next: Callable[[], Sink]) -> None:
        """Have the file closed once everything is written, and another one opened in its place."""
        self._queue.put(open_next)

    def close(self) -> None:
        """Have the file closed once everything is written."""
        self._queue.put(None)

    def join(self, timeout: float) -> bool:
        """Wait for the end, up to `timeout` seconds; whether everything was written."""
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self._failure

    @property
    def written(self) -> int:
        """Bytes that the disk has taken."""
        return self._written

    @property
    def waiting(self) -> int:
        """Bytes that the disk has not taken yet."""
        return self._put - self._written

    @property
    def trouble(self) -> str:
        """In words, why nothing more should be put; empty while all is well."""
        if self._failure:
            return self._failure
        since = self._writing_since
        if self.waiting > MOST_WAITING or (
            since is not None and self._clock() - since > LONGEST_WRITE
        ):
            return f"the disk is too slow: {self.waiting:,} bytes wait for it"
        return ""

    def _run(self) -> None:
        # Stop signals are the main thread's, which a join leaves only for a signal of its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            while (item := self._next()) is not None:
                if isinstance(item, bytes):
                    self._write(item)
                else:
                    self._close()
                    self._file = item()
        except OSError as error:
            self._failure = reason_of(error)
        except Exception as fault:  # of ours: the recording must end in words, not go on unwritten
            self._failure = f"a fault of echo-tui: {type(fault).__name__}: {fault}"
        finally:
            self._close()

    def _next(self) -> bytes | Callable[[], Sink] | None:
        """Wait for what is to be done next, and check the file before it is done.

        None also where the file is no longer whole: what was cut would get a second beginning.
        """
        while True:
            item: bytes | Callable[[], Sink] | None
            try:
                item = self._queue.get(timeout=CHECK_INTERVAL)
            except Empty:
                item = b""
            self._failure = self._file.loss()
            if self._failure or item != b"":
                return None if self._failure else item

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._writing_since = self._clock()
            taken = self._file.write(rest) or 0
            self._writing_since = None
            self._written += taken
            rest = rest[taken:]

    def _close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            # A file system over a network may tell only now that it had no room.
            self._failure = self._failure or reason_of(error)
