"""More connections at once than one wake-up accepts."""

from __future__ import annotations

import socket
from collections.abc import Callable

from app.core.events import Opened
from app.core.framing import frame
from app.server.acceptor import ACCEPT_BUDGET
from app.server.poller import Ready
from tests.peers import Running


def told_once(poll: Callable[[float | None], Ready], fd: int) -> Callable[[float | None], Ready]:
    """A poll that reports `fd` a single time, as edge-triggered readiness may."""
    told = False

    def once(timeout: float | None) -> Ready:
        nonlocal told
        ready = poll(0.01 if timeout is None else min(timeout, 0.01))
        kept = [entry for entry in ready if entry[0] != fd or not told]
        told = told or any(entry[0] == fd for entry in ready)
        return kept

    return once


def test_a_burst_beyond_the_accept_budget_is_served_whole(kind: dict[str, str]) -> None:
    running = Running(poller=kind["poller"], write_mode=kind["write_mode"])
    burst = ACCEPT_BUDGET * 2 + 20
    address = ("127.0.0.1", running.server.port)
    # It listens already and does not accept yet: all of them wait when the loop begins.
    clients = [socket.create_connection(address, 10) for _ in range(burst)]
    poller = running.server._poller
    poller.poll = told_once(poller.poll, running.server._loop._acceptors[0].fd)  # type: ignore[assignment,method-assign]
    running.start()
    try:
        watcher = running.watcher
        watcher.until(lambda: len(watcher.all(Opened)) == burst, "every open")
        clients[-1].sendall(frame(b"last"))
        assert clients[-1].recv(8) == frame(b"last")
    finally:
        for client in clients:
            client.close()
        running.end()
