"""--max-per-peer: what one address may hold open, without workers and with."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from app.core.commands import Set
from app.core.events import Closed, Opened, Reason
from app.core.framing import frame
from tests.peers import Running, exchange, read_to_end

Serve = Callable[..., Running]


@pytest.fixture(params=[0, pytest.param(2, marks=pytest.mark.slow)])
def running(request: pytest.FixtureRequest, serve: Serve) -> Running:
    return serve(host="0.0.0.0", max_per_peer=3, workers=request.param)


def connect(running: Running, host: str) -> socket.socket:
    """Connect from an address of this machine, and wait until the server knows it."""
    before = len(running.watcher.all(Opened))
    address = (host, running.server.port)
    client = socket.create_connection(address, 5, source_address=(host, 0))
    running._clients.append(client)
    running.watcher.until(lambda: len(running.watcher.all(Opened)) > before)
    return client


def serves(client: socket.socket) -> bool:
    """Whether an echo comes; a refused connection is closed."""
    try:
        return exchange(client, [frame(b"x")], 5) == frame(b"x")
    except (AssertionError, OSError):
        return False


def test_one_address_may_hold_so_many_and_others_are_not_affected(running: Running) -> None:
    first = [connect(running, "127.0.0.1") for _ in range(3)]
    refused = [connect(running, "127.0.0.1") for _ in range(2)]
    other = [connect(running, "127.0.0.2") for _ in range(3)]
    running.watcher.until(lambda: len(running.watcher.all(Closed)) == 2)
    for closed in running.watcher.all(Closed):
        assert closed.reason is Reason.LIMIT
        assert closed.detail == "--max-per-peer 3 of 127.0.0.1"
    assert [read_to_end(client) for client in refused] == [b"", b""]
    assert all(map(serves, [*first, *other]))
    first[0].close()
    running.watcher.until(lambda: len(running.watcher.all(Closed)) == 3)
    assert serves(connect(running, "127.0.0.1"))
    assert not serves(connect(running, "127.0.0.1"))


def test_it_is_set_and_turned_off_at_run_time(running: Running) -> None:
    assert running.submit(Set, name="max_per_peer", value=0).ok
    held = [connect(running, "127.0.0.1") for _ in range(5)]
    assert all(map(serves, held))
    assert running.submit(Set, name="max_per_peer", value=5).ok  # those that are open count
    assert not serves(connect(running, "127.0.0.1"))
    assert serves(connect(running, "127.0.0.2"))
    assert running.submit(Set, name="max_per_peer", value=6).ok
    assert serves(connect(running, "127.0.0.1"))
    assert not serves(connect(running, "127.0.0.1"))
    for value in (0, 7):  # turned off and on again, it counts each of them once
        assert running.submit(Set, name="max_per_peer", value=value).ok
    assert serves(connect(running, "127.0.0.1"))
    refused = running.submit(Set, name="max_per_peer", value=-1)
    assert refused.message.startswith("--max-per-peer -1 is out of range: it must be 0 to")


def test_an_ipv4_peer_is_the_same_at_a_dual_stack_listener(serve: Serve) -> None:
    running = serve(host="::", max_per_peer=1)
    assert serves(connect(running, "127.0.0.1"))
    assert not serves(connect(running, "127.0.0.1"))
    assert serves(connect(running, "127.0.0.3"))
