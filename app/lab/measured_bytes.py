"""The rounds of the scenarios in which echoes are lost, or belong to somebody else."""

from __future__ import annotations

import random
import select
import socket
from typing import Final

from ..core.framing import frame, header
from ..core.settings import MIB
from ..core.words.language import compose
from .lab_client import LOOPBACK, PATIENCE, LabClient, allow_connections
from .lab_server import LabError, LabServer
from .scenario import Measured

_LARGE_FRAMES: Final = 12
_SMALL_BUFFER: Final = 16 * 1024
"""Bytes of a receive buffer, so that a client has not got what it has not read."""
BURST: Final = 100
"""Frames that are sent at once."""
PAIRS: Final = 20
"""Pairs of clients whose frames arrive in turn."""
EMPTY_AT: Final = 40
"""Number of the frame without a body."""
CROWD: Final = 200
"""Clients, of which `CUT` send their header some time before the body."""
CUT: Final = 19
_BESIDE: Final = 20
"""Echoes on another connection after which a loop is taken to have forgotten the first."""


def measure_lost_of_large(server: LabServer, rng: random.Random) -> Measured:
    """Return the MB that are missing of the echoes of large frames, read reluctantly.

    Raises `LabError` if what comes is all of it and not the same.
    """
    sent = b"".join(frame(rng.randbytes(MIB)) for _ in range(_LARGE_FRAMES))
    with LabClient(server, receive_buffer=_SMALL_BUFFER) as client, LabClient(server) as other:
        received = _send_reluctantly(client, sent)
        client.end_sending()
        while data := client.receive_some():
            received += data
            other.ping()  # the server fills its send queue again before more is read
    if len(received) == len(sent) and received != sent:
        raise LabError("an echo is wrong")
    return Measured((len(sent) - len(received)) / 1e6)


def measure_lost_of_burst(server: LabServer, rng: random.Random) -> Measured:
    """Return how many of a hundred frames, sent at once, have no echo."""
    bodies = [rng.randbytes(rng.randint(1, 100)) for _ in range(BURST)]
    with LabClient(server) as client, LabClient(server) as other:
        client.send(b"".join(map(frame, bodies)))
        client.wait_until_served(other)
        echoed = 0
        while echoed < BURST and _is_served(client, other):
            echoed += client.next_body() == bodies[echoed]
    return Measured(BURST - echoed)


def measure_mixed_up(server: LabServer, rng: random.Random) -> Measured:
    """Return how many of twice `PAIRS` clients get bytes that they have not sent."""
    wrong = 0
    with LabClient(server) as other:
        for _ in range(PAIRS):
            with LabClient(server) as one, LabClient(server) as two:
                clients = {one: rng.randbytes(100), two: rng.randbytes(100)}
                for client, body in clients.items():
                    client.send(header(len(body)) + body[:50])
                    client.wait_until_served(other)
                for client, body in clients.items():
                    client.send(body[50:])
                wrong += sum(client.next_body() != body for client, body in clients.items())
    return Measured(wrong)


def measure_lost_of_empty(server: LabServer, rng: random.Random) -> Measured:
    """Return how many of a hundred frames, one of them empty, have no echo."""
    bodies = [rng.randbytes(rng.randint(1, 100)) for _ in range(BURST)]
    bodies[EMPTY_AT] = b""
    with LabClient(server) as client:
        client.send(b"".join(map(frame, bodies)))
        client.end_sending()
        for echoed, body in enumerate(bodies):
            if client.next_body() != body:
                return Measured(BURST - echoed)
    return Measured(0)


def measure_lost_of_cut(server: LabServer, rng: random.Random) -> Measured:
    """Return how many of a crowd of clients are not echoed; some send header and body apart."""
    crowd = allow_connections(CROWD)
    cut = set(rng.sample(range(crowd), min(CUT, crowd)))
    lost = 0
    with LabClient(server) as other:
        for number in range(crowd):
            body = rng.randbytes(rng.randint(1, 100))
            with LabClient(server) as client:
                if number in cut:
                    client.send(header(len(body)))
                    client.wait_until_served(other)
                    client.send(body)
                else:
                    client.send(frame(body))
                lost += client.next_body() != body
    return Measured(lost)


def measure_lost_before_refusal(server: LabServer, rng: random.Random) -> Measured:
    """Return the MB that are missing of an echo behind which a header over the CAP was sent."""
    good = frame(rng.randbytes(MIB))
    with LabClient(server, receive_buffer=_SMALL_BUFFER) as client, LabClient(server) as other:
        client.send(good + header(MIB + 1) + rng.randbytes(1000))
        client.wait_until_served(other)
        client.end_sending()
        received = b"".join(iter(client.receive_some, b""))
    if len(received) == len(good) and received != good:
        raise LabError("an echo is wrong")
    return Measured((len(good) - len(received)) / 1e6)


def measure_unreachable(server: LabServer, rng: random.Random) -> Measured:
    """Return at how many of the two loopback addresses nobody is served."""
    refused = 0
    for host in (LOOPBACK, "::1"):
        try:
            with LabClient(server, host=host) as client:
                client.ping(rng.randbytes(10))
        except LabError:
            refused += 1
    return Measured(refused)


def find_no_ipv6() -> str:
    """Say that this machine has no IPv6 loopback address; empty if it has."""
    try:
        with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as lfd:
            socket.create_connection(("::1", lfd.getsockname()[1]), 5).close()
    except (OSError, ValueError) as error:
        return compose("This machine has no IPv6 loopback address ({error}).", error=error)
    return ""


def _send_reluctantly(client: LabClient, data: bytes) -> bytes:
    """Send all of it, and read only while the server takes nothing more; return what was read."""
    left, received = memoryview(data), bytearray()
    client.sock.setblocking(False)
    waiting = select.poll()
    waiting.register(client.sock, select.POLLIN | select.POLLOUT)
    while left:
        ready = waiting.poll(1000 * PATIENCE)
        if not ready:
            raise LabError("a server neither reads nor writes")
        try:
            if ready[0][1] & select.POLLOUT:
                left = left[client.sock.send(left) :]
            else:
                received += client.sock.recv(_SMALL_BUFFER)
        except BlockingIOError:
            continue
    client.sock.settimeout(PATIENCE)
    return bytes(received)


def _is_served(client: LabClient, other: LabClient) -> bool:
    """Wait for input, as long as a few echoes on another connection take; whether it came."""
    for _ in range(_BESIDE):
        if client.has_input(0):
            return True
        other.ping()
    return client.has_input(0)
