"""The scenes as recordings, from which the screenshots and the snapshot tests are made."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from app.recording.disk import Disk
from app.recording.files import create
from app.recording.reader import Recording
from app.recording.recorder import Recorder
from app.ui.replay_source import ReplaySource
from app.watch.stream import Drained, EventStream
from screenshots.scenes import overview, overview_with_workers
from tests.making import NOW

FOLDER: Final = Path(__file__).parent
OVERVIEW: Final = FOLDER / "overview.rec"
WORKERS: Final = FOLDER / "workers.rec"
_SCENES: Final = {OVERVIEW: overview, WORKERS: overview_with_workers}


def record_scenes() -> None:
    """Write the recordings again after a scene has changed."""
    for path, scene in _SCENES.items():
        path.unlink(missing_ok=True)
        disk = Disk(create(path))
        recorder = Recorder(EventStream(), disk, lambda: NOW, has_payload=True)
        recorder.begin()
        recorder.record(Drained(scene(), [], None, 0))
        recorder.end("the scene stands still")
        disk.start()
        if not disk.join(timeout=10):
            raise OSError(f"{path} could not be written: {disk.trouble}")


def held(recording: Recording) -> ReplaySource:
    """Return a scene that is paused at its end."""
    source = ReplaySource(recording, clock=lambda: 0.0)
    source.seek(source.end)
    return source
