"""What the rest of the program sees of a server, whether one loop or many workers serve."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from ..core.commands import Command, Stop
from .command_queue import CommandQueue


def new_instance() -> str:
    """Choose the 16 hex digits that tell one server from every other, also after a restart."""
    return os.urandom(8).hex()


class ServerHandle(ABC):
    """Start, submit, stop, join: from any thread; one of its own does the work."""

    host: str
    port: int
    instance: str
    """16 hex digits that no other server has: see `Listening.instance`."""
    failure: str
    """Why there is no server any more, in one line; empty while it is well."""
    _clock: Callable[[], float]
    _epoch: float
    _commands: CommandQueue
    _thread: threading.Thread

    @property
    @abstractmethod
    def polls(self) -> int:
        """How often the thread has polled. Woken (`watch`), it polls once more, unless it hangs."""

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The processes that serve now, if it is not this one."""
        return ()

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    @abstractmethod
    def close(self) -> None:
        """Give everything back that a server holds which was never started."""

    def now(self) -> float:
        """The time on the clock of the events, in Unix seconds."""
        return self._clock() + self._epoch

    def submit(self, command: Command) -> None:
        """Hand a command to who it concerns. Its answer comes through the stream."""
        self._commands.submit(command)

    def watch(self) -> None:
        """Say that somebody has begun to watch the stream."""
        self._commands.wake()

    def stop(self, cause: str, now: bool = False) -> None:
        """Ask for a stop: in order, or at once if `now`."""
        self._commands.submit(Stop(request=0, cause=cause, now=now))

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, up to `timeout` seconds; whether it has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()
