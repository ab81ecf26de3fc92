"""A kernel whose answers a test sets, and one connection that is looked at."""

from __future__ import annotations

from app.core.commands import TraceLevel
from app.core.queues import Queues
from app.server.connection import Connection
from app.server.kernel import PeerProgress, SocketQueues
from app.server.reporter import Reporter
from app.server.unacknowledged import Unacknowledged
from app.watch.stream import EventStream


class PlayedQueues(SocketQueues):
    """The kernel's answers about any connection, as a test sets them."""

    def __init__(self) -> None:
        super().__init__({})
        self.unacked_bytes: int | None = 0
        self.acks_meanwhile = False
        """Whether the last acknowledgement comes just before `progress` is asked."""
        self.unread_bytes = 0
        self.peer = PeerProgress(9.0, 0, 0, 0, 0, False)
        self.left_unread: int | None = None
        self.peers_asked = 0
        self.is_open = False
        self.asked: list[int] = []

    def unacked(self, fd: int) -> int | None:
        self.asked.append(fd)
        return self.unacked_bytes

    def unread(self, fd: int) -> int | None:
        return self.unread_bytes

    def progress(self, fd: int) -> PeerProgress | None:
        known = self.unacked_bytes
        if self.acks_meanwhile:
            self.unacked_bytes = 0
        return None if known is None else self.peer

    def peer_unread(self, fd: int) -> int | None:
        self.peers_asked += 1
        self.is_open = True
        return self.left_unread

    def close(self) -> None:
        self.is_open = False


class Bench:
    """One connection that has echoed 10,000 bytes at 100 s, and who looks at it."""

    def __init__(self, patience: float = 30.0) -> None:
        self.queues = PlayedQueues()
        self.reporter = Reporter(EventStream(), 0.0, TraceLevel.OFF)
        self.scheduled: list[Connection] = []
        self.failed: list[Connection] = []
        self.watch = Unacknowledged(
            self.queues,
            self.reporter,
            self.scheduled.append,
            lambda connection, error: self.failed.append(connection),
            lambda connection: None,
            patience,
        )
        self.connection = Connection(1, 7, "peer", 100.0)
        self.echo(10_000, 100.0)

    def echo(self, size: int, now: float) -> None:
        self.connection.quick_bytes += size
        self.connection.active_at = self.reporter.now = now
        if not self.connection.changed:
            self.reporter.note_change(self.connection)

    def look(self, now: float, unacked: int | None) -> Queues | None:
        self.queues.unacked_bytes = unacked
        self.reporter.now = now
        self.watch.look(now)
        return self.connection.snapshot(0.0).queues
