"""The rounds of the scenarios in which one client waits for another, or all for a timer."""

from __future__ import annotations

import contextlib
import random
import select
import statistics
import time
from collections.abc import Callable
from typing import Final

from ..core.framing import frame, header
from ..core.settings import MIB
from .lab_client import LabClient, allow_connections
from .lab_server import LabError, LabServer
from .scenario import Measured

HOLD: Final = 1.0
"""Seconds after which an echo is no longer waited for: whatever it waits for is given."""
_TRIES: Final = 3
"""Echoes in a row of which the slowest counts."""
_FEW: Final = 5
_THREADS: Final = 500
_CALLBACK_BODY: Final = 30_000
"""Bytes of a body for which the callback of `slow-callback` takes 0.3 s."""
_FIREHOSE_PINGS: Final = 5
_FIREHOSE_HOLD: Final = 0.5
_FIREHOSE_LEAD: Final = 100_000
"""Bytes of echo that the firehose has got before each ping."""
_PAIRS: Final = 25
_LARGE_ECHOES: Final = 3


def measure_behind_half_frame(server: LabServer, rng: random.Random) -> Measured:
    """Return the milliseconds of an echo beside a client that has sent half of a frame."""
    with LabClient(server) as slow, LabClient(server) as other:
        body = rng.randbytes(rng.randint(10, 100))
        slow.ping()
        other.ping()
        slow.send(header(len(body)))
        slow.wait_until_taken()
        return Measured(1000 * _slowest_echo(other, lambda: slow.send(body)))


def measure_behind_callback(server: LabServer, rng: random.Random) -> Measured:
    """Return the milliseconds of an echo beside a client whose frame costs the server 0.3 s."""
    with LabClient(server) as costly, LabClient(server) as other:
        other.ping()
        costly.send(frame(rng.randbytes(_CALLBACK_BODY)))
        costly.wait_until_taken()
        return Measured(1000 * _slowest_echo(other, lambda: None))


def measure_unanswered(server: LabServer, rng: random.Random) -> Measured:
    """Return how many of a few clients have no echo a second after the last has connected."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(LabClient(server)) for _ in range(_FEW)]
        for client in clients:
            client.send(frame(rng.randbytes(rng.randint(1, 100))))
        until = time.perf_counter() + HOLD
        answered = [client.has_input(until - time.perf_counter()) for client in clients]
        return Measured(answered.count(False))


def measure_threads(server: LabServer, rng: random.Random) -> Measured:
    """Return the number of threads that serve a crowd of clients."""
    with contextlib.ExitStack() as clients:
        crowd = allow_connections(_THREADS)
        for _ in range(crowd):
            clients.enter_context(LabClient(server)).ping(rng.randbytes(10))
        # One thread of each server takes the lab's orders and serves nobody.
        return Measured(server.threads - 1, crowd)


def measure_beside_firehose(server: LabServer, rng: random.Random) -> Measured:
    """Return the milliseconds of an echo, the median, beside a client that never stops sending."""
    with LabClient(server) as hose, LabClient(server) as other:
        other.ping()
        firehose = _Firehose(hose, rng)
        times = []
        for _ in range(_FIREHOSE_PINGS):
            firehose.flow(_FIREHOSE_LEAD)
            times.append(firehose.ping(other))
        return Measured(1000 * statistics.median(times), int(1000 * max(times)))


def measure_two_at_once(server: LabServer, rng: random.Random) -> Measured:
    """Return the milliseconds for two frames that are sent together, the median."""
    with LabClient(server) as client:
        times = []
        for _ in range(_PAIRS):
            bodies = [rng.randbytes(rng.randint(1, 100)) for _ in range(2)]
            began = time.perf_counter()
            client.send(b"".join(map(frame, bodies)))
            if [client.next_body() for _ in bodies] != bodies:
                raise LabError("an echo is wrong")
            times.append(time.perf_counter() - began)
        return Measured(1000 * statistics.median(times))


def measure_large_echo(server: LabServer, rng: random.Random) -> Measured:
    """Return the milliseconds of an echo of 1 MiB, the median; the count is of partial writes."""
    before = server.figures().partial_writes
    with LabClient(server) as client:
        body = rng.randbytes(MIB)
        times = [client.ping(body) for _ in range(_LARGE_ECHOES)]
    partial_writes = server.figures().partial_writes - before
    return Measured(1000 * statistics.median(times), partial_writes // _LARGE_ECHOES)


def _slowest_echo(client: LabClient, release: Callable[[], object]) -> float:
    """Return the seconds of the slowest of a few echoes; `release` is called at most once.

    The first one may be served in the same round as what is in its way.
    """
    slowest = 0.0
    for _ in range(_TRIES):
        slowest = max(slowest, _echo(client, b"ping", release))
        if slowest >= HOLD:
            break
    return slowest


def _echo(client: LabClient, body: bytes, release: Callable[[], object]) -> float:
    """Return the seconds of an echo; after `HOLD` without it `release` is called."""
    began = time.perf_counter()
    client.send(frame(body))
    if not client.has_input(HOLD):
        release()
    if client.next_body() != body:
        raise LabError("an echo is wrong")
    return time.perf_counter() - began


class _Firehose:
    """A client that has always sent more small frames than the server has read."""

    def __init__(self, client: LabClient, rng: random.Random) -> None:
        self._sock = client.sock
        self._sock.setblocking(False)
        self._frames = b"".join(frame(rng.randbytes(16)) for _ in range(3000))
        self._sent = 0
        self._received = 0

    def flow(self, size: int) -> None:
        """Send until so many bytes of echo have come. Raises `LabError`."""
        goal = self._received + size
        self._run(lambda: self._received >= goal, select.poll(), 10.0)

    def ping(self, other: LabClient) -> float:
        """Return the seconds of an echo of `other`; after a while without it, only read."""
        began = time.perf_counter()
        other.send(frame(b"ping"))
        poller = select.poll()
        poller.register(other.sock, select.POLLIN)
        self._run(lambda: other.has_input(0), poller, _FIREHOSE_HOLD)
        if other.next_body() != b"ping":
            raise LabError("an echo is wrong")
        return time.perf_counter() - began

    def _run(self, is_over: Callable[[], bool], poller: select.poll, most: float) -> None:
        until = time.perf_counter() + most
        poller.register(self._sock, select.POLLIN | select.POLLOUT)
        while not is_over() and time.perf_counter() < until:
            for fd, revents in poller.poll(1000 * most):
                if fd == self._sock.fileno():
                    self._move(revents)
        poller.unregister(self._sock)

    def _move(self, revents: int) -> None:
        if revents & select.POLLIN:
            self._received += len(self._sock.recv(1 << 18))
        if revents & select.POLLOUT:
            at = self._sent % len(self._frames)
            with contextlib.suppress(BlockingIOError):
                self._sent += self._sock.send(memoryview(self._frames)[at:])
