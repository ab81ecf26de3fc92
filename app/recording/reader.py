"""Opens a recording, finds positions in it, and reads its batches, up to the first damage.

A recording may have several files (`app.recording.files`): they are read as one. A damaged file is
read up to its damage, and the next one begins with all that was known. `damages` has one of each.

Opening reads and checks the whole file, including the bodies, but decodes nothing: an hour at 1,000
events a second takes a tenth of a second. The result is the index: for each record its offset, its
time and its flags. The file has no index, because it could disagree with the records.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from io import BufferedReader, FileIO
from math import inf
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from ..core.events import Event
from ..core.printable import reason_of
from ..core.statistics import LoopStats
from .files import files_of, open_at_once
from .format import (
    CONTINUED,
    FILE_SIZE,
    RECORD_SIZE,
    VERSION,
    Body,
    DamageError,
    End,
    FileHeader,
    Head,
    Keyframe,
    Kind,
    Mark,
    Readable,
    RecordedBatch,
    looks_like_ours,
    read_file_header,
    read_record,
    unpack,
)
from .histograms import restored
from .keyframes import expanded
from .sanity import is_time
from .wall_times import WallTimes

READ_AHEAD: Final = 1024**2
"""Bytes that are read at once while the file is opened."""
KEPT: Final = 128
"""Decoded batches that are kept: steps to and fro stay among them."""


class RecordingError(Exception):
    """There is no recording that can be read here; the text is one line for a person."""


class Damage(NamedTuple):
    """The place of the first damage in a file of a recording; nothing after it is read."""

    offset: int
    """Byte of the file at which the first record begins that is not good."""
    why: str
    file: str = ""
    """The file's name, where the recording has several."""

    def __str__(self) -> str:
        where = f" of {self.file}" if self.file else ""
        return f"damaged at byte {self.offset:,}{where}: {self.why}"


class RecordEntry(NamedTuple):
    """One record, as the index knows it."""

    offset: int
    t: float
    events: int
    marks: Mark
    file: int = 0
    """The index of the file that it is in."""


class Part(NamedTuple):
    """One file of a recording."""

    path: Path
    file: FileIO
    header: FileHeader
    first_batch: int
    """The number of batches in the files before."""
    follows: bool
    """Whether it goes on exactly where the file before ends."""
    behind: float = 0.0
    """Seconds by which its times are behind: the clock was set back before it began."""


class Item(NamedTuple):
    """One event at the time at which it is played: never before the one in front of it."""

    t: float
    event: Event


class Played(NamedTuple):
    """A batch, ready to be played."""

    items: list[Item]
    """The events, then the snapshots, then the statistics."""
    dropped: int


