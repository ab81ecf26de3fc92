"""The rounds of the scenarios about memory, send buffers and many descriptors."""

from __future__ import annotations

import contextlib
import random
import resource
import select
import socket
import statistics
import time
from pathlib import Path
from typing import Final

import psutil

from ..core.framing import frame, header
from ..core.settings import MIB, format_size
from ..core.words.language import compose, join_texts
from .lab_client import LabClient, allow_connections
from .lab_server import LabError, LabServer
from .scenario import Measured

ANNOUNCED: Final = 256 * MIB
"""Bytes that four bytes announce, if a quarter of the free memory is as much."""
_SHARE: Final = 4
_LOOK: Final = 0.03
"""Seconds between two looks at the memory; it is counted once it has grown and grows no more."""
_MEMORY_WITHIN: Final = 5.0
"""Seconds for a server to refuse a header, or to make room for its body."""
WRITE_TIMEOUT: Final = 2
"""Seconds without progress after which both servers of `pollout-third` end a connection; the lines
of its mistake have the same number."""
_SLOWLY: Final = 1.75 * WRITE_TIMEOUT
"""Seconds for which a client reads slowly."""
_SLICE: Final = 16 * 1024
"""Bytes that it reads at a time, and the size of its receive buffer."""
_SLICES_A_SECOND: Final = 8
_LARGE_FRAMES: Final = 8
_IDLE: Final = 4_000
_FEWEST: Final = 1_000
"""Idle connections below which poll(2) is too quick to be told from epoll_wait(2)."""
_ECHOES: Final = 200


def measure_memory(server: LabServer, rng: random.Random) -> Measured:
    """Return the MiB by which a server grows on the four bytes of a header."""
    announced = min(ANNOUNCED, _free_memory() // _SHARE)
    with LabClient(server) as client:
        client.ping(rng.randbytes(10))
        before = last = server.resident
        client.send(header(announced))
        until = time.monotonic() + _MEMORY_WITHIN
        is_over = False
        while not is_over and time.monotonic() < until:
            has_ended = client.has_input(_LOOK)
            now = server.resident
            is_over = has_ended or (now == last and now - before > announced / 2)
            last = now
    note = (
        ""
        if announced == ANNOUNCED
        else compose("Announced were {size}.", size=format_size(announced))
    )
    return Measured(max(0, round((last - before) / MIB)), note=note)


def measure_slow_reader(server: LabServer, rng: random.Random) -> Measured:
    """Return the MB of its echoes that are missing to a slow but steady reader."""
    one = frame(rng.randbytes(MIB))
    with LabClient(server, receive_buffer=_SLICE) as client:
        sent = _fill(client, one, _LARGE_FRAMES)
        received = 0
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for number in range(int(_SLOWLY * _SLICES_A_SECOND)):
                time.sleep(max(0, began + number / _SLICES_A_SECOND - time.monotonic()))
                received += len(client.sock.recv(_SLICE))
        rest = one[sent % len(one) :] if sent % len(one) else b""
        received += _exchange_rest(client, rest, sent + len(rest) - received)
    return Measured((sent + len(rest) - received) / 1e6)


def measure_cost_of_many(server: LabServer, rng: random.Random) -> Measured:
    """Return the microseconds of CPU for an echo beside thousands of idle connections."""
    count = allow_connections(_IDLE)
    with contextlib.ExitStack() as clients:
        idle = [clients.enter_context(LabClient(server)) for _ in range(count)]
        active = clients.enter_context(LabClient(server))
        active.ping(rng.randbytes(10))
        costs = []
        for _ in range(3):
            before = server.figures().cpu_seconds
            for _ in range(_ECHOES):
                active.ping(rng.randbytes(10))
            costs.append((server.figures().cpu_seconds - before) / _ECHOES)
        notes = [_describe_select(idle[-1].sock)]
    if count < _IDLE:
        limit = "The descriptor limit allows {count:,} idle connections."
        notes.append(compose(limit, count=count))
    return Measured(1e6 * statistics.median(costs), count, join_texts(filter(None, notes)))


def find_few_descriptors() -> str:
    """Say that this machine allows too few descriptors; empty if it allows enough."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = allow_connections(_IDLE)
    if count < _FEWEST:
        return compose(
            "A limit of {hard:,} descriptors is too low for {fewest:,} connections.",
            hard=hard,
            fewest=_FEWEST,
        )
    return ""


def _describe_select(sock: socket.socket) -> str:
    """Say that select(2) refuses such a descriptor; empty if it does not."""
    try:
        select.select([sock], (), (), 0)
    except ValueError:
        return "select(2) takes none from descriptor 1,024 on."
    return ""


def _free_memory() -> int:
    """Return the bytes of memory that are free, for this machine and for this cgroup."""
    free = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError):  # no cgroup, or no limit
        folder = Path("/sys/fs/cgroup")
        used = int((folder / "memory.current").read_text())
        free = min(free, int((folder / "memory.max").read_text()) - used)
    return max(free, 0)


def _fill(client: LabClient, one: bytes, most: int) -> int:
    """Send the same frame, `most` times or until the server reads no more; return the bytes."""
    client.sock.setblocking(False)
    sent = 0
    waiting = select.poll()
    waiting.register(client.sock, select.POLLOUT)
    while sent < most * len(one) and waiting.poll(300):
        sent += client.sock.send(memoryview(one)[sent % len(one) :])
    client.sock.settimeout(10.0)
    return sent


def _exchange_rest(client: LabClient, rest: bytes, expected: int) -> int:
    """Send the rest while reading; return the bytes that came, of so many expected ones."""
    client.sock.setblocking(False)
    left, received = memoryview(rest), 0
    waiting = select.poll()
    with contextlib.suppress(ConnectionError):
        while received < expected:
            waiting.register(client.sock, select.POLLIN | (select.POLLOUT if left else 0))
            ready = waiting.poll(10_000)
            if not ready:
                raise LabError("a server neither reads nor writes")
            if ready[0][1] & select.POLLIN:
                data = client.sock.recv(1 << 18)
                if not data:
                    break
                received += len(data)
            elif left:
                left = left[client.sock.send(left) :]
    return received
