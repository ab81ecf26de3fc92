"""Registers the labelled situations, in the order in which their modules are imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .playing import Situation
from .scene import Scene

KB: Final = 1000
KIB: Final = 1024
MIB: Final = 1024**2
NO_TIMEOUTS: Final = ("--header-timeout", "0", "--body-timeout", "0", "--write-timeout", "60")
ARMED: Final = ("--write-mode", "armed")
EDGE: Final = ("--poller", "epoll-et")
found: Final[list[Situation]] = []


def situation(*codes: str, **others: Any) -> Callable[[Callable[[Scene], object]], None]:
    """Register a function that brings a situation about."""

    def register(arrange: Callable[[Scene], object]) -> None:
        name = arrange.__name__.strip("_")
        found.append(Situation(name, codes, arrange, **others))

    return register


def variants(
    codes: str, arrange: Callable[..., object], others: dict[str, Any], **each: dict[str, Any]
) -> None:
    """Register one arrangement several times, with other arguments each."""
    for name, arguments in each.items():

        def run(scene: Scene, arguments: dict[str, Any] = arguments) -> object:
            return arrange(scene, **arguments)

        found.append(Situation(name, tuple(codes.split()), run, **others))
