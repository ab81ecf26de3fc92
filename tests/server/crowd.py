"""Clients at both of two workers, and what is done to the workers."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from app.core.events import Opened, Reason
from app.core.framing import frame, header
from app.core.statistics import WorkerStats
from tests.peers import PATIENCE, Running, exchange, read_to_end

Serve = Callable[..., Running]
PING = frame(b"ping")


class Crowd:
    """Clients at both workers, by the id of their connection."""

    def __init__(self, running: Running, size: int = 24) -> None:
        self.running = running
        self.watcher = running.watcher
        self.clients = {
            connection_id: client
            for client, connection_id in (running.connect_known() for _ in range(size))
        }
        self.workers = {event.id: event.worker for event in self.watcher.all(Opened)}
        assert set(self.workers.values()) == {1, 2}

    def of(self, worker: int) -> dict[int, socket.socket]:
        """The clients whose connection that worker has."""
        return {id_: one for id_, one in self.clients.items() if self.workers[id_] == worker}

    def pid(self, worker: int) -> int:
        """Of the process that is there now."""
        alive = [event for event in self.watcher.all(WorkerStats) if event.worker == worker]
        return alive[-1].pid

    def kill_worker(self, worker: int) -> int:
        """SIGKILL; the process's id."""
        self.watcher.wait_for(WorkerStats, lambda event: event.worker == worker and event.alive)
        pid = self.pid(worker)
        os.kill(pid, signal.SIGKILL)
        return pid


def suspend(pid: int) -> None:
    """SIGSTOP, and wait until every thread has obeyed: a signal is on its way for a moment."""
    os.kill(pid, signal.SIGSTOP)
    stats = list(Path(f"/proc/{pid}/task").glob("*/stat"))
    deadline = monotonic() + PATIENCE
    while not all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats):
        assert monotonic() < deadline


def echoes(client: socket.socket) -> bool:
    return exchange(client, [PING], len(PING)) == PING


def refused(running: Running, client: socket.socket, connection_id: int) -> bool:
    """Whether a frame of 11 bytes is too large."""
    client.sendall(header(11))
    assert read_to_end(client) == b""
    client.close()
    return running.closed(connection_id).reason is Reason.FRAME_TOO_LARGE
