"""Test peers: a server with a watcher on its stream, and sockets that talk to it."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterable
from itertools import count
from time import monotonic, time
from typing import Any, TypeVar, cast

from app.core.commands import Command
from app.core.events import Closed, CommandResult, Event, Opened, Snapshot
from app.core.settings import Settings
from app.core.statistics import LoopStats
from app.server.server import Server
from app.server.workers.supervisor import Workers
from app.watch.stream import EventStream

PATIENCE = 10.0
"""Seconds after which a test gives up; no test should come near it."""
Told = TypeVar("Told")


class Watcher:
    """Drains a stream and waits until the events so far satisfy a predicate."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream
        self.events: list[Event] = []
        self.snapshots: dict[int, Snapshot] = {}
        self.stats: LoopStats | None = None
        self._ready = threading.Event()

    def drain(self) -> None:
        """Drain the stream once."""
        drained = self.stream.drain()
        self.events += drained.events
        self.snapshots.update((snapshot.id, snapshot) for snapshot in drained.snapshots)
        self.stats = drained.stats or self.stats

    def until(self, holds: Callable[[], object], what: str = "") -> None:
        """Drain until `holds()` is true; fail after `PATIENCE`."""
        deadline = monotonic() + PATIENCE
        while True:
            self._ready.clear()
            self.stream.notify_once(self._ready.set)
            self.drain()
            if holds():
                return
            if monotonic() > deadline:
                raise AssertionError(f"never came: {what}; last: {self.events[-12:]}")
            # Detail and snapshots do not notify, so drain often.
            self._ready.wait(0.01)

    def all(self, kind: type[Told]) -> list[Told]:
        """Return every event of that kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def wait_for(
        self, kind: type[Told], accepts: Callable[[Told], object] = lambda event: True
    ) -> Told:
        """Return the first event of that kind that `accepts`; wait for it if it has not come."""
        found: list[Told] = []

        def has_come() -> bool:
            found.extend(event for event in self.all(kind) if accepts(event))
            return bool(found)

        self.until(has_come, kind.__name__)
        return found[0]


class Running:
    """A server on a free port of 127.0.0.1, its watcher, and the clients connected to it."""

    def __init__(self, *, clock: Any = monotonic, wall: Any = None, **settings: Any) -> None:
        self.settings = Settings(**{"port": 0, "max_connections": 500, **settings})
        self.stream = EventStream()
        self.stream.watched = True
        self.watcher = Watcher(self.stream)
        epoch = time() - clock()
        wall = wall or (lambda: clock() + epoch)
        make = Workers if self.settings.workers else Server
        # Both have the same methods.
        self.server = cast("Server", make(self.settings, self.stream, clock, wall=wall))
        self._requests = count(1)
        self._clients: list[socket.socket] = []

    def start(self) -> Running:
        self.server.start()
        return self

    def connect(self, receive_buffer: int = 0) -> socket.socket:
        """Connect a blocking client with a time-out; it is closed with the server."""
        client = connect(self.server.port, receive_buffer)
        self._clients.append(client)
        return client

    def connect_known(self, receive_buffer: int = 0) -> tuple[socket.socket, int]:
        """Connect a client; return it with the id of its connection."""
        client = self.connect(receive_buffer)
        peer = "{}:{}".format(*client.getsockname())
        return client, self.watcher.wait_for(Opened, lambda event: event.peer == peer).id

    def shown(self, connection_id: int, holds: Callable[[Snapshot], object]) -> Snapshot:
        """Wait for a snapshot of the connection for which `holds` is true."""
        snapshots = self.watcher.snapshots
        self.watcher.until(
            lambda: connection_id in snapshots and holds(snapshots[connection_id]), "snapshot"
        )
        return snapshots[connection_id]

    def closed(self, connection_id: int) -> Closed:
        """Wait for the end of a connection."""
        return self.watcher.wait_for(Closed, lambda event: event.id == connection_id)

    def submit(self, command: Callable[..., Command], **fields: Any) -> CommandResult:
        """Submit a command and wait for its first answer."""
        request = next(self._requests)
        self.server.submit(command(request=request, **fields))
        return self.watcher.wait_for(CommandResult, lambda event: event.request == request)

    def end(self, may_fail: bool = False) -> None:
        """Stop at once and close everything."""
        self.server.stop("test", now=True)
        for client in self._clients:
            client.close()
        assert self.server.join(PATIENCE), "the server did not stop"
        self.watcher.drain()
        assert may_fail or not self.server.failure, self.server.failure


def connect(port: int, receive_buffer: int = 0) -> socket.socket:
    """Connect a blocking client with a time-out; a small `receive_buffer` is for a slow reader."""
    client = socket.socket()
    client.settimeout(PATIENCE)
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        client.connect(("127.0.0.1", port))
    except OSError:
        client.close()
        raise
    return client


def exchange(client: socket.socket, pieces: Iterable[bytes], expected: int) -> bytes:
    """Send the pieces one by one while reading; return the first `expected` bytes received."""
    to_send = iter(pieces)
    piece: bytes | None = next(to_send, None)
    received = bytearray()
    client.setblocking(False)
    try:
        while len(received) < expected:
            writers = [client] if piece is not None else []
            readable, writable, _ = select.select([client], writers, [], PATIENCE)
            if not readable and not writable:
                raise AssertionError(f"{len(received)} of {expected} bytes, then nothing")
            if writable and piece is not None:
                piece = piece[client.send(piece) :] or next(to_send, None)
            if readable:
                data = client.recv(1 << 18)
                if not data:
                    break
                received += data
    finally:
        client.settimeout(PATIENCE)
    return bytes(received)


def read_exactly(client: socket.socket, size: int) -> bytes:
    """Read `size` bytes, or fewer if the server ends before."""
    received = bytearray()
    while len(received) < size:
        data = client.recv(min(1 << 18, size - len(received)))
        if not data:
            break
        received += data
    return bytes(received)


def read_to_end(client: socket.socket) -> bytes:
    """Read everything up to the server's FIN."""
    return read_exactly(client, 1 << 40)
