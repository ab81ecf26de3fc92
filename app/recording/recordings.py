"""Recording a server: into which file, when it begins, when it ends, and who is told."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import BinaryIO, Final

from ..core.events import Notice, RecordingStatus
from ..core.printable import printable
from ..core.settings import SettingError
from ..watch.fanout import Fanout
from ..watch.stream import EventStream
from .disk import Disk, Sink
from .format import MAGIC, looks_like_ours
from .plan import RecordingPlan
from .recorder import Recorder

MODE: Final = 0o600
"""Peers' addresses are nobody else's business."""


class Recordings:
    """Records one server, one recording at a time."""

    def __init__(self, fanout: Fanout, plan: RecordingPlan) -> None:
        self._fanout = fanout
        self._plan = plan
        self._stream: EventStream | None = None
        self._recorder: Recorder | None = None
        self._path = Path()
        self._lock = threading.Lock()  # of whoever starts or ends a recording

    @property
    def path(self) -> Path | None:
        """The file that is being written now."""
        recorder = self._recorder
        return self._path if recorder is not None and not recorder.ended else None

    @property
    def failure(self) -> str:
        """Why the latest recording is not what was asked for; empty if it is."""
        recorder = self._recorder
        return f"{self._path}: {recorder.ended}" if recorder is not None and recorder.failed else ""

    def start_planned(self) -> None:
        """Begin the recording of the command line, if it wants one. Raises `SettingError`."""
        path = self._plan.path
        if path is None:
            return
        try:
            file = create(path, self._plan.may_replace)
        except FileExistsError:
            raise SettingError(
                f"--record {path}: the file exists: choose another name, or replace a recording"
                " with --record-force"
            ) from None
        except OSError as error:
            raise SettingError(f"--record {path}: {error.strerror or error}") from None
        self.start(path, file)

    def start(self, path: Path, file: Sink) -> None:
        """Begin to record into an open file."""
        stream = EventStream()
        stream.watched = True
        plan, disk, now = self._plan, Disk(file), self._fanout.now
        recorder = Recorder(stream, disk, now, plan.limits, plan.has_payload, self._ended)
        self._stream, self._recorder, self._path = stream, recorder, path
        self._fanout.add(stream, "the recording")
        recorder.start()

    @property
    def status(self) -> RecordingStatus:
        """The latest recording: the present one if it goes on; from any thread."""
        recorder = self._recorder
        if recorder is None:
            return RecordingStatus()
        return RecordingStatus(
            recording=not recorder.ended,
            file=os.fsencode(self._path).decode(errors="backslashreplace"),
            bytes=recorder.size,
            since=recorder.started_at,
        )

    def begin(self, path: Path) -> bool:
        """Begin to record into a new file; False if a recording is on already. From any thread.

        Raises `OSError` if there can be no file.
        """
        with self._lock:
            if self.path is not None:
                return False
            self.start(path, create(path, may_replace=False))
            return True

    def finish(self) -> str | None:
        """End the present recording and say what it has; None if there is none. From any thread."""
        with self._lock:
            recorder = self._recorder
            if recorder is None or recorder.ended:
                return None
            recorder.stop()
            told = f"recorded {recorder.events:,} events, {recorder.size:,} bytes, in {self._path}"
            return self.failure or told

    def toggle(self) -> str:
        """Begin a recording in the current directory, or end the present one; what was done.

        Raises `OSError` if there can be no file.
        """
        told = self.finish()
        if told is not None:
            return told
        path = Path(time.strftime("echo-tui-%Y%m%d-%H%M%S.rec", time.localtime(self._fanout.now())))
        path = path.absolute()
        if not self.begin(path):
            return f"a recording is on already: {self._path}"
        return f"recording into {path}"

    def stop(self) -> None:
        """End the recording, if there is one; waits a while for the disk."""
        if self._recorder is not None:
            self._recorder.stop()

    def _ended(self, recorder: Recorder) -> None:
        if self._stream is not None:
            self._fanout.remove(self._stream)
        if self._fanout.state.ended and not recorder.failed:
            return  # it ended with the server, whose own word is the last one
        text = printable(f"recording stopped: {recorder.ended} ({self._path})", 1000)
        level = "error" if recorder.failed else "info"
        self._fanout.publish(Notice(t=self._fanout.now(), level=level, text=text))


def create(path: Path, may_replace: bool) -> BinaryIO:
    """A new file that only its owner may read. Raises `OSError`; `FileExistsError` if it exists.

    With `may_replace` an existing recording of ours is removed first, and never anything else.
    """
    if may_replace and _is_recording(path):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    return open(descriptor, "wb", buffering=0)


def _is_recording(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    return not head or looks_like_ours(head)
