"""Keeps which watcher has asked to trace which connection.

A connection is traced at the highest level that any watcher wants. The dashboard of the server's
own terminal and control clients may select the same connection; when one of them selects another,
the rest keep their trace.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Hashable
from typing import Final

import msgspec

from ..core.commands import Command, Trace, TraceLevel

_LEVELS: Final = tuple(TraceLevel)  # from the least to the most


class Traces:
    """The wishes of all who look; may be told of them from several threads."""

    def __init__(self, still_open: Container[int], submit: Callable[[Command], None]) -> None:
        """`still_open` has the ids of the open connections; `submit` hands on to the loop."""
        self._still_open = still_open
        self._submit = submit
        self._lock = threading.Lock()
        self._wishes: dict[int, dict[Hashable, TraceLevel]] = {}

    def request(self, who: Hashable, wish: Trace) -> None:
        """Have a connection traced at least as `who` wishes; what answers has the same request."""
        connection_id, level = wish.id, TraceLevel(wish.level)
        with self._lock:
            # Closed ones need no end of their trace, and made-up ones no memory.
            self._wishes = {i: all_ for i, all_ in self._wishes.items() if i in self._still_open}
            wishes = self._wishes.setdefault(connection_id, {})
            wishes[who] = level
            if level is TraceLevel.OFF:
                del wishes[who]
            if not wishes or connection_id not in self._still_open:
                del self._wishes[connection_id]
            most = max(wishes.values(), key=_LEVELS.index, default=TraceLevel.OFF)
            self._submit(msgspec.structs.replace(wish, level=most))

    def release(self, who: Hashable, next_request: Callable[[], int]) -> None:
        """End all wishes of `who`."""
        with self._lock:
            wished = [i for i, wishes in self._wishes.items() if who in wishes]
        for connection_id in wished:
            self.request(who, Trace(request=next_request(), id=connection_id, level=TraceLevel.OFF))
