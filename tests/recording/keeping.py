"""A server that is recorded into numbered files, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.recording.disk import Disk
from app.recording.files import Parts, numbered
from app.recording.plan import Keep
from app.recording.recorder import Recorder
from app.recording.recordings import Recordings
from app.watch.stream import EventStream
from tests.making import NOW
from tests.recording.making import Drain
from tests.waiting import PATIENCE, until


class Kept:
    """A server that is recorded into numbered files, on a clock of the test."""

    def __init__(self, path: Path, keep: Keep, since: float = NOW) -> None:
        self.now = since
        self.set_by = 0.0
        """Seconds by which the wall clock was set since the start."""
        self.parts = Parts(path, keep, lambda: self.now, self.clock)
        self.told: list[tuple[str, str]] = []
        self.recorder = Recorder(
            EventStream(),
            Disk(self.parts.open_next(begins=True)),
            lambda: self.now,
            parts=self.parts,
            tell=lambda level, text: self.told.append((level, text)),
            clock=self.clock,
        )
        self.recorder.begin()
        self.recorder._disk.start()

    def clock(self) -> float:
        return self.now - self.set_by

    def live(self, drains: Iterable[Drain]) -> None:
        for self.now, drained in drains:
            self.recorder.record(drained)
            self.written()  # a file is opened in the thread of the disk, at the time of the test

    def written(self) -> None:
        """Wait until the disk has written what it was given, or has failed."""
        disk = self.recorder._disk
        until(lambda: disk.trouble or (not disk.waiting and disk._queue.empty()))

    def end(self) -> None:
        self.recorder.end("the test is over")
        assert self.recorder._disk.join(10)


def size_of(path: Path) -> int:
    return sum(each.stat().st_size for each in numbered(path))


def until_ended(recordings: Recordings) -> None:
    """Wait until the recording has ended and has told so, which comes later."""
    until(lambda: recordings.path is None, "the end of the recording")
    assert recordings._latest
    recorder, _ = recordings._latest
    recorder._thread.join(PATIENCE)
    assert not recorder._thread.is_alive()
