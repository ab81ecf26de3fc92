"""Recordings that a control client starts and ends: `ctl record`."""

from __future__ import annotations

import threading
from pathlib import Path

from ..core.commands import Record
from ..core.events import CommandResult, RecordingStatus
from ..core.printable import printable, reason_of
from ..watch.fanout import Fanout
from .recordings import Recordings

LONGEST_PATH = 1000
"""Characters of a path in an answer."""


class RecordingRequests:
    """Carries out `Record` commands and publishes the answer to each."""

    def __init__(self, recordings: Recordings, fanout: Fanout) -> None:
        self._recordings = recordings
        self._fanout = fanout

    def status(self, command: Record) -> CommandResult:
        """Answer what is recorded now; from any thread, without waiting."""
        status = self._recordings.status
        if not status.recording:
            return self._answer(command, True, "nothing is recorded", RecordingStatus())
        if status.interrupted:
            text = f"the recording is interrupted: {_shown(status.interrupted)}"
            return self._answer(command, True, text, status)
        return self._answer(command, True, f"recording into {_shown(status.file)}", status)

    def submit(self, command: Record) -> None:
        """Start or end a recording, in a thread of its own: a disk may keep it waiting."""
        threading.Thread(
            target=self._carry_out, args=(command,), name="echo-tui record", daemon=True
        ).start()

    def _carry_out(self, command: Record) -> None:
        try:
            answer = self._start(command) if command.action == "start" else self._stop(command)
        except Exception as error:  # a fault of ours: the client must not wait for its answer
            text = printable(f"not possible: {type(error).__name__}: {error}", LONGEST_PATH)
            answer = self._answer(command, False, text, self._recordings.status)
        self._fanout.publish(answer)

    def _start(self, command: Record) -> CommandResult:
        path = Path(command.path)
        if not path.is_absolute():
            text = f"{_shown(command.path)!r} is not an absolute path: write it from / on"
            return self._answer(command, False, text, self._recordings.status)
        try:
            is_new = self._recordings.begin(path)
        except FileExistsError:
            text = f"{_shown(command.path)}: the file exists: choose another name"
            return self._answer(command, False, text, RecordingStatus())
        except OSError as error:
            text = f"{_shown(command.path)}: {reason_of(error)}"
            return self._answer(command, False, text, RecordingStatus())
        status = self._recordings.status
        file = _shown(status.file)
        text = f"recording into {file}" if is_new else f"a recording is on already: {file}"
        return self._answer(command, is_new, text, status)

    def _stop(self, command: Record) -> CommandResult:
        told = self._recordings.finish()
        if told is None:
            return self._answer(command, False, "nothing is recorded", RecordingStatus())
        ended_well = not self._recordings.failure
        text = printable(told, LONGEST_PATH)
        return self._answer(command, ended_well, text, self._recordings.status)

    def _answer(
        self, command: Record, ok: bool, message: str, status: RecordingStatus
    ) -> CommandResult:
        return command.answer(self._fanout.now(), ok, message, recording=status)


def _shown(path: str | None) -> str:
    return printable(path or "", LONGEST_PATH)
