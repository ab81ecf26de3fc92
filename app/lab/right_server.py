"""The process of a right server: the product's own, headless.

Its command line gives the settings as JSON, and the word ``callback`` if an observer is to work
for each frame, as the callback of `slow-callback` does in the loop.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Final

import msgspec

from ..core.settings import Settings
from ..server.server import Server
from ..watch.stream import EventStream
from .lab_channel import LabFigures, LabReady, obey, send

CALLBACK: Final = "callback"
SECONDS_A_BYTE: Final = 1e-5
"""Time of a callback for a byte of a body."""
_STEP: Final = 0.002
"""Seconds between two looks for figures that were asked for."""


class RightServer:
    """The product's server, whose statistics are asked for; one thread asks."""

    def __init__(self, settings: Settings) -> None:
        """Begin to serve. Raises `SettingError`."""
        self._stream = EventStream()
        self._stream.watched = True
        self._server = Server(settings, self._stream)
        self._server.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port

    def observe(self) -> None:
        """Work for each frame that is told of, for ever; in a thread of its own."""
        while True:
            stats = self._stream.drain().stats
            for _, length in stats.bodies if stats else ():
                time.sleep(length * SECONDS_A_BYTE)
            time.sleep(_STEP)

    def figures(self) -> LabFigures:
        """Return the counts since the start."""
        self._stream.drain()
        self._stream.asked_at = self._server.now()
        self._server.wake()
        while (stats := self._stream.drain().stats) is None:
            time.sleep(_STEP)
        return LabFigures(
            stats.polls, stats.accept_errors, stats.partial_writes, time.process_time()
        )


def main() -> None:
    """Serve until the orders end."""
    server = RightServer(msgspec.json.decode(sys.argv[1], type=Settings))
    if CALLBACK in sys.argv[2:]:
        threading.Thread(target=server.observe, daemon=True).start()
    send(LabReady(server.port))
    obey(server.figures)
