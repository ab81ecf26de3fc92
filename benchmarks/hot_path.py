"""Measures the CPU time of the loop per frame: ``python -m benchmarks.hot_path``.

It uses real sockets and the loop's own `Serving.batch`, but no second process: the frames are
written before and the echoes read after the measured time. In alternation with it runs a bare loop
of `os.read` and `os.write` on connections of the same kind. The difference is our own work: the
header, the CAP, the counters, the service time, the deadlines, the place in the table.
"""

from __future__ import annotations

import argparse
import os
import socket
import time
from collections.abc import Callable
from statistics import median
from typing import Final

from app.core.addresses import Address
from app.core.commands import TraceLevel
from app.core.events import POLLIN
from app.core.framing import frame
from app.core.settings import Settings
from app.server.connection import READ_SIZE, SMALL_READ, STEADY
from app.server.connection_limit import ConnectionLimit
from app.server.lifecycle import Lifecycle
from app.server.listener import make_listeners
from app.server.poller import make_poller
from app.server.reporter import Reporter
from app.server.serving import ADAPT_EVERY, Serving
from app.server.shard import Shard
from app.watch.stream import EventStream

CONNECTIONS: Final = 64
BODY: Final = 64
"""Bytes."""

Serve = Callable[[], object]


class Crowd:
    """Clients with their server ends, connected over loopback."""

    def __init__(self, listener: socket.socket) -> None:
        self.clients: list[socket.socket] = []
        self.served: list[socket.socket] = []
        for _ in range(CONNECTIONS):
            client = socket.create_connection(listener.getsockname())
            listener.setblocking(True)
            served, _ = listener.accept()
            served.setblocking(False)
            for sock in (client, served):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.clients.append(client)
            self.served.append(served)

    def turn(self, data: bytes, serve: Serve) -> float:
        """Seconds that `serve` takes to echo `data` to each client."""
        for client in self.clients:
            client.sendall(data)
        started = time.perf_counter()
        serve()
        took = time.perf_counter() - started
        for client in self.clients:
            if client.recv(len(data), socket.MSG_WAITALL) != data:
                raise SystemExit("a wrong echo")
        return took


def loop_of(crowd: Crowd, shard: Shard) -> Serve:
    """The loop's `batch` over all of them, as a poll would call it."""
    reporter = Reporter(EventStream(), shard.epoch, TraceLevel.OFF)
    life = Lifecycle(Settings(), make_poller("epoll"), reporter, shard, time.monotonic)
    serving = Serving(life, time.monotonic)
    for sock in crowd.served:
        life.open(sock, "peer", time.monotonic())
    ready = [(sock.fileno(), POLLIN) for sock in crowd.served]

    def serve() -> None:
        reporter.wakeups += 1
        serving.batch(ready, time.monotonic())

    return serve


def bare(crowd: Crowd, size: int) -> Serve:
    """Read and write, and nothing else."""
    ready = [(sock.fileno(), POLLIN) for sock in crowd.served]
    read, write = os.read, os.write

    def serve() -> None:
        for fd, _ in ready:
            write(fd, read(fd, size))

    return serve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=3000)
    turns = parser.parse_args().turns
    if turns < 1:
        parser.error(f"--turns {turns}: must be 1 at least")
    listener = make_listeners([Address("127.0.0.1", 0)], CONNECTIONS).loops[0][0]
    for depth in (1, 16):
        data = frame(bytes(BODY)) * depth
        ours, theirs = Crowd(listener.sock), Crowd(listener.sock)
        batch = loop_of(ours, Shard((listener,), ConnectionLimit(), epoch=0.0))
        alone = bare(theirs, SMALL_READ if len(data) < SMALL_READ else READ_SIZE)
        for _ in range((STEADY + 3) * ADAPT_EVERY):  # the loop gets to know its connections
            ours.turn(data, batch)
        pairs = [(ours.turn(data, batch), theirs.turn(data, alone)) for _ in range(turns)]
        us = [1e6 * median(times) / CONNECTIONS for times in zip(*pairs, strict=True)]
        ratio = median(ours / bare for ours, bare in pairs)
        print(
            f"{CONNECTIONS} connections x {depth:2} x {BODY} B: {us[0]:.2f} µs a wake-up,"
            f" read and write alone {us[1]:.2f}, ratio {ratio:.3f}"
        )


if __name__ == "__main__":
    main()
