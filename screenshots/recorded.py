"""The overview as a recording, from which the screenshots and the snapshot tests are made."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from app.recording.disk import Disk
from app.recording.reader import Recording
from app.recording.recorder import Recorder
from app.stream import Drained, EventStream
from app.ui.replay_source import ReplaySource
from screenshots.scenes import NOW, overview

OVERVIEW: Final = Path(__file__).parent / "overview.rec"


def record_overview() -> None:
    """Write `OVERVIEW` anew: for when the scene has changed."""
    with OVERVIEW.open("wb", buffering=0) as file:
        disk = Disk(file)
        recorder = Recorder(EventStream(), disk, lambda: NOW, has_payload=True)
        recorder.begin()
        recorder.take(Drained(overview(), [], None, 0))
        recorder.end("the scene stands still")
        disk.start()
        if not disk.join(timeout=10):
            raise OSError(f"{OVERVIEW} could not be written: {disk.trouble}")


class Held(ReplaySource):
    """A recording that stands for a live server: leaving the dashboard would stop it."""

    owns_server = True
    grace = 5.0


def held(recording: Recording) -> ReplaySource:
    """A scene that stands still at its end."""
    source = Held(recording, clock=lambda: 0.0)
    source.seek(source.end)
    return source
