"""The terminal as Textual writes to it; one that is lost ends the dashboard and blocks nobody.

Textual writes in a thread of its own, from a queue of 30 pieces. A write to a terminal that has
gone (EIO) would end that thread, the queue would fill, and the next write would block the main
thread for ever: no signal would be seen any more. SIGHUP does not always come first, nor at all
where the terminal is not the controlling one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver


class Output:
    """A file that swallows everything once a write has failed."""

    def __init__(self, file: IO[str], on_loss: Callable[[], None]) -> None:
        """`on_loss` is called once, in the thread that writes."""
        self._file = file
        self._on_loss = on_loss
        self._is_lost = False

    def write(self, text: str) -> None:
        """Write, as long as there is somebody to read."""
        self._try(self._file.write, text)

    def flush(self) -> None:
        """Flush, likewise."""
        self._try(self._file.flush)

    def fileno(self) -> int:
        """The descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Whether it is, or was, a terminal."""
        return self._file.isatty()

    def _try(self, call: Callable[..., object], *arguments: str) -> None:
        if self._is_lost:
            return
        try:
            call(*arguments)
        except OSError:
            self._is_lost = True
            self._on_loss()


class TerminalDriver(LinuxDriver):
    """Textual's driver on such an output."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        assert self._file is not None  # the command line has looked for a terminal
        self._file = Output(self._file, self._leave)  # type: ignore[assignment]

    def _leave(self) -> None:
        self._loop.call_soon_threadsafe(self._app.exit, 0)
