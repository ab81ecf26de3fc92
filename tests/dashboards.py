"""A dashboard on a real server, in this process or at the other end of a control socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic

import pytest
from textual.pilot import Pilot

from app.control.client_side.attached_source import AttachedSource
from app.core.framing import frame
from app.core.settings import Settings
from app.server.server import Server
from app.ui.app import EchoApp
from app.watch.source import Source, StreamSource
from app.watch.stream import EventStream
from tests.control.serving import Controlled

Dashboard = Callable[[], AbstractAsyncContextManager[tuple[Server, EchoApp, Pilot[int]]]]


@contextmanager
def local(_directory: Path) -> Iterator[tuple[Server, Source]]:
    stream = EventStream()
    server = Server(Settings(port=0, max_connections=100), stream)
    server.start()
    try:
        yield server, StreamSource(stream, server.submit, server.now)
    finally:
        server.stop("test", now=True)
        assert server.join(5)
        assert not server.failure


@contextmanager
def attached(directory: Path) -> Iterator[tuple[Server, Source]]:
    with Controlled(directory / "s", max_connections=100) as controlled:
        source = AttachedSource(controlled.path)
        try:
            yield controlled.server, source
        finally:
            source.close()


@pytest.fixture(params=[local, attached])
def dashboard(request: pytest.FixtureRequest, tmp_path: Path) -> Dashboard:
    @asynccontextmanager
    async def run() -> AsyncIterator[tuple[Server, EchoApp, Pilot[int]]]:
        with request.param(tmp_path) as (server, source):
            app = EchoApp(source)
            async with app.run_test(size=(160, 50)) as pilot:
                yield server, app, pilot

    return run


async def until(app: EchoApp, pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not holds():
        assert monotonic() < deadline, app.export_screenshot(simplify=True)
        await asyncio.sleep(0.01)
        app.refresh_view()
        await pilot.pause()


def echo(client: socket.socket, body: bytes) -> bytes:
    client.sendall(frame(body))
    return client.recv(4 + len(body))
