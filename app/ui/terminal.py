"""The output of Textual to the terminal; a terminal that takes nothing, or is lost, blocks nobody.

Textual writes in a thread of its own, from a queue of 30 pieces. A terminal that nobody reads (a
stopped xterm, a suspended ssh) blocks that thread; then the queue is full, the next write blocks
the main thread for ever, and no signal is handled. So the driver writes to an `Output`, which never
blocks.

Drawings do not wait in it. They change a `CellGrid`, and the difference is sent once the terminal
has taken the last one, as the `TerminalLink` tells. So drawings merge over a slow link and on a
terminal that is not read, and the answer to a key waits behind one difference at the most.

A failed write (EIO) to a lost terminal ends the dashboard. SIGHUP may come later than EIO, and does
not come at all if the terminal is not the controlling one.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import selectors
import signal
import struct
import termios
import threading
import time
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from rich.color import ColorSystem
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import CompositorUpdate
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from .cell_grid import CellGrid
from .status_reports import REQUEST, WIDTH_REQUEST, StatusReports
from .terminal_link import TerminalLink

PIECE: Final = 2048
"""Bytes of one write: a thread blocked in one keeps at most so many from being given up."""
LAST_WRITE: Final = 0.2
"""Seconds that an end waits for the terminal, twice at most."""
LAST_ANSWER: Final = 1.0
"""Seconds that an end waits for an answer that is under way: the shell would take it for keys."""
ONE_WRITE: Final = 128
"""Characters of a difference that a terminal shows at once anyway."""
NEXT_TRY: Final = 0.05
"""Seconds until a difference is tried again while the output is not empty."""
INPUT_WAIT: Final = 0.1
"""Seconds that the input is waited for, before a key such as Escape is told from a sequence."""
WIDTH_WITHIN: Final = 0.2
"""Seconds after which the width of a character is guessed; a later answer still counts."""
WIDTH_LATEST: Final = 10.0
"""Seconds after which an answer about it is taken for a key."""
_KEEP_TITLE: Final = "\x1b[22;2t"
_RESTORE_TITLE: Final = "\x1b[23;2t"
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
    def is_empty(self) -> bool:
        """Whether all was written, and the kernel has passed it on."""
        return not (self._waiting or self._under_way or _unsent(self._fd))

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
        if not self.wait_until_written():
            with self._changed:
                self._pieces.clear()
                self._waiting = 0
                self._put(CANCEL + b"".join(self._last or ()))
            _discard_output(self._fd)
            self.wait_until_written()
        self._last = None  # a suspended dashboard goes on

    def _put(self, data: bytes) -> None:
        self._pieces.extend(data[at : at + PIECE] for at in range(0, len(data), PIECE))
        self._waiting += len(data)
        self._changed.notify_all()

    def wait_until_written(self, longest: float = LAST_WRITE) -> bool:
        """Return whether all is written, or never will be; waits for it `longest` seconds at most.

        A terminal that takes nothing for `LAST_WRITE` seconds is not waited for any longer.
        """
        until = time.monotonic() + longest
        with self._changed:
            while left := 0 if self._is_lost else self._waiting + self._under_way:
                patience = min(LAST_WRITE, until - time.monotonic())
                if not self._changed.wait_for(partial(self._has_less_than, left), patience):
                    return False
        return True

    def _has_less_than(self, count: int) -> bool:
        return self._is_lost or self._waiting + self._under_way < count

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


def _unsent(fd: int) -> int:
    """Return the bytes that the kernel keeps for a terminal; 0 if it does not tell."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4)))[0])
    except (OSError, ValueError):
        return 0


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


def has_title() -> bool:
    """Whether the terminal has a title: the Linux console would show its text."""
    return not os.environ.get("TERM", "").startswith("linux")


def erases_to_ground(fd: int) -> bool:
    """Whether erased cells have the ground that is set (terminfo(5): bce and ech).

    False where that is not known.
    """
    try:
        import curses  # noqa: PLC0415  CPython may be built without it
    except ImportError:
        return False
    try:
        curses.setupterm(fd=fd)
    except curses.error:  # TERM is not in the database, or there is none
        return False
    return bool(curses.tigetflag("bce") > 0 and curses.tigetstr("ech"))


def _title_sequence(title: str) -> str:
    return f"\x1b]2;{title}\a"


