"""A server with a control socket in this process, and raw clients of that socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from app.control.client_side.control_client import Link, hello
from app.control.protocol import (
    VERSION,
    FromServer,
    Hello,
    News,
    Page,
    ToServer,
    pack,
    read_from_server,
)
from app.control.server_side.listening import SocketFile
from app.control.server_side.owner import OwnerGate
from app.control.server_side.service import Service
from app.core.commands import Command, Set
from app.core.events import (
    Closed,
    CommandResult,
    Opened,
    Snapshot,
)
from app.core.framing import HEADER_SIZE, frame, read_length
from app.core.settings import Settings
from app.server.server import Server
from app.watch.fanout import Fanout
from app.watch.stream import EventStream
from app.watch.traces import Traces
from tests.peers import PATIENCE, Watcher, connect, exchange, read_exactly
from tests.waiting import until


class Controlled:
    """A running server and its control service; `watcher` hears what a log would."""

    def __init__(
        self,
        path: Path,
        gate: OwnerGate | None = None,
        clock: Callable[[], float] = time.monotonic,
        **settings: Any,
    ) -> None:
        self.path = path
        self.stream = stream = EventStream()
        self.server = Server(Settings(**{"port": 0, "max_connections": 1000, **settings}), stream)
        self.fanout = Fanout(stream, self.server.wake, now=self.server.now, keep_closed=200)
        self.watcher = Watcher(self.fanout.add(EventStream()))
        file = SocketFile(path)
        self.traces = Traces(self.fanout.state.rows, self.server.submit)
        instance = self.server.instance
        self.service = Service(
            file, self.fanout, self.server.submit, self.traces, instance, clock, gate
        )

    def __enter__(self) -> Controlled:
        self.server.start()
        self.fanout.start()
        self.service.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.stop("test", now=True)
        assert self.server.join(PATIENCE)
        self.fanout.join(PATIENCE)
        self.service.close()
        assert not self.server.failure
        self.watcher.drain()
        assert not [event for event in self.watcher.events if "died" in str(event)]

    def link(self, **how: Any) -> Link:
        return Link.open(self.path, hello("test", **how))

    def raw(self) -> Raw:
        return Raw(self.path)

    def until(self, holds: Callable[[], object], what: str) -> None:
        until(holds, what)


class Raw:
    """A client that may say anything."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(path))

    def send(self, *messages: ToServer) -> None:
        self.sock.sendall(b"".join(map(pack, messages)))

    def receive(self) -> FromServer | None:
        """The next message; None when the server has ended."""
        try:
            head = read_exactly(self.sock, HEADER_SIZE)
        except ConnectionResetError:
            return None
        if not head:
            return None
        return read_from_server(read_exactly(self.sock, read_length(head, 0)[0]))

    def greet(self, **how: Any) -> FromServer | None:
        self.send(Hello(version=VERSION, **how))
        return self.receive()

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_error: object) -> None:
        self.sock.close()


class Copy:
    """What a client knows; it takes no message that is out of order."""

    def __init__(self) -> None:
        self.open: dict[int, Opened] = {}
        self.figures: dict[int, Snapshot] = {}
        self.closed: set[int] = set()
        self.missed = 0

    def apply(self, *messages: Page | News) -> Copy:
        for message in messages:
            if isinstance(message, Page):
                self._apply_page(message)
            else:
                self._apply_news(message)
        return self

    def _apply_page(self, page: Page) -> None:
        if page.number == 1:
            self.open.clear()
            self.figures.clear()
        self.missed += page.missed
        for known in page.connections:
            self.open[known.opened.id] = known.opened
            if known.snapshot is not None:
                self.figures[known.opened.id] = known.snapshot

    def _apply_news(self, news: News) -> None:
        for event in news.events:
            if isinstance(event, Opened):
                assert event.id not in self.open
                self.open[event.id] = event
            elif isinstance(event, Closed):
                del self.open[event.id]
                self.figures.pop(event.id, None)
                self.closed.add(event.id)
        for told in news.snapshots:
            assert told.id in self.open, "a snapshot before its `opened`"
            self.figures[told.id] = told


def ask(link: Link, command: Command) -> list[CommandResult]:
    return list(link.carry_out(command))


def news_until(link: Link, holds: Callable[[News], object]) -> list[News]:
    """Everything told up to the piece of news of which `holds` is true."""
    told: list[News] = []
    while not told or not holds(told[-1]):
        message = link.receive()
        assert isinstance(message, News), message
        told.append(message)
    return told


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def is_well(controlled: Controlled) -> bool:
    """Whether a client of the control socket and one of the server are served."""
    with controlled.link() as link, connect(controlled.server.port) as client:
        (answer,) = ask(link, Set(request=5, name="cap", value=1000))
        return answer.ok and exchange(client, [frame(b"hi")], 6) == frame(b"hi")
