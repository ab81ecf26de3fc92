"""The server without a screen: event lines on stdout, signals, exit codes. Imports no Textual."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import Final

import msgspec

from ..core.events import (
    DETAIL,
    LAST_WORDS,
    Bytes,
    Closed,
    CommandResult,
    Crashed,
    Event,
    Io,
    Kernel,
    Listening,
    Notice,
    Opened,
    Reason,
    SettingChanged,
    StateChanged,
    Stopped,
    Stopping,
    Toggled,
)
from ..watch.stream import EventStream


class Level(IntEnum):
    """How much an event matters to who operates the server."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


LEVELS: Final = tuple(level.name.lower() for level in Level)
"""What `--log-level` may be."""
ALWAYS_TOLD: Final = frozenset({Listening, Stopping, Stopped})
"""Where the server listens and how it ends is told at every level."""
_CLOSED: Final = {
    Reason.EOF: Level.INFO,
    Reason.KILLED: Level.INFO,
    Reason.SHUTDOWN: Level.INFO,
    Reason.TIMEOUT_IDLE: Level.INFO,
    Reason.ERROR: Level.ERROR,
}
"""Ends in order, and faults of ours. Of all other ends the peer, or the limit, is the cause."""


def level_of(event: Event) -> Level:
    """The level of an event: detail is ``debug``, what an operator should look at ``warning``."""
    match event:
        case Opened():
            return Level.INFO
        case Closed():
            return _CLOSED.get(event.reason, Level.WARNING)
        case Notice():
            return Level[event.level.upper()]
        case CommandResult(ok=False):
            return Level.WARNING
        case Crashed():
            return Level.ERROR
        case _:
            return Level.DEBUG if type(event) in DETAIL else Level.INFO


def as_json(event: Event) -> str:
    """One JSON object: at least ``event`` (its kind), ``t`` (Unix seconds) and ``level``."""
    text = msgspec.json.encode(event).decode()
    if isinstance(event, Notice):
        return text  # it has its level already
    return f'{text[:-1]},"level":"{level_of(event).name.lower()}"}}'


def as_text(event: Event) -> str:
    """One line for a person."""
    if isinstance(event, Listening):
        host = f"[{event.host}]" if ":" in event.host else event.host
        notes = "".join(f"\n{_clock(event.t)} info     {note}" for note in event.notes)
        return f"listening on {host}:{event.port}{notes}"
    return f"{_clock(event.t)} {_words(event)}"


def _clock(t: float) -> str:
    return f"{_second(int(t))}.{int(t % 1 * 1000):03}"


@lru_cache(maxsize=4)
def _second(t: int) -> str:
    """The local time of day; made once for all lines of a second, as it takes as long as a line."""
    return time.strftime("%H:%M:%S", time.localtime(t))


def _words(event: Event) -> str:
    match event:
        case Opened():
            worker = f" worker {event.worker}" if event.worker else ""
            return f"opened   #{event.id} {event.peer} fd {event.fd}{worker}"
        case Closed():
            detail = f" ({event.detail})" if event.detail else ""
            return (
                f"closed   #{event.id} {event.peer} {event.reason}{detail}:"
                f" {event.frames_out:,} frames, {event.bytes_in:,} B in,"
                f" {event.bytes_out:,} B out, {event.t - event.opened_at:.3f} s"
            )
        case SettingChanged():
            return f"setting  {event.name}: {event.old} → {event.new}"
        case CommandResult():
            target = f" #{event.id}" if event.id is not None else ""
            return f"command  {event.command}{target}: {event.message}"
        case Notice():
            return f"{event.level:8} {event.text}"
        case Stopping():
            return f"stopping on {event.cause}: {event.open:,} open, grace {event.grace:g} s"
        case Stopped():
            return (
                f"stopped  on {event.cause}: {event.closed:,} connections,"
                f" {event.frames_out:,} frames, {event.bytes_in:,} B in, {event.bytes_out:,} B out"
            )
        case Crashed():
            return f"crashed  {event.error}"
        case StateChanged():
            return f"state    #{event.id} {event.old} → {event.new}"
        case Toggled():
            word = "armed" if event.armed else "disarmed"
            return f"POLLOUT  #{event.id} {word}, {event.pending:,} B pending"
        case Io():
            outcome = event.error or f"{event.result:,}"
            return f"{event.call:8} #{event.id} {event.asked:,} asked: {outcome}"
        case Bytes():
            return f"bytes    #{event.id} {event.call} {event.data.hex(' ')}"
        case Kernel():
            return (
                f"kernel   #{event.id} {event.unread} B unread,"
                f" {event.unacknowledged} B unacknowledged, rtt {event.rtt_us} µs"
            )
        case _:
            return type(event).__name__


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
        """Write only what matters at least so much, from now on; from any thread."""
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
