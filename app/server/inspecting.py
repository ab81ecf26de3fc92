"""Connections of which more is told: their system calls, and the kernel's figures."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from ..core.commands import TraceLevel
from .connection import READ_SIZE, Connection
from .inspection import Inspection
from .reporter import Reporter


class Inspecting:
    """Chooses which connections are inspected; in the loop's thread only."""

    def __init__(
        self,
        reporter: Reporter,
        sockets: Mapping[int, socket.socket],
        quick: dict[int, Connection],
    ) -> None:
        """`sockets` are the open ones by descriptor, `quick` those that the hot path serves."""
        self._reporter = reporter
        self._sockets = sockets
        self._quick = quick

    def trace(self, connection: Connection, level: TraceLevel) -> None:
        """Put more or less detail of one connection into the journal."""
        connection.trace = level
        if level.tells_calls:
            size = connection.read_size
            inspection = Inspection(
                self._sockets[connection.fd], unobserved=size if size < READ_SIZE else 0
            )
            self._reporter.inspected.setdefault(connection, inspection)
        else:
            self._reporter.inspected.pop(connection, None)
        # The hot path reports no system call; a connection whose calls are reported is not on it.
        self._quick.pop(connection.fd, None)

    def publish_queues(self, connection: Connection) -> None:
        """Publish the kernel's figures of one connection now."""
        if self._reporter.stream.room_for_detail():
            inspection = Inspection(self._sockets[connection.fd])
            figures = inspection.figures(connection, self._reporter.time())
            self._reporter.stream.publish_detail(figures)

    def publish_round(self) -> None:
        """Publish a round of snapshots; inspected connections may report system calls again."""
        self._reporter.publish_round()
        for connection in self._reporter.inspected:
            self._quick.pop(connection.fd, None)
