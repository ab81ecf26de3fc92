"""Accepting connections: a budget for each wake-up, and pauses when the system runs out.

Facts about accept(2) that surprise:

- Out of descriptors (EMFILE, ENFILE) or memory (ENOBUFS, ENOMEM), the connection stays in the
  queue, so a level-triggered poller reports the listener again at once: a naive loop fails
  590,000 times a second. Accepting pauses instead, and tries again after a moment.
- Linux passes errors that were already pending on the new socket to accept itself (ECONNABORTED,
  EPROTO, ENETDOWN and others): they end that connection, not the listening.
- A new socket inherits TCP_NODELAY and SO_KEEPALIVE from the listener (W. R. Stevens, UNIX Network
  Programming, volume 1, 7.4), so they are set once and not for each connection. Whether it inherits
  O_NONBLOCK differs between systems, so that is set for each.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from math import inf
from typing import Any, Final

from .listener import Listener

ACCEPT_BUDGET: Final = 128
"""Connections accepted in one wake-up at most."""
PAUSE: Final = 0.5
"""Seconds without accepting after the system ran out of something."""
NOTICE_INTERVAL: Final = 5.0
"""Seconds between two notices of a pause at least."""
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """The listening socket, as the loop uses it; in the loop's thread only."""

    def __init__(self, listener: Listener) -> None:
        self.sock = listener.sock
        self.fd = listener.sock.fileno()
        self.errors = 0
        self.resume_at = inf
        """The time to accept again after a pause, on the loop's clock; ``inf`` if not paused."""
        self.exhausted = ""
        """The last accept's error in words if the system ran out of something; else empty."""
        self.more = False
        """Whether the budget ended the last accept; edge-triggered, the poller is silent then."""
        self._notice_at = 0.0
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def accept(self) -> Iterator[tuple[socket.socket, Any]]:
        """Yield the connections that wait, `ACCEPT_BUDGET` at most, non-blocking, with TCP_NODELAY.

        Raises OSError if the listening socket itself is broken.
        """
        self.exhausted = ""
        self.more = False
        for _ in range(ACCEPT_BUDGET):
            try:
                sock, address = self.sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self.errors += 1
                if error.errno in EXHAUSTED:
                    self.exhausted = os.strerror(error.errno)
                    return
                if self.sock.fileno() < 0 or error.errno in (errno.EBADF, errno.EINVAL):
                    raise
                continue
            try:
                sock.setblocking(False)
            except OSError:
                # The peer is gone already; only this connection ends.
                self.errors += 1
                sock.close()
                continue
            yield sock, address
        self.more = True

    def pause(self, now: float) -> str:
        """Set `resume_at`; return a notice for the operator, or nothing if one was recent."""
        self.resume_at = now + PAUSE
        if now < self._notice_at:
            return ""
        self._notice_at = now + NOTICE_INTERVAL
        return f"accepting pauses: {self.exhausted} ({self.errors:,} accept errors so far)"

    def close(self) -> None:
        """Stop listening."""
        self.resume_at = inf
        self.more = False
        self.sock.close()
