"""The table in docs/clients.md: by which end, FIN or RST, a client meets each close reason."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from app.core.commands import Kill
from app.core.events import Closed, Reason
from app.core.framing import frame
from tests.peers import Running, read_to_end

TABLE: Final = Path(__file__).parents[2] / "docs" / "clients.md"
TOO_LONG: Final = b"\xff\xff\xff\xff"


def documented() -> dict[str, str]:
    """Return the table: by close reason, what the client sees."""
    section = TABLE.read_text("utf-8").split("## What a client sees")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| ([^|]*) \|", section, re.MULTILINE)
    return {name: seen for names, seen in rows for name in re.findall(r"`([a-z_]+)`", names)}


def end_of(client: socket.socket) -> str:
    """Read to the end; return by what it came."""
    try:
        read_to_end(client)
    except ConnectionResetError:
        return "RST"
    return "FIN"


def test_every_reason_of_a_close_stands_there() -> None:
    assert set(documented()) == {reason.value for reason in Reason}


def sends(data: bytes, half_close: bool = False) -> Callable[[Running, socket.socket, int], None]:
    """Make a client that sends, and perhaps half-closes."""

    def act(_server: Running, client: socket.socket, _id: int) -> None:
        client.sendall(data)
        if half_close:
            client.shutdown(socket.SHUT_WR)

    return act


def kills(mode: str) -> Callable[[Running, socket.socket, int], None]:
    """Make an operator who kills the connection."""

    def act(server: Running, _client: socket.socket, connection_id: int) -> None:
        server.submit(Kill, ids=(connection_id,), mode=mode)

    return act


def stops(server: Running, _client: socket.socket, _id: int) -> None:
    server.server.stop("test")


def reads_nothing(_server: Running, client: socket.socket, _id: int) -> None:
    """Send until nothing moves any more, and wait until the server has ended it."""
    client.setblocking(False)
    body = frame(bytes(100_000))
    sent = 0
    try:
        while True:
            sent += client.send(body[sent % len(body) :])
    except BlockingIOError:
        client.settimeout(10)


CASES: Final[dict[str, tuple[Any, str, dict[str, Any]]]] = {
    "eof": (sends(frame(b"x"), half_close=True), "FIN", {}),
    "eof_mid_header": (sends(b"\0", half_close=True), "FIN", {}),
    "eof_mid_body": (sends(frame(b"xyz")[:-1], half_close=True), "FIN", {}),
    "frame_too_large": (sends(frame(b"x") + TOO_LONG), "FIN", {}),
    "timeout_header": (sends(b"\0"), "FIN", {"header_timeout": 0.05}),
    "timeout_body": (sends(frame(b"xyz")[:-1]), "FIN", {"body_timeout": 0.05}),
    "timeout_idle": (sends(frame(b"x")), "FIN", {"idle_timeout": 0.05}),
    "killed": (kills("close"), "FIN", {}),
    "killed by drain": (kills("drain"), "FIN", {}),
    "killed by reset": (kills("reset"), "RST", {}),
    "shutdown": (stops, "FIN", {}),
    "timeout_write": (reads_nothing, "RST", {"write_timeout": 0.2}),
}


@pytest.fixture
def started() -> Iterator[Callable[..., Running]]:
    """Start a server with settings; it is ended with the test."""
    servers: list[Running] = []

    def start(**settings: Any) -> Running:
        servers.append(Running(**settings).start())
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.mark.parametrize("case", CASES)
def test_the_client_sees_what_stands_there(started: Callable[..., Running], case: str) -> None:
    act, seen, settings = CASES[case]
    reason = case.split(maxsplit=1)[0]
    assert seen in documented()[reason]
    server = started(**settings)
    client, connection_id = server.connect_known(receive_buffer=4096)
    act(server, client, connection_id)
    if reason == "timeout_write":
        server.closed(connection_id)  # before it is read: reading would keep it alive
    assert end_of(client) == seen
    assert server.closed(connection_id).reason.value == reason


def test_a_refused_client_sees_a_fin_and_then_that_nobody_is_there(
    started: Callable[..., Running],
) -> None:
    assert documented()["limit"].startswith("FIN at once; RST")
    server = started(max_connections=1)
    server.connect_known()
    refused = server.connect()
    assert end_of(refused) == "FIN"
    assert server.watcher.wait_for(Closed).reason is Reason.LIMIT
    assert sends_until_told(refused) in {"ConnectionResetError", "BrokenPipeError"}


def sends_until_told(client: socket.socket) -> str:
    """Send frames until the kernel says that nobody is there; return the error's name."""
    for _ in range(1000):
        try:
            client.sendall(frame(b"x"))
        except OSError as error:
            return type(error).__name__
    return "nothing"
