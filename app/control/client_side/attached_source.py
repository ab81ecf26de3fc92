"""A server in another process as the dashboard's source: over its control socket.

Nothing waits here: `drain` takes what has arrived, and comes back to a server that was gone. While
there is none, time stands still where it was last heard of, so that nothing on the screen pretends
to go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ...core.commands import Command, Kill, Trace
from ...core.events import (
    CommandResult,
    Crashed,
    Event,
    Notice,
    Snapshot,
    Stopped,
    TraceLevel,
)
from ...watch.stream import Drained
from ..protocol import Do, News, Page, Watch, Welcome
from .control_client import ControlError, Link, ServerGone, hello, kills

RETRY: Final = 0.5
"""Seconds between two tries to reach a server that is gone."""
SILENCE: Final = 3.0
"""Seconds without a word after which a server that is there is said to be silent."""


class AttachedSource:
    """Everything that one control socket tells, for as long as somebody drains it."""

    owns_server = False
    """The server goes on when the dashboard ends."""
    grace = 0.0
    """Of no meaning for a server that goes on."""

    def __init__(
        self,
        address: Path,
        read_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connects. Raises `ControlError` if that cannot be done now."""
        self.address = address
        """Of the control socket."""
        self._hello = hello("dashboard", read_only, announce=True)
        self._clock = clock
        self._link: Link | None = Link.open(address, self._hello)
        self._link.send(Watch())
        assert self._link.welcome is not None
        self._offset = self._link.welcome.t - clock()
        self._pid = 0
        self._heard_at = clock()
        self._retry_at = clock()
        self._waiting: deque[Page | News] = deque()
        self._pages: list[Page] = []
        self._own: list[Event] = []
        self._dropped = 0
        self._why_gone = ""
        self._traces: dict[int, TraceLevel] = {}

    @property
    def is_linked(self) -> bool:
        """Whether the server is heard of."""
        return self._link is not None

    def close(self) -> None:
        """Let go of the server, which goes on."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def now(self) -> float:
        """Seconds on the server's clock; it stands still when the server is not heard of."""
        return self._offset + min(self._clock(), self._heard_at + SILENCE)

    def failure(self) -> str | None:
        """Never: a server that is gone may come back, and `Drained.gone` tells of it."""
        return None

    def submit(self, command: Command) -> None:
        """Send a command; one that cannot be sent is answered here."""
        if isinstance(command, Trace):
            self._traces[command.id] = TraceLevel(command.level)
            if command.level == TraceLevel.OFF:
                del self._traces[command.id]
        elif self._hello.read_only:
            self._answer(command, "refused: attached read-only")
            return
        if self._link is None:
            self._answer(command, "not sent: the server is gone")
        elif isinstance(command, Kill):
            for part in kills(command.request, list(command.ids), command.mode):
                self._link.send(Do(command=part))
        else:
            self._link.send(Do(command=command))

    def drain(self) -> Drained:
        """Everything that has arrived, in one go with what was known when it begins afresh."""
        self._receive()
        events: list[Event] = []
        snapshots: dict[int, Snapshot] = {}
        stats = None
        while self._waiting:
            message = self._waiting[0]
            if isinstance(message, Page) and (events or snapshots):
                break  # what begins afresh begins a drain
            self._waiting.popleft()
            if isinstance(message, Page):
                self._pages = [message] if message.number == 1 else [*self._pages, message]
                if message.last:
                    return self._afresh()
            else:
                events += message.events
                # The latest last, and the latest only.
                snapshots.update((snapshot.id, snapshot) for snapshot in message.snapshots)
                stats = message.stats or stats
                self._dropped = message.dropped
        events += self._own
        self._own = []
        return Drained(
            events, list(snapshots.values()), stats, self._dropped, gone=self._absence(events)
        )

    def _afresh(self) -> Drained:
        pages, self._pages = self._pages, []
        first = pages[0]
        known = [one for page in pages for one in page.connections]
        events: list[Event] = [
            event for event in (first.listening, first.process) if event is not None
        ]
        events += [one.opened for one in known]
        events += self._words_of_arrival(first, len(known))
        events += self._own
        self._own = []
        snapshots = [one.snapshot for one in known if one.snapshot is not None]
        return Drained(events, snapshots, first.stats, self._dropped, afresh=True)

    def _words_of_arrival(self, first: Page, connections: int) -> list[Event]:
        if first.missed:
            text = f"{first.missed:,} events missed: this dashboard was too slow; all is shown anew"
            return [Notice(t=first.t, level="warning", text=text)]
        pid = 0 if first.listening is None else first.listening.pid
        back = "attached again, to another process" if self._pid else "attached"
        if pid == self._pid:
            back = "attached again"
            self._trace_again()
        else:
            self._traces.clear()
            self._dropped = 0
        self._pid = pid
        text = f"{back}: pid {pid}, {connections:,} open connections"
        return [Notice(t=first.t, level="info", text=text)]

    def _trace_again(self) -> None:
        for connection_id, level in self._traces.items():
            self.submit(Trace(request=1 << 40, id=connection_id, level=level))

    # --- the connection ---

    def _receive(self) -> None:
        if self._link is None and self._clock() >= self._retry_at:
            self._connect()
        if self._link is None:
            return
        try:
            messages = self._link.ready()
        except ControlError as error:
            self._lose(error)
            return
        for message in messages:
            self._heard_at = self._clock()
            if isinstance(message, Welcome):
                self._offset = message.t - self._heard_at
                self._why_gone = ""
                self._link.send(Watch())
            elif isinstance(message, Page | News):
                # A message takes time to come here, never less than none.
                self._offset = max(self._offset, message.t - self._heard_at)
                self._waiting.append(message)

    def _connect(self) -> None:
        try:
            self._link = Link(self.address, self._hello)
        except ServerGone:
            self._retry_at = self._clock() + RETRY

    def _lose(self, error: ControlError) -> None:
        assert self._link is not None
        self._link.close()
        self._link = None
        self._retry_at = self._clock() + RETRY
        if not (self._why_gone and isinstance(error, ServerGone)):
            self._why_gone = str(error).removeprefix(f"{self.address}: ")

    def _absence(self, events: list[Event]) -> str:
        for event in events:
            if isinstance(event, Stopped):
                self._why_gone = f"the server has stopped ({event.cause})"
            elif isinstance(event, Crashed):
                self._why_gone = f"the server has crashed: {event.error}"
        if self._why_gone:
            return self._why_gone
        silent = self._clock() - self._heard_at
        return f"the server has said nothing for {silent:.0f} s" if silent > SILENCE else ""

    def _answer(self, command: Command, message: str) -> None:
        self._own.append(
            CommandResult(
                t=self.now(),
                request=command.request,
                command=type(command).__name__.lower(),
                ok=False,
                message=message,
            )
        )
