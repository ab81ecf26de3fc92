"""The plan of a recording: its file and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from msgspec import Struct

from ..core.settings import KIB, bounds


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


NO_PLAN: Final = RecordingPlan()
"""Nothing is recorded from the start, and without limits later."""
