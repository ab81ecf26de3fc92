"""A source that tells a dashboard what a test gives it, and keeps the commands."""

from __future__ import annotations

from app.core.commands import Command, Kill
from app.watch.stream import Drained
from tests.making import listening


class Told:
    """A source of drains that a test made, one after the other."""

    owns_server = False
    grace = 0.0
    keep_closed = 20

    def __init__(self, *drains: Drained) -> None:
        self.drains = list(drains)
        self.sent: list[Command] = []
        self.last = Drained([], [], None, 0)

    @property
    def kills(self) -> list[Kill]:
        return [command for command in self.sent if isinstance(command, Kill)]

    def now(self) -> float:
        return listening().t + 60.0

    def drain(self) -> Drained:
        return self.drains.pop(0) if self.drains else self.last

    def submit(self, command: Command) -> None:
        self.sent.append(command)

    def failure(self) -> None:
        return None
