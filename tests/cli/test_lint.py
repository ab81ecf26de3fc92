"""`ctl lint`, and the notes in `ctl list` and `ctl why`: real clients, good ones and others."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.framing import frame, header
from tests.cli.ctl_runs import Ctl, asking, objects
from tests.control.serving import Controlled
from tests.peers import connect, exchange, read_to_end
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


@pytest.fixture
def ask(controlled: Controlled) -> Ctl:
    return asking(controlled)


def send_apart(client: socket.socket, done: threading.Event, gap: float) -> None:
    """Send header and body apart, again and again."""
    while not done.is_set():
        client.sendall(header(20))
        time.sleep(gap)
        exchange(client, [b"x" * 20], 24)


def test_a_client_that_writes_header_and_body_apart_is_told_within_5_s(
    controlled: Controlled, ask: Ctl
) -> None:
    done = threading.Event()
    with connect(controlled.server.port) as client:
        began = time.monotonic()
        sender = threading.Thread(target=send_apart, args=(client, done, 0.042))
        sender.start()
        try:
            until(lambda: objects(ask("list", "--json"))[0]["notes"] == ["nagle"])
            assert time.monotonic() - began < 5
            assert len(objects(ask("list", "--json", "--where", "note:nagle"))) == 1
            assert objects(ask("why", "1", "--json"))[0]["notes"] == ["nagle"]
            told = ask("why", "1").stdout
            ended = ask("lint", "--json")
            text = ask("lint")
        finally:
            done.set()
            sender.join()
    assert "nagle: " in told
    assert "TCP_NODELAY" in told
    assert (ended.returncode, ended.stderr) == (1, "")
    (found,) = (json.loads(line) for line in ended.stdout.splitlines())
    assert list(found) == ["peer", "note", "text", "ids"]
    assert (found["peer"], found["note"], found["ids"]) == ("127.0.0.1", "nagle", [1])
    assert text.returncode == 1
    assert text.stdout.startswith("127.0.0.1 nagle: ")
    assert text.stdout.endswith(" (#1)\n")


def test_of_good_clients_there_is_none(controlled: Controlled, ask: Ctl) -> None:
    with connect(controlled.server.port) as client:
        for size in (4, 30_000, 900_000):
            exchange(client, [frame(b"x" * size)] * 3, 3 * (size + 4))
        client.sendall(frame(b"slow")[:6])
        time.sleep(1.2)
        exchange(client, [b"ow"], 8)
        assert objects(ask("list", "--json"))[0]["notes"] == []
        ended = ask("lint", "--json")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert ask("lint").returncode == 0


def test_a_host_that_ends_inside_frames_is_told_at_its_next_connection(
    controlled: Controlled, ask: Ctl
) -> None:
    for _ in range(3):
        with connect(controlled.server.port) as client:
            client.sendall(frame(b"hello, world")[:9])
            client.shutdown(socket.SHUT_WR)
            read_to_end(client)
        time.sleep(0.15)
    with connect(controlled.server.port):
        until(lambda: ask("lint").returncode == 1)
        assert ask("lint").stdout.startswith("127.0.0.1 ends_mid_frame: 3 of its last 3 ")
        (row,) = objects(ask("list", "--json"))
        assert row["notes"] == ["ends_mid_frame"]