class Recording:
    """A recording that is open for reading; a context manager that closes it."""

    def __init__(self, path: Path) -> None:
        """Open and check ``path`` and its numbered files. Raises `RecordingError`."""
        self.path = path
        self.batches: list[RecordEntry] = []
        self.keyframes: list[tuple[int, RecordEntry]] = []
        """And before each, how many of the batches it stands for."""
        self.end_reason = ""
        """Why the recording was ended; empty if its end is missing."""
        self.has_payload = False
        self._paths: list[Path] = []
        self._damages: dict[Path, Damage] = {}
        self._parts: list[Part] = []
        self._times: list[float] = []
        self._kept: OrderedDict[int, Played] = OrderedDict()
        self._base: tuple[int, LoopStats | None] = -1, None
        self._bad_from: dict[int, int] = {}  # by file, the offset from which nothing is read
        self._until = 0.0
        try:
            with ExitStack() as opened:
                self._paths = files_of(path)
                for each in self._paths:
                    # Unbuffered: who reads here and there wants what is in the file now.
                    file = opened.enter_context(open(each, "rb", buffering=0, opener=open_at_once))
                    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        raise RecordingError(f"{path} is no regular file: copy it into one first")
                    ahead = BufferedReader(file, READ_AHEAD)
                    self._index(each, file, ahead)
                    ahead.detach()
                self._opened = opened.pop_all()
        except OSError as error:
            raise RecordingError(f"{path}: {reason_of(error)}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._opened.close()

    @property
    def damages(self) -> list[Damage]:
        """The first damage of each file that has any, in the order of the files."""
        return [self._damages[path] for path in self._paths if path in self._damages]

    @property
    def damage(self) -> Damage | None:
        """The first damage, in whichever file."""
        return next(iter(self.damages), None)

    @property
    def start(self) -> float:
        """Unix time at which it begins; 0 if nothing of it can be read."""
        return self.keyframes[0][1].t if self.keyframes else 0.0

    @property
    def end(self) -> float:
        """Unix time up to which it tells."""
        return max(self.start, self._until)

    # --- reading ---

    def batch_at(self, t: float) -> int:
        """The first batch that tells of a time after `t`; their number if none does."""
        return bisect_right(self._times, t)

    def keyframe_before(self, batch: int, t: float) -> int:
        """The last keyframe that knows no more than the first `batch` batches, and nothing after
        `t`; the first if none is as early.
        """
        known = self._keyframes_known(batch)
        early = bisect_right(self.keyframes, t, key=lambda keyframe: keyframe[1].t)
        return max(0, min(known, early) - 1)

    def _keyframes_known(self, batch: int) -> int:
        """Return how many keyframes stand before a batch."""
        return bisect_right(self.keyframes, batch, key=lambda keyframe: keyframe[0])

    def keyframe(self, index: int) -> Keyframe | None:
        """A keyframe; None if it turns out to be unreadable, and the recording ends before it."""
        entry = self.keyframes[index][1]
        keyframe = self._body(Keyframe, entry)
        if keyframe is None or self._parts[entry.file].header.version < 2:
            return keyframe
        return expanded(keyframe)

    def breaks(self) -> dict[int, int]:
        """Return the batches at which a file begins that does not follow the one before exactly,
        each with the index of the keyframe with which what is shown must begin anew there.
        """
        return {
            part.first_batch: next(
                index for index, (_, entry) in enumerate(self.keyframes) if entry.file == number
            )
            for number, part in enumerate(self._parts)
            if number and not part.follows
        }

    def played(self, batch: int) -> Played:
        """Return the content of a batch, in its order; empty if it cannot be decoded."""
        played = self._kept.get(batch)
        if played is None:
            if batch >= len(self.batches):
                return Played([], 0)
            entry = self.batches[batch]
            body = self._body(RecordedBatch, entry)
            if body is None:
                return Played([], 0)
            if body.stats is not None and self._parts[entry.file].header.version >= 2:
                stats = restored(body.stats, self._base_of(batch))
                body = msgspec.structs.replace(body, stats=stats)
            if batch >= len(self.batches):  # the keyframe before it holds something else
                return Played([], 0)
            after = self.keyframes[self._keyframes_known(batch) - 1][1].t
            if batch:
                after = max(after, self.batches[batch - 1].t)
            behind = self._behind(entry, body)
            played = Played(_timed(body, after, entry.t, behind), body.dropped)
            self._kept[batch] = played
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return played

    def _behind(self, entry: RecordEntry, body: RecordedBatch) -> float:
        """Return by how many seconds the events' times are behind those of the recording."""
        return self._parts[entry.file].behind + body.behind

    @cached_property
    def wall_times(self) -> WallTimes:
        """The recording's times and those of the wall clock."""
        steps = []
        for batch, entry in enumerate(self.batches):
            part, after = (
                self._parts[entry.file],
                self.batches[batch - 1].t if batch else self.start,
            )
            if entry.marks & Mark.SET_BACK:
                body = self._body(RecordedBatch, entry)
                if body is not None:
                    steps.append((after, self._behind(entry, body)))
            elif entry.file and batch == part.first_batch:
                steps.append((after, part.behind))
        return WallTimes(self.start, self.end, steps)

    def items(self, since: float, until: float) -> Iterator[Item]:
        """Everything that happened from `since` to `until`, snapshots and statistics too."""
        for batch in range(bisect_left(self._times, since), len(self.batches)):
            for item in self.played(batch).items:
                if item.t > until:
                    return
                if item.t >= since:
                    yield item

    def _base_of(self, batch: int) -> LoopStats | None:
        """Return the statistics of the keyframe before a batch, which its own are told against."""
        index = self._keyframes_known(batch) - 1
        if self._base[0] != index:
            keyframe = self._body(Keyframe, self.keyframes[index][1])
            self._base = index, None if keyframe is None else keyframe.stats
        return self._base[1]

    def _body(self, kind: type[Body], entry: RecordEntry) -> Body | None:
        if entry.offset >= self._bad_from.get(entry.file, inf):
            return None
        file = self._parts[entry.file].file
        try:
            file.seek(entry.offset)
            record = read_record(file)
            if record is None:
                raise DamageError("a record is gone")
            return unpack(kind, record[1])
        except (DamageError, OSError) as error:
            self._cut(entry, str(error))
            return None

    def _cut(self, bad: RecordEntry, why: str) -> None:
        """Read nothing more of a file from the record `bad` on; the last file ends before it."""
        self._bad_from[bad.file] = bad.offset
        self._note_damage(self._parts[bad.file].path, bad.offset, why)
        if bad.file < len(self._parts) - 1:
            return  # what follows keeps its place
        good = (bad.file, bad.offset)
        self.batches = [each for each in self.batches if (each.file, each.offset) < good]
        self.keyframes = [pair for pair in self.keyframes if (pair[1].file, pair[1].offset) < good]
        self._times = [entry.t for entry in self.batches]
        self._until = self._times[-1] if self._times else 0.0
        self.__dict__.pop("wall_times", None)

    def _note_damage(self, path: Path, offset: int, why: str) -> None:
        known = self._damages.get(path)
        if known is None or offset < known.offset:
            name = path.name if len(self._paths) > 1 else ""
            self._damages[path] = Damage(offset, why, name)

    # --- opening ---

    def _index(self, path: Path, file: FileIO, ahead: Readable) -> None:
        head = ahead.read(FILE_SIZE) or b""
        if not looks_like_ours(head) and head:
            if len(self._paths) > 1:
                self._note_damage(path, 0, "it does not begin as a recording does")
                return
            raise RecordingError(f"{path} is not a recording of echo-tui")
        try:
            header = read_file_header(head)
        except DamageError as error:
            self._note_damage(path, 0, str(error))
            return
        if header.version > VERSION:
            raise RecordingError(
                f"{path} has format version {header.version}, this echo-tui reads up to {VERSION}:"
                " replay it with a newer one"
            )
        self.has_payload |= header.has_payload
        follows = header.continues and self.end_reason == CONTINUED and self._is_next(path)
        self._parts.append(Part(path, file, header, len(self.batches), follows))
        self.end_reason = ""
        offset, keyframes = FILE_SIZE, len(self.keyframes)
        try:
            while (record := read_record(ahead)) is not None:
                self._add_to_index(offset, *record, keyframes)
                offset += RECORD_SIZE + len(record[1])
            if not self.end_reason:
                raise DamageError("it ends without its end: cut off, or still being written")
        except DamageError as error:
            self._note_damage(path, offset, str(error))
        if keyframes == len(self.keyframes):
            self._parts.pop()  # nothing of it can be shown

    def _is_next(self, path: Path) -> bool:
        """Whether a file has the number after that of the file before."""
        numbers = [each.suffix[1:] for each in (self._parts[-1].path, path)] if self._parts else []
        return (
            all(map(str.isdigit, numbers))
            and len(numbers) == 2
            and (int(numbers[1]) == int(numbers[0]) + 1)
        )

    def _add_to_index(self, offset: int, head: Head, body: bytes, keyframes: int) -> None:
        if self.end_reason:
            raise DamageError("something stands after the end")
        if not is_time(head.t):
            raise DamageError("a record has a time that is none")
        part = self._parts[-1]
        if len(self._parts) > 1 and len(self.keyframes) == keyframes and head.t < self._until:
            # The clock was set back before this file began; within one the time never steps back.
            part = self._parts[-1] = part._replace(behind=self._until - head.t)
        t = max(head.t + part.behind, self._until)
        entry = RecordEntry(offset, t, head.events, Mark(head.marks), len(self._parts) - 1)
        has_keyframe = len(self.keyframes) > keyframes
        match head.kind:
            case Kind.KEYFRAME:
                self.keyframes.append((len(self.batches), entry))
            case Kind.BATCH if has_keyframe:
                self.batches.append(entry)
                self._times.append(t)
            case Kind.END if has_keyframe:
                self.end_reason = unpack(End, body).why or "it was stopped"
            case Kind.BATCH | Kind.END:
                raise DamageError("no keyframe stands before it")
            case _:
                pass  # of a kind that a later version of this format added
        self._until = t


def _timed(batch: RecordedBatch, after: float, until: float, behind: float) -> list[Item]:
    """The events and figures as they are played, in the order of their times and within those of
    their batch. A figure stands behind the events of the same time, which it includes.

    The recording's time is their own plus `behind`.
    """
    items: list[Item] = []
    t = after
    for event in batch.events:
        t = min(max(t, event.t + behind), until)
        items.append(Item(t, event))
    figures: list[Item] = []
    for snapshot in batch.snapshots:
        made_at = max(snapshot.t, snapshot.toggled_at, snapshot.frame_at) + behind
        figures.append(Item(min(max(after, made_at), until), snapshot))
    if batch.stats is not None:
        figures.append(Item(min(max(after, batch.stats.t + behind), until), batch.stats))
    # Sorting is stable: events stay in front of figures, and both in their order.
    return sorted([*items, *figures], key=itemgetter(0))
