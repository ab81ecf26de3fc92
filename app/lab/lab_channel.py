"""The two pipes between the lab and the process of one of its servers.

The process tells `LabReady` when it listens. From then on each order is a word in a line, and each
answer is one `LabFigures`, a JSON object in a line. A process whose orders end exits at once: its
parent has closed the pipe, or has died.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import traceback
from collections.abc import Callable
from typing import Final

import msgspec

FIGURES: Final = "figures"
"""Do nothing but answer."""
HEAL: Final = "heal"
"""Serve as the right loop before the answer; the right server does so anyway."""
STARVE: Final = "starve"
"""Have no descriptor free until `FEED`."""
FEED: Final = "feed"


class LabReady(msgspec.Struct, frozen=True):
    """The first message: the port that the server listens on."""

    port: int


class LabFigures(msgspec.Struct, frozen=True):
    """Counts of a server since its start."""

    polls: int
    accept_errors: int
    """Accepts that failed, EAGAIN apart."""
    partial_writes: int
    cpu_seconds: float
    """CPU time of the process."""


def send(message: msgspec.Struct) -> None:
    """Write one message to stdout."""
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def obey(figures: Callable[[], LabFigures], heal: Callable[[], None] | None = None) -> None:
    """Carry out orders until there can be no more; then end the process, whatever else it does.

    Every order is answered with the `figures` behind it.
    """
    descriptors = _Descriptors()
    orders = {HEAL: heal, STARVE: descriptors.starve, FEED: descriptors.feed}
    code = 0
    try:
        for line in sys.stdin.buffer:
            act = orders.get(line.decode().strip())
            if act is not None:
                act()
            send(figures())
    except Exception:
        code = 1
        with contextlib.suppress(OSError):  # perhaps nobody is there to read it
            traceback.print_exc()
    finally:
        os._exit(code)


class _Descriptors:
    """The limit of this process on descriptors."""

    def __init__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def starve(self) -> None:
        """Lower the limit to the first descriptor that is free (getrlimit(2), EMFILE)."""
        free = os.dup(sys.stdin.fileno())
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, self._limits[1]))

    def feed(self) -> None:
        """Set the limit that was there before."""
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)
