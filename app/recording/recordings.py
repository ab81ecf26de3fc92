"""Recording a server: into which file, when it begins, when it ends, and who is told."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..core.events import Notice, RecordingStatus
from ..core.printable import printable, reason_of
from ..core.settings import SettingError
from ..watch.fanout import Fanout
from ..watch.stream import EventStream
from .disk import Disk, Sink
from .files import Parts, RecordingFile, create, is_recording, next_numbered
from .plan import RecordingPlan
from .recorder import Recorder


class _File(NamedTuple):
    """The file of one recording, or the latest of its files."""

    name: Path
    parts: Parts | None

    @property
    def path(self) -> Path:
        return self.name if self.parts is None else self.parts.path


class Recordings:
    """Records one server, one recording at a time."""

    def __init__(self, fanout: Fanout, plan: RecordingPlan) -> None:
        self._fanout = fanout
        self._plan = plan
        self._latest: tuple[Recorder, _File] | None = None
        self._sink: Sink | None = None  # the first file of it
        self._is_planned = False
        self._lock = threading.Lock()  # of whoever starts or ends a recording

    @property
    def path(self) -> Path | None:
        """The file that is being written now; None also while the recording is interrupted."""
        if self._latest is None:
            return None
        recorder, file = self._latest
        return None if recorder.ended or recorder.interrupted else file.path

    @property
    def planned(self) -> Path | None:
        """The file of a recording that goes on and that the command line asked for."""
        return self._latest_path if self._is_planned and self._goes_on else None

    @property
    def _goes_on(self) -> bool:
        return self._latest is not None and not self._latest[0].ended

    @property
    def failure(self) -> str:
        """Why the latest recording is not what was asked for; empty if it is."""
        if self._latest is None:
            return ""
        recorder, file = self._latest
        return f"{file.path}: {recorder.ended}" if recorder.failed else ""

    @property
    def _latest_path(self) -> Path:
        return Path() if self._latest is None else self._latest[1].path

    def start_planned(self) -> str:
        """Begin the recording of the command line, if it wants one. Raises `SettingError`.

        Returns what the log is to tell of it, as nobody may hear the fan-out yet; mostly nothing.
        """
        path = self._plan.path
        if path is None:
            return ""
        self._is_planned = True
        try:
            return self._start_file(path, self._plan)
        except FileExistsError:
            raise SettingError(
                f"--record {path}: the file exists: choose another name, or replace a recording"
                " with --record-force"
            ) from None
        except OSError as error:
            raise SettingError(f"--record {path}: {reason_of(error)}") from None

    def _start_file(self, path: Path, plan: RecordingPlan) -> str:
        """Begin to record into a new file of this name, or as the plan says into numbered ones.

        Returns why the file has another name than the plan's; empty if it has not.
        """
        if plan.keep is not None:
            parts = Parts(path, plan.keep, self._fanout.now)
            self.start(path, parts.open_next(begins=True), parts)
            return ""
        note = ""
        try:
            file = create(path, plan.may_replace)
        except FileExistsError:
            if not (plan.may_number and is_recording(path)):
                raise
            taken, path = path, next_numbered(path)
            file = create(path)
            note = f"{taken} is a recording already: this one is {path.name}"
        self.start(path, file)
        return note

    def start(self, path: Path, file: Sink, parts: Parts | None = None) -> None:
        """Begin to record into an open file. Raises `OSError`, after which there is no file."""
        stream = EventStream()
        stream.watched, stream.wants_bytes = True, self._plan.has_payload
        plan, disk, now, where = self._plan, Disk(file), self._fanout.now, _File(path, parts)
        recorder = Recorder(
            stream,
            disk,
            now,
            plan.limits,
            plan.has_payload,
            partial(self._ended, stream, where),
            parts,
            self._publish,
            partial(self._fanout.failure_of, stream),
        )
        self._fanout.add(stream, "the recording")
        try:
            recorder.start()
        except RuntimeError as error:
            self._fanout.remove(stream)
            file.close()
            _discard(file)
            raise OSError(errno.EAGAIN, f"not possible: {error}") from error
        self._latest = recorder, where
        self._sink = file

    @property
    def status(self) -> RecordingStatus:
        """The latest recording: the present one if it goes on; from any thread."""
        if self._latest is None:
            return RecordingStatus()
        recorder, file = self._latest
        return RecordingStatus(
            recording=not recorder.ended,
            file=os.fsencode(file.path).decode(errors="backslashreplace"),
            bytes=recorder.stored,
            since=recorder.started_at,
            interrupted=None if recorder.ended else recorder.interrupted or None,
        )

    def begin(self, path: Path) -> bool:
        """Begin to record into a new file; False if a recording is on already. From any thread.

        Raises `OSError` if there can be no file.
        """
        with self._lock:
            if self._goes_on:
                return False
            self._is_planned = False
            self._start_file(path, RecordingPlan(keep=self._plan.keep))
            return True

    def finish(self) -> str | None:
        """End the present recording and say what it has; None if there is none. From any thread."""
        with self._lock:
            if self._latest is None or self._latest[0].ended:
                return None
            recorder, _ = self._latest
            recorder.stop()
            counted = f"{recorder.events:,} events, {recorder.size:,} bytes"
            return self.failure or f"recorded {counted}, in {self._latest_path}"

    def toggle(self) -> str:
        """Begin a recording in the current directory, or end the present one; what was done.

        Raises `OSError` if there can be no file.
        """
        told = self.finish()
        if told is not None:
            return told if self.failure else f"{told}: `echo-tui replay` opens it"
        path = Path(time.strftime("echo-tui-%Y%m%d-%H%M%S.rec", time.localtime(self._fanout.now())))
        if not self.begin(path.absolute()):
            return f"a recording is on already: {self._latest_path}"
        return f"recording into {self._latest_path}: all connections, calls of the selected one"

    def stop(self) -> None:
        """End the recording, if there is one; waits a while for the disk."""
        if self._latest is not None:
            self._latest[0].stop()

    def discard(self) -> None:
        """End the recording and remove its file: its server has not come to serve."""
        self.stop()
        if self._sink is not None:
            _discard(self._sink)

    def _ended(self, stream: EventStream, file: _File, recorder: Recorder) -> None:
        # Another recording may have begun: `ended` was set before this call.
        self._fanout.remove(stream)
        if self._fanout.state.ended and not recorder.failed:
            return  # it ended with the server, whose own word is the last one
        text = f"recording stopped: {recorder.ended} ({file.path})"
        self._publish(recorder.ending.value, text)

    def _publish(self, level: str, text: str) -> None:
        text = printable(text, 1000)
        self._fanout.publish(Notice(t=self._fanout.now(), level=level, text=text))


def _discard(file: Sink) -> None:
    if isinstance(file, RecordingFile):
        with contextlib.suppress(OSError):  # it stays
            file.discard()
