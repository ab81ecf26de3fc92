"""What the processes tell: small immutable messages, one JSON line each."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from .findings import Finding

Counts: TypeAlias = tuple[tuple[int, int], ...]
HISTOGRAM_BITS = 7
"""Of every latency histogram: a percentile is at most 0.8 % too high."""
TELL_EVERY = 0.25
"""Seconds between two `Opening` or `Progress` of a process."""
MOST_FINDINGS = 20
"""That a process, or the clients of a profile, tell in words; all are counted."""


class Opening(Struct, frozen=True, tag="opening"):
    """How far the connecting has come."""

    connected: int
    failed: int


class Ready(Struct, frozen=True, tag="ready"):
    """Connected as far as possible; waits for the go. `failures` by the words of the error."""

    connected: int
    failures: dict[str, int]
    refusal: str = ""
    """Why this process cannot do its share at all: a mistake of the command line."""


class Progress(Struct, frozen=True, tag="progress", kw_only=True):
    """Counts since the go; `latency` is of the last moment only, and none of who misbehaves."""

    seconds: float
    alive: int
    frames: int
    bytes: int
    wrong: int
    latency: Counts


class ProfileOutcome(Struct, frozen=True, kw_only=True):
    """What the clients of one profile saw."""

    profile: str
    clients: int
    connections: int
    sent: int
    echoed: int
    as_expected: bool
    saw: str
    """In words, for a person."""


class Outcome(Struct, frozen=True, tag="outcome", kw_only=True):
    """All that one process measured."""

    frames: int = 0
    """Right echoes, those after the end of the measured time included."""
    measured_frames: int = 0
    measured_bytes: int = 0
    """Of bodies, one way."""
    measured_s: float = 0.0
    cpu_s: float = 0.0
    """Of this process, in the measured time."""
    wrong: int = 0
    missing: int = 0
    """Echoes that never came, of frames sent whole or in part."""
    lost: int = 0
    """Connections that the server ended, or that were given up for a wrong echo."""
    late: int = 0
    """Frames that an open loop had to send within its time and could not."""
    stranded: int = 0
    """Of those late, the frames of connections that were lost."""
    unexpected: int = 0
    """What misbehaving clients met that is neither a wrong nor a missing echo."""
    findings: tuple[Finding, ...] = ()
    found: int = 0
    """Findings in all, those included that are not told."""
    latency: Counts = ()
    profiles: tuple[ProfileOutcome, ...] = ()


Message: TypeAlias = Opening | Ready | Progress | Outcome
