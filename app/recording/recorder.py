"""Writes what one stream brings into one recording, in a thread of its own."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from enum import Enum
from math import inf
from typing import Final

import msgspec

from ..core.events import LAST_WORDS, Bytes
from ..core.kept_bytes import KeptBytes
from ..core.printable import printable, reason_of
from ..core.settings import format_size
from ..core.statistics import LoopStats
from ..watch.stream import Drained, EventStream
from .disk import Disk
from .files import Parts
from .format import (
    CONTINUED,
    UNMARKED,
    End,
    Keyframe,
    Mark,
    RecordedBatch,
    file_header,
    marks_of,
    pack,
)
from .histograms import shortened
from .keyframes import RecordedState
from .plan import NO_LIMITS, Limits
from .quiet import QuietFigures

INTERVAL: Final = 0.2
"""Seconds between two batches: with more of them, one connection's figures cost more bytes."""
KEYFRAME_AFTER: Final = 10.0
"""Least seconds between two keyframes, unless many events came."""
KEYFRAME_BATCHES: Final = 300
"""Batches after which a keyframe comes, however small they are: of a busy server those of 60 s."""
KEYFRAME_EVENTS: Final = 20_000
"""Events after which a keyframe comes early: a seek decodes about so many."""
ROOM_FOR_END: Final = 256
"""Bytes kept for the last record."""
PATIENCE: Final = 2.0
"""Seconds that an end waits for the disk."""
SET_BACK: Final = 0.5
"""Seconds from which the wall clock has been set back; less is adjusted without a word."""
RETRY_INTERVAL: Final = 10.0
"""Seconds after which a next file is tried where the disk has failed."""


class Ending(Enum):
    """How a recording ended."""

    ASKED = "info"
    """Somebody wanted it, or the server ended."""
    LIMIT = "warning"
    """It is as large or as old as it may be."""
    FAILED = "error"
    """The disk failed, or somebody took the file away."""


_OF_PEERS: Final = frozenset({Bytes, KeptBytes})
"""The kinds of events with bytes that peers have sent."""


