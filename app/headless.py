"""The server without a screen: event lines on stdout, signals, exit codes. Imports no Textual."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from datetime import datetime

import msgspec

from app.events import (
    Closed,
    CommandResult,
    Crashed,
    Event,
    Io,
    Listening,
    Notice,
    Opened,
    ProcessStats,
    SettingChanged,
    StateChanged,
    Stopped,
    Stopping,
    Toggled,
)
from app.stream import EventStream


def as_json(event: Event) -> str:
    """One JSON object: at least ``event`` (its kind) and ``t`` (Unix seconds)."""
    return msgspec.json.encode(event).decode()


def as_text(event: Event) -> str:
    """One line for a person."""
    if isinstance(event, Listening):
        host = f"[{event.host}]" if ":" in event.host else event.host
        return f"listening on {host}:{event.port}"
    clock = datetime.fromtimestamp(event.t).strftime("%H:%M:%S.%f")[:-3]
    return f"{clock} {_words(event)}"


def _words(event: Event) -> str:
    match event:
        case Opened():
            return f"opened   #{event.id} {event.peer} fd {event.fd}"
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
        case _:
            return type(event).__name__


class LogWriter:
    """Writes the stream's events as lines, in a thread of its own.

    A pipe that nobody reads blocks the thread that writes to it, and must block neither the
    signals, which are the main thread's, nor the loop.
    """

    def __init__(self, stream: EventStream, fd: int, log_format: Callable[[Event], str]) -> None:
        """Writes to the descriptor `fd` itself: a buffer that a stuck pipe holds could not be
        flushed at the program's end either.
        """
        self._stream = stream
        self._fd = fd
        self._format = log_format
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo-tui log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

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
            drained = self._stream.drain()
            told = (event for event in drained.events if not isinstance(event, ProcessStats))
            lines = [self._format(event) for event in told]
            if drained.events and drained.dropped > dropped:
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
            if any(isinstance(event, Stopped | Crashed) for event in drained.events):
                return

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]
