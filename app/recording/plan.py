"""What is to be recorded, and how far. Imports next to nothing: every command line does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from ..core.settings import KIB


class Limits(Struct, frozen=True):
    """When a recording ends by itself; 0 = never."""

    size: Annotated[
        int,
        Meta(
            ge=64 * KIB,  # less would end before there is anything to see
            le=2**50,
            description="A recording ends when it is so large; 0 = never.",
            extra={
                "option": "--record-max-size",
                "unit": "bytes (1 PiB), or 0 = never",
                "may_be_zero": True,
            },
        ),
    ] = 0
    """Bytes of the file."""
    age: Annotated[
        float,
        Meta(
            ge=0,
            le=366 * 86_400,
            description="A recording ends after so many seconds; 0 = never.",
            extra={"option": "--record-max-age", "unit": "s (0 = never)"},
        ),
    ] = 0.0
    """Seconds."""


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """What the command line says about recording."""

    path: Path | None = None
    """The file to record into from the start."""
    limits: Limits = NO_LIMITS
    has_payload: bool = False
    """Whether bytes of peers are recorded, where they are traced."""
    may_replace: bool = False
    """Whether an existing recording may be replaced."""


NO_PLAN: Final = RecordingPlan()
"""Nothing is recorded from the start, and without limits later."""
