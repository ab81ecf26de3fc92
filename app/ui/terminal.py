"""The output of Textual to the terminal; a terminal that takes nothing, or is lost, blocks nobody.

Textual writes in a thread of its own, from a queue of 30 pieces. A terminal that nobody reads (a
stopped xterm, a suspended ssh) blocks that thread; then the queue is full, the next write blocks
the main thread for ever, and no signal is handled. So the driver writes to an `Output`, which never
blocks. The dashboard draws nothing while the terminal is behind, and the whole screen afterwards.

A failed write (EIO) to a lost terminal ends the dashboard. SIGHUP may come later than EIO, and does
not come at all if the terminal is not the controlling one.
"""

from __future__ import annotations

import os
import select
import signal
import termios
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from textual.drivers.linux_driver import LinuxDriver

BEHIND: Final = 32 * 1024
"""Bytes that wait for the terminal from which on nothing is drawn: a screen or two."""
PIECE: Final = 2048
"""Bytes of one write: a thread blocked in one keeps at most so many from being given up."""
LAST_WRITE: Final = 0.2
"""Seconds that an end waits for the terminal, twice at most."""
CANCEL: Final = b"\x18"
"""CAN: ends an escape sequence that was cut."""


class Output:
    """Writes to a terminal in a thread of its own; the other methods never wait for it.

    Once a write has failed everything is discarded.
    """

    def __init__(
        self,
        fd: int,
        encoding: str,
        on_loss: Callable[[], None],
        write: Callable[[int, bytes], int] = os.write,
    ) -> None:
        """Write to the descriptor `fd`; `on_loss` is called once, in the thread, if that fails.

        `write` is os.write. A buffered file would not do: the end of the program would wait for
        the lock of a blocked thread.
        """
        self._fd = fd
        self._encoding = encoding
        self._on_loss = on_loss
        self._write_some = write
        self._pieces: deque[bytes] = deque()
        self._last: list[bytes] | None = None  # what an end must write, once it has begun
        self._changed = threading.Condition()
        self._waiting = 0  # bytes of the pieces
        self._under_way = 0  # bytes of the piece that is being written
        self._is_lost = False
        self._thread = threading.Thread(target=self._run, name="echo-tui terminal", daemon=True)
        self._thread.start()

    @property
    def is_behind(self) -> bool:
        """Whether so much waits for the terminal that nothing more should be drawn."""
        return self._waiting + self._under_way >= BEHIND

    def write(self, text: str) -> None:
        """Have text written after all before it; any thread."""
        data = text.encode(self._encoding, errors="backslashreplace")
        with self._changed:
            if self._is_lost:
                return
            if self._last is not None:
                self._last.append(data)
            self._put(data)

    def begin_end(self) -> None:
        """Note that what is written from now on restores the terminal, and must not be lost."""
        with self._changed:
            self._last = []

    def end(self) -> None:
        """Wait until all is written, twice `LAST_WRITE` seconds at most.

        A terminal that takes nothing is made to forget what it has not taken, so that it finds the
        text that restores it once it takes something again.
        """
        if not self._wait_until_written():
            with self._changed:
                self._pieces.clear()
                self._waiting = 0
                self._put(CANCEL + b"".join(self._last or ()))
            _discard_output(self._fd)
            self._wait_until_written()
        self._last = None  # a suspended dashboard goes on

    def _put(self, data: bytes) -> None:
        self._pieces.extend(data[at : at + PIECE] for at in range(0, len(data), PIECE))
        self._waiting += len(data)
        self._changed.notify_all()

    def _wait_until_written(self) -> bool:
        def is_written() -> bool:
            return self._is_lost or not (self._waiting or self._under_way)

        with self._changed:
            return self._changed.wait_for(is_written, LAST_WRITE)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pieces)
                piece = self._pieces.popleft()
                self._under_way = len(piece)
                self._waiting -= self._under_way
            try:
                self._write(piece)
            except OSError:
                with self._changed:
                    self._is_lost = True
                    self._waiting = self._under_way = 0
                    self._pieces.clear()
                    self._changed.notify_all()
                self._on_loss()
                return
            with self._changed:
                self._under_way = 0
                self._changed.notify_all()

    def _write(self, piece: bytes) -> None:
        while piece:
            try:
                piece = piece[self._write_some(self._fd, piece) :]
            except BlockingIOError:  # whoever gave us the descriptor made it non-blocking
                select.select([], [self._fd], [])


def _discard_output(fd: int) -> None:
    # A process in the background is stopped (SIGTTOU) for it, unless it blocks the signal.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        termios.tcflush(fd, termios.TCOFLUSH)
        # Only a start of output that was stopped wakes a blocked writer; it ends a Ctrl-S too.
        termios.tcflow(fd, termios.TCOOFF)
        termios.tcflow(fd, termios.TCOON)
    except termios.error:
        return  # no terminal any more
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class TerminalDriver(LinuxDriver):
    """Textual's driver, with an `Output` in the place of its writer thread."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        assert self._file is not None  # the command line has checked that there is a terminal
        self._output = Output(self._file.fileno(), self._file.encoding, self._leave)

    @property
    def is_behind(self) -> bool:
        """Whether the terminal is so far behind that nothing should be drawn."""
        return self._output.is_behind

    def write(self, data: str) -> None:
        """Have text written to the terminal, without waiting for it."""
        self._output.write(data)

    def stop_application_mode(self) -> None:
        """Restore the terminal."""
        self._output.begin_end()
        super().stop_application_mode()

    def close(self) -> None:
        """Write what restores the terminal, and wait for it for a moment."""
        super().close()
        self._output.end()

    def _leave(self) -> None:
        self._loop.call_soon_threadsafe(self._app.exit, 0)
