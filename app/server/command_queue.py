"""How other threads speak to the loop: a queue, and a byte on a socketpair that wakes the poller.

A full pipe is fine: the byte that is already in it will wake the loop.
"""

from __future__ import annotations

import socket
from collections import deque

from ..core.commands import Command


class CommandQueue:
    """Commands from any thread; taken by the loop between two batches of readiness."""

    def __init__(self) -> None:
        self._commands: deque[Command] = deque()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.fd = self._reader.fileno()
        """Readable when there is something to take."""

    def submit(self, command: Command) -> None:
        """Append a command and wake the loop."""
        self._commands.append(command)
        self.wake()

    def wake(self) -> None:
        """Make the poller return. Harmless at any time, also after `close`."""
        try:
            self._writer.send(b"\0")
        except (BlockingIOError, OSError):
            # Full: a wakeup is already on its way. Closed: nobody is left to be woken.
            return

    def take(self, limit: int) -> list[Command]:
        """At most `limit` commands; the rest wakes the loop again."""
        try:
            self._reader.recv(4096)
        except BlockingIOError:
            return []
        count = min(limit, len(self._commands))
        taken = [self._commands.popleft() for _ in range(count)]
        if self._commands:
            self.wake()
        return taken

    def rest(self) -> list[Command]:
        """What was submitted and will not be carried out any more."""
        taken = list(self._commands)
        self._commands.clear()
        return taken

    def close(self) -> None:
        """Give both descriptors back."""
        self._reader.close()
        self._writer.close()
