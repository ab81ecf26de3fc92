"""One iteration of a loop as it was observed: the poll, and what each ready descriptor led to."""

from __future__ import annotations

from typing import Final

import msgspec

from .statistics import EventStruct

MOST_LOOKED: Final = 60.0
"""Seconds for which one `Look` may have the loop observed; whoever goes on looking repeats it."""
MOST_KEPT: Final = 1000
"""Iterations that an observed loop keeps."""


class KernelCall(msgspec.Struct, frozen=True):
    """One system call of the loop."""

    call: str
    """``accept``, ``read``, ``write``, ``arm``, ``disarm``, ``watch``, ``unwatch``, ``shutdown`` or
    ``close``; `app.server.calls` says which function of the kernel each is."""
    asked: int
    """Bytes that a read had room for or a write offered; for the poller the interest."""
    result: int
    """Bytes moved, 0 from a read being the end; the new descriptor of an accept; -1 an error."""
    error: str = ""
    """The errno's name, such as ``EAGAIN``."""
    us: int = 0
    """Microseconds from the end of the call before to the end of this one."""


class Served(msgspec.Struct, frozen=True):
    """One descriptor that was served in an iteration, with the calls that were made for it."""

    kind: str
    """``listener``, ``wakeup`` or ``connection``."""
    fd: int
    id: int
    """The connection's number; 0 if it is none."""
    interest: int
    revents: int
    """The poller's answer; 0 if it was served for another cause: a budget had ended its last
    wake-up, a deadline had come, or a command was carried out."""
    calls: tuple[KernelCall, ...] = ()
    us: int = 0
    """Microseconds that it took, on the loop's clock."""
    states: tuple[str, ...] = ()
    """The states that it passed, in order, the one before the wake-up first; one if it stayed."""
    progress: bool = True
    """Whether a byte moved, a connection came or went, or a command was taken."""


class Iteration(EventStruct, frozen=True, tag="iteration"):
    """One iteration of a loop: its poll, then everything that this led to."""

    t: float
    """When the poll returned, in Unix seconds."""
    number: int
    """Polls since the loop's start, its own included: so it shows what was left out before it."""
    slept_us: int
    """Microseconds in the poll for which the thread did not run: asleep, or waiting for a CPU."""
    poll_us: int
    """Microseconds of CPU in the poll: what looking through the descriptors costs."""
    serving_us: int
    """Microseconds from the poll's return to the next, without those of telling."""
    telling_us: int
    """Microseconds in which figures were told to watchers."""
    cpu_us: int
    """Microseconds of CPU from the poll's return to the next; the rest was waiting for a CPU, or
    for another thread of the process (the GIL)."""
    watched: int
    """Descriptors that the poller watches."""
    ready: tuple[Served, ...]
    """In the order in which they were served."""
    left_out: int = 0
    """Descriptors served behind these that are not listed."""
    worker: int = 0
    """The worker's number, from 1; 0 if there are none."""

    @property
    def took_us(self) -> int:
        """Microseconds from the poll's return to the next poll."""
        return self.serving_us + self.telling_us


class Iterations(EventStruct, frozen=True, tag="iterations"):
    """The latest iterations of a loop, the oldest first; answers a `Look`, to its sender alone."""

    t: float
    request: int
    """The number of the command."""
    told: tuple[Iteration, ...]
