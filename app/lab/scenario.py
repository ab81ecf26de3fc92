"""The parts of a scenario: how it is measured, how it is judged, and the words for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..core.settings import Settings
from .lab_client import LOOPBACK
from .lab_server import LabServer
from .lab_text import LabText

Measure = Callable[[LabServer, random.Random], "Measured"]


class Measured(NamedTuple):
    """The figure of one server in one round, in the unit of its scenario."""

    value: float
    extra: int = 0
    """A second figure, for scenarios that are judged by one."""
    note: str = ""
    """A sentence about what this machine did not allow in full; most often empty."""


Judge = Callable[[Measured, Measured], bool]


@dataclass(frozen=True)
class Scenario:
    """A mistake that is shown: both servers are measured by the same clients."""

    name: str
    """The name of its mistake too (`app.lab.mistakes`)."""
    measure: Measure
    """Plays one round of clients, drawn from the generator. Raises `LabError`, OSError."""
    is_shown: Judge
    """Whether the figures of the right and of the wrong server, in this order, are far apart."""
    text: LabText
    settings: Settings = Settings(port=0)  # noqa: RUF009  # immutable
    """The settings of the right server."""
    words: tuple[str, ...] = ()
    """Further words for it, on the command line of `app.lab.right_server`."""
    host: str = LOOPBACK
    """The address at which both servers listen."""
    find_obstacle: Callable[[], str] = lambda: ""
    """Returns why this machine cannot show it, in a sentence; empty if it can."""


def at_least(times: float, floor: float) -> Judge:
    """Judge by a ratio: the wrong figure is so many `times` the right one, or the `floor`."""

    def judge(right: Measured, wrong: Measured) -> bool:
        return wrong.value >= times * max(right.value, floor)

    return judge
