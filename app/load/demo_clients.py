"""The clients of `echo-tui demo`: together they show every state within seconds.

They run in a process of their own, so that the figures on the screen are those of the server
alone. They run until their stdin ends, which happens at the latest when the parent ends. A line on
stderr is a failure of the demo. So a client that writes again and again waits for `drain`, which
raises once the connection is lost; asyncio logs lost writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, TypeAlias

from ..core.framing import HEADER_SIZE, FrameDecoder, frame, header
from ..core.spawn import helper_command, start_helper
from .clients import SLOW_RECEIVE_BUFFER, open_streams

Client: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SEGMENTS_OF: Final = 512 * 1024
"""Bytes of a body after whose echo the kernel's segments on loopback have reached their size."""
MORE_THAN_A_QUEUE: Final = 8 * 1024 * 1024
"""Bytes, more than the queues of a connection hold: 4 MiB to send (tcp_wmem) and some to read."""
RECONNECT: Final = 1.0
"""Seconds between the end of a connection and the next one."""


def start_clients(host: str, port: int) -> subprocess.Popen[bytes]:
    """Start the clients against a server; closing the stdin of the process ends them."""
    return start_helper(
        helper_command("load.demo_clients", host, str(port)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


async def echoes_from(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    """Yield the body of each echo. Raises `EOFError` when the server has ended the connection."""
    decoder = FrameDecoder()
    while data := await reader.read(256 * 1024):
        decoder.feed(data)
        for body in iter(decoder.next_body, None):
            yield body
    raise EOFError("the server has ended the connection")


def pings(interval: float, size: int) -> Client:
    """Make a client that sends one small frame every `interval` seconds and reads its echo."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        echoes = echoes_from(reader)
        while True:
            writer.write(frame(b"p" * size))
            await anext(echoes)
            await asyncio.sleep(interval)

    return run


async def pipeline(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send bursts of 32 frames, which arrive together and are echoed together."""
    echoes = echoes_from(reader)
    while True:
        writer.write(frame(b"pipelined" * 20) * 32)
        for _ in range(32):
            await anext(echoes)
        await asyncio.sleep(0.05)


async def large_bodies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a body of 768 KiB in pieces, which shows READ_BODY with a growing bar."""
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
    """Send more than is read: shows WRITE_BODY, pending bytes, POLLOUT armed and disarmed."""

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


async def frames_of_a_segment(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send frames of one TCP segment each, and then read: shows EAGAIN.

    The kernel takes such an echo whole or, once the queue is full, not at all: write(2) fails with
    EAGAIN. Of other sizes it takes a part.
    """
    echoes = echoes_from(reader)
    writer.write(frame(bytes(SEGMENTS_OF)))  # the segments have their size after some of them
    await anext(echoes)
    connection: socket.socket = writer.get_extra_info("socket")
    segment = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    while True:
        count = MORE_THAN_A_QUEUE // segment
        for _ in range(count):
            writer.write(frame(b"e" * (segment - HEADER_SIZE)))
            await asyncio.sleep(0.012)
        await asyncio.sleep(1)
        for _ in range(count):
            await anext(echoes)
            await asyncio.sleep(0.03)


async def dribbled_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a header one byte at a time, which shows READ_LEN at 1, 2 and 3 of 4 bytes."""
    echoes = echoes_from(reader)
    while True:
        for byte in frame(b"dribbled"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.6)
        await anext(echoes)


async def oversize(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a good frame, then another protocol: closed as frame_too_large."""
    echoes = echoes_from(reader)
    writer.write(frame(b"good"))
    await anext(echoes)
    await asyncio.sleep(1.5)
    refused = random.choice(
        [b"GET / HTTP/1.1\r\nHost: demo\r\n\r\n", header(2**31), b"SSH-2.0-demo\r\n"]
    )
    writer.write(refused)
    await reader.read()
    await asyncio.sleep(2)


async def short_visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a few frames, half-close, read the rest and close."""
    for _ in range(random.randint(1, 4)):
        writer.write(frame(random.randbytes(random.randint(0, 2000))))
        await writer.drain()
        await asyncio.sleep(random.uniform(0.1, 0.8))
    writer.write_eof()
    while await reader.read(64 * 1024):
        pass


async def stalls_in_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send half a header and nothing more: timeout_header."""
    writer.write(header(100)[:2])
    await reader.read()


async def half_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half-close with an echo under way and fetch that slowly: DRAINING for some seconds."""
    writer.write(frame(b"h" * 600 * 1024))
    writer.write_eof()
    while await reader.read(32 * 1024):
        await asyncio.sleep(0.4)


async def ends_mid_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close in the middle of a body: eof_mid_body."""
    writer.write(header(5000) + b"only the start")
    await asyncio.sleep(4)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Send nothing: idle between frames."""
    await reader.read()


CLIENTS: Final[tuple[tuple[Client, int], ...]] = (
    (pings(0.05, 64), 2),
    (pings(0.3, 200), 2),
    (pings(1.0, 0), 1),
    (pipeline, 1),
    (large_bodies, 2),
    (slow_reader, 2),
    (frames_of_a_segment, 1),
    (dribbled_header, 2),
    (oversize, 1),
    (short_visit, 3),
    (half_closes, 1),
    (stalls_in_header, 1),
    (ends_mid_body, 1),
    (silent, 1),
)
"""Each client, and the number of its connections at a time."""


async def keep_running(client: Client, host: str, port: int, delay: float) -> None:
    """Connect, run the client, and connect again, for ever; the first time after `delay` s."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    receive_buffer = SLOW_RECEIVE_BUFFER if client in (slow_reader, half_closes) else 0
    await asyncio.sleep(delay)
    while True:
        # A client is killed or refused from the dashboard, which is expected in a demo.
        with contextlib.suppress(OSError, EOFError):
            reader, writer = await open_streams(family, (host, port), receive_buffer)
            with contextlib.closing(writer):
                await client(reader, writer)
        await asyncio.sleep(RECONNECT)


async def run(host: str, port: int) -> None:
    """Run all clients until stdin ends."""
    loop = asyncio.get_running_loop()
    clients = [client for client, number in CLIENTS for _ in range(number)]
    tasks = [
        asyncio.create_task(keep_running(client, host, port, delay=0.1 * index))
        for index, client in enumerate(clients)
    ]
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    """Run the clients against HOST and PORT of the command line."""
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))
