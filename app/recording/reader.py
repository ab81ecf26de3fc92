"""Opens a recording, finds positions in it, and reads its batches, up to the first damage.

Opening reads and checks the whole file, including the bodies, but decodes nothing: an hour at 1,000
events a second takes a tenth of a second. The result is the index: for each record its offset, its
time and its flags. The file has no index, because it could disagree with the records.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path
from typing import Final, NamedTuple, Protocol, Self

from ..core.events import Event
from .format import (
    FILE_SIZE,
    LARGEST_BODY,
    RECORD_SIZE,
    VERSION,
    Body,
    DamageError,
    End,
    Head,
    Keyframe,
    Kind,
    Mark,
    RecordedBatch,
    check,
    looks_like_ours,
    read_file_header,
    read_head,
    unpack,
)

READ_AHEAD: Final = 1024**2
"""Bytes that are read at once while the file is opened."""
KEPT: Final = 128
"""Decoded batches that are kept: steps to and fro stay among them."""


class RecordingError(Exception):
    """There is no recording that can be read here; the text is one line for a person."""


class Readable(Protocol):
    """A binary file, buffered or not."""

    def read(self, size: int, /) -> bytes | None:
        """The next bytes, fewer at the end."""


class Damage(NamedTuple):
    """The place of the first damage in a recording; nothing after it is read."""

    offset: int
    """Byte of the file at which the first record begins that is not good."""
    why: str

    def __str__(self) -> str:
        return f"damaged at byte {self.offset:,}: {self.why}"


class RecordEntry(NamedTuple):
    """One record, as the index knows it."""

    offset: int
    t: float
    events: int
    marks: Mark


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
        """Open and check the file. Raises `RecordingError`."""
        self.path = path
        self.batches: list[RecordEntry] = []
        self.keyframes: list[tuple[int, RecordEntry]] = []
        """And before each, how many of the batches it stands for."""
        self.damage: Damage | None = None
        self.end_reason = ""
        """Why the recording was ended; empty if its end is missing."""
        self.has_payload = False
        self._times: list[float] = []
        self._kept: OrderedDict[int, Played] = OrderedDict()
        self._until = 0.0
        try:
            # Unbuffered: who reads here and there wants what is in the file now.
            self._file = path.open("rb", buffering=0)
            with ExitStack() as opened:
                opened.callback(self._file.close)
                ahead = BufferedReader(self._file, READ_AHEAD)
                self._index(ahead)
                ahead.detach()
                opened.pop_all()
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror or error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    @property
    def start(self) -> float:
        """Unix time at which it begins; 0 if nothing of it can be read."""
        return self.keyframes[0][1].t if self.keyframes else 0.0

    @property
    def end(self) -> float:
        """Unix time up to which it tells."""
        return max(self.start, self._until)

    @property
    def events(self) -> int:
        """Events in it, snapshots and statistics not counted."""
        return sum(entry.events for entry in self.batches)

    # --- reading ---

    def batch_at(self, t: float) -> int:
        """The first batch that tells of a time after `t`; their number if none does."""
        return bisect_right(self._times, t)

    def keyframe_before(self, batch: int, t: float) -> int:
        """The last keyframe that knows no more than the first `batch` batches, and nothing after
        `t`; the first if none is as early.
        """
        known = bisect_right(self.keyframes, batch, key=lambda keyframe: keyframe[0])
        early = bisect_right(self.keyframes, t, key=lambda keyframe: keyframe[1].t)
        return max(0, min(known, early) - 1)

    def keyframe(self, index: int) -> Keyframe | None:
        """A keyframe; None if it turns out to be unreadable, and the recording ends before it."""
        return self._body(Keyframe, self.keyframes[index][1])

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
            after = self.batches[batch - 1].t if batch else self.start
            played = Played(list(_timed(body, after, entry.t)), body.dropped)
            self._kept[batch] = played
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return played

    def items(self, since: float, until: float) -> Iterator[Item]:
        """Everything that happened from `since` to `until`, snapshots and statistics too."""
        for batch in range(bisect_left(self._times, since), len(self.batches)):
            for item in self.played(batch).items:
                if item.t > until:
                    return
                if item.t >= since:
                    yield item

    def _body(self, kind: type[Body], entry: RecordEntry) -> Body | None:
        try:
            self._file.seek(entry.offset)
            record = _record(self._file)
            if record is None:
                raise DamageError("a record is gone")
            return unpack(kind, record[1])
        except (DamageError, OSError) as error:
            self._cut(entry.offset, str(error))
            return None

    def _cut(self, offset: int, why: str) -> None:
        """Let the recording end before the record at `offset`."""
        self.damage = Damage(offset, why)
        self.batches = [entry for entry in self.batches if entry.offset < offset]
        self.keyframes = [pair for pair in self.keyframes if pair[1].offset < offset]
        self._times = [entry.t for entry in self.batches]
        self._until = self._times[-1] if self._times else 0.0

    # --- opening ---

    def _index(self, file: Readable) -> None:
        head = file.read(FILE_SIZE) or b""
        if not looks_like_ours(head) and head:
            raise RecordingError(f"{self.path} is not a recording of echo-tui")
        try:
            version, self.has_payload = read_file_header(head)
        except DamageError as error:
            self.damage = Damage(0, str(error))
            return
        if version > VERSION:
            raise RecordingError(
                f"{self.path} has format version {version}, this echo-tui reads up to {VERSION}:"
                " replay it with a newer one"
            )
        offset = FILE_SIZE
        try:
            while (record := _record(file)) is not None:
                self._add_to_index(offset, *record)
                offset += RECORD_SIZE + len(record[1])
            if not self.end_reason:
                raise DamageError("it ends without its end: cut off, or still being written")
        except DamageError as error:
            self.damage = Damage(offset, str(error))

    def _add_to_index(self, offset: int, head: Head, body: bytes) -> None:
        if self.end_reason:
            raise DamageError("something stands after the end")
        entry = RecordEntry(offset, head.t, head.events, Mark(head.marks))
        match head.kind:
            case Kind.KEYFRAME:
                self.keyframes.append((len(self.batches), entry))
            case Kind.BATCH if self.keyframes:
                self.batches.append(entry)
                self._times.append(head.t)
            case Kind.END if self.keyframes:
                self.end_reason = unpack(End, body).why or "it was stopped"
            case Kind.BATCH | Kind.END:
                raise DamageError("no keyframe stands before it")
            case _:
                pass  # of a kind that a later version of this format added
        self._until = max(self._until, head.t)


def _record(file: Readable) -> tuple[Head, bytes] | None:
    """The next record, checked; None at the end of the file. Raises `DamageError`."""
    data = file.read(RECORD_SIZE)
    if not data:
        return None
    if len(data) < RECORD_SIZE:
        raise DamageError("a record is cut off")
    head = read_head(data)
    body = file.read(min(head.size, LARGEST_BODY)) or b""
    if len(body) < head.size:
        raise DamageError("a record is cut off")
    if not check(head, body):
        raise DamageError("a record does not match its checksum")
    return head, body


def _timed(batch: RecordedBatch, after: float, until: float) -> Iterator[Item]:
    """The events as they are played: in order, and within the time of their batch."""
    t = after
    for event in batch.events:
        t = min(max(t, event.t), until)
        yield Item(t, event)
    for snapshot in batch.snapshots:
        yield Item(until, snapshot)
    if batch.stats is not None:
        yield Item(until, batch.stats)
