"""When a connection's patience ends, and a timing wheel that keeps 10,000 of them cheaply.

A connection is in at most one slot of the wheel. A slot that comes due asks each connection in it
for its real deadline, which is a pure function of its state: it is acted upon, or moved to a later
slot. So nothing is done when a deadline merely moves away, which it does at every frame; a
connection is touched once for each time-out period and not once for each wake-up.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf
from typing import Final

from ..core.events import Reason
from ..core.settings import Settings
from .closing import LINGER_STEP, RATE_FLOOR
from .connection import DRAINING, READ_BODY, Connection

SLOT: Final = 0.025
"""Seconds in one slot of the wheel: how late a deadline may be met."""


def deadline(connection: Connection, settings: Settings) -> tuple[float, Reason]:
    """When this connection is to be ended if nothing changes, and as what; ``inf`` is never.

    A header and a body are timed from the frame's first byte, so that dribbling does not help. A
    write is timed from the last byte that the peer took since it stalled, and its average since
    then must stay over `RATE_FLOOR`.
    """
    if connection.out:
        patience = settings.write_timeout
        taken = connection.out_bytes_sent - connection.stalled_sent
        by_rate = connection.stalled_at + taken / RATE_FLOOR
        return _after(min(connection.progress_at, by_rate), patience), Reason.TIMEOUT_WRITE
    if connection.state is DRAINING:
        return connection.linger_at + LINGER_STEP, connection.closing or Reason.ERROR
    if connection.state is READ_BODY:
        return _after(connection.frame_at, settings.body_timeout), Reason.TIMEOUT_BODY
    if connection.len_buf:
        return _after(connection.frame_at, settings.header_timeout), Reason.TIMEOUT_HEADER
    return _after(connection.active_at, settings.idle_timeout), Reason.TIMEOUT_IDLE


def _after(start: float, seconds: float) -> float:
    return start + seconds if seconds else inf


class TimingWheel:
    """Connections by the slot of time in which to look at them again."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Connection]] = {}
        self._order: list[int] = []

    def schedule(self, connection: Connection, when: float) -> None:
        """Look at `connection` at `when` or up to `SLOT` later, unless an earlier look is due."""
        if when == inf:
            return
        slot = int(when / SLOT) + 1
        if connection.slot:
            if connection.slot <= slot:
                return
            self._slots[connection.slot].discard(connection)
        connection.slot = slot
        members = self._slots.get(slot)
        if members is None:
            members = self._slots[slot] = set()
            heappush(self._order, slot)
        members.add(connection)

    def cancel(self, connection: Connection) -> None:
        """Forget a closed connection."""
        if connection.slot:
            self._slots[connection.slot].discard(connection)
            connection.slot = 0

    @property
    def next_due(self) -> float:
        """When `due` will next have something to say; ``inf`` if the wheel is empty."""
        return self._order[0] * SLOT if self._order else inf

    def due(self, now: float) -> list[Connection]:
        """Take out the connections whose slot has come."""
        connections: list[Connection] = []
        while self._order and self._order[0] * SLOT <= now:
            connections.extend(self._slots.pop(heappop(self._order)))
        for connection in connections:
            connection.slot = 0
        # By id, so that what happens does not depend on the order of a set.
        connections.sort(key=lambda connection: connection.id)
        return connections
