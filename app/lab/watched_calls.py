"""The modules `select` and `socket` as a teaching loop sees them: they count its system calls.

A loop whose module has these in place of the real ones can be counted and stopped between two
iterations, and its text says nothing of that.
"""

from __future__ import annotations

import errno
import select
import socket
from types import ModuleType, SimpleNamespace
from typing import Any


class LetGo(Exception):
    """Raised by `poll` of a watched poller: the loop is to be given up at this safe point."""


class WatchedCounts:
    """Counts of a loop's system calls, and the wish to stop it; in the loop's thread only.

    The wish may come from a signal handler, which Python runs in the main thread.
    """

    def __init__(self) -> None:
        self.polls = 0
        self.accept_errors = 0
        """Accepts that failed, EAGAIN apart."""
        self.partial_writes = 0
        self._is_waiting = False
        self._is_wanted = False

    def let_go(self) -> None:
        """Have the loop leave its next, or present, call of `poll`; for a signal handler.

        A loop in a call of another kind goes on until it polls.
        """
        self._is_wanted = not self._is_waiting
        if self._is_waiting:
            self._is_waiting = False
            raise LetGo

    def poll(self, poller: Any, timeout: float | None) -> list[tuple[int, int]]:
        """Call `poll` of a real poller. Raises `LetGo`."""
        self.polls += 1
        try:
            # First this: a signal that comes before the wait leaves the wish, one in it raises.
            self._is_waiting = True
            if self._is_wanted:
                self._is_wanted = False
                raise LetGo
            ready: list[tuple[int, int]] = poller.poll(timeout)
        finally:
            self._is_waiting = False
        return ready

    def watch(self, module: ModuleType, listener: socket.socket | None = None) -> None:
        """Give the module of a loop the counting `select` and `socket`.

        A `listener` is what its `create_server` returns, in place of a new socket.
        """
        watched_socket = _watched_socket(self)

        def create_server(*arguments: Any, **named: Any) -> socket.socket:
            made = listener or socket.create_server(*arguments, **named)
            return watched_socket(fileno=made.detach())

        pollers = {
            "epoll": lambda: _WatchedPoller(self, select.epoll()),
            "poll": lambda: _WatchedPoller(self, select.poll()),
        }
        replaced = {"socket": watched_socket, "create_server": create_server}
        names = vars(module)
        names["select"] = SimpleNamespace(**{**vars(select), **pollers})
        names["socket"] = SimpleNamespace(**{**vars(socket), **replaced})


class _WatchedPoller:
    """An epoll or a poll object whose waits are counted; a time-out is in seconds for both."""

    def __init__(self, counts: WatchedCounts, poller: Any) -> None:
        self._counts = counts
        self._poller = poller
        self.register = poller.register
        self.modify = poller.modify
        self.unregister = poller.unregister

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        return self._counts.poll(self._poller, timeout)

    def close(self) -> None:
        if isinstance(self._poller, select.epoll):  # poll(2) has no descriptor
            self._poller.close()


def _watched_socket(counts: WatchedCounts) -> type[socket.socket]:
    """Return a class of sockets whose calls are counted."""

    class WatchedSocket(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            try:
                accepted, address = super().accept()
            except OSError as error:
                counts.accept_errors += error.errno != errno.EAGAIN
                raise
            return WatchedSocket(fileno=accepted.detach()), address

        def send(self, data: Any, flags: int = 0) -> int:
            sent = super().send(data, flags)
            counts.partial_writes += sent < len(data)
            return sent

    return WatchedSocket
