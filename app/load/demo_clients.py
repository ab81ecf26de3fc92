"""The clients of `echo-tui demo`: between them they show every state within seconds.

They run in a process of their own, so that the server's figures on the screen are the server's.
They run until their stdin ends, which it does when the parent does.
"""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, TypeAlias

from ..core.framing import FrameDecoder, frame, header
from ..core.spawn import helper_command, start_helper

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Client: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

RECONNECT: Final = 1.0
"""Seconds between the end of a connection and the next one."""
SLOW_RECEIVE_BUFFER: Final = 16 * 1024


def start_clients(host: str, port: int) -> subprocess.Popen[bytes]:
    """Start the clients against a server; closing the process's stdin ends them."""
    return start_helper(
        helper_command("load.demo_clients", host, str(port)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


async def echoes_from(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    """Yield the body of each echo; ``await anext(echoes)`` waits for one.

    Raises `EOFError` when the server has ended the connection.
    """
    decoder = FrameDecoder()
    while data := await reader.read(256 * 1024):
        decoder.feed(data)
        for body in iter(decoder.next_body, None):
            yield body
    raise EOFError("the server has ended the connection")


def pings(interval: float, size: int) -> Client:
    """One small frame there and back every `interval` seconds."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        echoes = echoes_from(reader)
        while True:
            writer.write(frame(b"p" * size))
            await anext(echoes)
            await asyncio.sleep(interval)

    return run


async def pipeline(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bursts of 32 frames that arrive together and leave together."""
    echoes = echoes_from(reader)
    while True:
        writer.write(frame(b"pipelined" * 20) * 32)
        for _ in range(32):
            await anext(echoes)
        await asyncio.sleep(0.05)


async def large_bodies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body of 768 KiB in pieces: READ_BODY, its bar filling."""
    piece, pieces = b"b" * 32 * 1024, 24
    echoes = echoes_from(reader)
    while True:
        writer.write(header(len(piece) * pieces))
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.15)
        await anext(echoes)


async def slow_reader(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends more than it reads: WRITE_BODY, bytes pending, POLLOUT armed and disarmed."""

    async def send() -> None:
        while True:
            writer.write(frame(b"s" * 400 * 1024))
            await writer.drain()

    async def receive() -> None:
        while await reader.read(48 * 1024):
            await asyncio.sleep(0.06)

    sending = asyncio.create_task(send())
    try:
        await receive()
    finally:
        sending.cancel()


async def dribbled_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte of a header at a time: READ_LEN at 1, 2, 3 of 4."""
    echoes = echoes_from(reader)
    while True:
        for byte in frame(b"dribbled"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.6)
        await anext(echoes)


async def oversize(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A good frame, then something that is not our protocol: frame_too_large."""
    echoes = echoes_from(reader)
    writer.write(frame(b"good"))
    await anext(echoes)
    await asyncio.sleep(1.5)
    lying = random.choice(
        [b"GET / HTTP/1.1\r\nHost: demo\r\n\r\n", header(2**31), b"SSH-2.0-demo\r\n"]
    )
    writer.write(lying)
    await reader.read()
    await asyncio.sleep(2)


async def passer_by(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Comes, says a few things, half-closes, reads the rest and goes."""
    for _ in range(random.randint(1, 4)):
        writer.write(frame(random.randbytes(random.randint(0, 2000))))
        await asyncio.sleep(random.uniform(0.1, 0.8))
    writer.write_eof()
    while await reader.read(64 * 1024):
        pass


async def vanishing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends in the middle of a body: eof_mid_body."""
    writer.write(header(5000) + b"only the start")
    await asyncio.sleep(4)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Connects and waits: idle between frames."""
    await reader.read()


CAST: Final[tuple[tuple[Client, int], ...]] = (
    (pings(0.05, 64), 2),
    (pings(0.3, 200), 2),
    (pings(1.0, 0), 1),
    (pipeline, 1),
    (large_bodies, 2),
    (slow_reader, 2),
    (dribbled_header, 2),
    (oversize, 1),
    (passer_by, 3),
    (vanishing, 1),
    (silent, 1),
)
"""Who plays, and how many of them at a time."""


async def play(client: Client, host: str, port: int, delay: float) -> None:
    """Keep one client going: connect, play, connect again."""
    await asyncio.sleep(delay)
    while True:
        try:
            reader, writer = await connect(client, host, port)
        except OSError:
            await asyncio.sleep(RECONNECT)
            continue
        try:
            await client(reader, writer)
        except (OSError, EOFError):
            # Killed or refused from the dashboard: that is what the demo is for.
            await asyncio.sleep(RECONNECT)
        finally:
            writer.close()
        await asyncio.sleep(RECONNECT)


async def connect(client: Client, host: str, port: int) -> Streams:
    """A connection; a slow reader's has a small receive buffer, or the kernel would hide it."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setblocking(False)
    limit = 2**20
    if client is slow_reader:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_RECEIVE_BUFFER)
        limit = SLOW_RECEIVE_BUFFER
    try:
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
        return await asyncio.open_connection(sock=sock, limit=limit)
    except BaseException:
        sock.close()
        raise


async def run(host: str, port: int) -> None:
    """Play until stdin ends."""
    loop = asyncio.get_running_loop()
    parts = [client for client, number in CAST for _ in range(number)]
    tasks = [
        asyncio.create_task(play(client, host, port, delay=0.1 * index))
        for index, client in enumerate(parts)
    ]
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Play against HOST and PORT of the command line."""
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))
