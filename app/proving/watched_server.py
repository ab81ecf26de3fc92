"""A server on a free port of 127.0.0.1 of which everything is seen, for one case."""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from ..core.diagnosis import Diagnosis
from ..core.events import ConnectionState, StateChanged
from ..core.fault_receipt import FaultReceipt
from ..core.fault_spec import FaultSpec
from ..core.kept_bytes import KeptBytes
from ..core.settings import GIB, MIB
from ..watch.row import Row
from ..watch.stream import Drained
from .proving_server import ProvingServer

LATE_AFTER: Final = 0.2
"""Seconds behind our FIN from which bytes were sent after the client could see it."""
MOST_SEEN: Final = 100
"""Connections of one case that are judged, the first ones."""


class SeenConnection(NamedTuple):
    """The figures and bytes of one connection."""

    id: int
    frames_in: int
    bytes_in: int
    bytes_out: int
    due: int
    """Bytes of the whole frames that it sent: so many bytes of echo are due."""
    detail: str
    """That of its close; empty while it is open."""
    is_held: bool
    """Whether it is still open, and its fault holds its echo back."""
    receipt: FaultReceipt | None
    diagnosis: Diagnosis | None
    """The name of its bytes, where they do not fit."""
    kept: KeptBytes | None
    sent_late: int
    """Bytes that it sent well behind our FIN."""

    @property
    def first_bytes(self) -> bytes:
        """The bytes from its first one on, as far as they are kept without a gap."""
        pieces = self.kept.pieces if self.kept is not None else ()
        return pieces[0].data if pieces and not pieces[0].offset else b""


class WatchedServer(ProvingServer):
    """A server that keeps much of what is sent, and ends no connection by time; in one thread."""

    def __init__(self, spec: FaultSpec | None = None, cap: int = 64 * MIB) -> None:
        """Every connection has the fault `spec`. Raises `SettingError`."""
        super().__init__(
            spec,
            cap=cap,
            capture=MIB,
            capture_total=GIB // 4,
            trace="state",
            idle_timeout=0,
            header_timeout=0,
            body_timeout=0,
            write_timeout=0,
        )
        self._ends: dict[int, float] = {}  # when our end was decided, in Unix seconds

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()

    def _hear(self, drained: Drained) -> None:
        super()._hear(drained)
        for event in drained.events:
            if isinstance(event, StateChanged) and event.new is ConnectionState.DRAINING:
                self._ends.setdefault(event.id, event.t)

    @property
    def open(self) -> int:
        """The number of open connections, at the last look."""
        return self._state.open

    @property
    def received(self) -> int:
        """Bytes that all connections have sent, at the last look."""
        rows = (*self._state.kept, *self._state.rows.values())
        return sum(row.count("bytes_in") for row in rows)

    def seen(self) -> list[SeenConnection]:
        """Return what was seen of each connection, in the order of opening."""
        self.look()
        rows = sorted((*self._state.kept, *self._state.rows.values()), key=lambda row: row.id)
        del rows[MOST_SEEN:]
        self._ask_for_bytes(row.id for row in rows)
        return [self._seen(row) for row in rows]

    def _seen(self, row: Row) -> SeenConnection:
        closed, kept = row.closed, self._kept.get(row.id)
        received, end = row.count("bytes_in"), self._ends.get(row.id)
        late = 0
        if end is not None and kept is not None:
            late = sum(read.size for read in kept.reads if read.t > end + LATE_AFTER)
        return SeenConnection(
            row.id,
            row.count("frames_in"),
            received,
            row.count("bytes_out"),
            kept.header_at if kept is not None and kept.header else received,
            closed.detail if closed else "",
            closed is None and row.snapshot is not None and row.snapshot.fault_holds,
            closed.fault if closed else None,
            self._name_of(row),
            kept,
            late,
        )
