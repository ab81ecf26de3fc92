"""The generator's pollers: both tell the same, and a short wait is short."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator

import pytest

from app.load import connecting, generator
from app.load.load_poller import POLLIN, POLLOUT, Epoll, Poll
from tests.load.lying import generate
from tests.peers import Running

Serve = Callable[..., Running]
KINDS = [Poll, *([Epoll] if hasattr(select, "epoll") else [])]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_ready(
    kind: type[Epoll] | type[Poll], pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    poller = kind()
    poller.register(ours.fileno(), POLLIN)
    assert poller.poll(0) == poller.poll(0.001) == []
    theirs.send(b"x")
    assert poller.poll(0.001) == poller.poll(5) == [(ours.fileno(), POLLIN)]
    poller.modify(ours.fileno(), POLLIN | POLLOUT)
    assert poller.poll(5) == [(ours.fileno(), POLLIN | POLLOUT)]
    poller.unregister(ours.fileno())
    assert poller.poll(0) == []
    poller.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0.0, 2000.0])
def test_the_generator_with_each(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, kind: type[Epoll] | type[Poll], rate: float
) -> None:
    monkeypatch.setattr(generator, "best_poller", kind)
    monkeypatch.setattr(connecting, "best_poller", kind)
    port = serve().server.port
    outcome = generate(port, connections=3, depth=4, rate=rate, frames=50, size="100kB")
    assert (outcome.frames, outcome.findings) == (50, ())
