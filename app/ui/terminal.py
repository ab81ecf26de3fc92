"""The output of Textual to the terminal; the loss of the terminal ends the dashboard.

Textual writes in a thread of its own, from a queue of 30 pieces. A failed write (EIO) to a lost
terminal would end that thread; then the queue would fill, the next write would block the main
thread for ever, and no signal would be handled. SIGHUP may come later than EIO, and does not come
at all if the terminal is not the controlling one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver


class Output:
    """A file that discards all output once a write has failed.

    Textual's writer thread calls `write` and `flush`, the main thread may call the rest.
    """

    def __init__(self, file: IO[str], on_loss: Callable[[], None]) -> None:
        """Wrap `file`; `on_loss` is called once, in the thread whose write fails."""
        self._file = file
        self._on_loss = on_loss
        self._is_lost = False

    def write(self, text: str) -> None:
        """Write, unless a write has failed before."""
        self._try(self._file.write, text)

    def flush(self) -> None:
        """Flush, unless a write has failed before."""
        self._try(self._file.flush)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Return whether the file is a terminal."""
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
    """Textual's driver, with an `Output` as its file."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        assert self._file is not None  # the command line has checked that there is a terminal
        self._file = Output(self._file, self._leave)  # type: ignore[assignment]

    def _leave(self) -> None:
        self._loop.call_soon_threadsafe(self._app.exit, 0)
