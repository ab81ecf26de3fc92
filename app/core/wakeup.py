"""A wakeup: any thread makes another one's poller return, with a byte on a socketpair."""

from __future__ import annotations

import socket


class Wakeup:
    """A non-blocking socketpair; a poller watches `fd` for input.

    A full pair is fine: the bytes that are already in it make the poller return.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.fd = self._reader.fileno()
        """Readable from `wake` on until `clear`."""

    def wake(self) -> None:
        """Make the poller return. Any thread may call it at any time, also after `close`."""
        try:
            self._writer.send(b"\0")
        except OSError:
            # Full (EAGAIN): a wakeup is already on its way. Closed: no poller is left to return.
            return

    def clear(self) -> int:
        """Take back every `wake` until now; return how many it were. Only the poller's thread."""
        try:
            return len(self._reader.recv(64 * 1024))
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Give both descriptors back. Only the poller's thread, after its last poll."""
        self._reader.close()
        self._writer.close()
