"""epoll where there is one, poll elsewhere, with one face.

epoll_wait rounds its time-out up to a millisecond, which would delay every frame of an open loop.
So for a shorter wait the epoll's own descriptor, which is readable when it has something to tell,
goes into select(2), which knows microseconds.
"""

from __future__ import annotations

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
        """The ready (descriptor, events); waits `seconds` at most, to the microsecond."""
        if 0 < seconds < 0.02:
            select.select(self._own, (), (), seconds)
            seconds = 0
        return self._epoll.poll(seconds, _EVENTS_AT_ONCE)


class Poll:
    """poll(2), for platforms without epoll; it waits whole milliseconds."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register = self._poll.register
        self.modify = self._poll.modify
        self.unregister = self._poll.unregister

    def poll(self, seconds: float) -> list[tuple[int, int]]:
        """The ready (descriptor, events); waits `seconds` at most."""
        return self._poll.poll(seconds * 1000)

    def close(self) -> None:
        """Nothing is held."""


def best_poller() -> Epoll | Poll:
    """The one for this platform."""
    return Epoll() if hasattr(select, "epoll") else Poll()
