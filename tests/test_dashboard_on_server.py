"""The dashboard's actions on a real server: what a key does is seen when the event is back.

All of it is the same for a server in this process and for one at the other end of a control socket.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from app.control.source import AttachedSource
from app.framing import frame, header
from app.server.server import Server
from app.settings import Settings
from app.stream import EventStream
from app.ui.app import EchoApp
from app.ui.source import Source, StreamSource
from tests.control.serving import Controlled

pytestmark = pytest.mark.slow


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


Dashboard = Callable[[], AbstractAsyncContextManager[tuple[Server, EchoApp, Pilot[int]]]]


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


@pytest.mark.parametrize("mode", ["drain", "close", "reset"])
async def test_k_ends_the_connection_that_it_names_and_no_other(
    dashboard: Dashboard, mode: str
) -> None:
    async with dashboard() as (server, app, pilot):
        with (
            socket.create_connection(("127.0.0.1", server.port), 10) as first,
            socket.create_connection(("127.0.0.1", server.port), 10) as second,
        ):
            assert echo(first, b"one") == frame(b"one")
            assert echo(second, b"two") == frame(b"two")
            await until(app, pilot, lambda: len(app.model.rows) == 2)
            await pilot.press("home", "k")
            await pilot.click(f"#{mode}")
            await until(app, pilot, lambda: app.model.rows[1].closed is not None)
            if mode == "reset":
                with pytest.raises(ConnectionResetError):
                    first.recv(1)
            else:
                assert first.recv(1) == b""
            assert echo(second, b"still here") == frame(b"still here")
            assert app.model.rows[2].closed is None


async def test_cancel_kills_nobody(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with socket.create_connection(("127.0.0.1", server.port), 10) as client:
            await until(app, pilot, lambda: len(app.model.rows) == 1)
            await pilot.press("k", "enter")
            assert echo(client, b"alive") == frame(b"alive")


async def test_c_changes_the_cap_for_the_next_frame(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with socket.create_connection(("127.0.0.1", server.port), 10) as client:
            assert echo(client, b"x" * 100) == frame(b"x" * 100)
            await pilot.press("c")
            app.screen.query_one("#cap", Input).value = "64"
            await pilot.press("enter")
            await until(app, pilot, lambda: "64" in app.export_screenshot(simplify=True))
            await until(app, pilot, lambda: app.model.cap == 64)
            client.sendall(header(65))
            assert client.recv(1) == b""
            await until(app, pilot, lambda: app.model.rows[1].closed is not None)
