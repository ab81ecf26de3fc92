"""The messages of the load processes: small and immutable, one JSON line each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from msgspec import Struct, structs

from .findings import Finding

Counts: TypeAlias = tuple[tuple[int, int], ...]
HISTOGRAM_BITS = 7
"""Precision of each latency histogram: a percentile is at most 0.8 % too high."""
PROGRESS_INTERVAL = 0.25
"""Seconds between two `Opening` or `Progress` of a process."""
MOST_FINDINGS = 20
"""Most findings that a process, or all clients of one profile, report in words; all are counted."""


class Opening(Struct, frozen=True, tag="opening"):
    """The progress of connecting; `failures` counts failed connects by the words of the error."""

    connected: int = 0
    failures: dict[str, int] = {}
    is_ready: bool = False
    """True if no connect is pending; the process then waits for `GO`."""
    refusal: str = ""
    """The reason why this process cannot run its share: a mistake on the command line."""


class Progress(Struct, frozen=True, tag="progress", kw_only=True):
    """Counts since `GO`; `latency` is since the last `Progress`, none for misbehaving clients."""

    seconds: float
    alive: int
    frames: int
    bytes: int
    wrong: int
    latency: Counts


class ProfileOutcome(Struct, frozen=True, kw_only=True):
    """The result of all clients of one profile."""

    profile: str
    clients: int
    connections: int
    sent: int
    echoed: int
    as_expected: bool
    saw: str
    """The result in words for a person."""


class Outcome(Struct, frozen=True, tag="outcome", kw_only=True):
    """The result of one process."""

    frames: int = 0
    """Right echoes, including those after the end of the measured time."""
    measured_frames: int = 0
    measured_bytes: int = 0
    """Bytes of bodies in one direction."""
    measured_s: float = 0.0
    cpu_s: float = 0.0
    """CPU time of this process, in seconds, within the measured time."""
    wrong: int = 0
    missing: int = 0
    """Echoes that never came, for frames sent whole or in part."""
    lost: int = 0
    """Connections that the server ended, or that an error ended; not those with a wrong echo."""
    late: int = 0
    """Frames that an open loop had to send within its time and could not."""
    stranded: int = 0
    """The part of `late` that belongs to lost connections."""
    unexpected: int = 0
    """Problems of misbehaving clients that are neither wrong nor missing echoes."""
    findings: tuple[Finding, ...] = ()
    found: int = 0
    """Number of findings, including those that are not in `findings`."""
    latency: Counts = ()
    profiles: tuple[ProfileOutcome, ...] = ()


Message: TypeAlias = Opening | Progress | Outcome


def add_up(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the sum of each field of the outcomes, by name; tuples are joined."""
    sums = structs.asdict(Outcome())
    for outcome in outcomes:
        sums = {name: value + getattr(outcome, name) for name, value in sums.items()}
    return sums
