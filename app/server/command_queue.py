"""Commands on their way from any thread to the loop, with a wakeup for its poller."""

from __future__ import annotations

from collections import deque

from ..core.commands import Command
from ..core.wakeup import Wakeup


class CommandQueue:
    """Commands from any thread; the loop takes them between two batches of readiness."""

    def __init__(self) -> None:
        self._commands: deque[Command] = deque()
        self._wakeup = Wakeup()
        self.woken = 0
        """Bytes that the last `take` has cleared of the wakeup."""
        self.fd = self._wakeup.fd
        """Readable when `take` is to be called."""
        self.wake = self._wakeup.wake
        """Make the loop's poller return; any thread, at any time."""

    def submit(self, command: Command) -> None:
        """Append a command and wake the loop. Any thread, at any time."""
        self._commands.append(command)
        self.wake()

    def take(self, limit: int) -> list[Command]:
        """Remove and return at most `limit` commands; the rest wakes the loop again."""
        self.woken = self._wakeup.clear()
        count = min(limit, len(self._commands))
        taken = [self._commands.popleft() for _ in range(count)]
        if self._commands:
            self.wake()
        return taken

    def take_all(self) -> list[Command]:
        """Remove and return the commands that the loop, which has ended, will not carry out."""
        taken = list(self._commands)
        self._commands.clear()
        return taken

    def close(self) -> None:
        """Give the descriptors back. `submit` and `wake` stay harmless."""
        self._wakeup.close()
