"""The latest closed connections of a server, for whoever comes after they have closed.

Failures are kept apart: neither health checks nor refusals by the limit, in whatever number, push
out the one connection that an operator looks for.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from ..core.events import ORDERLY, Closed, Reason

T = TypeVar("T")
_UNEVENTFUL: Final = ORDERLY | {Reason.LIMIT, Reason.TIMEOUT_IDLE}
"""Reasons of a close that nobody looks for: in order, or one of very many."""
_RESET: Final = Reason.RESET  # a member of an enumeration is found in 50 ns


def is_failure(closed: Closed) -> bool:
    """Whether an operator may look for this close. A reset without a byte is a health check."""
    reason = closed.reason
    return closed.bytes_in > 0 if reason is _RESET else reason not in _UNEVENTFUL


class KeptClosed(Generic[T]):
    """The things kept of the connections that closed last. One thread at a time may use it."""

    def __init__(self, limit: int) -> None:
        """Keep `limit` of them; half of the room, rounded up, is for failures if there are any."""
        self.limit = limit
        """How many are kept at most."""
        self._for_failures = (limit + 1) // 2
        # With its number, which says in which order they closed.
        self._failures: deque[tuple[int, T]] = deque()
        self._others: deque[tuple[int, T]] = deque()
        self.version = 0
        """Grows with each one that is kept, and when all are forgotten."""
        self._room = limit
        """How many more there is room for."""

    def __len__(self) -> int:
        """Return how many are kept."""
        return self.limit - self._room

    def copy(self) -> KeptClosed[T]:
        """Return a copy that stays as it is; the things themselves are the same."""
        kept = copy.copy(self)
        kept._failures, kept._others = self._failures.copy(), self._others.copy()
        return kept

    def __iter__(self) -> Iterator[T]:
        """Iterate over them in the order in which they closed."""
        return (one for _, one in sorted([*self._failures, *self._others], key=lambda one: one[0]))

    def add(self, item: T, closed: Closed) -> T | None:
        """Keep `item` of a connection that has closed now; return what goes where there is no room.

        With a limit of 0 that is `item` itself.
        """
        if not self.limit:
            return item
        self.version += 1
        (self._failures if is_failure(closed) else self._others).append((self.version, item))
        if self._room:
            self._room -= 1
            return None
        if self._others and len(self._failures) <= self._for_failures:  # mostly: without a call
            return self._others.popleft()[1]
        return self._oldest().popleft()[1]

    def drop_oldest(self) -> T | None:
        """Give up the oldest one; return it, or None if there is none."""
        if self._room == self.limit:
            return None
        self._room += 1
        return self._oldest().popleft()[1]

    def clear(self) -> None:
        """Forget all of them."""
        self.version += 1
        self._failures.clear()
        self._others.clear()
        self._room = self.limit

    def _oldest(self) -> deque[tuple[int, T]]:
        """Return the group of which the oldest one goes."""
        if self._others and len(self._failures) <= self._for_failures:
            return self._others
        is_failure_older = not self._others or self._failures[0][0] < self._others[0][0]
        return self._failures if is_failure_older else self._others
