"""epoll where the platform has it, else poll, with the same methods.

epoll_wait rounds its time-out up to a millisecond, which would delay every frame of an open loop.
So a short wait is done with select(2), which has microseconds, on the descriptor of the epoll: it
is readable when an event is ready.
"""

from __future__ import annotations

import contextlib
import select
from typing import Final

POLLIN: Final = 1
POLLOUT: Final = 4
"""The values are the same for poll and epoll, on every platform."""
_EVENTS_AT_ONCE: Final = 512


class Epoll:
    """Level-triggered epoll."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._own = [self._epoll.fileno()]
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.close = self._epoll.close

    def poll(self, seconds: float) -> list[tuple[int, int]]:
        """Wait up to `seconds`, to the microsecond; return the ready (descriptor, events)."""
        if 0 < seconds < 0.02:
            select.select(self._own, (), (), seconds)
            seconds = 0
        return self._epoll.poll(seconds, _EVENTS_AT_ONCE)


class Poll:
    """poll(2), for platforms without epoll; a wait is rounded to whole milliseconds."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register = self._poll.register
        self.modify = self._poll.modify
        self.unregister = self._poll.unregister

    def poll(self, seconds: float) -> list[tuple[int, int]]:
        """Wait up to `seconds`; return the ready (descriptor, events)."""
        return self._poll.poll(seconds * 1000)

    def close(self) -> None:
        """Do nothing: poll(2) holds no descriptor."""


def best_poller() -> Epoll | Poll:
    """Make the best poller of this platform; poll where a sandbox forbids epoll."""
    if hasattr(select, "epoll"):
        with contextlib.suppress(OSError):
            return Epoll()
    return Poll()
