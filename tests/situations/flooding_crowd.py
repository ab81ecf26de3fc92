"""Many connections that flood a server, from one thread: they make its loop busy."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Final

BODY: Final = 1000
_BURST: Final = (BODY.to_bytes(4, "big") + bytes(BODY)) * 65
_PAUSE: Final = 0.005
"""Seconds between two rounds, which leaves the machine to the server."""


class FloodingCrowd:
    """Connections that send frames whenever the kernel takes some, and read what comes back."""

    def __init__(self, address: tuple[str, int], count: int) -> None:
        self._sent = {socket.create_connection(address): 0 for _ in range(count)}
        for sock in self._sent:
            sock.setblocking(False)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(_PAUSE):
            for sock, sent in self._sent.items():
                with contextlib.suppress(OSError):
                    self._sent[sock] = (sent + sock.send(_BURST[sent:])) % len(_BURST)
                with contextlib.suppress(OSError):
                    sock.recv(1024**2)

    def stop(self) -> None:
        """Close all connections."""
        self._stopping.set()
        self._thread.join(5)
        for sock in self._sent:
            sock.close()
