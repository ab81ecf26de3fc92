"""What is to be recorded, and how far. Imports next to nothing: every command line does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple


class Limits(NamedTuple):
    """When a recording ends by itself; 0 = never."""

    size: int = 0
    """Bytes of the file."""
    age: float = 0.0
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
