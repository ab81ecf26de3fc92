"""The latest closed connections of a server, for whoever comes after they have closed.

Failures are kept apart: neither health checks nor refusals by the limit, in whatever number, push
out the one connection that an operator looks for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from ..core.events import ORDERLY, Closed, Reason
from .row import Row

_UNEVENTFUL: Final = ORDERLY | {Reason.LIMIT, Reason.TIMEOUT_IDLE}
"""Reasons of a close that nobody looks for: in order, or one of very many."""
_RESET: Final = Reason.RESET  # a member of an enumeration is found in 50 ns


def is_failure(closed: Closed) -> bool:
    """Whether an operator may look for this close. A reset without a byte is a health check."""
    reason = closed.reason
    return closed.bytes_in > 0 if reason is _RESET else reason not in _UNEVENTFUL


class KeptClosed:
    """The rows of the connections that closed last. One thread at a time may use it."""

    def __init__(self, limit: int) -> None:
        """Keep `limit` of them; half of the room, rounded up, is for failures if there are any."""
        self._limit = limit
        self._for_failures = (limit + 1) // 2
        # With its number, which says in which order they closed.
        self._failures: deque[tuple[int, Row]] = deque()
        self._others: deque[tuple[int, Row]] = deque()
        self._count = 0
        self._room = limit
        """How many more there is room for."""

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the rows in the order in which they closed."""
        return (row for _, row in sorted([*self._failures, *self._others], key=lambda one: one[0]))

    def add(self, row: Row, closed: Closed) -> None:
        """Keep a row that has closed now; if there is no room, the oldest one goes."""
        if not self._limit:
            return
        self._count += 1
        (self._failures if is_failure(closed) else self._others).append((self._count, row))
        if self._room:
            self._room -= 1
        elif len(self._failures) <= self._for_failures:
            self._others.popleft()
        else:
            self._oldest().popleft()

    def clear(self) -> None:
        """Forget all of them."""
        self._failures.clear()
        self._others.clear()
        self._room = self._limit

    def _oldest(self) -> deque[tuple[int, Row]]:
        """Return the group with the oldest one of all."""
        is_failure_older = not self._others or self._failures[0][0] < self._others[0][0]
        return self._failures if is_failure_older else self._others
