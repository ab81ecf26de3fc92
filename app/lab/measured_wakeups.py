"""The rounds of the scenarios in which a loop never sleeps: polls and failed accepts a second."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from .lab_channel import LabFigures
from .lab_client import LabClient
from .lab_server import LabServer
from .scenario import Measured

_IDLE: Final = 5
"""Connections without anything to do."""
_LOOK: Final = 0.25
"""Seconds between two looks at the figures."""
_LOOKS: Final = 3
_PLENTY: Final = 5_000
"""A count after which no further look is needed."""


def measure_idle(server: LabServer, rng: random.Random) -> Measured:
    """Return the polls a second while a few connections are idle."""
    clients = [LabClient(server) for _ in range(_IDLE)]
    try:
        for client in clients:
            client.ping(rng.randbytes(rng.randint(1, 100)))
        return Measured(_rate(server, lambda figures: figures.polls))
    finally:
        for client in clients:
            client.reset()


def measure_hung_up(server: LabServer, rng: random.Random) -> Measured:
    """Return the polls a second after a peer has reset its connection."""
    with LabClient(server) as client:
        client.ping(rng.randbytes(10))
    return Measured(_rate(server, lambda figures: figures.polls))


def measure_ended(server: LabServer, rng: random.Random) -> Measured:
    """Return the polls a second after a peer has sent its FIN."""
    with LabClient(server) as client:
        client.ping(rng.randbytes(10))
        client.end_sending()
        return Measured(_rate(server, lambda figures: figures.polls))


def measure_out_of_descriptors(server: LabServer, rng: random.Random) -> Measured:
    """Return the failed accepts a second while a client waits and no descriptor is free.

    Raises `LabError` if that client is not served once one is free.
    """
    with LabClient(server) as served:
        served.ping(rng.randbytes(10))
        server.starve()
        try:
            waiting = LabClient(server)
            rate = _rate(server, lambda figures: figures.accept_errors)
        finally:
            server.feed()
    with waiting:
        waiting.ping(rng.randbytes(10))
    return Measured(rate)


def _rate(server: LabServer, count: Callable[[LabFigures], int]) -> float:
    """Return by how much a count grows in a second."""
    first, began = count(server.figures()), time.perf_counter()
    grown = seconds = 0.0
    for _ in range(_LOOKS):
        time.sleep(_LOOK)
        grown, seconds = count(server.figures()) - first, time.perf_counter() - began
        if grown > _PLENTY:
            break
    return grown / seconds
