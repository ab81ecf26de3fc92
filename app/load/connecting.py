"""Opens the connections at a steady rate, many handshakes at a time."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Final

from ..core.addresses import SELF_CONNECTED
from ..core.settings import SettingError
from .load_plan import LoadShare
from .load_poller import POLLIN, POLLOUT, best_poller
from .outcome import PROGRESS_INTERVAL, Opening

HANDSHAKES: Final = 256
"""Largest number of handshakes at a time: fewer than a usual backlog."""
SPARE_FILES: Final = 32
"""Descriptors that a process needs besides its connections."""


def allow_files(connections: int) -> None:
    """Raise the limit of open files as needed; raises `SettingError` if the hard limit is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_FILES
    if needed <= soft:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise SettingError(
            f"--connections: a process may have {hard:,} open files and needs {needed:,}: "
            "use more --processes, or raise `ulimit -n`"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class Connecting:
    """Opens the connections of a share; stops early when `control` becomes readable.

    `publish` is called with an `Opening` every `PROGRESS_INTERVAL` seconds.
    """

    def __init__(self, share: LoadShare, control: int, publish: Callable[[Opening], None]) -> None:
        self._publish = publish
        self._share = share
        self._control = control
        self._poller = best_poller()
        self._pending: dict[int, tuple[socket.socket, int, float]] = {}
        self.opened: dict[int, socket.socket] = {}
        """The open sockets, by the number of the connection."""
        self.failures: Counter[str] = Counter()

    def run(self) -> None:
        """Return when every connection is open or has failed, or on a stop."""
        self._poller.register(self._control, POLLIN)
        try:
            self._run()
        finally:
            self._poller.close()
            for sock, _, _ in self._pending.values():
                sock.close()

    def _run(self) -> None:
        share, begun, started = self._share, 0, monotonic()
        next_progress = started
        while begun < share.connections or self._pending:
            now = monotonic()
            if now >= next_progress:
                self._publish(Opening(len(self.opened), self.failures))
                next_progress = now + PROGRESS_INTERVAL
            due = min(share.connections, 1 + int((now - started) * share.connect_rate))
            while begun < due and len(self._pending) < HANDSHAKES:
                self._begin(share.first + begun, now)
                begun += 1
            pause = 0.05 if begun == share.connections else 1 / share.connect_rate
            for fd, _ in self._poller.poll(min(pause, 0.05)):
                if fd == self._control:
                    return
                self._finish(fd)
            self._give_up_before(monotonic() - share.timeout)

    def _begin(self, number: int, now: float) -> None:
        try:
            sock = socket.socket(self._share.family, socket.SOCK_STREAM)
        except OSError as error:
            self._failed(error.errno)
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(self._share.address)
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            self._failed(code)
            return
        self._pending[sock.fileno()] = sock, number, now
        self._poller.register(sock.fileno(), POLLOUT)

    def _finish(self, fd: int) -> None:
        sock, number, _ = self._pending.pop(fd)
        self._poller.unregister(fd)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            sock.close()
            self._failed(code)
        elif is_own_peer(sock):
            sock.close()
            self.failures[SELF_CONNECTED] += 1
        else:
            self.opened[number] = sock

    def _give_up_before(self, oldest: float) -> None:
        while self._pending:
            fd, (sock, _, begun) = next(iter(self._pending.items()))
            if begun > oldest:
                return
            del self._pending[fd]
            self._poller.unregister(fd)
            sock.close()
            waited = f"nothing came back to the SYN within {self._share.timeout:g} s"
            self.failures[f"{waited} (a firewall, or its queue of connections is full)"] += 1

    def _failed(self, code: int | None) -> None:
        self.failures[os.strerror(code or 0)] += 1


def is_own_peer(sock: socket.socket) -> bool:
    """Whether a socket is connected with itself; one that was reset meanwhile is not."""
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:
        return False


def refuse_own_peer(sock: socket.socket) -> None:
    """Raise `ConnectionError` for a socket that is connected with itself: nobody listens there."""
    if is_own_peer(sock):
        raise ConnectionError(SELF_CONNECTED)
