"""The interface of a server to the rest of the program, whether one loop or many workers serve."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from ..core.addresses import Address
from ..core.commands import Command, Stop
from .command_queue import CommandQueue
from .wall_clock import WallClock


def new_instance() -> str:
    """Choose the 16 hex digits that tell one server from every other, also after a restart."""
    return os.urandom(8).hex()


class ServerHandle(ABC):
    """A server, started and stopped from any thread; a thread of its own does the work."""

    addresses: tuple[Address, ...]
    """Where it listens; the first names it."""
    instance: str
    """16 hex digits that no other server has: see `Listening.instance`."""
    failure: str
    """The error that ended the server, in one line; empty if there was none."""
    has_served: bool = True
    """Whether it served before its `failure`; if not, that is a mistake at the start."""
    settled: threading.Event | None = None
    """Set once the server serves and has published `Listening`, or never will; None if it serves
    from its start.
    """
    _clock: Callable[[], float]
    _wall_clock: WallClock
    _commands: CommandQueue
    _thread: threading.Thread

    @property
    def host(self) -> str:
        """The host of the first address."""
        return self.addresses[0].host

    @property
    def port(self) -> int:
        """The port of the first address."""
        return self.addresses[0].port

    @property
    @abstractmethod
    def polls(self) -> int:
        """Number of polls so far. After `wake` there is one more, unless the thread hangs."""

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The ids of the worker processes that serve now; empty if a thread of this one does."""
        return ()

    def start(self) -> None:
        """Begin to serve. To be called once."""
        self._thread.start()

    @abstractmethod
    def close(self) -> None:
        """Give back what a server holds that was never started."""

    def now(self) -> float:
        """The time on the clock of the events, in Unix seconds; any thread."""
        return self._wall_clock.now()

    @property
    def _epoch(self) -> float:
        """Unix time minus the loop's clock, in seconds."""
        return self._wall_clock.epoch

    @property
    def is_held(self) -> bool:
        """Whether the loop stands before a call (`--step`); then it answers nothing."""
        return False

    def submit(self, command: Command) -> None:
        """Have a command carried out; its answer comes through the stream. Any thread."""
        self._commands.submit(command)

    def wake(self) -> None:
        """Make the thread poll once more, as when somebody begins to watch. Any thread."""
        self._commands.wake()

    def stop(self, cause: str, now: bool = False) -> None:
        """Begin to stop: within the grace time in order, or at once if `now`. Any thread."""
        self._commands.submit(Stop(request=0, cause=cause, now=now))

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, up to `timeout` seconds (None: for ever); whether it has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()
