"""The demo's clients on connections that are lost, as all are that are killed on the screen."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from app.load.clients import open_streams
from app.load.demo_clients import CLIENTS, Client
from tests.peers import PATIENCE

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def run(play: Callable[[socket.socket], Awaitable[None]]) -> None:
    """Run `play` with a listening socket."""

    async def bounded() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            await asyncio.wait_for(play(listening), PATIENCE)

    asyncio.run(bounded())
    gc.collect()  # asyncio logs a lost exception when its task goes


async def connect(
    listening: socket.socket,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, socket.socket]:
    address = listening.getsockname()
    reader, writer = await open_streams(socket.AF_INET, address)
    return reader, writer, listening.accept()[0]


async def reset(server_side: socket.socket, writer: asyncio.StreamWriter) -> None:
    """Reset the connection, and wait until the client's side knows it."""
    server_side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    server_side.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@pytest.mark.parametrize("client", [client for client, _ in CLIENTS])
def test_a_lost_connection_is_no_failure_of_the_demo(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(_seconds: float) -> None:
        return

    async def play(listening: socket.socket) -> None:
        reader, writer, server_side = await connect(listening)
        await reset(server_side, writer)
        monkeypatch.setattr(asyncio, "sleep", at_once)
        with contextlib.suppress(OSError, EOFError), contextlib.closing(writer):
            await client(reader, writer)

    run(play)
    assert caplog.messages == []
