"""The source of a dashboard: it yields the events and accepts the commands.

A live server, an attached one and a recording all have the same interface, `Source`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ..core.commands import Command
from ..core.events import Crashed
from .stream import Drained, EventStream


class Source(Protocol):
    """The interface between a dashboard and a server or a recording."""

    @property
    def owns_server(self) -> bool:
        """Whether the server ends when the dashboard does."""

    @property
    def grace(self) -> float:
        """Seconds that the server's stop may take; of no meaning for one that is not owned."""

    def now(self) -> float:
        """Seconds on the clock that stamps the events."""

    def drain(self) -> Drained:
        """Everything that has gathered since the last call."""

    def submit(self, command: Command) -> None:
        """Send a command; what became of it comes back as an event."""

    def failure(self) -> str | None:
        """Plain words when the server died, else nothing."""


class RecorderControl(Protocol):
    """Lets a dashboard record what it shows."""

    @property
    def path(self) -> Path | None:
        """The file that is being written now."""

    def toggle(self) -> str:
        """Begin a recording, or end the present one; what was done. Raises `OSError`."""


class StreamSource:
    """A server whose `EventStream` is in this process."""

    def __init__(
        self,
        stream: EventStream,
        submit: Callable[[Command], None],
        now: Callable[[], float],
        failure: Callable[[], str | None] | None = None,
        grace: float = 0.0,
    ) -> None:
        """`failure` tells of a death without an event; `grace` is how long the server's stop may
        take, in seconds.
        """
        stream.watched = True
        self.owns_server = True
        self.grace = grace
        self.submit = submit
        self.now = now
        self._stream = stream
        self._failure = failure
        self._crash: str | None = None

    def drain(self) -> Drained:
        """Take everything that has gathered."""
        drained = self._stream.drain()
        for event in drained.events:
            if isinstance(event, Crashed):
                self._crash = event.error
        return drained

    def failure(self) -> str | None:
        """The error of the `Crashed` event, or what the injected `failure` says."""
        if self._crash is None and self._failure is not None:
            return self._failure()
        return self._crash
