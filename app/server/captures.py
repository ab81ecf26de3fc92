"""The captures of all connections of one loop, within one room.

Once the room is used up, closed connections lose their bytes first, the oldest ones before the
others, and then the open ones, of which only the last bytes stay.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

from ..core.events import Closed, Reason
from ..core.framing import HEADER_SIZE
from ..core.kept_bytes import KeptBytes, Piece, ReadRecord
from ..core.settings import Settings
from ..watch.kept_closed import KeptClosed
from .capture import BEHIND, EACH, Capture, Pool
from .connection import Connection


class Captures:
    """The captures of all connections of one loop; in its thread only."""

    def __init__(self, settings: Settings) -> None:
        self.pool = Pool(settings.capture, settings.capture_total // max(1, settings.workers))
        self._open: dict[Connection, None] = {}
        """The connections that have a capture, in the order of their opening."""
        self._closed = KeptClosed[Connection](settings.keep_closed)
        """Closed connections: they hold no memory but their counts and their bytes."""

    def begin(self, connection: Connection) -> None:
        """Keep bytes of a connection that has opened, if any are to be kept."""
        if self.pool.each:
            connection.room = self.pool.each
            connection.capture = Capture(self.pool)
            self._open[connection] = None
            self.pool.used += EACH

    def shrink(self) -> None:
        """Give up captures until the others have room."""
        pool = self.pool
        while pool.used > pool.most and (gone := self._closed.drop_oldest()) is not None:
            pool.used -= _weight(gone)
        while pool.used > pool.most and self._open:
            self._shorten(next(iter(self._open)))

    def _shorten(self, connection: Connection) -> None:
        """Give up the first bytes of an open connection; its last ones stay."""
        del self._open[connection]
        self.pool.used -= _weight(connection)
        connection.room = 0
        connection.capture = Capture(self.pool)

    def end(self, connection: Connection, closed: Closed) -> None:
        """Keep the bytes of a connection that has closed, and no others in their place."""
        if connection.capture is None:
            return
        pool = self.pool
        if connection in self._open:
            del self._open[connection]
        else:
            pool.used += _weight(connection)
        connection.room = 0
        gone = self._closed.add(connection, closed) if closed.bytes_in else connection
        if gone is not None:
            pool.used -= _weight(gone)
        if pool.used > pool.most:
            self.shrink()

    def read(
        self, connection_id: int, is_open: Connection | None, epoch: float
    ) -> KeptBytes | None:
        """Return what is kept of a connection; None if it is not open, and nothing is.

        `is_open` is that connection, if it is; `epoch` plus the loop's clock is Unix time.
        """
        closed = (one for one in self._closed if one.id == connection_id)
        connection = is_open or next(closed, None)
        return None if connection is None else _tell(connection, epoch)


def _weight(connection: Connection) -> int:
    """Bytes of memory that the pool counts for a connection that has a capture."""
    capture = connection.capture
    return 0 if capture is None else EACH + capture.weight


def _tell(connection: Connection, epoch: float) -> KeptBytes:
    received, machine, capture = connection.bytes_in, connection.machine, connection.capture
    if capture is None:
        return KeptBytes(t=0.0, request=0, id=connection.id, size=received)
    pieces = [(0, bytes(capture.first))]
    broken = machine.broken or machine.frame_in_flight()
    header, header_at = b"", 0
    if broken is not None:
        header_at = connection.quick_bytes + broken.at
        header = broken.data[broken.lead : broken.lead + HEADER_SIZE]
        behind = broken.data[broken.lead : broken.lead + HEADER_SIZE + BEHIND]
        pieces.append((header_at - len(capture.before), capture.before + behind))
        if len(broken.data) < broken.lead + HEADER_SIZE + BEHIND:
            end = header_at - broken.lead + len(broken.data)
            pieces.append((end, capture.behind[: header_at + HEADER_SIZE + BEHIND - end]))
    if machine.broken is None and machine.closing in (None, Reason.EOF):
        # Of other ends it is not known how much of the input was not parsed.
        parsed = received - len(machine.backlog)
        pieces.append((parsed - len(connection.tail), connection.tail))
    if len(capture.first) == received:
        del pieces[1:]
    return KeptBytes(
        t=0.0,
        request=0,
        id=connection.id,
        size=received,
        header=header,
        header_at=header_at,
        pieces=_joined(pieces),
        reads=_reads(capture, epoch),
    )


def _joined(pieces: list[tuple[int, bytes]]) -> tuple[Piece, ...]:
    """Join pieces that touch or overlap; they agree where they overlap."""
    joined: list[tuple[int, bytes]] = []
    for offset, data in sorted(pieces, key=lambda piece: piece[0]):
        if not data:
            continue
        start, known = joined[-1] if joined else (0, b"")
        end = start + len(known)
        if joined and offset <= end:
            joined[-1] = start, known + data[end - offset :]
        else:
            joined.append((offset, data))
    return tuple(Piece(offset, data) for offset, data in joined)


def _reads(capture: Capture, epoch: float) -> tuple[ReadRecord, ...]:
    kept = len(capture.first)
    spans = pairwise(accumulate(capture.sizes, initial=0))
    return tuple(
        ReadRecord(start, end - start, now + epoch, min(end, kept) - start)
        for (start, end), now in zip(spans, capture.times, strict=True)
    )
