"""The captures of all connections of one loop, within one room.

Once the room is used up, closed connections lose their bytes first, the oldest ones before the
others, and then the open ones, of which only the last bytes stay. A closed one that failed keeps a
few hundred bytes in any case: its first ones, and those around the failure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import accumulate, pairwise

from msgspec.structs import replace

from ..core.events import Closed, Reason
from ..core.framing import HEADER_SIZE
from ..core.kept_bytes import KeptBytes, Piece, ReadRecord
from ..core.settings import Settings
from ..watch.kept_closed import KeptClosed
from .capture import BEHIND, TAIL, Capture, Room
from .connection import SMALL_READ, Connection
from .reporter import Reporter


class Captures:
    """The captures of all connections of one loop; in its thread only.

    The first read of a connection is kept as it came, as its `tail`, if it is short: most of those
    that come and go send no more, and need no `Capture`.
    """

    def __init__(self, settings: Settings, reporter: Reporter) -> None:
        self._reporter = reporter
        self.each = settings.capture
        """Bytes kept of one connection, from its first one; with 0 none are, anywhere."""
        self.short = min(SMALL_READ, settings.capture)
        """Bytes from which on a first read is not short; 0 if none are to be kept."""
        self._room = Room(settings.capture_total // max(1, settings.workers))
        # The open connections of which the first bytes are kept, in the order of these.
        self._open: dict[Connection, None] = {}
        self._closed = KeptClosed[Connection](settings.keep_closed)
        # What stays of those that failed and have lost their bytes to others.
        self._remains: deque[KeptBytes] = deque(maxlen=settings.keep_closed)
        # Those that closed after one short read: the bytes of it, and when they were read. The
        # objects of nearly all that come and go are free again at once so, which saves 2%.
        self._closed_short: deque[tuple[Closed, bytes, float]] = deque(maxlen=settings.keep_closed)

    def keep_parsed(
        self, connection: Connection, data: bytes, now: float, counted: bool = False
    ) -> None:
        """Keep what is wanted of `data`, read at `now`, which the machine has parsed.

        `counted` says that it was kept when it was read, and was not parsed then.
        """
        machine = connection.machine
        is_first = connection.capture is None and not connection.tail
        if connection.faulty is not None:  # what comes behind its end is to be seen
            is_first = False
        is_parsed = machine.broken is None and not machine.backlog
        if is_first and is_parsed and len(data) < self.short:
            connection.note_first(data, now)
            return
        if connection.has_room and not counted:
            self._keep_first(connection, data, now)
        if machine.broken is not None and connection.capture is not None:  # a refused header
            joined = (connection.tail + data)[: machine.broken.at - machine.bytes_in]
            connection.capture.before = joined[HEADER_SIZE - TAIL :]
            connection.capture.add_broken(len(machine.broken.data))
        elif machine.backlog:
            connection.note_tail(data[: -len(machine.backlog)])
        else:
            connection.note_tail(data)

    def _keep_first(self, connection: Connection, data: bytes, now: float) -> None:
        capture = connection.capture
        if capture is None:
            capture = connection.capture = Capture(self._room, self.each)
            if connection.tail:
                capture.add(connection.tail, connection.first_at)
            self._open[connection] = None
        capture.add(data, now)
        if self._room.is_short:
            self._shrink()

    def _shrink(self) -> None:
        """Give up captures until the others have room."""
        while self._room.is_short and (gone := self._closed.drop_oldest()) is not None:
            if gone.machine.broken is not None and gone.capture is not None:
                gone.capture.shorten()
                self._remains.append(_tell(gone, self._reporter.epoch))
            self._leave(gone)
        while self._room.is_short and self._open:
            connection = next(iter(self._open))
            del self._open[connection]
            if connection.capture is not None:
                connection.capture.forget_first()

    def end(self, connection: Connection, closed: Closed) -> None:
        """Keep the bytes of a connection that has closed, and tell them if that is wanted."""
        if self._reporter.stream.wants_bytes:
            self._reporter.publish(_tell(connection, self._reporter.epoch, closed.t))
        if connection.capture is None:
            self._closed_short.append((closed, connection.tail, connection.first_at))
            return
        self._open.pop(connection, None)
        gone = self._closed.add(connection, closed)
        if gone is not None:
            self._leave(gone)

    def _leave(self, connection: Connection) -> None:
        if connection.capture is not None:
            connection.capture.leave()

    def read(self, connection_id: int, is_open: Connection | None) -> KeptBytes | None:
        """Return what is kept of a connection; None if it is not open, and nothing is.

        `is_open` is that connection, if it is.
        """
        if is_open is not None:
            told = _tell(is_open, self._reporter.epoch)
            # What has come of a frame in flight is in memory, and yet not to be shown.
            return told if self.each else replace(told, pieces=())
        for one in self._closed:
            if one.id == connection_id:
                return _tell(one, self._reporter.epoch)
        for remains in self._remains:
            if remains.id == connection_id:
                return remains
        for closed, data, read_at in self._closed_short:
            if closed.id == connection_id:
                read = ReadRecord(0, len(data), read_at + self._reporter.epoch, len(data))
                piece = Piece(0, data)
                return KeptBytes(0.0, 0, closed.id, closed.bytes_in, pieces=(piece,), reads=(read,))
        return None


def _tell(connection: Connection, epoch: float, t: float = 0.0) -> KeptBytes:
    machine, capture, received = connection.machine, connection.capture, connection.bytes_in
    broken = machine.broken or machine.frame_in_flight()
    header, header_at = b"", 0
    if capture is None:
        first, before, behind = connection.tail, b"", b""
    else:
        first, before, behind = bytes(capture.first), capture.before, capture.behind
    pieces = [(0, first)]
    if broken is not None:
        lead = broken.lead
        at = header_at = connection.hot_bytes + broken.at
        header = broken.data[lead : lead + HEADER_SIZE]
        pieces.append((at - len(before), before + broken.data[lead : lead + HEADER_SIZE + BEHIND]))
        end = at - lead + len(broken.data)
        if end < at + HEADER_SIZE + BEHIND:
            pieces.append((end, behind[: at + HEADER_SIZE + BEHIND - end]))
    if machine.broken is None and machine.closing in (None, Reason.EOF):
        # Of other ends it is not known how much of the input was not parsed.
        end = received - len(machine.backlog)
        pieces.append((end - len(connection.tail), connection.tail))
    if len(first) == received:
        del pieces[1:]
    return KeptBytes(
        t=t,
        request=0,
        id=connection.id,
        size=received,
        header=header,
        header_at=header_at,
        pieces=_joined(pieces),
        reads=_reads(connection, len(first), epoch),
        echo=b"" if connection.faulty is None else connection.faulty.echo,
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


def _reads(connection: Connection, kept: int, epoch: float) -> tuple[ReadRecord, ...]:
    if connection.capture is not None:
        reads = connection.capture.reads()
    elif kept:
        reads = [(kept, connection.first_at)]
    else:
        reads = []
    spans = pairwise(accumulate((size for size, _ in reads), initial=0))
    return tuple(
        ReadRecord(start, end - start, now + epoch, min(end, kept) - start)
        for (start, end), (_, now) in zip(spans, reads, strict=True)
    )
