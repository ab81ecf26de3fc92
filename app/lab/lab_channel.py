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
from typing import Final, Protocol

import msgspec

from ..core.commands import StepAction
from ..core.iteration import Iteration
from ..core.stepping import Stepped

FIGURES: Final = "figures"
"""Do nothing but answer."""
HEAL: Final = "heal"
"""Serve as the right loop before the answer; the right server does so anyway."""
STARVE: Final = "starve"
"""Have no descriptor free until `FEED`."""
FEED: Final = "feed"
LOOP: Final = "loop"
"""Answer with a `LabLoop` instead."""
LOOK: Final = "look"
"""Note each call from here on, until `LEAVE`."""
LEAVE: Final = "leave"
STEPS_KEPT: Final = 24
"""Calls of a loop that `LabLoop` tells, the latest ones."""
ITERATIONS_KEPT: Final = 8
"""The same of iterations."""
STEPS: Final = {
    "hold": StepAction.HOLD,
    "call": StepAction.CALL,
    "iteration": StepAction.ITERATION,
    "go": StepAction.GO,
    "pace": StepAction.PACE,
}
"""Orders to a loop that can be held; ``pace`` is followed by the seconds."""


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


class LabLoop(msgspec.Struct, frozen=True):
    """The point where a loop stands, and what it has done last."""

    held: str = ""
    """The call before which it is held; empty if it runs."""
    doing: str = ""
    """A call that it is in, and since when; empty if none is known."""
    where: str = ""
    """The line of its source that makes the call before which it is held."""
    steps: tuple[Stepped, ...] = ()
    """Its last calls, the latest last."""
    iterations: tuple[Iteration, ...] = ()
    """Its last iterations, the latest last."""


class Obedient(Protocol):
    """A server that can be held."""

    def figures(self) -> LabFigures:
        """Return the counts since the start."""

    def step(self, action: StepAction, count: int, pace: float) -> None:
        """Hold the loop, let it make so many calls or iterations, or let it go on."""

    def look(self, looks: bool) -> None:
        """Note its calls, or no more."""

    def loop(self) -> LabLoop:
        """Return where it stands, and what it has done last."""


def send(message: msgspec.Struct) -> None:
    """Write one message to stdout."""
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def obey(server: Obedient, heal: Callable[[], None] = lambda: None) -> None:
    """Carry out orders until there can be no more; then end the process, whatever else it does.

    Every order but `LOOP` is answered with the server's figures behind it.
    """
    descriptors = _Descriptors()
    orders: dict[str, Callable[[], None]] = {
        HEAL: heal,
        STARVE: descriptors.starve,
        FEED: descriptors.feed,
        LOOK: lambda: server.look(True),
        LEAVE: lambda: server.look(False),
    }
    code = 0
    try:
        for line in sys.stdin.buffer:
            order, _, pace = line.decode().strip().partition(" ")
            if order in STEPS:
                server.step(STEPS[order], 1, float(pace or 0.0))
            elif order in orders:
                orders[order]()
            send(server.loop() if order == LOOP else server.figures())
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
