"""The cases that `check client` plays: what the client meets, and what a right one makes of it.

A right client exits with 0 where its echo was whole, cut or late, and with another code, in time,
where the echo was wrong or missing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from ..core.fault_spec import FaultSpec, parse_fault

MOST_WAIT: Final = 0.8
"""Seconds that an echo is late, or takes, at the most: nothing is later than 1 s."""
ALL_WAITS: Final = 0.4
"""Share of a case's time-out in which all echoes of a run are late, or take, together."""


class Echo(Enum):
    """The echo that the client gets."""

    RIGHT = "right"
    """All of it, cut or late at most."""
    WRONG = "wrong"
    """Bytes that are not those that it sent."""
    MISSING = "missing"
    """Less than it sent, and an end or nothing behind it."""
    NONE = "none"
    """No server at all."""


class Baseline(NamedTuple):
    """The client where nothing was wrong; the other cases are made from it."""

    first_echo: int
    """Bytes of the first frame's echo."""
    frames: int
    """Frames that it sends."""
    size: int
    """Bytes of all of them, headers included."""
    most_out: int
    """Frames that were under way at once, at most."""
    timeout: float
    """Seconds for each case."""


class ClientCase(NamedTuple):
    """One case."""

    name: str
    meets: str
    """The fault that the client meets, in words."""
    echo: Echo
    bug: str
    """The likely bug of a client that fails, in words."""
    spec: Callable[[Baseline], FaultSpec | None]
    """Makes the fault; None for a server that has none."""
    frames: int = 1
    """Frames that must be under way at once for the case to be met."""


def _spec(text: str) -> Callable[[Baseline], FaultSpec | None]:
    fault = parse_fault(text)
    return lambda _seen: fault


def _cut(*sizes: int) -> Callable[[Baseline], FaultSpec | None]:
    fault = FaultSpec("cut " + "|".join(map(str, sizes)), cuts=sizes, gap=0.02)
    return lambda _seen: fault


def _half(word: str) -> Callable[[Baseline], FaultSpec | None]:
    return lambda seen: parse_fault(f"{word}@{max(1, seen.first_echo // 2)}")


def _rate(seen: Baseline) -> FaultSpec:
    rate = max(seen.first_echo / MOST_WAIT, seen.size / (ALL_WAITS * seen.timeout))
    return parse_fault(f"rate={max(16, int(rate))}")


def _late(seen: Baseline) -> FaultSpec:
    delay = min(MOST_WAIT, ALL_WAITS * seen.timeout / max(1, seen.frames))
    return parse_fault(f"delay={delay:.3f}")


def _flipped(seen: Baseline) -> FaultSpec:
    return parse_fault(f"corrupt@{4 + (seen.first_echo - 4) // 2 if seen.first_echo > 4 else 3}")


_ONE_RECV: Final = (
    "it takes what one recv returns for one whole frame: read on until 4 bytes, then until the"
    " length that they announce"
)
_HEADER_RECV: Final = (
    "it reads the header with one recv, and takes fewer than 4 bytes for all of it"
)
_NOT_COMPARED: Final = "it does not compare the echo with what it sent"
_EOF_IS_WELL: Final = "it takes an end of the stream inside an echo for success"
_NO_TIMEOUT: Final = "it has no time-out for an answer that does not come"

CLIENT_CASES: Final = (
    ClientCase("whole", "every echo whole and at once", Echo.RIGHT, "it fails where nothing is"
               " wrong: its own exit code says why", lambda _seen: None),
    ClientCase("slice_single_bytes", "its echoes in segments of one byte", Echo.RIGHT, _ONE_RECV,
               _spec("slice=1,seed=1")),
    ClientCase("slice_header_1_3", "the header of each echo cut after 1 byte", Echo.RIGHT,
               _HEADER_RECV, _cut(1, 3)),
    ClientCase("slice_header_2_2", "the header of each echo cut after 2 bytes", Echo.RIGHT,
               _HEADER_RECV, _cut(2, 2)),
    ClientCase("slice_header_body", "header and body of each echo apart", Echo.RIGHT, _ONE_RECV,
               _cut(4)),
    ClientCase("slice_powers", "each body cut after 1, 2, 4, 8 bytes and so on", Echo.RIGHT,
               _ONE_RECV, _cut(4, *(1 << power for power in range(16)))),
    ClientCase("two_together", "two echoes in one segment", Echo.RIGHT,
               "it throws away what stands behind the first echo in its buffer",
               _spec("coalesce=2"), frames=2),
    ClientCase("slow", "echoes that take their time", Echo.RIGHT,
               "it takes a part of an echo for all of it, or its time-out is too short",
               _rate),
    ClientCase("late", "echoes that come late, by less than a second", Echo.RIGHT,
               "its time-out is shorter than a second", _late),
    ClientCase("half_then_end", "half of the first echo, then the end (FIN)", Echo.MISSING,
               _EOF_IS_WELL, _half("eof")),
    ClientCase("half_then_reset", "half of the first echo, then a reset (RST)", Echo.MISSING,
               "it does not tell a reset from an answer", _half("reset")),
    ClientCase("reset_at_once", "a reset instead of the first echo", Echo.MISSING,
               "it does not tell a reset from an answer", _spec("reset@0")),
    ClientCase("length_plus_1", "a header that announces one byte too much", Echo.WRONG,
               _NOT_COMPARED, _spec("length+1")),
    ClientCase("length_minus_1", "a header that announces one byte too little", Echo.WRONG,
               _NOT_COMPARED, _spec("length-1")),
    ClientCase("length_huge", "a header that announces 2 GiB more", Echo.WRONG,
               "it believes any length: bound it, and wait for a bounded time",
               _spec(f"length+{1 << 31}")),
    ClientCase("flipped_bit", "one bit of the first echo is another one", Echo.WRONG, _NOT_COMPARED,
               _flipped),
    ClientCase("swapped", "the first two echoes in the wrong order", Echo.WRONG, _NOT_COMPARED,
               _spec("coalesce=2,swap"), frames=2),
    ClientCase("silence", "a server that reads and never answers", Echo.MISSING, _NO_TIMEOUT,
               _spec("stall@0")),
    ClientCase("no_reading", "a server that accepts and reads nothing", Echo.MISSING, _NO_TIMEOUT,
               _spec("noread")),
    ClientCase("refused", "a port at which nobody listens", Echo.NONE,
               "it does not tell that it could not connect", lambda _seen: None),
)  # fmt: skip
"""In the order in which they are played; `whole` is first, since others are made from it."""
