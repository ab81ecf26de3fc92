"""The files of a recording: their names, who may read them, and what becomes of old ones.

A recording is one file, ``FILE``, or several that follow one another: ``FILE.000001`` and so on. A
file that exists is never written again: a later recording of the same name has the next number.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import time
from collections.abc import Callable
from io import FileIO
from math import inf
from pathlib import Path
from typing import Final

from .format import FILE_SIZE, MAGIC, RECORD_SIZE, looks_like_ours, read_head
from .plan import Keep
from .sanity import is_time

MODE: Final = 0o600
"""Peers' addresses are nobody else's business."""
MOST_FILES: Final = 500
"""Files of one recording that are kept at most: `replay` opens all of them at once."""
PARTS: Final = 10
"""A part has a tenth of what is kept, so that at least nine tenths are kept at any time."""
_NUMBER: Final = re.compile(r"\.(\d{6,9})", re.ASCII)


class RecordingFile:
    """A new file that only its owner may read, to be written by one thread."""

    def __init__(self, path: Path) -> None:
        """Create it. Raises `OSError`; `FileExistsError` if there is a file of that name."""
        self.path = path.absolute()
        self._file = FileIO(self.path, "x", opener=_open_for_owner)
        own = os.fstat(self._file.fileno())
        self._identity = own.st_dev, own.st_ino
        with contextlib.suppress(OSError):  # some file systems have no locks
            # It waits no longer than another process looks, in `is_being_recorded`.
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX)
        self.size = 0
        """Bytes that the file system has taken."""

    def write(self, data: memoryview, /) -> int:
        """Write some of the bytes; return how many. Raises `OSError`."""
        written = self._file.write(data)
        self.size += written
        return written

    def close(self) -> None:
        """Close it. Raises `OSError` if the file system only now tells that it had no room."""
        self._file.close()

    def loss(self) -> str:
        """Return what somebody else has done to the file, in words; empty if it is whole."""
        own = os.fstat(self._file.fileno())
        try:
            named = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return "the file was removed by somebody else"
        if self._identity != (named.st_dev, named.st_ino):
            return "the file was replaced by somebody else"
        if own.st_size < self.size:
            return f"the file was cut to {own.st_size:,} bytes by somebody else"
        if own.st_size > self.size:
            return "the file was written by somebody else"
        return ""

    def discard(self) -> bool:
        """Remove the file, closed or not; whether it was there. Raises `OSError`.

        A file that somebody else has put in its place stays.
        """
        try:
            named = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if self._identity != (named.st_dev, named.st_ino):
            return False
        self.path.unlink(missing_ok=True)
        return True


def _open_for_owner(path: str, flags: int) -> int:
    # Appended, a file that somebody has cut stays shorter than what was written, and has no hole.
    return os.open(path, flags | os.O_CLOEXEC | os.O_APPEND, MODE)


def create(path: Path, may_replace: bool = False) -> RecordingFile:
    """Create the file of a recording. Raises `OSError`; `FileExistsError` if it exists.

    With `may_replace` an existing recording is removed first, and never anything else.
    """
    if may_replace and is_recording(path):
        path.unlink()
    return RecordingFile(path)


def is_recording(path: Path) -> bool:
    """Whether this is a regular file that is empty or begins as a recording does."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    return not head or looks_like_ours(head)


def is_being_recorded(path: Path) -> bool:
    """Whether a recorder has this file open; False where the file system has no locks."""
    try:
        with open(path, "rb", buffering=0, opener=open_at_once) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def open_at_once(path: str, flags: int) -> int:
    """Open as `open` does, without waiting for whoever might write into a pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def numbered(path: Path) -> list[Path]:
    """Return the files ``path.000001`` and so on that exist, in the order of their numbers."""
    found = []
    for each in path.parent.iterdir():
        if each.name.startswith(path.name):
            match = _NUMBER.fullmatch(each.name[len(path.name) :])
            if match:
                found.append((int(match[1]), each))
    return [each for _, each in sorted(found)]


def next_numbered(path: Path, after: int = 0) -> Path:
    """Return the name with the next number: after those of all files that exist, and `after`."""
    known = numbered(path)
    last = max(_number_of(known[-1]) if known else 0, after)
    return path.with_name(f"{path.name}.{last + 1:06}")


def _number_of(path: Path) -> int:
    return int(path.suffix[1:])


def start_of(path: Path) -> float | None:
    """Return the time of a recording's first record, in Unix seconds; None if it has none."""
    try:
        with path.open("rb") as file:
            file.seek(FILE_SIZE)
            head = file.read(RECORD_SIZE)
    except OSError:
        return None
    return read_head(head).t if len(head) == RECORD_SIZE else None