class TerminalDriver(LinuxDriver):
    """Textual's driver, with an `Output` in the place of its writer thread, and a `CellGrid`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        assert self._file is not None  # the command line has checked that there is a terminal
        self._output = Output(self._file.fileno(), self._file.encoding, self._leave)
        self._grid = CellGrid(erases_to_ground(self._file.fileno()))
        self._link = TerminalLink()
        self._size: tuple[int, int] | None = None
        self._cursor = (0, 0)
        self._is_synchronized = False
        self._next_try: asyncio.Handle | None = None
        self._has_answered = threading.Event()
        self._title = ""
        self._reports = StatusReports()

    @property
    def piece_time(self) -> float:
        """Seconds that the terminal needs for a difference, of late."""
        return self._link.piece_time

    def write(self, data: str) -> None:
        """Have text that is no drawing written to the terminal, without waiting for it."""
        self._output.write(data)

    def set_title(self, title: str) -> None:
        """Write the title of the terminal's window; its own one comes back at the end."""
        if title != self._title and has_title():
            self._title = title
            self.write(_title_sequence(title))

    # --- drawings ---

    def draw(
        self,
        update: CompositorUpdate,
        system: ColorSystem,
        cursor: tuple[int, int],
        synchronized: bool,
    ) -> None:
        """Have a drawing shown once the terminal is ready for it, with the cursor at a place.

        `synchronized` is whether the terminal can show a whole difference at once.
        """
        self._grid.draw(update, system)
        self._cursor, self._is_synchronized = cursor, synchronized
        self._try_soon()

    def resize(self, size: Size) -> None:
        """Note the size of the terminal; it may have cut or moved what it shows."""
        self._size = size
        self.redraw()

    def redraw(self) -> None:
        """Have the whole screen sent again: something else may stand on the terminal."""
        self._grid.forget()
        self._try_soon()

    def _try_soon(self, seconds: float = 0.0) -> None:
        if self._next_try is not None:
            self._next_try.cancel()
        # Drawings of one turn of the event loop merge.
        self._next_try = self._loop.call_later(seconds, self._send_difference)

    def _send_difference(self) -> None:
        is_of_this_size = self._size is None or self._grid.size == self._size
        if self._key_thread is None or not self._grid.has_changed or not is_of_this_size:
            return
        now = time.monotonic()
        pause = self._link.wait(now) or (0.0 if self._output.is_empty else NEXT_TRY)
        if pause:
            self._try_soon(pause)
            return
        text = self._grid.difference(self._cursor)
        if not text:
            return
        if self._is_synchronized and len(text) > ONE_WRITE:
            text = SYNC_START + text + SYNC_END
        if self._link.wants_request(now):
            text += REQUEST
            self._link.asked(now)
            self._has_answered.clear()
        self._output.write(text)

    def _answered(self) -> None:
        self._link.answered(time.monotonic())
        self._send_difference()

    # --- input ---

    def run_input_thread(self) -> None:
        """Give Textual what the terminal sends, but for its answers; in a thread of its own."""
        parser, reports = XTermParser(self._debug), self._reports
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                text, now = "", time.monotonic()
                if selector.select(INPUT_WAIT):
                    data = os.read(self.fileno, 4096)
                    if not data:
                        return
                    now = time.monotonic()
                    width = reports.width
                    text, answers = reports.feed(decode(data), now, self._link.is_waiting)
                    if reports.width != width:
                        self._loop.call_soon_threadsafe(self._tell_width)
                    if answers:
                        self._has_answered.set()
                    for _ in range(answers):
                        self._loop.call_soon_threadsafe(self._answered)
                text += reports.release(now)
                for event in parser.feed(text) if text else ():
                    self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    def disable_input(self) -> None:
        """Stop reading keys, once the answer that is under way has come, or is late."""
        is_asked = self._link.is_waiting and self._key_thread is not None
        if is_asked and self._output.wait_until_written(LAST_ANSWER) and self._output.is_empty:
            self._has_answered.wait(min(LAST_ANSWER, self._link.wait(time.monotonic())))
        super().disable_input()
        self._key_thread = None  # nothing is drawn from now on
        self._link.restart()

    # --- begin and end ---

    def start_application_mode(self) -> None:
        """Prepare the terminal, and ask whether it answers status requests."""
        self._grid.forget()
        self._link.restart()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._key_thread is not None:
            if has_title():
                self.write(_KEEP_TITLE + _title_sequence(self._title))
            if getattr(self._app, "asks_glyph_width", False) and not self._reports.width:
                self._reports.awaits_width_until = time.monotonic() + WIDTH_LATEST
                self.write(WIDTH_REQUEST)
                self._loop.call_later(WIDTH_WITHIN, self._tell_width)
            self._has_answered.clear()
            self._link.asked(time.monotonic())
            self.write(REQUEST)
            self._try_soon()

    def _tell_width(self) -> None:
        """Tell the app how wide ambiguous characters are, or that the terminal does not say."""
        tell: Callable[[int], None] = getattr(self._app, "note_glyph_width")  # noqa: B009
        tell(self._reports.width)

    def stop_application_mode(self) -> None:
        """Restore the terminal."""
        self._output.begin_end()
        self.write("\x1b[m")
        if has_title():  # a terminal that keeps no title has none then
            self.write(_title_sequence("") + _RESTORE_TITLE)
        super().stop_application_mode()

    def close(self) -> None:
        """Write what restores the terminal, and wait for it for a moment."""
        super().close()
        self._output.end()

    def _leave(self) -> None:
        self._loop.call_soon_threadsafe(self._app.exit, 0)
