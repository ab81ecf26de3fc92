"""Our own server with its events watched, as a dashboard would, or with none made at all.

``--events watched`` drains the stream ten times a second and throws it away: what publishing costs
the loop, without what a screen or a file costs. ``--events none`` is the loop that tells nothing.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterable

from app.core.events import Event, Snapshot
from app.core.settings import Settings
from app.core.statistics import LoopStats
from app.server.server import Server
from app.watch.stream import EventStream
from benchmarks.peers.serving import announce

INTERVAL = 0.1
"""Seconds between two drains."""


class Silence(EventStream):
    """A stream that takes everything and keeps nothing."""

    def publish(self, event: Event) -> None:
        """Forget the event."""

    def room_for_detail(self) -> bool:
        """Never: no detail is made."""
        return False

    def publish_latest(self, snapshots: Iterable[Snapshot], stats: LoopStats) -> None:
        """Forget the figures."""


def main(host: str, port: int, watched: bool) -> None:
    stream = EventStream() if watched else Silence()
    stream.watched = watched
    server = Server(Settings(host=host, port=port, max_connections=12_000), stream)
    server.start()
    announce(server.host, server.port)
    pause = threading.Event()
    while not pause.wait(INTERVAL if watched else None):
        stream.drain()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--events", choices=("watched", "none"), required=True)
    options = parser.parse_args()
    main(options.host, options.port, options.events == "watched")
