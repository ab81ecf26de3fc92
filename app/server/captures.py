"""The captures of all connections of one loop, within one room.

Once the room is used up, closed connections lose their bytes first, the oldest ones before the
others, and then the open ones, of which only the last bytes stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import NamedTuple

from ..core.events import Closed, Reason
from ..core.framing import HEADER_SIZE
from ..core.kept_bytes import KeptBytes, Piece, ReadRecord
from ..core.settings import Settings
from ..watch.kept_closed import KeptClosed
from .broken_frame import BrokenFrame
from .capture import BEHIND, TAIL, Capture, Room
from .connection import Connection


class _Kept(NamedTuple):
    """What is kept of a connection."""

    id: int
    received: int
    capture: Capture | None
    tail: bytes
    tail_end: int
    """Offset of the byte behind `tail`; -1 if it is not known."""
    broken: BrokenFrame | None
    header_at: int

    @property
    def weight(self) -> int:
        """Bytes of memory that are counted for it."""
        return 0 if self.capture is None else self.capture.weight


class Captures:
    """The captures of all connections of one loop; in its thread only."""

    def __init__(self, settings: Settings) -> None:
        self.each = settings.capture
        """Bytes kept of one connection, from its first one; with 0 none are, anywhere."""
        self._room = Room(settings.capture_total // max(1, settings.workers))
        # The open connections of which the first bytes are kept, in the order of these.
        self._open: dict[Connection, None] = {}
        self._closed = KeptClosed[_Kept](settings.keep_closed)

    def begin(self, connection: Connection) -> None:
        """Keep bytes of a connection that has opened, if any are to be kept."""
        connection.room = self.each

    def keep_parsed(
        self, connection: Connection, data: bytes, now: float, counted: bool = False
    ) -> None:
        """Keep what is wanted of `data`, read at `now`, which the machine has parsed.

        `counted` says that it was kept when it was read, and was not parsed then.
        """
        machine = connection.machine
        if connection.room and not counted:
            self._keep_first(connection, data, now)
        if machine.broken is not None and connection.capture is not None:  # a refused header
            joined = (connection.tail + data)[: machine.broken.at - machine.bytes_in]
            connection.capture.before = joined[HEADER_SIZE - TAIL :]
        elif machine.backlog:
            connection.note_tail(data[: -len(machine.backlog)])
        else:
            connection.note_tail(data)

    def _keep_first(self, connection: Connection, data: bytes, now: float) -> None:
        if connection.capture is None:
            connection.capture = Capture(self._room, data[: self.each], len(data), now)
            connection.room = max(0, self.each - len(data))
            self._open[connection] = None
        else:
            connection.keep(data, now)
        if self._room.used > self._room.most:
            self._shrink()

    def _shrink(self) -> None:
        """Give up captures until the others have room."""
        room = self._room
        while room.used > room.most and (gone := self._closed.drop_oldest()) is not None:
            room.used -= gone.weight
        while room.used > room.most and self._open:
            connection = next(iter(self._open))
            del self._open[connection]
            connection.forget_first()

    def end(self, connection: Connection, closed: Closed) -> None:
        """Keep the bytes of a connection that has closed, and no others in their place."""
        self._open.pop(connection, None)
        if closed.bytes_in and self.each:
            gone = self._closed.add(_kept(connection), closed)
            if gone is not None:
                self._room.used -= gone.weight

    def read(
        self, connection_id: int, is_open: Connection | None, epoch: float
    ) -> KeptBytes | None:
        """Return what is kept of a connection; None if it is not open, and nothing is.

        `is_open` is that connection, if it is; `epoch` plus the loop's clock is Unix time.
        """
        if is_open is not None:
            return _tell(_kept(is_open), epoch)
        closed = (one for one in self._closed if one.id == connection_id)
        kept = next(closed, None)
        return None if kept is None else _tell(kept, epoch)


def _kept(connection: Connection) -> _Kept:
    machine = connection.machine
    received, capture = connection.bytes_in, connection.capture
    broken = machine.broken or machine.frame_in_flight()
    tail_end = -1
    if machine.broken is None and machine.closing in (None, Reason.EOF):
        # Of other ends it is not known how much of the input was not parsed.
        tail_end = received - len(machine.backlog)
    header_at = 0 if broken is None else connection.quick_bytes + broken.at
    return _Kept(connection.id, received, capture, connection.tail, tail_end, broken, header_at)


def _tell(kept: _Kept, epoch: float) -> KeptBytes:
    capture, broken = kept.capture, kept.broken
    first = b"" if capture is None else bytes(capture.first)
    before, behind = (b"", b"") if capture is None else (capture.before, capture.behind)
    pieces, header = [(0, first)], b""
    if broken is not None:
        at, lead = kept.header_at, broken.lead
        header = broken.data[lead : lead + HEADER_SIZE]
        pieces.append((at - len(before), before + broken.data[lead : lead + HEADER_SIZE + BEHIND]))
        end = at - lead + len(broken.data)
        if end < at + HEADER_SIZE + BEHIND:
            pieces.append((end, behind[: at + HEADER_SIZE + BEHIND - end]))
    if kept.tail_end >= 0:
        pieces.append((kept.tail_end - len(kept.tail), kept.tail))
    if len(first) == kept.received:
        del pieces[1:]
    return KeptBytes(
        t=0.0,
        request=0,
        id=kept.id,
        size=kept.received,
        header=header,
        header_at=kept.header_at,
        pieces=_joined(pieces),
        reads=() if capture is None else _reads(capture, len(first), epoch),
    )


def _joined(pieces: Iterable[tuple[int, bytes]]) -> tuple[Piece, ...]:
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


def _reads(capture: Capture, kept: int, epoch: float) -> tuple[ReadRecord, ...]:
    reads = capture.reads()
    spans = pairwise(accumulate((size for size, _ in reads), initial=0))
    return tuple(
        ReadRecord(start, end - start, now + epoch, min(end, kept) - start)
        for (start, end), (_, now) in zip(spans, reads, strict=True)
    )
