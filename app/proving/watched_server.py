"""A server on a free port of 127.0.0.1 of which everything is seen, for one case."""

from __future__ import annotations

import time
from itertools import count
from typing import Final, NamedTuple, Self

from ..core.commands import ReadBytes
from ..core.diagnosis import Diagnosis
from ..core.events import Closed, CommandResult, ConnectionState, Opened, Snapshot, StateChanged
from ..core.fault_receipt import FaultReceipt
from ..core.fault_spec import FaultSpec
from ..core.kept_bytes import KeptBytes
from ..core.settings import GIB, MIB, Settings
from ..doctor.diagnose import diagnose
from ..server.server import Server
from ..watch.stream import EventStream

ANSWER_WITHIN: Final = 5.0
"""Seconds for an answer of the server's own thread."""
LATE_AFTER: Final = 0.2
"""Seconds behind our FIN from which bytes were sent after the client could see it."""


class SeenConnection(NamedTuple):
    """The figures and bytes of one connection."""

    id: int
    frames_in: int
    bytes_in: int
    bytes_out: int
    reason: str
    """The reason of its close; empty while it is open."""
    detail: str
    receipt: FaultReceipt | None
    diagnosis: Diagnosis | None
    """The name of its bytes, where they do not fit."""
    kept: KeptBytes | None
    sent_late: int
    """Bytes that it sent well behind our FIN."""


class WatchedServer:
    """A server, its stream drained by whoever asks; in one thread."""

    def __init__(self, fault: FaultSpec | None = None, cap: int = 64 * MIB) -> None:
        """Every connection has the `fault`. Raises `SettingError`."""
        settings = Settings(
            port=0,
            cap=cap,
            capture=MIB,
            capture_total=GIB // 4,
            trace="state",
            idle_timeout=0,
            header_timeout=0,
            body_timeout=0,
            write_timeout=0,
        )
        self._stream = EventStream(journal_capacity=100_000)
        self._stream.watched = True
        self._server = Server(settings, self._stream, fault=fault)
        self._cap = cap
        self._requests = count(1)
        self._opened: dict[int, Opened] = {}
        self._closed: dict[int, Closed] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._ends: dict[int, float] = {}  # when our end was decided, in Unix seconds
        self._kept: dict[int, KeptBytes] = {}
        self._answered: set[int] = set()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop("the case is over", now=True)
        self._server.join(ANSWER_WITHIN)

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return self._server.port

    @property
    def open(self) -> int:
        """The number of open connections, as far as was drained."""
        return len(self._opened) - len(self._closed)

    @property
    def received(self) -> int:
        """Bytes that all connections have sent, as far as was drained."""
        open_ones = (one for one in self._snapshots.values() if one.id not in self._closed)
        ended = sum(closed.bytes_in for closed in self._closed.values())
        return ended + sum(one.bytes_in for one in open_ones)

    def look(self) -> None:
        """Take what has happened."""
        drained = self._stream.drain()
        for event in drained.events:
            if isinstance(event, Opened):
                self._opened[event.id] = event
            elif isinstance(event, Closed):
                self._closed[event.id] = event
            elif isinstance(event, StateChanged):
                if event.new is ConnectionState.DRAINING:
                    self._ends.setdefault(event.id, event.t)
            elif isinstance(event, KeptBytes):
                self._kept[event.id] = event
            elif isinstance(event, CommandResult):
                self._answered.add(event.request)
        for snapshot in drained.snapshots:
            self._snapshots[snapshot.id] = snapshot

    def connections(self) -> list[SeenConnection]:
        """Return what was seen of each connection, in the order of opening."""
        asked = []
        for connection_id in self._opened:
            request = next(self._requests)
            asked.append(request)
            self._server.submit(ReadBytes(request=request, id=connection_id))
        until = time.monotonic() + ANSWER_WITHIN
        while not self._answered.issuperset(asked) and time.monotonic() < until:
            time.sleep(0.005)
            self.look()
        return [self._seen(connection_id) for connection_id in self._opened]

    def _seen(self, connection_id: int) -> SeenConnection:
        closed, kept = self._closed.get(connection_id), self._kept.get(connection_id)
        known = closed or self._snapshots.get(connection_id)
        found = None if known is None else known.diagnosis
        if found is None and kept is not None and kept.pieces and kept.pieces[0].offset == 0:
            found = diagnose(kept.pieces[0].data, 0, closed is not None, self._cap)
        end = self._ends.get(connection_id)
        late = 0
        if end is not None and kept is not None:
            late = sum(read.size for read in kept.reads if read.t > end + LATE_AFTER)
        return SeenConnection(
            connection_id,
            known.frames_in if known else 0,
            known.bytes_in if known else 0,
            known.bytes_out if known else 0,
            closed.reason.value if closed else "",
            closed.detail if closed else "",
            closed.fault if closed else None,
            found,
            kept,
            late,
        )
