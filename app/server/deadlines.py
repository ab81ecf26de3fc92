"""Deadlines of connections, and a timing wheel that keeps 10,000 of them cheaply.

A connection is in at most one slot of the wheel. When a slot comes due, the real deadline of each
connection in it is computed, a pure function of its state: the loop acts on it, or moves the
connection to a later slot. So a deadline that moves to a later time, as it
does at every frame, costs nothing: the wheel handles a connection once in a time-out period and not
once in a wake-up.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf
from typing import Final

from ..core.events import Reason
from ..core.settings import Settings
from .connection import Connection
from .machine import DRAINING, READ_BODY
from .outstanding import RATE_FLOOR

SLOT: Final = 0.025
"""Seconds in one slot of the wheel: a deadline is met up to so much late."""
GIVEN_UP: Final = 64
"""Numbers of slots given up that the heap may hold, besides as many as there are slots."""
BY_ACKNOWLEDGED: Final = frozenset({Reason.TIMEOUT_WRITE, Reason.TIMEOUT_IDLE})
"""The time-outs that depend on what is acknowledged."""
BY_INPUT: Final = frozenset({Reason.TIMEOUT_HEADER, Reason.TIMEOUT_BODY, Reason.TIMEOUT_IDLE})
"""The time-outs that depend on what has arrived."""


def deadline(connection: Connection, settings: Settings) -> tuple[float, Reason]:
    """The time at which a connection is to be ended if nothing changes, and the close reason.

    ``inf`` is never. A header and a body are timed from the frame's first byte, so that dribbling
    does not help. What was written is timed in every state, from the moment that it was first
    unacknowledged (`Outstanding.due`). A connection is idle once everything is acknowledged.
    """
    machine, outstanding = connection.machine, connection.outstanding
    if machine.state is DRAINING and not machine.out:
        return connection.linger.due if connection.linger else 0.0, machine.closing or Reason.ERROR
    if outstanding is not None:
        write = outstanding.due(settings.write_timeout), Reason.TIMEOUT_WRITE
    elif machine.out:
        write = _after(connection.stalled_at, settings.write_timeout), Reason.TIMEOUT_WRITE
    else:
        write = inf, Reason.TIMEOUT_WRITE
    if machine.out:
        return write
    if machine.state is READ_BODY:
        own = _after(machine.frame_at, settings.body_timeout), Reason.TIMEOUT_BODY
    elif machine.len_buf:
        own = _after(machine.frame_at, settings.header_timeout), Reason.TIMEOUT_HEADER
    elif outstanding is not None:
        return write
    else:
        own = _after(connection.rested_at, settings.idle_timeout), Reason.TIMEOUT_IDLE
    return write if write[0] < own[0] else own


def _after(start: float, seconds: float) -> float:
    return start + seconds if seconds else inf


def describe_wait(connection: Connection, now: float) -> str:
    """Say what a connection was waiting for when it timed out, and how many seconds."""
    machine = connection.machine
    if machine.state is READ_BODY:
        of = f"{machine.body_bytes_read:,} of {machine.body_len:,} body bytes"
        return f"{of} {now - machine.frame_at:.1f} s after the frame's first"
    if machine.len_buf:
        of = f"{machine.len_bytes_read} of 4 header bytes"
        return f"{of} {now - machine.frame_at:.1f} s after the first"
    began = connection.rested_at
    after = " since all was acknowledged" if began > connection.active_at else ""
    return f"nothing for {now - began:.1f} s{after}"


def describe_unacknowledged(connection: Connection, now: float, patience: float) -> str:
    """Say what the peer has not acknowledged within the write time-out, `patience` seconds."""
    known, pending = connection.outstanding, connection.machine.pending
    assert known is not None
    unacked = f"{pending:,} bytes pending" if pending else ""
    if known.unacked_bytes:
        unacked += f"{', ' if pending else ''}{known.unacked_bytes:,} bytes not acknowledged"
    quiet = now - known.acked_at
    if quiet >= patience:
        return f"{unacked}, none acknowledged for {quiet:.1f} s"
    return f"{unacked}, less than {RATE_FLOOR:,} B/s acknowledged over {patience:g} s"


class TimingWheel:
    """Connections by the slot of time in which their deadline is to be checked."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Connection]] = {}
        self._order: list[int] = []

    def schedule(self, connection: Connection, when: float) -> None:
        """Have `connection` come due at `when`, up to `SLOT` late, if it is not due earlier."""
        if when == inf:
            return
        slot = int(when / SLOT) + 1
        if connection.slot:
            if connection.slot <= slot:
                return
            self._leave_slot(connection)
        connection.slot = slot
        members = self._slots.get(slot)
        if members is None:
            members = self._slots[slot] = set()
            heappush(self._order, slot)
        members.add(connection)

    def cancel(self, connection: Connection) -> None:
        """Forget a closed connection."""
        if connection.slot:
            self._leave_slot(connection)
            connection.slot = 0

    def _leave_slot(self, connection: Connection) -> None:
        """Take a connection out of its slot, and give up a slot that is empty then.

        Its time may be a day ahead, and under churn each connection would leave one behind.
        """
        members = self._slots[connection.slot]
        members.discard(connection)
        if not members:
            del self._slots[connection.slot]
            if len(self._order) > 2 * len(self._slots) + GIVEN_UP:
                self._order = sorted(self._slots)  # which is a heap

    @property
    def next_due(self) -> float:
        """The time of the next slot that may have a connection; ``inf`` if there is none.

        Nobody may be due then: the heap keeps the numbers of slots given up for a while.
        """
        return self._order[0] * SLOT if self._order else inf

    def due(self, now: float) -> list[Connection]:
        """Remove and return the connections whose slot has come, by id."""
        connections: list[Connection] = []
        while self._order and self._order[0] * SLOT <= now:
            connections.extend(self._slots.pop(heappop(self._order), ()))
        for connection in connections:
            connection.slot = 0
        # Sorted, so that what happens does not depend on the order of a set.
        connections.sort(key=lambda connection: connection.id)
        return connections
