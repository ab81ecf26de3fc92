"""A server in this process for the tests of a client: what it sees can be asked, and is shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Final, Self

import msgspec

from ..core.commands import Kill, KillMode, ReadBytes
from ..core.diagnosis import Diagnosis
from ..core.events import CommandResult
from ..core.fault_spec import FaultSpec
from ..core.kept_bytes import KeptBytes
from ..core.settings import Settings
from ..doctor.diagnose import diagnose
from ..server.server import Server
from ..watch.export import objects_of
from ..watch.row import Row
from ..watch.state import State
from ..watch.stream import Drained, EventStream
from ..watch.why import why_waiting

_STEP: Final = 0.005
"""Seconds between two looks."""
_ANSWER_WITHIN: Final = 5.0
_SHOWN: Final = 20
"""Connections of one server that a report shows, the last ones."""
_LAST_BYTES: Final = 64
"""Bytes of each that it shows."""


class ProvingServer:
    """One echo server on a free port of 127.0.0.1. Any thread may use it."""

    def __init__(self, spec: FaultSpec | None = None, /, **settings: Any) -> None:
        """`settings` are those of the server: ``cap``, ``fault``, ``idle_timeout`` and so on.

        One that is None is as if it were not given. With `spec` every connection has that fault.
        Raises `SettingError`.
        """
        given = {name: value for name, value in settings.items() if value is not None}
        self._settings = Settings(**{"port": 0, "keep_closed": 10_000, **given})
        self._stream = EventStream(journal_capacity=100_000)
        self._stream.watched = True
        self._server = Server(self._settings, self._stream, fault=spec)
        self._state = State(closed_limit=0, keep_closed=10_000)
        self._results: dict[int, CommandResult] = {}
        self._kept: dict[int, KeptBytes] = {}
        self._requests = count(1)
        self._lock = threading.Lock()
        self._last_words: str | None = None

    def start(self) -> Self:
        """Begin to serve."""
        self._server.start()
        return self

    def stop(self) -> None:
        """End at once, with all connections; `describe` still tells how they were before."""
        self._last_words = self.describe()
        self.end()

    def end(self) -> None:
        """End at once, with all connections."""
        self._server.stop("it is over", now=True)
        self._server.join(_ANSWER_WITHIN)
        self.look()

    @property
    def host(self) -> str:
        """The address at which it listens."""
        return self._server.host

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return self._server.port

    @property
    def connections(self) -> list[dict[str, Any]]:
        """The open connections, as `ctl list --json` tells them, in the order of opening."""
        return self._objects(lambda state: list(state.rows.values()))

    @property
    def closed(self) -> list[dict[str, Any]]:
        """The closed connections, as `ctl list --closed --json` tells them, in their order."""
        return self._objects(lambda state: list(state.kept))

    def wait_closed(self, n: int = 1, timeout: float = 5) -> list[dict[str, Any]]:
        """Wait until `n` connections have closed, and return all that have.

        Raises `TimeoutError` after `timeout` seconds.
        """
        until = time.monotonic() + timeout
        while len(closed := self.closed) < n:
            if time.monotonic() >= until:
                raise TimeoutError(f"{len(closed)} of {n} connections closed in {timeout:g} s")
            time.sleep(_STEP)
        return closed

    def kill(self, id: int, mode: str = "close") -> None:  # noqa: A002
        """End a connection: ``close``, ``drain`` or ``reset``.

        Raises `LookupError` if it is not open, `TimeoutError` if nothing becomes of it.
        """
        request = next(self._requests)
        self._server.submit(Kill(request=request, ids=(id,), mode=KillMode(mode)))
        until = time.monotonic() + _ANSWER_WITHIN + 10
        while request not in self._results:
            if time.monotonic() >= until:
                raise TimeoutError(f"connection {id} is not killed")
            time.sleep(_STEP)
            self.look()
        if not self._results[request].ok:
            raise LookupError(f"connection {id}: {self._results[request].message}")

    def kept_of(self, id: int) -> KeptBytes | None:  # noqa: A002
        """Return what is kept of the bytes of a connection, open or closed; None if nothing is."""
        self._ask_for_bytes([id])
        return self._kept.get(id)

    def describe(self) -> str:
        """Say what it saw of each connection: its state, why, what its bytes are, the last ones."""
        if self._last_words is not None:
            return self._last_words
        self.look()
        with self._lock:
            rows = sorted((*self._state.kept, *self._state.rows.values()), key=lambda row: row.id)
        if not rows:
            return "no client has connected"
        self._ask_for_bytes(row.id for row in rows[-_SHOWN:])
        with self._lock:
            lines = [self._describe(row) for row in rows[-_SHOWN:]]
        left = len(rows) - len(lines)
        return "\n".join(([f"{left:,} connections before these"] if left else []) + lines)

    def _describe(self, row: Row) -> str:
        now = self._server.now()
        state = "open, " + row.state.value if row.closed is None else f"closed, {row.reason}"
        why = why_waiting(row, now) if row.closed is None else row.closed.detail
        counts = f"{row.count('frames_in'):,} frames in, {row.frames:,} echoed"
        lines = [f"#{row.id} {row.peer}: {state}{f' ({why})' if why else ''}; {counts}"]
        kept, found = self._kept.get(row.id), self._name_of(row)
        if found is not None:
            lines.append(f"    {found.code}: {found.text}")
        if kept is not None and kept.pieces:
            last = kept.pieces[-1].data[-_LAST_BYTES:]
            lines.append(f"    last bytes that it sent: {last.hex(' ')}  {last!r}")
        return "\n".join(lines)

    def _name_of(self, row: Row) -> Diagnosis | None:
        """Return the name of the bytes that a connection has sent, where they do not fit."""
        kept = self._kept.get(row.id)
        if row.diagnosis is not None or kept is None or not kept.pieces or kept.pieces[0].offset:
            return row.diagnosis
        ended = row.closed is not None
        return diagnose(kept.pieces[0].data, 0, ended, self._settings.cap)

    def _ask_for_bytes(self, ids: Iterable[int]) -> None:
        """Ask for the bytes that are kept of connections; they are there once it returns."""
        requests = []
        for connection_id in ids:
            requests.append(next(self._requests))
            self._server.submit(ReadBytes(request=requests[-1], id=connection_id))
        until = time.monotonic() + _ANSWER_WITHIN
        while not self._results.keys() >= set(requests) and time.monotonic() < until:
            time.sleep(_STEP)
            self.look()

    def _objects(self, rows: Callable[[State], Iterable[Row]]) -> list[dict[str, Any]]:
        self.look()
        now = self._server.now()
        named = {"instance": self._server.instance}
        with self._lock:
            told = [named | objects_of(row, now) for row in rows(self._state)]
        found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(told))
        return found

    def look(self) -> None:
        """Apply what has happened, with figures of this moment."""
        with self._lock:
            self._stream.asked_at = self._server.now()
            self._server.wake()
            self._hear(self._stream.drain())

    def _hear(self, drained: Drained) -> None:
        kept = (event for event in drained.events if isinstance(event, KeptBytes))
        self._kept.update((event.id, event) for event in kept)
        for result in self._state.apply(drained, self._server.now()):
            self._results[result.request] = result
