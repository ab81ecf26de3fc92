"""The server without a screen: event lines on stdout, signals, exit codes. Imports no Textual."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from ..core.events import LAST_WORDS, Event, Listening, Notice, Stopped, Stopping
from ..watch.journal import Level, entry, level_of
from ..watch.stream import EventStream

ALWAYS_TOLD: Final = frozenset({Listening, Stopping, Stopped})
"""Events that are written at every level: where the server listens and how it ends."""


def as_json(event: Event) -> str:
    """One JSON object: at least ``event`` (its kind), ``t`` (Unix seconds) and ``level``."""
    text = msgspec.json.encode(event).decode()
    if isinstance(event, Notice):
        return text  # it has its level already
    return f'{text[:-1]},"level":"{level_of(event).name.lower()}"}}'


def as_text(event: Event) -> str:
    """One line for a person; the first of all, about listening, may have lines of notes."""
    if isinstance(event, Listening):
        notes = (Notice(t=event.t, level="info", text=note) for note in event.notes)
        return "\n".join((entry(event).line, *map(as_text, notes)))
    return f"{_clock(event.t)} {entry(event).line}"


def _clock(t: float) -> str:
    return f"{_second(int(t))}.{int(t % 1 * 1000):03}"


@lru_cache(maxsize=4)
def _second(t: int) -> str:
    """The local time of day, cached for the lines of a second: it costs as much as a line."""
    return time.strftime("%H:%M:%S", time.localtime(t))


GATHERING: Final = 0.01
"""Seconds that the log waits for more before it writes."""


class LogWriter:
    """Writes the stream's events as lines, in a thread of its own.

    A pipe that nobody reads blocks the thread that writes to it, and must block neither the
    signals, which are the main thread's, nor the loop.
    """

    def __init__(
        self,
        stream: EventStream,
        fd: int,
        log_format: Callable[[Event], str],
        level: str = "debug",
    ) -> None:
        """Writes to the descriptor `fd` itself: a buffer that a stuck pipe holds could not be
        flushed at the program's end either.
        """
        self._stream = stream
        self._least = Level[level.upper()]
        self._fd = fd
        self._format = log_format
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo-tui log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def set_level(self, level: str) -> None:
        """Write only events of this level and above, from now on; any thread may call it."""
        self._least = Level[level.upper()]

    def join(self, timeout: float) -> None:
        """Wait until the last event is written, at most `timeout` seconds."""
        self._thread.join(timeout)

    def _run(self) -> None:
        reader_is_gone = False
        dropped = 0
        while True:
            self._ready.clear()
            self._stream.notify_once(self._ready.set)
            self._ready.wait()
            # What follows closely is written with it: a line each would take its thread each time.
            time.sleep(GATHERING)
            drained = self._stream.drain()
            least = self._least
            lines = [
                self._format(event)
                for event in drained.events
                if level_of(event) >= least or type(event) in ALWAYS_TOLD
            ]
            if drained.events and drained.dropped > dropped and least <= Level.WARNING:
                news = Notice(
                    t=drained.events[-1].t,
                    level="warning",
                    text=f"{drained.dropped - dropped:,} trace events dropped: too many at once",
                )
                dropped = drained.dropped
                lines.append(self._format(news))
            if not reader_is_gone:
                try:
                    self._write("".join(f"{line}\n" for line in lines).encode())
                except OSError as error:
                    reader_is_gone = True
                    print(f"echo-tui: the log ends here: {error}", file=sys.stderr)
            if any(type(event) in LAST_WORDS for event in drained.events):
                return

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]
