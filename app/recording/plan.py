"""The plan of a recording: its file and its limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from msgspec import Struct

from ..core.printable import printable
from ..core.settings import KIB, SettingError, bounds, format_size, parse_size


class Limits(Struct, frozen=True):
    """When a recording ends by itself; 0 = never."""

    size: Annotated[
        int,
        bounds(
            64 * KIB,  # a smaller recording would end before there is anything to see
            2**50,
            "Bytes at which a recording ends; 0 = never.",
            option="--record-max-size",
            unit="bytes (1 PiB), or 0 = never",
            may_be_zero=True,
        ),
    ] = 0
    age: Annotated[
        float,
        bounds(
            0,
            366 * 86_400,
            "Seconds after which a recording ends; 0 = never.",
            option="--record-max-age",
            unit="s (0 = never)",
        ),
    ] = 0.0


NO_LIMITS: Final = Limits()
LEAST_KEPT: Final = 1024 * KIB
"""Bytes that can be kept at least: with less, nothing could be seen."""
LEAST_AGE: Final = 10
"""Seconds that can be kept at least."""
_AGES: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_AGE: Final = re.compile(r"\s*(\d{1,9})\s*([smhdw])\s*", re.ASCII)


class Keep(NamedTuple):
    """How much of a recording is kept, in numbered files: bytes, or seconds; the other is 0."""

    size: int = 0
    age: float = 0.0

    def __str__(self) -> str:
        """As the option has it: ``500MiB``, ``90m``."""
        if self.size:
            return format_size(self.size)
        unit = next(unit for unit in reversed(_AGES) if self.age % _AGES[unit] == 0)
        return f"{self.age / _AGES[unit]:.0f}{unit}"


def parse_keep(text: str) -> Keep:
    """Return what ``500MiB``, ``90m``, ``7d`` mean; ``m`` are minutes, ``M`` is MiB.

    Raises `SettingError`, also for a number without a unit.
    """
    if age := _AGE.fullmatch(text):
        seconds = int(age[1]) * _AGES[age[2]]
        if LEAST_AGE <= seconds <= 3660 * 86_400:
            return Keep(age=float(seconds))
        raise SettingError(f"--record-keep {text.strip()} is out of range: it must be 10s to 3660d")
    try:
        if not text.strip()[-1:].isalpha():
            raise SettingError("")
        size = parse_size(text)
    except SettingError:
        raise SettingError(
            f"--record-keep '{printable(text, 40)}' is neither a size nor an age with its unit:"
            " write 500MiB, or 90m, 12h, 7d"
        ) from None
    if not LEAST_KEPT <= size <= 2**50:
        raise SettingError(
            f"--record-keep {printable(text.strip(), 40)} is out of range: it must be 1MiB to 1PiB"
        )
    return Keep(size=size)


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """The recording that the command line asks for."""

    path: Path | None = None
    """The file to record into from the start."""
    limits: Limits = NO_LIMITS
    has_payload: bool = False
    """Whether bytes of peers are recorded, where they are traced."""
    may_replace: bool = False
    """Whether an existing recording may be replaced."""
    may_number: bool = False
    """Whether, where `path` is a recording already, the next number is added to the name: so it is
    for a service, whose configuration stays as it is when it starts again."""
    keep: Keep | None = None
    """How much is kept, in numbered files; the limits then do not count."""


NO_PLAN: Final = RecordingPlan()
"""Nothing is recorded from the start, and without limits later."""