def files_of(path: Path) -> list[Path]:
    """Return the files of a recording in the order of their times: `path`, and its numbered ones.

    Just `path` if there are no others, whether it exists or not. Raises `OSError`.
    """
    others = [each for each in numbered(path) if each.is_file()] if path.parent.is_dir() else []
    if not others or (path.exists() and not path.is_file()):
        return [path]
    if not path.exists():
        return others
    # By number: the clock may have been set back between two of them.
    start = _sortable(start_of(path))
    before = next((i for i, each in enumerate(others) if _sortable(start_of(each)) >= start), None)
    place = len(others) if before is None else before
    return [*others[:place], path, *others[place:]]


def _sortable(t: float | None) -> float:
    return t if t is not None and is_time(t) else inf


class Parts:
    """The numbered files of a recording, of which the latest are kept."""

    def __init__(
        self,
        path: Path,
        keep: Keep,
        now: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the clock of the events, in Unix seconds; ages are taken on `clock`.

        The age of a file that is there already is taken from `now` once: the wall clock may be set.
        """
        self._base = path.absolute()
        self._keep = keep
        self._now = now
        self._clock = clock
        self._began: dict[Path, float] = {}  # on `clock`
        self._last = 0  # number that this recording has had
        self._stored: tuple[int, RecordingFile | None] = 0, None
        """Bytes in the files before, and the present file."""
        self.path = self._base
        """The file that was opened last."""

    @property
    def stored(self) -> int:
        """Bytes on the disk in all files that are kept; from any thread."""
        before, file = self._stored
        return before + (file.size if file else 0)

    @property
    def largest(self) -> int:
        """Bytes after which the next file begins; 0 for no such limit."""
        return self._keep.size // PARTS

    @property
    def longest(self) -> float:
        """Seconds after which the next file begins; 0 for no such limit."""
        return self._keep.age / PARTS

    def open_next(self, room: int = 0, begins: bool = False) -> RecordingFile:
        """Remove what is no longer kept, and create the next file. Raises `OSError`.

        `room` are the bytes that the new file needs at least. A recording that `begins`, or goes on
        after an interruption, is refused while another process records into files of this name.
        """
        if begins:
            self._refuse_others(inf)
        before = self._remove_old(max(room, self.largest))
        file = RecordingFile(next_numbered(self._base, self._last))
        number = _number_of(file.path)
        if begins:
            try:
                self._refuse_others(number)  # of two that begin at once, the second
            except OSError:
                file.close()
                file.discard()
                raise
        self._began[file.path] = self._clock()
        self._last, self._stored, self.path = number, (before, file), file.path
        return file

    def give_up(self, has_content: bool) -> None:
        """Count what is left without the present file, which is removed unless it `has_content`.

        Its number is not given again, unless nobody saw it. Raises `OSError`.
        """
        _, file = self._stored
        if file is not None and not has_content and file.discard():
            self._last -= 1
        self._stored = sum(each.stat().st_size for each in self._recordings()), None

    def _refuse_others(self, before: float) -> None:
        """Raise `OSError` if somebody records into a file with a number below `before`."""
        for each in self._recordings():
            if _number_of(each) < before and is_being_recorded(each) and each != self.path:
                text = f"another recording goes on in {each}: choose another name"
                raise OSError(errno.EBUSY, text)

    def _recordings(self) -> list[Path]:
        return [each for each in numbered(self._base) if is_recording(each)]

    def _remove_old(self, room: int) -> int:
        """Remove what is no longer kept; return the bytes in what is left. Raises `OSError`."""
        files = self._recordings()
        sizes = {each: each.stat().st_size for each in files}
        now = self._clock()
        for each in files:
            if each not in self._began and (start := start_of(each)) is not None:
                self._began[each] = now - max(0.0, self._now() - start)
        self._began = {each: self._began[each] for each in files if each in self._began}
        total = sum(sizes.values())
        while files:
            # A file that somebody has emptied has no start, and must not keep the ones before it.
            later = (self._began[each] for each in files[1:] if each in self._began)
            is_old = next(later, inf) <= now - self._keep.age
            if not (
                (self._keep.size and total + room > self._keep.size)
                or (self._keep.age and is_old)
                or len(files) >= MOST_FILES
            ):
                break
            oldest = files.pop(0)
            if not is_being_recorded(oldest):  # by a service that takes the next number
                oldest.unlink(missing_ok=True)
                total -= sizes[oldest]
        return total