class Recorder:
    """One recording, from its first record to its last."""

    def __init__(
        self,
        stream: EventStream,
        disk: Disk,
        now: Callable[[], float],
        limits: Limits = NO_LIMITS,
        has_payload: bool = False,
        on_end: Callable[[Recorder], None] = lambda _recorder: None,
        parts: Parts | None = None,
        tell: Callable[[str, str], None] = lambda _level, _text: None,
        unheard: Callable[[], str] = str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the clock of the events; `on_end` is called once, from any thread that ends it.
        Ages are taken on `clock`, in seconds: the wall clock may be set.

        Without `has_payload`, the bytes of peers are left out. With `parts` it has no limits, and
        goes on in a next file as they say; `tell` gets level and text of a notice when the disk has
        failed, and when the recording goes on. `unheard` says why the stream is told nothing more;
        empty while it is.
        """
        self._stream = stream
        self._disk = disk
        self._now = now
        self._limits = limits
        self._has_payload = has_payload
        self._on_end = on_end
        self._parts = parts
        self._tell = tell
        self._unheard = unheard
        self._clock = clock
        self.interrupted = ""
        """Why nothing is recorded at present; the recording goes on when the disk can again."""
        self._retry_at = inf
        self._state = RecordedState()
        self._quiet = QuietFigures()
        self._asked = threading.Event()
        self._end_lock = threading.Lock()
        self._is_end_told = False
        self._thread = threading.Thread(target=self._run, name="echo-tui recorder", daemon=True)
        self.started_at = now()
        self._until = self.started_at
        """Up to when the recording tells; never steps back, whatever the clock does."""
        self._behind = 0.0
        """Seconds by which the wall clock was set back since then."""
        self._behind_told = 0.0  # by the last batch of the file
        self._file_began = clock()
        self._file_size = 0
        self._largest_file = 0 if parts is None else parts.largest
        self._base: LoopStats | None = None  # the statistics of the latest keyframe
        self._keyframe_at = self.started_at
        self._keyframe_size = 0
        self._size_since = self._events_since = self._batches_since = 0
        self.size = 0
        """Bytes recorded."""
        self.events = 0
        """Events recorded; snapshots and statistics are not counted."""
        self.ended = ""
        """Why it ended; empty while it goes on."""
        self.ending = Ending.ASKED

    @property
    def failed(self) -> bool:
        """Whether it ended because the disk failed."""
        return self.ending is Ending.FAILED

    @property
    def stored(self) -> int:
        """Bytes of it that are on the disk, in all files that are kept; from any thread."""
        return self._disk.written if self._parts is None else self._parts.stored

    def begin(self) -> None:
        """Write the file's header and an empty keyframe: nothing is known yet."""
        self._put(file_header(self._has_payload))
        self._put(pack(Keyframe(), self._until))

    def start(self) -> None:
        """Begin to record. Raises RuntimeError if there is no room for the threads."""
        self.begin()
        self._disk.start()
        try:
            self._thread.start()
        except RuntimeError:
            self._disk.close()
            self._disk.join(PATIENCE)
            raise

    def stop(self) -> None:
        """Record what has come until now, end, and wait up to `PATIENCE` seconds for the disk.

        A recording that does not end in that time has failed: it counts as ended all the same.
        """
        self._asked.set()
        self._thread.join(PATIENCE)
        if not self._disk.join(PATIENCE) and not self.failed:
            self.ending = Ending.FAILED
            self.ended = self._disk.trouble or "the disk did not take the end in time"
            self._tell_end()

    def record(self, drained: Drained) -> None:
        """Record what was drained, or end with the reason why that cannot be."""
        self._follow_clock()
        if trouble := self._disk.trouble:
            if self._parts is None:
                self.end(trouble, Ending.FAILED)
                return
            self._interrupt(self._parts, trouble)
        if self._retry_at < inf:
            self._apply(self._batch(drained))  # bytes of peers stay out of the next keyframe too
            if self._until >= self._retry_at:
                self._resume()
            return
        if self.interrupted and not self._disk.waiting:
            self.interrupted = ""
            self._tell("warning", f"the recording goes on in {self._path}")
        if self._parts and self._is_file_old(self._parts.longest):
            self._begin_next_file(self._parts)
        batch = self._quiet.choose(self._batch(drained), self._until)
        if batch is not None and (batch.events or batch.snapshots or batch.stats):
            self._write(batch)
        if self.ended:
            return
        if drained.events and type(drained.events[-1]) in LAST_WORDS:
            self.end("the server ended")
        elif not self._parts and self._is_file_old(self._limits.age):
            age = f"{self._limits.age:g} s"
            self.end(f"it is {age} old, as --record-max-age allows", Ending.LIMIT)

    def _follow_clock(self) -> None:
        """Go on in time; where the wall clock was set back, from where the recording has come to.

        Seconds then last as long as they did. With the clock's own time all that follows would
        have one and the same, until the clock is where it was.
        """
        now = self._now() + self._behind
        if now < self._until - SET_BACK:
            self._behind += self._until - now
        self._until = max(self._until, now)

    def end(self, why: str, ending: Ending = Ending.ASKED) -> None:
        """End the recording; if it failed, without a last record: a reader sees that."""
        if ending is not Ending.FAILED:
            rest = self._quiet.rest(self._until)
            if rest is not None and ending is Ending.ASKED:
                self._write(rest)
            if self.ended:
                return
            self._put(pack(End(why=why), self._until))
        self.ending = ending
        self.ended = why
        self._disk.close()
        self._tell_end()

    def _tell_end(self) -> None:
        with self._end_lock:
            is_first, self._is_end_told = not self._is_end_told, True
        if is_first:
            self._on_end(self)

    def _run(self) -> None:
        # Stop signals are the main thread's, which a join leaves only for a signal of its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            while not self.ended:
                is_last = self._asked.wait(INTERVAL)
                unheard = self._unheard()  # first: what was told until then is still recorded
                self.record(self._stream.drain())
                if unheard and not self.ended:
                    self._put(pack(End(why=unheard), self._until))
                    self.end(unheard, Ending.FAILED)
                if is_last and not self.ended:
                    self.end("it was stopped")
        except Exception as fault:  # of ours: it ends the recording, and must be seen
            self.end(f"a fault of echo-tui: {type(fault).__name__}: {fault}", Ending.FAILED)

    def _batch(self, drained: Drained) -> RecordedBatch:
        left_out = frozenset() if self._has_payload else _OF_PEERS
        return RecordedBatch(
            events=tuple(event for event in drained.events if type(event) not in left_out),
            snapshots=tuple(drained.snapshots),
            stats=drained.stats,
            dropped=drained.dropped,
        )

    def _pack(self, batch: RecordedBatch) -> bytes:
        marks: Mark = UNMARKED
        for event in batch.events:
            marks |= marks_of(event)
        if self._behind != self._behind_told:
            marks |= Mark.SET_BACK
        stats = None if batch.stats is None else shortened(batch.stats, self._base)
        told = msgspec.structs.replace(batch, stats=stats)
        if self._behind:
            told = msgspec.structs.replace(told, behind=self._behind)
        return pack(told, self._until, marks)

    def _write(self, batch: RecordedBatch) -> None:
        record = self._pack(batch)
        if self._parts and not self._has_room_for(record, self._largest_file):
            self._begin_next_file(self._parts)
            record = self._pack(batch)
        elif not self._parts and not self._has_room_for(record, self._limits.size):
            allowed = format_size(self._limits.size)
            self.end(f"it is as large as --record-max-size {allowed} allows", Ending.LIMIT)
            return
        self._put(record)
        self._behind_told = self._behind
        self.events += len(batch.events)
        self._events_since += len(batch.events)
        self._batches_since += 1
        self._apply(batch)
        if self._is_keyframe_due():
            self._write_keyframe()

    def _apply(self, batch: RecordedBatch) -> None:
        told = Drained(list(batch.events), list(batch.snapshots), batch.stats, batch.dropped)
        self._state.apply(told, self._until - self._behind)

    def _is_keyframe_due(self) -> bool:
        """Whether a seek would have to play much, and a keyframe would not outweigh it."""
        if self._events_since >= KEYFRAME_EVENTS:
            return True
        age = self._until - self._keyframe_at
        enough = self._size_since >= self._keyframe_size
        return age >= KEYFRAME_AFTER and (enough or self._batches_since >= KEYFRAME_BATCHES)

    def _write_keyframe(self) -> None:
        keyframe = self._state.keyframe()
        record = pack(keyframe, self._until)
        most = self._largest_file if self._parts else self._limits.size
        if self._has_room_for(record, most):
            self._put_keyframe(keyframe, record)
        else:  # the next batch may still fit, and the next keyframe costs as much to make
            self._count_from_keyframe(len(record))

    def _put_keyframe(self, keyframe: Keyframe, record: bytes) -> None:
        self._put(record)
        self._base = keyframe.stats
        self._count_from_keyframe(len(record))

    def _count_from_keyframe(self, size: int) -> None:
        """Have the next keyframe come after as much again, from one of `size` bytes on."""
        self._keyframe_at, self._keyframe_size = self._until, size
        self._size_since = self._events_since = self._batches_since = 0

    # --- the next file ---

    def _begin_next_file(self, parts: Parts) -> None:
        """End this file, and begin the next one with all that is known."""
        self._put(pack(End(why=CONTINUED), self._until))
        self._begin_file(parts, lambda room: self._disk.switch(lambda: parts.open_next(room)))

    def _begin_file(
        self, parts: Parts, open_next: Callable[[int], None], continues: bool = True
    ) -> None:
        keyframe = self._state.keyframe()
        record = pack(keyframe, self._until)
        # A file with hardly more than its keyframe would be followed by others like it.
        self._largest_file = max(parts.largest, 2 * len(record)) if parts.largest else 0
        open_next(self._largest_file)
        self._file_began, self._file_size, self._behind_told = self._clock(), 0, 0.0
        self._put(file_header(self._has_payload, continues))
        self._put_keyframe(keyframe, record)

    # --- a disk that fails while the recording is to go on ---

    def _interrupt(self, parts: Parts, trouble: str) -> None:
        """Give up the present file, and plan the next one."""
        if self._retry_at < inf:
            return  # it is known
        self._disk.close()
        # What was held back is older than what the next file's keyframe will know.
        if (rest := self._quiet.rest(self._until)) is not None:
            self._apply(rest)
        self._quiet = QuietFigures()
        with contextlib.suppress(OSError):  # it stays, or its bytes are not counted anew
            # A second attempt in a row never held more than its beginning.
            parts.give_up(has_content=not self.interrupted)
        if not self.interrupted:
            self._tell("error", f"recording interrupted: {trouble} ({self._path})")
        self.interrupted = trouble
        self._retry_at = self._until + RETRY_INTERVAL

    def _resume(self) -> None:
        """Try to go on in the next file; it is known later whether the disk takes it."""
        assert self._parts is not None
        parts = self._parts

        def open_next(room: int) -> None:
            disk = Disk(parts.open_next(room, begins=True))
            disk.start()
            self._disk = disk

        try:
            self._begin_file(parts, open_next, continues=False)
        except OSError as error:
            self.interrupted = reason_of(error)
            self._retry_at = self._until + RETRY_INTERVAL
            return
        self._retry_at = inf

    @property
    def _path(self) -> str:
        return "" if self._parts is None else printable(str(self._parts.path), 200)

    def _is_file_old(self, longest: float) -> bool:
        return longest > 0 and self._clock() - self._file_began >= longest

    def _has_room_for(self, record: bytes, most: int) -> bool:
        return not most or self._file_size + len(record) + ROOM_FOR_END <= most

    def _put(self, data: bytes) -> None:
        self.size += len(data)
        self._file_size += len(data)
        self._size_since += len(data)
        self._disk.put(data)
