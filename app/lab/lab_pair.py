"""The two servers of a scenario, and rounds in which the same clients measure both."""

from __future__ import annotations

import contextlib
import random
from typing import NamedTuple, Self

import msgspec

from .lab_server import LabServer
from .scenario import Measured, Scenario


class Round(NamedTuple):
    """The figures of both servers for the same clients."""

    right: Measured
    wrong: Measured


class LabPair:
    """A right and a wrong server, which run until the end of a ``with`` block."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._running = contextlib.ExitStack()
        self.right: LabServer
        self.wrong: LabServer

    def __enter__(self) -> Self:
        """Start both. Raises `LabError` if one does not start."""
        played = self._scenario
        with contextlib.ExitStack() as starting:
            self.right = starting.enter_context(LabServer.right(played.settings, *played.words))
            self.wrong = starting.enter_context(LabServer.wrong(played.name, played.host))
            self.right.wait_until_serving()
            self.wrong.wait_until_serving()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def stepped_right(self) -> LabServer:
        """Start another right server, whose loop can be held: its figures are slower ones.

        It ends with the others. Raises `LabError`.
        """
        settings = msgspec.structs.replace(self._scenario.settings, step=True)
        server = self._running.enter_context(LabServer.right(settings, *self._scenario.words))
        server.wait_until_serving()
        return server

    def play(self, seed: int) -> Round:
        """Measure first the right server, then the wrong one, by the clients of a seed.

        Raises `LabError` or OSError. It may be called in another thread than `heal`.
        """
        measure = self._scenario.measure
        return Round(
            measure(self.right, random.Random(seed)), measure(self.wrong, random.Random(seed))
        )

    def heal(self) -> None:
        """Take the mistake away while the wrong server runs; its next round is a right one.

        Raises `LabError` if that server has ended.
        """
        self.wrong.heal()
