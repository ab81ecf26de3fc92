"""The last minutes of what a dashboard was told, in memory, in the format of a recording.

They are kept in numbered files of a folder that lives as long as the dashboard: on Linux in
/dev/shm, which is memory (shm_overview(7)).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..watch.stream import Drained, EventStream
from .disk import Disk
from .files import Parts
from .plan import Keep
from .reader import Recording, RecordingError
from .recorder import Recorder

_SHARED_MEMORY: Final = Path("/dev/shm")
_NAME: Final = "past"
_PREFIX: Final = "echo-tui-past-"
_LOCK: Final = "lock"


class Rewind:
    """Keeps what is heard, and opens it; for one thread, the screen's."""

    def __init__(self, size: int, now: Callable[[], float]) -> None:
        """Keep some `size` bytes; `now` is the clock of the events. Raises OSError."""
        where = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
        _remove_abandoned(where)
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=where)
        self._lock = _lock(Path(self._folder.name))
        self._size = size
        self._now = now
        self._begun = 0
        self._begin()

    def _begin(self) -> None:
        """Begin a recording; one that another server's events are not in."""
        self._begun += 1
        self._path = Path(self._folder.name) / f"{_NAME}{self._begun}"
        parts = Parts(self._path, Keep(size=self._size), self._now)
        self._stream = EventStream()
        self._stream.watched = True
        disk = Disk(parts.open_next(begins=True))
        self._recorder = Recorder(self._stream, disk, self._now, parts=parts)
        self._recorder.start()

    def hear(self, drained: Drained) -> None:
        """Keep what a dashboard has drained; what was before is forgotten if it begins afresh."""
        if drained.afresh:
            self._recorder.stop()
            for file in Path(self._folder.name).glob(f"{self._path.name}*"):
                file.unlink(missing_ok=True)
            self._begin()
            drained = drained._replace(afresh=False)
        self._stream.hear(drained)

    def open(self) -> Recording | None:
        """Open what is kept up to now; None if nothing is, or the memory is used up."""
        try:
            recording = Recording(self._path)
        except RecordingError:
            return None
        if not recording.batches:
            recording.__exit__()
            return None
        return recording

    def close(self) -> None:
        """Give the memory back."""
        self._recorder.stop()
        self._folder.cleanup()
        os.close(self._lock)


def _lock(folder: Path) -> int:
    """Hold a lock in the folder for as long as this process lives (flock(2)); return its fd."""
    made = folder / "lock.new"
    fd = os.open(made, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    made.rename(folder / _LOCK)  # only now, so that nobody finds one that is not held yet
    return fd


def _remove_abandoned(where: Path) -> None:
    """Remove the folders of this user's dashboards that were killed: nobody holds their locks."""
    for folder in where.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or one that goes at this moment
            fd = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(fd)
