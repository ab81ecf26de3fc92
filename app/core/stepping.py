"""The events of a loop that can be held before each of its system calls, and stepped (`--step`)."""

from __future__ import annotations

from typing import Final

from .statistics import EventStruct

SLOWEST: Final = 1.0
"""Seconds a call at the slowest pace."""
FASTEST: Final = 0.01
MOST_STEPS: Final = 100_000
"""Calls or iterations that one command may ask for."""
LINES: Final = (
    "while True:",
    "    ready = poll(interest, timeout)",
    "    for fd in ready:",
    "        the listener: accept, until EAGAIN",
    "        an echo is pending: write what is left",
    "        else: read; the state machine parses",
    "        a frame is whole: write its echo",
    "        the state wants it: arm or disarm POLLOUT",
    "        it has ended: shutdown, close",
    "    take commands; deadlines; tell",
)
"""The loop in ten lines."""


class LoopHeld(EventStruct, frozen=True, tag="loop_held"):
    """The loop stands before a call, and its clock with it."""

    t: float
    call: str
    """As `KernelCall.call`, or ``poll``."""
    fd: int
    """-1 of a poll."""
    id: int
    """The connection's number; 0 if it is none."""
    cause: str
    """``hold``, ``step``, or the breakpoint: ``breakpoint 2, EAGAIN``."""
    calls: int
    """Calls that it has made since its start."""
    line: int
    """The line of `LINES` that runs next, from 0."""

    @property
    def next_call(self) -> str:
        """The call that is not made yet, and for which connection."""
        return self.call + (f" of #{self.id}" if self.id else "")

    @property
    def where(self) -> str:
        """The point where it stands, in words."""
        return f"held before {self.next_call}"

    def delays(self, command: str) -> str:
        """Say that a command to the loop waits, and for what."""
        return f"{command} waits until the loop goes on: it is {self.where}"


class LoopResumed(EventStruct, frozen=True, tag="loop_resumed"):
    """The loop goes on."""

    t: float
    cause: str
    """``go``, ``step`` for so many calls, or ``stop``."""


class Stepped(EventStruct, frozen=True, tag="stepped"):
    """One call of a loop that is stepped, or that goes at a pace."""

    t: float
    number: int
    """Calls that it has made since its start, this one included."""
    call: str
    fd: int
    id: int
    asked: int
    result: int
    """As `KernelCall.result`; of a poll the number of descriptors that are ready."""
    error: str
    us: int
    """Microseconds that the call took, with what led to it since the call before."""
    line: int
    """The line of `LINES`, from 0."""

    @property
    def outcome(self) -> str:
        """The result in words: the errno's name, or the number, of what was asked for."""
        asked = f" of {self.asked:,}" if self.call in ("read", "write") else ""
        return self.error or f"{self.result:,}{asked}"

    @property
    def words(self) -> str:
        """The whole of it in a line."""
        who = f" #{self.id}" if self.id else "" if self.fd < 0 else f" fd {self.fd}"
        return f"{self.call}{who}: {self.outcome}, {self.us:,} µs"
