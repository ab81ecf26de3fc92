"""The cases that `check client` plays: what the client meets, and what a right one makes of it.

A right client exits with 0 where its echo was whole, cut or late, and with another code, in time,
where the echo was wrong or missing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from ..core.fault_spec import FaultSpec, parse_fault
from ..core.settings import MIB

SINGLE: Final = 64
"""Bytes of an echo that come one by one; the rest comes in one piece."""
GAP: Final = 0.005
"""Seconds between two pieces, for a client on another machine; on this one they wait for each
other anyway."""
MOST_CUT: Final = 32
"""Echoes of a connection that are cut, spread over all of them."""
CUT_TIME: Final = 0.5
"""Seconds that the gaps of a run take together, at the most."""
MOST_WAIT: Final = 0.8
"""Seconds that an echo is late, or takes, at the most: nothing is later than 1 s."""
ALL_WAITS: Final = 0.4
"""Share of a case's time-out in which the echoes of a run are late, or take, together; and never
more than `2 * MOST_WAIT`."""
LATE: Final = 2
"""Echoes of a connection that are late."""


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

    echoes: tuple[bytes, ...]
    """The echoes of the first connection that had some, as far as they are known."""
    first_echo: int
    """Bytes of the first of them; 0 if there is none."""
    frames: int
    """Frames that this connection has sent."""
    size: int
    """Bytes of all of them, headers included."""
    exit_code: int | None
    """That of the run; None if it had not ended in time."""
    most_out: int
    """Frames that were under way at once, at most."""
    after: int
    """Frames that were echoed before so many were under way."""
    ends_first: bool
    """Whether it ends its own direction (FIN) before its echo has come."""
    timeout: float
    """Seconds for each case."""

    @property
    def largest(self) -> int:
        """Bytes of the largest echo, at most: of those that are not known, all together."""
        return max(map(len, self.echoes)) if len(self.echoes) == self.frames else self.size

    def every(self, number: int) -> int:
        """Return of how many echoes one is to be treated, so that some `number` are."""
        return max(1, -(-self.frames // number))


class Failing(Enum):
    """The way in which a client fails a case."""

    GAVE_UP = "gave up"
    """It ended with another code than 0."""
    WAS_CONTENT = "was content"
    """It ended with 0."""
    HUNG = "hung"
    """It had not ended in time."""
    OTHER = "other"
    """It crashed, did not connect, or never came as far."""


class ClientCase(NamedTuple):
    """One case."""

    name: str
    meets: str
    """The fault that the client meets, in words."""
    echo: Echo
    bug: str
    """The likely bug of a client that fails as `shows` says, in words."""
    spec: Callable[[Baseline], FaultSpec | None]
    """Makes the fault; None for a server that has none."""
    least_out: int = 1
    """Frames that must be under way at once for the case to be met."""
    least_frames: int = 1
    """Frames that the client must send for the case to be met."""
    shows: frozenset[Failing] = frozenset()
    """The ways to fail that speak for the bug; of others no cause is named."""
    needs_body: bool = False
    """Whether the client must send a body for the case to be met."""


def _spec(text: str) -> Callable[[Baseline], FaultSpec | None]:
    fault = parse_fault(text)
    return lambda _seen: fault


def _cut(*sizes: int) -> Callable[[Baseline], FaultSpec | None]:
    number = min(MOST_CUT, max(2, int(CUT_TIME / (GAP * len(sizes)))))
    fault = FaultSpec("cut " + "|".join(map(str, sizes)), cuts=sizes, gap=GAP)
    return lambda seen: msgspec.structs.replace(fault, every=seen.every(number))


def _single(seen: Baseline) -> FaultSpec:
    text, cuts = f"{SINGLE} pieces of 1 byte", (1,) * SINGLE
    return FaultSpec(text, cuts=cuts, every=seen.every(MOST_CUT))


def _half(word: str) -> Callable[[Baseline], FaultSpec | None]:
    return lambda seen: parse_fault(f"{word}@{max(1, seen.first_echo // 2)}")


def _behind_first(seen: Baseline) -> FaultSpec:
    return parse_fault(f"eof@{seen.first_echo}")


def _all_waits(seen: Baseline) -> float:
    return min(2 * MOST_WAIT, ALL_WAITS * seen.timeout)


def _rate(seen: Baseline) -> FaultSpec:
    rate = max(seen.largest / MOST_WAIT, seen.size / _all_waits(seen))
    fault = parse_fault(f"rate={max(16, int(rate))}")
    return msgspec.structs.replace(fault, has_whole_headers=True)


def _together(text: str) -> Callable[[Baseline], FaultSpec | None]:
    fault = msgspec.structs.replace(parse_fault(text), is_of_first=True, most_aside=64 * MIB)
    return lambda seen: msgspec.structs.replace(fault, after=seen.after)


def _late(seen: Baseline) -> FaultSpec:
    number = min(LATE, max(1, seen.frames))
    fault = parse_fault(f"delay={min(MOST_WAIT, _all_waits(seen) / number):.3f}")
    return msgspec.structs.replace(fault, every=seen.every(number))


def _flipped(seen: Baseline) -> FaultSpec:
    """Flip a bit in the middle of the largest body that is known."""
    sizes = [len(echo) for echo in seen.echoes] or [seen.first_echo]
    number = sizes.index(max(sizes))
    before, size = sum(sizes[:number]), sizes[number]
    return parse_fault(f"corrupt@{before + (4 + (size - 4) // 2 if size > 4 else 3)}")


_ONE_RECV: Final = (
    "it takes what one recv returns for one whole frame: read on until 4 bytes, then until the"
    " length that they announce"
)
_HEADER_RECV: Final = (
    "it reads the header with one recv, and takes fewer than 4 bytes for all of it"
)
_NOT_COMPARED: Final = "it does not compare the echo with what it sent"
_NOT_MEASURED: Final = "it does not check the length that the header announces"
_EOF_IS_WELL: Final = "it takes an end of the stream for success"
_RST_IS_WELL: Final = "it does not tell a reset from an answer"
_NO_TIMEOUT: Final = "it has no time-out for an answer that does not come"
_GAVE_UP: Final = frozenset({Failing.GAVE_UP})
_CUT: Final = frozenset({Failing.GAVE_UP, Failing.HUNG, Failing.WAS_CONTENT})
_CONTENT: Final = frozenset({Failing.WAS_CONTENT})
_HUNG: Final = frozenset({Failing.HUNG})

CLIENT_CASES: Final = (
    ClientCase("whole", "every echo whole and at once", Echo.RIGHT, "", lambda _seen: None),
    ClientCase("slice_single_bytes", "its echoes in segments of one byte", Echo.RIGHT, _ONE_RECV,
               _single, shows=_CUT),
    ClientCase("slice_header_1_3", "the header of each echo cut after 1 byte", Echo.RIGHT,
               _HEADER_RECV, _cut(1, 3), shows=_CUT),
    ClientCase("slice_header_2_2", "the header of each echo cut after 2 bytes", Echo.RIGHT,
               _HEADER_RECV, _cut(2, 2), shows=_CUT),
    ClientCase("slice_header_body", "header and body of each echo apart", Echo.RIGHT, _ONE_RECV,
               _cut(4), shows=_CUT),
    ClientCase("slice_powers", "each body cut after 1, 2, 4, 8 bytes and so on", Echo.RIGHT,
               _ONE_RECV, _cut(4, *(1 << power for power in range(16))), shows=_CUT),
    ClientCase("two_together", "two echoes in one segment", Echo.RIGHT,
               "it throws away what stands behind the first echo in its buffer",
               _together("coalesce=2"), least_out=2, shows=_CUT),
    ClientCase("slow", "echoes that take their time", Echo.RIGHT,
               "it takes a part of an echo for all of it, or its time-out is too short",
               _rate, shows=_GAVE_UP),
    ClientCase("late", "echoes that come late, by less than a second", Echo.RIGHT,
               "its time-out is shorter than a second", _late, shows=_GAVE_UP),
    ClientCase("end_at_once", "the end (FIN) instead of the first echo", Echo.MISSING,
               _EOF_IS_WELL, _spec("eof@0"), shows=_CONTENT),
    ClientCase("end_behind_echo", "the end (FIN) behind the first echo", Echo.MISSING,
               _EOF_IS_WELL, _behind_first, least_frames=2, shows=_CONTENT),
    ClientCase("half_then_end", "half of the first echo, then the end (FIN)", Echo.MISSING,
               _EOF_IS_WELL, _half("eof"), shows=_CONTENT),
    ClientCase("half_then_reset", "half of the first echo, then a reset (RST)", Echo.MISSING,
               _RST_IS_WELL, _half("reset"), shows=_CONTENT),
    ClientCase("reset_at_once", "a reset instead of the first echo", Echo.MISSING,
               _RST_IS_WELL, _spec("reset@0"), shows=_CONTENT),
    ClientCase("length_plus_1", "a header that announces one byte too much", Echo.WRONG,
               _NOT_MEASURED, _spec("length+1"), shows=_CONTENT),
    ClientCase("length_minus_1", "a header that announces one byte too little", Echo.WRONG,
               _NOT_MEASURED, _spec("length-1"), shows=_CONTENT, needs_body=True),
    ClientCase("length_huge", "a header that announces 2 GiB more", Echo.WRONG,
               "it believes any length: bound it, and wait for a bounded time",
               _spec(f"length+{1 << 31}"), shows=_HUNG),
    ClientCase("flipped_bit", "a flipped bit in an echo", Echo.WRONG, _NOT_COMPARED,
               _flipped, shows=_CONTENT),
    ClientCase("swapped", "the first two echoes in the wrong order", Echo.WRONG, _NOT_COMPARED,
               _together("coalesce=2,swap"), least_out=2, shows=_CONTENT),
    ClientCase("silence", "a server that reads and never answers", Echo.MISSING, _NO_TIMEOUT,
               _spec("stall@0"), shows=_HUNG),
    ClientCase("no_reading", "a server that accepts and reads nothing", Echo.MISSING, _NO_TIMEOUT,
               _spec("noread"), shows=_HUNG),
    ClientCase("refused", "a port at which nobody listens", Echo.NONE,
               "it does not tell that it could not connect", lambda _seen: None, shows=_CONTENT),
)  # fmt: skip
"""In the order in which they are played; `whole` is first, since others are made from it."""
