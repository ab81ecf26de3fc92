"""Compares three ways in which two workers can share a port: ``python -m benchmarks.sharing``.

- own: a listener for each (SO_REUSEPORT); the kernel spreads connections by a hash.
- exclusive: one listener for all, in each epoll set with EPOLLEXCLUSIVE; one waiting loop wakes.
- herd: one listener for all without that flag; every waiting loop wakes for every connection.

For each it tells how the connections fall on the workers (the larger share in percent; the median
of the rounds, and the worst), echoes and connections per second, and CPU for each.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.core.addresses import Address
from app.core.settings import Settings
from app.server import server as server_module
from app.server.connection_limit import ConnectionLimit
from app.server.listener import Listener, make_listeners
from app.server.poller import EpollPoller
from app.server.server import Server
from app.server.shard import Shard
from app.watch.stream import EventStream
from benchmarks import native
from benchmarks.measuring import LOAD_LIMIT
from benchmarks.scenarios import Kind, Scenario
from benchmarks.servers import HOST, ROOT

WAYS = ("own", "exclusive", "herd")
WORKERS = 2
LOADS = (
    Scenario("64", "64 connections x 64 B", 64),
    Scenario("1000", "1,000 connections x 64 B", 1000),
    Scenario("churn", "64 at a time: connect, one echo, close", 64, kind=Kind.CHURN),
)


class ExclusivePoller(EpollPoller):
    """An epoll set whose first descriptor, the listener, wakes one of those who wait for it."""

    def __init__(self) -> None:
        super().__init__()
        register = self.add

        def add_listener(fd: int, interest: int) -> None:
            register(fd, interest | select.EPOLLEXCLUSIVE)
            self.add = register

        self.add = add_listener  # type: ignore[assignment]


def work(way: str, fd: int) -> None:
    """One worker: the loop of the server, and on stdout how many connections it has accepted."""
    if way == "exclusive":
        server_module.make_poller = lambda _name: ExclusivePoller()  # type: ignore
    sock = socket.socket(fileno=fd)
    sock.setblocking(False)
    stream = EventStream()
    shard = Shard((Listener(sock, HOST, 0),), ConnectionLimit(), time.time() - time.monotonic())
    server = Server(Settings(max_connections=20_000, header_timeout=0), stream, shard=shard)
    server.start()
    for _ in sys.stdin:
        opened = server._loop.reporter.opened_count
        print(opened, flush=True)
    server.stop("end", now=True)
    server.join()


@contextlib.contextmanager
def workers(way: str) -> Iterator[tuple[int, list[subprocess.Popen[str]]]]:
    """Two workers on one port, which they share in that way."""
    bound = make_listeners([Address(HOST, 0)], 4096, WORKERS if way == "own" else 1)
    listeners = [listeners[0] for listeners in bound.loops]
    if way != "own":
        listeners *= WORKERS
    processes = []
    for listener in listeners:
        fd = listener.sock.fileno()
        command = [sys.executable, "-m", "benchmarks.sharing", "--work", way, str(fd)]
        processes.append(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[fd],
                text=True,
                cwd=ROOT,
            )
        )
    try:
        for process in processes:
            accepted(process)  # it answers once it serves
        yield listeners[0].port, processes
    finally:
        for process in processes:
            process.communicate(timeout=10)
        bound.close()


def accepted(process: subprocess.Popen[str]) -> int:
    """Return the number of connections that a worker has accepted so far."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("?\n")
    process.stdin.flush()
    return int(process.stdout.readline())


@dataclass(slots=True)
class Found:
    """The figures of one way under one load, a value for each round."""

    larger_share: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def row(self) -> str:
        """As a line of the table."""
        share = f"{statistics.median(self.larger_share):6.0%} {max(self.larger_share):6.0%}"
        per_s, cpu_us = statistics.median(self.per_s), statistics.median(self.cpu_us)
        return f"{share} {per_s:10,.0f} {cpu_us:8.2f}"


def measure(way: str, load: Scenario, seconds: float, found: Found) -> None:
    """One round."""
    with workers(way) as (port, processes):
        pids = ",".join(str(process.pid) for process in processes)
        command = [str(native.BUILD / "load"), HOST, str(port), "--json", "--cpu-of", pids]
        ended = subprocess.run(
            [*command, *load.load_arguments(seconds)],
            stdout=subprocess.PIPE,
            check=True,
            timeout=LOAD_LIMIT + seconds,
        )
        result = json.loads(ended.stdout.splitlines()[-1])
        counts = [accepted(process) for process in processes]
    found.larger_share.append(max(counts) / sum(counts))
    found.per_s.append(result["frames_per_s"])
    found.cpu_us.append(result["server_cpu_s"] / result["frames"] * 1e6)


def main() -> None:
    """Measure, turn and turn about, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--work", nargs=2, metavar=("WAY", "FD"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work[0], int(options.work[1]))
        return
    native.build()
    print("load    way        larger  worst      per s   CPU µs")
    for load in LOADS:
        found = {way: Found() for way in WAYS}
        for turn in range(options.rounds):
            for way in WAYS if turn % 2 == 0 else reversed(WAYS):
                measure(way, load, options.seconds, found[way])
        for way in WAYS:
            print(f"{load.name:7} {way:9} {found[way].row()}", flush=True)


if __name__ == "__main__":
    main()
