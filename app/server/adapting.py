"""Lessons from a connection's reads for the hot path: their size, their layout, what is kept."""

from __future__ import annotations

from typing import Final

from ..core.framing import NO_BURST, Burst, burst_filling
from .capture import LAST, TAIL
from .captures import Captures
from .connection import Connection

KEPT_WHOLE: Final = 2048
"""Bytes of a read on the hot path up to which it is kept as it is, as the connection's last bytes.
A copy of its end takes 0.09 µs, a twentieth of such an echo; to keep it takes nothing."""


class Adapting:
    """Adapts what the hot path does to what a connection sends; in the loop's thread only."""

    def __init__(self, captures: Captures) -> None:
        self._captures = captures

    def adapt(self, connection: Connection, data: bytes, cap: int) -> None:
        """Adapt the read size and the remembered burst to what was just read."""
        connection.adapt_read_size(len(data))
        if len(data) != connection.burst[0]:
            self.remember(connection, burst_filling(data, cap) or NO_BURST)
        elif self._captures.each and not (connection.burst[5] or connection.has_room):
            self.remember(connection, connection.burst[:4])

    def remember(self, connection: Connection, burst: Burst) -> None:
        """Take a layout for the next reads, and say how the last bytes of a read in it are kept."""
        size = burst[0]
        is_kept = self._captures.each and size >= TAIL and not connection.has_room
        part = LAST if is_kept else None
        connection.remember_burst((*burst, bool(is_kept and size <= KEPT_WHOLE), part))

    def keep_echoed(self, connection: Connection, data: bytes, now: float) -> None:
        """Keep what is wanted of whole frames that are echoed already."""
        if connection.has_room or not TAIL <= len(data) <= KEPT_WHOLE:
            self._captures.keep_parsed(connection, data, now)
        else:
            connection.keep_as_tail(data)
