"""A server in another process as the dashboard's source: over its control socket.

No method waits: `drain` applies what has arrived, and connects again to a server that was gone.
While there is none, time stands still where the server was last heard of, so that nothing on the
screen pretends to go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from ...core.commands import (
    Command,
    Fault,
    Kill,
    ReadBytes,
    Trace,
    TraceLevel,
    expected_results,
    results_left,
)
from ...core.events import CommandResult, Crashed, Event, Notice, RecordingStatus, Snapshot, Stopped
from ...core.statistics import carry_longest
from ...watch.source import Failure
from ...watch.stream import Drained
from ..protocol import Do, News, Page, Watch, Welcome
from .control_client import ControlError, Link, ServerGone, hello, join_pages, split

RETRY: Final = 0.5
"""Seconds between two attempts to connect to a server that is gone."""
SILENCE: Final = 3.0
"""Seconds without a message after which a server that is there is said to be silent."""
TRACE_AGAIN: Final = 1 << 40
"""Request number of traces that are asked for again; the dashboard's own begin at 1."""
ANOTHER_SERVER: Final = "not carried out: another server answers now"
ANOTHER_SINCE: Final = "it may have been carried out: another server answers now"
CONNECTION_LOST: Final = "whether it was carried out is not known: the connection was lost"


class AttachedSource:
    """Everything that one control socket tells. All methods are for one thread."""

    owns_server = False
    """The server goes on when the dashboard ends."""
    grace = 0.0
    """Unused: the server goes on when an attached dashboard ends."""

    def __init__(
        self,
        address: Path,
        read_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
        closed: bool = False,
    ) -> None:
        """Connect to the control socket at `address`. Raises `ControlError` if that fails.

        With `closed` the server also tells of the connections that closed last.
        """
        self.address = address
        self._hello = hello("dashboard", read_only, announce=True)
        self._clock = clock
        self._link: Link | None = Link.open(address, self._hello)
        self._watch = Watch(closed=closed)
        self._link.send(self._watch)
        assert self._link.welcome is not None
        self._offset = self._link.welcome.t - clock()
        self._instance = self._link.welcome.instance
        self.keep_closed = self._link.welcome.keep_closed
        """As many as the server keeps."""
        self._arrival = "attached"
        self._heard_at = clock()
        self._retry_at = clock()
        self._waiting: deque[Page | News] = deque()
        self._pages: list[Page] = []
        self._own: list[Event] = []
        self._dropped = 0
        self._recording = RecordingStatus()
        self._why_gone = ""
        # Both are void when another server answers.
        self._traces: dict[int, TraceLevel] = {}
        self._under_way: dict[int, tuple[Command, int]] = {}  # by request, and results to come

    @property
    def is_linked(self) -> bool:
        """Whether there is a connection to the server."""
        return self._link is not None

    @property
    def path(self) -> Path | None:
        """The file into which the server is recorded now."""
        is_written = self._recording.recording and not self._recording.interrupted
        file = self._recording.file if is_written else None
        return None if file is None else Path(file)

    @property
    def planned(self) -> Path | None:
        """Return None: an attached dashboard ends no recording."""
        return None

    def toggle(self) -> str:
        """Say how the server is recorded: an attached dashboard does not begin or end that."""
        return "an attached dashboard cannot: use `echo-tui ctl record start FILE`, or `stop`"

    def close(self) -> None:
        """Close the connection; the server goes on."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def now(self) -> float:
        """Seconds on the server's clock; it stands still when the server is not heard of."""
        return self._offset + min(self._clock(), self._heard_at + SILENCE)

    def failure(self) -> Failure | None:
        """Return None: a server that is gone may come back, and `Drained.gone` tells of it."""
        return None

    def submit(self, command: Command) -> None:
        """Send a command; one that cannot be sent, or is for another server, is answered here."""
        if command.instance not in ("", self._instance):
            self._answer(command, ANOTHER_SERVER)
            return
        if isinstance(command, Trace):
            self._traces[command.id] = TraceLevel(command.level)
            if command.level == TraceLevel.OFF:
                del self._traces[command.id]
        elif self._hello.read_only and not isinstance(command, ReadBytes):
            self._answer(command, "refused: attached read-only")
            return
        if self._link is None:
            self._answer(command, "not sent: the server is gone")
            return
        # The server refuses it if it is another one by now.
        command = msgspec.structs.replace(command, instance=self._instance)
        if not isinstance(command, Trace) and (results := expected_results(command)):
            self._under_way[command.request] = command, results
        parts: Iterable[Command] = (command,)
        if isinstance(command, Kill | Fault) and command.ids:
            parts = split(command)
        for part in parts:
            self._link.send(Do(command=part))

    def drain(self) -> Drained:
        """Return everything that has arrived; new pages begin a drain of their own (`afresh`)."""
        self._receive()
        events: list[Event] = []
        snapshots: dict[int, Snapshot] = {}
        stats = None
        while self._waiting:
            message = self._waiting[0]
            if isinstance(message, Page) and (events or snapshots):
                break
            self._waiting.popleft()
            if isinstance(message, Page):
                self._pages = [message] if message.number == 1 else [*self._pages, message]
                if message.last:
                    return self._afresh()
            else:
                events += message.events
                # The latest last, and the latest only.
                snapshots.update((snapshot.id, snapshot) for snapshot in message.snapshots)
                if message.stats is not None:
                    stats = carry_longest(message.stats, stats)
                self._dropped = message.dropped
        events += self._own
        self._own = []
        return Drained(
            events, list(snapshots.values()), stats, self._dropped, gone=self._absence(events)
        )

    def _afresh(self) -> Drained:
        pages, self._pages = self._pages, []
        told = join_pages(pages)
        events = told.events + self._words_of_arrival(pages) + self._own
        self._own = []
        return told._replace(events=events, dropped=self._dropped)

    def _words_of_arrival(self, pages: list[Page]) -> list[Event]:
        first = pages[0]
        if first.missed:
            text = f"{first.missed:,} events missed: this dashboard was too slow; all is shown anew"
            return [Notice(t=first.t, level="warning", text=text)]
        pid = 0 if first.listening is None else first.listening.pid
        connections = sum(len(page.connections) for page in pages)
        text = f"{self._arrival}: pid {pid}, {connections:,} open connections"
        return [Notice(t=first.t, level="info", text=text)]

    def _count_results(self, news: News) -> None:
        for event in news.events:
            if isinstance(event, CommandResult) and event.request in self._under_way:
                command, expected = self._under_way.pop(event.request)
                if left := results_left(expected, event):
                    self._under_way[event.request] = command, left

    # --- the connection ---

    def _receive(self) -> None:
        if self._link is None and self._clock() >= self._retry_at:
            self._connect()
        if self._link is None:
            return
        try:
            messages = self._link.receive_ready()
        except ControlError as error:
            self._lose(error)
            return
        for message in messages:
            self._heard_at = self._clock()
            if isinstance(message, Welcome):
                self._begin_again(message)
            elif isinstance(message, Page | News):
                self._recording = message.recording or self._recording
                # A message takes time to come here, never less than none.
                offset = message.t - self._heard_at
                self._offset = max(self._offset, offset)
                if isinstance(message, Page):
                    if message.missed:
                        self._offset = offset  # the wall clock may have been set meanwhile
                else:
                    if any(type(each) is Notice and each.clock_step for each in message.events):
                        self._offset = offset  # the wall clock was set
                    self._count_results(message)
                self._waiting.append(message)

    def _begin_again(self, welcome: Welcome) -> None:
        """Watch the server that answers now: the one from before, or another."""
        assert self._link is not None
        self._offset = welcome.t - self._heard_at
        self._why_gone = ""
        is_another = welcome.instance != self._instance
        for command, _ in self._under_way.values():
            self._answer(command, ANOTHER_SINCE if is_another else CONNECTION_LOST)
        self._under_way.clear()
        self._link.send(self._watch)
        if is_another:
            self._instance = welcome.instance
            self._arrival = "attached again, to another server"
            self._traces.clear()
            self._dropped = 0
            return
        self._arrival = "attached again"
        for connection_id, level in self._traces.items():
            self.submit(Trace(request=TRACE_AGAIN, id=connection_id, level=level))

    def _connect(self) -> None:
        try:
            self._link = Link(self.address, self._hello)
        except ControlError as error:
            self._retry_at = self._clock() + RETRY
            if not isinstance(error, ServerGone):  # somebody else's is there now
                self._why_gone = str(error)

    def _lose(self, error: ControlError) -> None:
        assert self._link is not None
        self._link.close()
        self._link = None
        self._recording = RecordingStatus()
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
        self._own.append(command.answer(self.now(), False, message))
