"""The modules `select` and `socket` as a teaching loop sees them: they count its system calls.

A loop whose module has these in place of the real ones can be counted, held before each of its
calls, and stopped between two iterations; its text says nothing of that.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar

from .lab_gate import SLICE, LabGate, ctl_name

T = TypeVar("T")


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
        self.gate = LabGate()
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
        """Call `poll` of a real poller; `timeout` is in seconds. Raises `LetGo`."""
        self.polls += 1
        return self.make("poll", -1, 0, lambda: self.wait(poller, timeout))

    def make(self, call: str, fd: int, asked: int, make: Callable[[], T]) -> T:
        """Make a call, through the gate if that is used."""
        return self.gate.make(call, fd, asked, make) if self.gate.is_used else make()

    def wait(self, poller: Any, timeout: float | None) -> list[tuple[int, int]]:
        """Wait as `poll` does, with neither gate nor count. Raises `LetGo`."""
        unit = 1 if isinstance(poller, select.epoll) else 1000  # of its time-out
        began = 0.0
        try:
            # First this: a signal that comes before the wait leaves the wish, one in it raises.
            self._is_waiting = True
            if self._is_wanted:
                self._is_wanted = False
                raise LetGo
            rest = SLICE if timeout is None else min(SLICE, timeout)
            while True:
                ready: list[tuple[int, int]] = poller.poll(rest * unit)
                if ready or self.gate.is_wanted:
                    return ready
                if timeout is not None:
                    began = began or time.monotonic() - rest
                    rest = min(SLICE, began + timeout - time.monotonic())
                    if rest <= 0:
                        return ready
        finally:
            self._is_waiting = False

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
        if "monotonic" in names:  # the time-outs of a loop that is held do not fire
            names["monotonic"] = self.gate.now
        names["select"] = SimpleNamespace(**{**vars(select), **pollers})
        names["socket"] = SimpleNamespace(**{**vars(socket), **replaced})


class _WatchedPoller:
    """An epoll or a poll object whose calls are counted; a time-out is in seconds for both."""

    def __init__(self, counts: WatchedCounts, poller: Any) -> None:
        self._counts = counts
        self._poller = poller

    def register(self, fd: Any, events: int) -> None:
        fd = _number(fd)
        self._counts.make("watch", fd, events, lambda: self._poller.register(fd, events))

    def modify(self, fd: Any, events: int) -> None:
        fd = _number(fd)
        name = ctl_name(events)
        self._counts.make(name, fd, events, lambda: self._poller.modify(fd, events))

    def unregister(self, fd: Any) -> None:
        fd = _number(fd)
        self._counts.make("unwatch", fd, 0, lambda: self._poller.unregister(fd))

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        counts = self._counts
        if counts.gate.is_used:
            return counts.poll(self._poller, timeout)
        counts.polls += 1
        return counts.wait(self._poller, timeout)

    def close(self) -> None:
        if isinstance(self._poller, select.epoll):  # poll(2) has no descriptor
            self._poller.close()


def _number(fd: Any) -> int:
    return fd if isinstance(fd, int) else int(fd.fileno())


def _watched_socket(counts: WatchedCounts) -> type[socket.socket]:
    """Return a class of sockets whose calls are counted."""

    class WatchedSocket(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            try:
                accepted, address = counts.make("accept", self.fileno(), 0, super().accept)
            except OSError as error:
                counts.accept_errors += error.errno != errno.EAGAIN
                raise
            return WatchedSocket(fileno=accepted.detach()), address

        def send(self, data: Any, flags: int = 0) -> int:
            send = super().send
            if counts.gate.is_used:
                sent = counts.make("write", self.fileno(), len(data), lambda: send(data, flags))
            else:
                sent = send(data, flags)
            counts.partial_writes += sent < len(data)
            return sent

        def shutdown(self, how: int) -> None:
            shutdown = super().shutdown
            counts.make("shutdown", self.fileno(), 0, lambda: shutdown(how))

        def close(self) -> None:
            if self.fileno() < 0:
                super().close()
            else:
                counts.make("close", self.fileno(), 0, super().close)

    def recv_into(sock: socket.socket, buffer: Any) -> int:
        receive = socket.socket.recv_into
        return counts.make("read", sock.fileno(), len(buffer), lambda: receive(sock, buffer))

    def use(is_used: bool) -> None:
        # Not a method of its own that asks first: a loop that spins would do half as many turns.
        WatchedSocket.recv_into = recv_into if is_used else socket.socket.recv_into  # type: ignore[assignment]

    counts.gate.on_use.append(use)
    use(counts.gate.is_used)
    return WatchedSocket
