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
from app.server import lifecycle
from tests.peers import Running, read_to_end

TABLE: Final = Path(__file__).parents[2] / "docs" / "clients.md"
TOO_LONG: Final = b"\xff\xff\xff\xff"
UNREAD: Final = 300_000
"""Bytes of a body whose echo is more than a small receive buffer takes."""
PENDING: Final = 7_000_000
"""Bytes of a body whose echo is more than the kernel takes."""


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


def unread(*, half_close: bool = False, rest: bytes = b"") -> Callable[..., None]:
    """Make a client that reads none of its echo, which stands in the kernel's send queue."""

    def act(server: Running, client: socket.socket, connection_id: int) -> None:
        sends(frame(bytes(UNREAD)) + rest, half_close)(server, client, connection_id)
        server.shown(
            connection_id,
            lambda it: it.bytes_out > UNREAD and it.queues is not None and it.queues.unacked_bytes,
        )
        if half_close or rest:
            server.shown(connection_id, lambda it: it.closing is not None)

    return act


def in_turn(*acts: Callable[[Running, socket.socket, int], None]) -> Callable[..., None]:
    """Do one act after the other, and wait until the connection is closed: the peer reads later."""

    def act(server: Running, client: socket.socket, connection_id: int) -> None:
        for each in acts:
            each(server, client, connection_id)
        server.closed(connection_id)

    return act


def stops(server: Running, _client: socket.socket, _id: int) -> None:
    server.server.stop("test")


def stops_twice(server: Running, _client: socket.socket, _id: int) -> None:
    """Stop in order, and then at once."""
    server.server.stop("test")
    server.server.stop("test", now=True)


def awaits_no_echo(server: Running, client: socket.socket, connection_id: int) -> None:
    """Send a frame whose echo the kernel does not take whole."""
    client.sendall(frame(bytes(PENDING)))
    server.shown(connection_id, lambda it: it.out_length > it.out_sent > 0)


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


CUT_OFF: Final[dict[str, tuple[Callable[..., None], dict[str, Any], str]]] = {
    "killed: half-closed": (
        in_turn(unread(half_close=True), kills("reset")),
        {},
        r"mode reset: [\d,]{6,} bytes not acknowledged; it was ending as eof",
    ),
    "killed: refused": (
        in_turn(unread(rest=TOO_LONG), kills("reset")),
        {},
        r"mode reset: [\d,]{6,} bytes not acknowledged; it was ending as frame_too_large \(.+\)",
    ),
    "killed: in two ways": (
        in_turn(unread(), kills("drain"), kills("reset")),
        {},
        r"mode reset: [\d,]{6,} bytes not acknowledged; it was ending as killed \(mode drain\)",
    ),
    "killed: at rest": (in_turn(sends(b""), kills("reset")), {}, "mode reset"),
    "killed: half-closed, mode close": (
        in_turn(unread(half_close=True), kills("close")),
        {},
        r"mode close: [\d,]{6,} of 300,004 bytes lost, not acknowledged in time;"
        " it was ending as eof",
    ),
    "shutdown: the kernel has it": (
        in_turn(unread(), stops),
        {"grace": 0.3},
        r"the grace time was over: [\d,]{6,} bytes not acknowledged",
    ),
    "shutdown: half-closed": (
        in_turn(unread(half_close=True), stops),
        {"grace": 0.3},
        r"the grace time was over: [\d,]{6,} bytes not acknowledged; it was ending as eof",
    ),
    "shutdown: pending": (
        in_turn(awaits_no_echo, stops),
        {"grace": 0.3, "cap": PENDING},
        # On a loop that stalls, nothing is begun before the grace is over.
        r"the grace time was over: .*[\d,]{6,} bytes of echo pending"
        r"(;.*\(while its echo was .*\))?",
    ),
    "shutdown: at once": (
        in_turn(awaits_no_echo, stops_twice),
        {"grace": 30.0, "cap": PENDING},
        r"stopped at once: .*[\d,]{6,} bytes of echo pending",
    ),
}
"""Ends of a peer that had not got its echo yet: its name begins with the reason."""


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


@pytest.mark.parametrize("case", CUT_OFF)
def test_who_loses_an_echo_sees_it_and_the_log_says_how_much(
    started: Callable[..., Running], case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "CLOSE_BOUND", 0.3)
    act, settings, detail = CUT_OFF[case]
    server = started(**settings)
    client, connection_id = server.connect_known(receive_buffer=4096)
    act(server, client, connection_id)
    closed = server.closed(connection_id)
    assert closed.reason.value == case.split(":", maxsplit=1)[0]
    assert re.fullmatch(detail, closed.detail), closed.detail
    assert end_of(client) == "RST"
    assert "RST" in documented()[closed.reason.value]


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


def test_a_client_that_spoke_before_it_was_refused_sees_a_fin() -> None:
    server = Running(max_connections=1)
    clients = [server.connect() for _ in range(21)]
    for client in clients:
        client.sendall(frame(bytes(500)))
    server.start()  # from here on they are accepted
    server.watcher.until(lambda: len(server.watcher.all(Closed)) == 20, "they are refused")
    assert {end_of(client) for client in clients[1:]} == {"FIN"}
    server.end()


def sends_until_told(client: socket.socket) -> str:
    """Send frames until the kernel says that nobody is there; return the error's name."""
    for _ in range(1000):
        try:
            client.sendall(frame(b"x"))
        except OSError as error:
            return type(error).__name__
    return "nothing"
