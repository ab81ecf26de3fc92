"""Accepting connections: a budget for each wake-up, and pauses when the system runs out.

Facts about accept(2) that surprise:

- Out of descriptors (EMFILE, ENFILE) or memory (ENOBUFS, ENOMEM), the connection stays in the
  queue, so a level-triggered poller reports the listener again at once: a naive loop fails
  590,000 times a second. Accepting pauses instead, and tries again after a moment.
- Linux passes errors that were already pending on the new socket to accept itself (ECONNABORTED,
  EPROTO, ENETDOWN and others, accept(2)): they end that connection, not the listening. The next
  may be well, so accepting goes on; after `FAILURES` of them in a row it pauses. Every other
  errno, such as EPERM from a security module, is taken for one that stays: it pauses at once.
- A new socket inherits TCP_NODELAY and SO_KEEPALIVE from the listener (W. R. Stevens, UNIX Network
  Programming, volume 1, 7.4), so they are set once and not for each connection. Whether it inherits
  O_NONBLOCK differs between systems, so that is set for each.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from functools import partial
from math import inf
from typing import Any, Final

from ..core.addresses import format_address
from ..core.printable import reason_of
from .calls import Calls
from .listener import Listener

ACCEPT_BUDGET: Final = 128
"""Connections accepted in one wake-up at most."""
PAUSE: Final = 0.5
"""Seconds without accepting after the system ran out of something."""
NOTICE_INTERVAL: Final = 5.0
"""Seconds between two notices of a pause at least; each doubles it, up to `LONGEST_INTERVAL`."""
LONGEST_INTERVAL: Final = 80.0
FAILURES: Final = 16
"""Failures in a row that are taken for the peers' own."""
_OF_ONE_PEER: Final = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED EPROTO EINTR ECONNRESET ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET"
        " EHOSTUNREACH EOPNOTSUPP ENETUNREACH ETIMEDOUT"
    ).split()
    if hasattr(errno, name)
)
_BROKEN: Final = frozenset({errno.EBADF, errno.ENOTSOCK})
"""The descriptor is no listening socket any more: a fault of ours."""


class Acceptor:
    """A listening socket, as the loop uses it; in the loop's thread only."""

    def __init__(self, listener: Listener) -> None:
        self.sock = listener.sock
        self.fd = listener.sock.fileno()
        self.accepted = 0
        self.errors = 0
        self.resume_at = inf
        """The time to accept again after a pause, on the loop's clock; ``inf`` if not paused."""
        self.failure = ""
        """The last accept's error in words if accepting must pause; else empty."""
        self.more = False
        """Whether the budget ended the last accept; edge-triggered, the poller is silent then."""
        self._address = format_address((listener.host, listener.port))
        self._failures = 0  # in a row
        self._notice_at = 0.0
        self._notice_interval = NOTICE_INTERVAL
        # Again for a socket that was passed to the program.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def accept(self, calls: Calls) -> Iterator[tuple[socket.socket, Any]]:
        """Yield the connections that wait, `ACCEPT_BUDGET` at most, non-blocking, with TCP_NODELAY.

        Raises OSError if the listening socket itself is broken.
        """
        self.failure = ""
        self.more = False
        accept = self.sock.accept if calls.note is None else partial(calls.accept, self.sock)
        for _ in range(ACCEPT_BUDGET):
            try:
                sock, address = accept()
            except BlockingIOError:
                return
            except OSError as error:
                self.errors += 1
                if self.sock.fileno() < 0 or error.errno in _BROKEN:
                    raise
                self._failures += 1
                if error.errno in _OF_ONE_PEER and self._failures < FAILURES:
                    continue
                self.failure = reason_of(error)
                return
            self._failures = 0
            self.accepted += 1
            try:
                sock.setblocking(False)
            except OSError:
                # The peer is gone already; only this connection ends.
                self.errors += 1
                calls.close(sock)
                continue
            yield sock, address
        self.more = True

    def pause(self, now: float) -> str:
        """Set `resume_at`; return a notice for the operator, or nothing if one was recent."""
        self.resume_at = now + PAUSE
        if now < self._notice_at:
            return ""
        if now > self._notice_at + LONGEST_INTERVAL:
            self._notice_interval = NOTICE_INTERVAL  # the trouble before this one was over
        self._notice_at = now + self._notice_interval
        self._notice_interval = min(2 * self._notice_interval, LONGEST_INTERVAL)
        so_far = f"{self.errors:,} accept errors so far on {self._address}"
        return f"accepting pauses: {self.failure} ({so_far})"

    def close(self) -> None:
        """Stop listening."""
        self.resume_at = inf
        self.more = False
        self.sock.close()
