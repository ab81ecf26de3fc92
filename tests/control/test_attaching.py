"""Clients of the control socket that come, go or do not read, beside a busy server."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from app.control.client_side.attached_source import AttachedSource
from app.control.client_side.control_client import Link, ServerGone
from app.control.protocol import (
    Do,
    News,
    Page,
    Watch,
    pack,
)
from app.core.commands import Set
from app.core.events import (
    Closed,
    Opened,
)
from app.core.framing import frame
from app.watch.screen_state import ScreenState
from tests.control.serving import Controlled, Copy, is_well, news_until
from tests.peers import connect, exchange, read_exactly, read_to_end
from tests.waiting import until


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


def test_a_flood_of_commands_without_reading_harms_nobody(controlled: Controlled) -> None:
    with controlled.raw() as flooder:
        flooder.greet()
        flooder.send(Watch())
        flooder.sock.settimeout(0.3)
        command = pack(Do(command=Set(request=1, name="cap", value=1 << 20)))
        flood = threading.Thread(target=pour, args=(flooder.sock, command * 100))
        flood.start()
        for _ in range(5):
            assert is_well(controlled)
        flood.join()
    assert is_well(controlled)


def pour(sock: socket.socket, data: bytes) -> None:
    try:
        while True:
            sock.sendall(data)
    except TimeoutError:
        return  # nobody takes it any more: that is what should happen


def test_one_that_never_reads_holds_up_nobody(controlled: Controlled) -> None:
    with controlled.raw() as lazy, controlled.link() as link:
        lazy.greet()
        lazy.send(Watch())
        link.fetch_pages()
        clients = [connect(controlled.server.port) for _ in range(300)]
        for client in clients:
            exchange(client, [frame(b"x" * 50)], 54)
        for client in clients:
            client.close()
        closed = 0
        while closed < 300:
            message = link.receive()
            assert isinstance(message, News)
            closed += sum(isinstance(event, Closed) for event in message.events)


def test_thirty_clients_attach_while_connections_open_echo_and_close(
    controlled: Controlled,
) -> None:
    stop, kept = threading.Event(), ExitStack()

    def come_and_go() -> None:
        for number in count():
            client = connect(controlled.server.port)
            exchange(client, [frame(b"hi")], 6)
            if number % 10:
                client.close()
            else:
                kept.enter_context(client)
            if stop.wait(0.003):
                return

    churn = threading.Thread(target=come_and_go)
    with kept, ExitStack() as links:
        churn.start()
        clients = []
        try:
            for _ in range(30):
                link = links.enter_context(controlled.link())
                clients.append((link, Copy().apply(*link.fetch_pages())))
        finally:
            stop.set()
            churn.join()
        for link, copy in clients:
            until(partial(catches_up, controlled, link, copy), "all rows with their figures")
            assert copy.missed == 0


def catches_up(controlled: Controlled, link: Link, copy: Copy) -> bool:
    """Apply what has come; whether a copy has all rows of the server, and the echo of each."""
    for message in link.receive_ready():
        assert isinstance(message, Page | News)
        copy.apply(message)
    with controlled.fanout.lock:
        is_same = copy.open.keys() == controlled.fanout.state.rows.keys()
    return is_same and all(
        one in copy.figures and copy.figures[one].frames_out == 1 for one in copy.open
    )


def test_a_client_that_is_told_nothing_any_more_is_let_go(controlled: Controlled) -> None:
    with controlled.link() as link:
        link.fetch_pages()
        (session,) = controlled.service._sessions
        controlled.fanout.remove(session.follower)  # as the fan-out does when it raises
        with pytest.raises(ServerGone):
            news_until(link, lambda _news: False)
    assert is_well(controlled)


def test_attaching_and_detaching_often_loses_nothing(controlled: Controlled) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(controlled.server.port)) for _ in range(500)]
        controlled.watcher.until(lambda: len(controlled.watcher.all(Opened)) == 500, "open")
        over = threading.Event()
        rounds: list[int] = []
        busy = threading.Thread(target=keep_busy, args=(clients, over, rounds))
        busy.start()
        try:
            for _ in range(50):
                assert rows_seen(controlled) == 500
        finally:
            over.set()
            busy.join()
    watcher = controlled.watcher
    watcher.until(lambda: len(watcher.all(Closed)) == 500, "all closed")
    assert {closed.frames_out for closed in watcher.all(Closed)} == {len(rounds)}
    until(lambda: controlled.service.clients == 0, "all have gone")


def test_who_asks_is_told_of_those_that_closed_before_and_logs_none_of_them(
    controlled: Controlled,
) -> None:
    with connect(controlled.server.port) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        read_to_end(client)
    controlled.watcher.wait_for(Closed, lambda event: event.id == 1)
    for closed, number in ((True, 1), (False, 0)):
        source, model = AttachedSource(controlled.path, closed=closed), ScreenState()

        def is_told(source: AttachedSource = source, model: ScreenState = model) -> bool:
            model.apply(source.drain(), source.now())
            return model.listening is not None

        try:
            until(is_told, "pages")
        finally:
            source.close()
        assert source.keep_closed == controlled.fanout.state.kept.limit > 0
        assert len(model.kept) == number
        assert [row.diagnosis.code for row in model.kept if row.diagnosis] == ["http1"] * number
        assert not [line for line in model.log if "closed" in line.word]


def rows_seen(controlled: Controlled) -> int:
    """How many connections a dashboard shows that is attached, looks once and leaves."""
    source, model = AttachedSource(controlled.path), ScreenState()

    def shows() -> bool:
        model.apply(source.drain(), source.now())
        return bool(model.rows)

    try:
        until(shows, "rows")
        return len(model.rows)
    finally:
        source.close()


def keep_busy(clients: list[socket.socket], over: threading.Event, rounds: list[int]) -> None:
    """Echo a frame on every connection, again and again; every round that was right is kept."""
    while not over.is_set():
        body = b"%d" % len(rounds)
        for client in clients:
            client.sendall(frame(body))
        if not all(read_exactly(client, 4 + len(body)) == frame(body) for client in clients):
            return
        rounds.append(len(rounds))


@pytest.mark.parametrize("linger", [False, True])
def test_a_client_that_vanishes_is_let_go(controlled: Controlled, linger: bool) -> None:
    client = controlled.raw()
    client.greet()
    client.send(Watch())
    if linger:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()
    until(lambda: controlled.service.clients == 0, "let go")
    assert is_well(controlled)
