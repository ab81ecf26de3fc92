"""The server without a screen: event lines on stdout, signals, exit codes. Imports no Textual."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from ..core.events import LAST_WORDS, Event, Listening, Notice, Stopped, Stopping
from ..core.printable import in_words, printable, reason_of
from ..watch.figures import exact_clock
from ..watch.journal import Level, entry, level_of
from ..watch.stream import Drained, EventStream

ALWAYS_TOLD: Final = frozenset({Listening, Stopping, Stopped})
"""Events that are written at every level: where the server listens and how it ends."""


def as_json(event: Event) -> str:
    """One JSON object: at least ``event`` (its kind), ``t`` (Unix seconds) and ``level``."""
    text = msgspec.json.encode(event).decode()
    if type(event) is Notice:
        return text  # it has its level already
    return f'{text[:-1]},"level":"{level_of(event).name.lower()}"}}'


def as_text(event: Event) -> str:
    """One line for a person; the first of all, about listening, may have lines of notes."""
    if type(event) is Listening:
        notes = (Notice(t=event.t, level="info", text=note) for note in event.notes)
        return "\n".join((entry(event).line, *map(as_text, notes)))
    return f"{exact_clock(event.t)} {entry(event).line}"


GATHERING: Final = 0.01
"""Seconds that the log waits for more before it writes."""
AT_ONCE: Final = 500
"""Events turned into lines at once: while nobody takes the lines, the rest waits as events."""
RETRY: Final = 0.25
"""Seconds between two attempts to write where the disk is full."""
_MAY_PASS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOBUFS, errno.ENOMEM})
"""Errors of a write that may succeed later."""


class LogWriter:
    """Writes the events of a stream as lines, in a thread of its own.

    A pipe that nobody reads blocks the thread that writes to it, and must block neither the
    signals, which are the main thread's, nor the loop; the stream bounds what waits. A full disk is
    tried again, unless nothing could ever be written. A reader that goes away ends the log and
    nothing else. Every other failure ends the program: a server must not run on without its log.
    """

    def __init__(
        self,
        stream: EventStream,
        fd: int,
        log_format: Callable[[Event], str],
        level: str = "debug",
        on_failure: Callable[[], None] = lambda: None,
        tell: Callable[[str, str], None] = lambda _level, _text: None,
        write: Callable[[int, bytes], int] = os.write,
        begins_listening: bool = False,
    ) -> None:
        """Write to the descriptor `fd` itself: a buffer that a stuck pipe holds could not be
        flushed at the program's end either.

        `on_failure` is called once, in the log's thread, after `failure` is set. `tell` publishes a
        notice of a level about a disk that is full, and that has room again. `write` is os.write.
        A log that `begins_listening` has no line before the one about listening, and none of a
        server that never listens.
        """
        self.failure = ""
        """Why the log could not be written, in words; empty while it can."""
        self._stream = stream
        self._least = Level[level.upper()]
        self._fd = fd
        self._format = log_format
        self._on_failure = on_failure
        self._tell = tell
        self._write_some = write
        self._has_written = False
        self._trouble = ""  # the error that is waited out, in words
        self._is_silent = False
        self._has_begun = not begins_listening
        self._dropped = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo-tui log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def set_level(self, level: str) -> None:
        """Write only events of this level and above, from now on; any thread may call it."""
        self._least = Level[level.upper()]

    def end(self, timeout: float) -> str:
        """Wait until the last event is written, at most `timeout` seconds.

        Return a line about a reader that did not take the end of the log, or an empty string.
        `failure` is set where the end could not be written, or nothing ever was.
        """
        self._thread.join(timeout)
        if self.failure or not self._thread.is_alive():
            return ""
        nobody = "nobody takes it"
        if self._trouble or not self._has_written:
            self.failure = self._trouble or nobody
            return ""
        skipped = f", {self._stream.lost:,} were skipped before" if self._stream.lost else ""
        waiting = f"{self._stream.depth:,} events or more wait{skipped}"
        return f"the end of the log is not written, {nobody}: {waiting}"

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._ready.clear()
            self._stream.notify_once(self._ready.set)
            self._ready.wait()
            # What follows closely is written with it: a line each would take its thread each time.
            time.sleep(GATHERING)
            drained = self._stream.drain(AT_ONCE)
            if not self._is_silent:
                self._write_events(drained)
            is_last = not LAST_WORDS.isdisjoint(map(type, drained.events))

    def _write_events(self, drained: Drained) -> None:
        try:
            lines = self._lines(drained)
            if lines:
                self._write("\n".join([*lines, ""]).encode(errors="backslashreplace"))
        except Exception as error:
            self._is_silent = True
            is_gone = isinstance(error, OSError) and self._is_reader_gone(error)
            if is_gone and self._has_written:
                with contextlib.suppress(OSError):  # stderr may have had the same reader
                    print(f"echo-tui: the log ends here: {error}", file=sys.stderr)
                return
            self.failure = reason_of(error) if isinstance(error, OSError) else in_words(error)
            self._on_failure()

    def _lines(self, drained: Drained) -> list[str]:
        least, in_line = self._least, self._format
        lines = []
        for event in drained.events:
            self._has_begun |= type(event) is Listening
            if not self._has_begun:
                continue
            if level_of(event) >= least or type(event) in ALWAYS_TOLD:
                try:
                    lines.append(in_line(event))
                except Exception as error:  # one event is no reason to lose the log
                    lines.append(self._line_of_fault(event, error))
        new_drops = drained.dropped - self._dropped
        if drained.events and new_drops > 0 and least <= Level.WARNING:
            self._dropped = drained.dropped
            text = f"{new_drops:,} trace events dropped: too many at once"
            lines.append(self._format(Notice(t=drained.events[-1].t, level="warning", text=text)))
        return lines

    def _line_of_fault(self, event: Event, error: Exception) -> str:
        text = f"an event of the kind {type(event).__name__} has no line: {in_words(error)}"
        return self._format(Notice(t=event.t, level="error", text=printable(text, 300)))

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[self._write_some(self._fd, data) :]
            except BlockingIOError:  # whoever gave us the descriptor made it non-blocking
                select.select([], [self._fd], [])
                time.sleep(GATHERING)  # it may be writable and have no room for a line
                continue
            except OSError as error:
                if error.errno not in _MAY_PASS or not self._has_written:
                    raise
                self._wait_for_room(error)
                continue
            self._has_written = True
            if self._trouble:
                self._tell("warning", f"the log is written again, after: {self._trouble}")
                self._trouble = ""

    def _wait_for_room(self, error: OSError) -> None:
        if not self._trouble:
            self._trouble = reason_of(error)
            text = f"the log cannot be written: {self._trouble}; it is tried again all the time"
            self._tell("error", text)
        time.sleep(RETRY)

    def _is_reader_gone(self, error: OSError) -> bool:
        """Whether a pipe's reader, or the terminal, has gone away."""
        is_terminal = stat.S_ISCHR(os.fstat(self._fd).st_mode)
        return isinstance(error, BrokenPipeError) or (error.errno == errno.EIO and is_terminal)
