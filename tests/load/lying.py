"""Servers that do not echo as they should, and the generator run in the test's own thread."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.core.framing import HEADER_SIZE, read_length
from app.load.connecting import Connecting
from app.load.frame_loop import FrameLoop
from app.load.generator import Generator
from app.load.load_plan import LoadPlan, LoadShare
from app.load.outcome import Outcome, Progress
from app.load.sizes import parse_sizes
from tests.peers import PATIENCE

Answer = Callable[[socket.socket, list[bytes]], None]


@contextmanager
def lying_server(group: int, answer: Answer) -> Iterator[int]:
    """Run a server that reads `group` frames, calls `answer`, then echoes; yield its port.

    It serves one connection, until the client closes it or `answer` has closed it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        thread = threading.Thread(target=_serve, args=(listening, group, answer))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join(PATIENCE)


def _serve(listening: socket.socket, group: int, answer: Answer) -> None:
    client, _ = listening.accept()
    with client:
        client.settimeout(PATIENCE)
        received = bytearray()
        frames: list[bytes] = []
        while len(frames) < group:
            data = client.recv(1 << 16)
            if not data:
                return  # the client has ended before its first frames: a loop would spin for ever
            received += data
            while len(frames) < group and (frame := _first_frame(received)):
                frames.append(frame)
                del received[: len(frame)]
        answer(client, frames)
        try:
            while client.fileno() >= 0:
                client.sendall(received)
                received = bytearray(client.recv(1 << 16))
                if not received:
                    return
        except ConnectionError:
            return  # a client that has detected the wrong echo closes at once


def _first_frame(received: bytearray) -> bytes:
    if len(received) < HEADER_SIZE:
        return b""
    end = HEADER_SIZE + read_length(received, 0)[0]
    return bytes(received[:end]) if len(received) >= end else b""


def plan(port: int = 1, size: str = "64", **changes: Any) -> LoadPlan:
    """Make a plan of one connection, with changes."""
    usual = {
        "host": "127.0.0.1",
        "connections": 1,
        "depth": 1,
        "rate": 0.0,
        "duration": 0.0,
        "frames": 0,
        "connect_rate": 10_000.0,
        "processes": 1,
        "timeout": PATIENCE,
        "seed": 7,
    }
    return LoadPlan(port=port, sizes=parse_sizes(size), **{**usual, **changes})


def share(port: int, **changes: Any) -> LoadShare:
    """Return the only share of such a plan."""
    (only,) = plan(port, **changes).shares(socket.AF_INET, ("127.0.0.1", port))
    return only


def generate(port: int, told: list[Progress] | None = None, **changes: Any) -> Outcome:
    """Run the generator in this thread."""
    asked = share(port, **changes)
    control, keeps_open = os.pipe()
    try:
        connecting = Connecting(asked, control, lambda _: None)
        connecting.run()
        assert len(connecting.opened) == asked.connections, connecting.failures
        frame_loop = FrameLoop(asked.sizes, asked.depth, asked.seed)
        tell = (told if told is not None else []).append
        return Generator(asked, frame_loop, connecting.opened, control, tell).run()
    finally:
        os.close(control)
        os.close(keeps_open)
