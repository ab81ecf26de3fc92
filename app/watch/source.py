"""The source of a dashboard: it yields the events and accepts the commands.

A live server, an attached one and a recording all have the same interface, `Source`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from ..core.commands import Command, Look, ReadBytes
from ..core.events import Crashed
from .screen_state import KEEP_CLOSED
from .stream import Drained, EventStream


class Failure(NamedTuple):
    """The end of what a source tells."""

    reason: str
    """One line for a person."""
    server_is_dead: bool
    """If not, the server may go on: only the screen hears nothing of it."""


class Source(Protocol):
    """The interface between a dashboard and a server or a recording."""

    @property
    def owns_server(self) -> bool:
        """Whether the server ends when the dashboard does."""

    @property
    def grace(self) -> float:
        """Seconds that the server's stop may take; of no meaning for one that is not owned."""

    @property
    def keep_closed(self) -> int:
        """Closed connections to keep: as many as the server does, where that is known."""

    def now(self) -> float:
        """Seconds on the clock that stamps the events."""

    def drain(self) -> Drained:
        """Everything that has gathered since the last call."""

    def submit(self, command: Command) -> None:
        """Send a command; what became of it comes back as an event."""

    def failure(self) -> Failure | None:
        """Return why nothing comes and nothing will; None while something may."""


class RecorderControl(Protocol):
    """Lets a dashboard record what it shows."""

    @property
    def path(self) -> Path | None:
        """The file that is being written now."""

    @property
    def planned(self) -> Path | None:
        """The file of a recording that goes on and that the command line asked for."""

    def toggle(self) -> str:
        """Begin a recording, or end the present one; what was done. Raises `OSError`."""


class StreamSource:
    """A server whose `EventStream` is in this process."""

    def __init__(
        self,
        stream: EventStream,
        submit: Callable[[Command], None],
        now: Callable[[], float],
        unheard: Callable[[], str] = str,
        grace: float = 0.0,
        keep_closed: int = KEEP_CLOSED,
    ) -> None:
        """`unheard` says why the stream is told nothing more; empty while it is. `grace` is how
        long the server's stop may take, in seconds. `keep_closed` is how many closed connections
        the server keeps.
        """
        stream.watched = True
        self.owns_server = True
        self.grace = grace
        self.keep_closed = keep_closed
        self.now = now
        self._submit = submit
        self._stream = stream
        self._unheard = unheard
        self._crash = ""

    def submit(self, command: Command) -> None:
        """Send a command; bytes of a peer that it asks for come back through the stream."""
        if isinstance(command, ReadBytes | Look):
            self._stream.expect_answer(command.request)
        self._submit(command)

    def drain(self) -> Drained:
        """Take everything that has gathered."""
        drained = self._stream.drain()
        for event in drained.events:
            if isinstance(event, Crashed):
                self._crash = event.error
        return drained

    def failure(self) -> Failure | None:
        """Return the error of the `Crashed` event, or what the injected `unheard` says."""
        reason = self._crash or self._unheard()
        return Failure(reason, server_is_dead=bool(self._crash)) if reason else None
