"""Writes what one stream brings into one recording, in a thread of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Final

from ..core.events import LAST_WORDS, Bytes
from ..core.settings import format_size
from ..watch.stream import Drained, EventStream
from .disk import Disk
from .format import UNMARKED, End, Keyframe, Mark, RecordedBatch, file_header, marks_of, pack
from .keyframes import RecordedState
from .plan import NO_LIMITS, Limits

INTERVAL: Final = 0.2
"""Seconds between two batches: with more of them, one connection's figures cost more bytes."""
KEYFRAME_AFTER: Final = 10.0
"""Least seconds between two keyframes, unless many events came."""
KEYFRAME_AT_LAST: Final = 60.0
"""Most seconds between two keyframes, however little was written since."""
KEYFRAME_EVENTS: Final = 20_000
"""Events after which a keyframe comes early: a seek decodes about so many."""
ROOM_FOR_END: Final = 256
"""Bytes kept for the last record."""
PATIENCE: Final = 2.0
"""Seconds that an end waits for the disk."""


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
    ) -> None:
        """`now` is the clock of the events; `on_end` is called once, from any thread that ends it.

        Without `has_payload`, the bytes of peers are left out.
        """
        self._stream = stream
        self._disk = disk
        self._now = now
        self._limits = limits
        self._has_payload = has_payload
        self._on_end = on_end
        self._state = RecordedState()
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo-tui recorder", daemon=True)
        self.started_at = now()
        self._until = self.started_at
        """Up to when the recording tells; never steps back, whatever the clock does."""
        self._keyframe_at = self.started_at
        self._keyframe_size = 0
        self._size_since = 0
        self._events_since = 0
        self.size = 0
        """Bytes of the file."""
        self.events = 0
        """Events recorded; snapshots and statistics are not counted."""
        self.ended = ""
        """Why it ended; empty while it goes on."""
        self.failed = False
        """Whether it ended because the disk failed."""

    def begin(self) -> None:
        """Write the file's header and an empty keyframe: nothing is known yet."""
        self._put(file_header(self._has_payload))
        self._put(pack(Keyframe(), self._until))

    def start(self) -> None:
        """Begin to record."""
        self.begin()
        self._disk.start()
        self._thread.start()

    def stop(self) -> None:
        """Record what has come until now, end, and wait up to `PATIENCE` seconds for the disk."""
        self._asked.set()
        self._thread.join(PATIENCE)
        if not self._disk.join(PATIENCE) and not self.failed:
            self.failed = True
            self.ended = self._disk.trouble or "the disk did not take the end in time"

    def record(self, drained: Drained) -> None:
        """Record what was drained, or end with the reason why that cannot be."""
        if trouble := self._disk.trouble:
            self.end(trouble, failed=True)
            return
        batch, marks = self._batch(drained)
        self._until = max(self._until, self._now())
        if batch.events or batch.snapshots or batch.stats:
            self._write(batch, marks)
        if self.ended:
            return
        if drained.events and type(drained.events[-1]) in LAST_WORDS:
            self.end("the server ended")
        elif self._limits.age and self._now() - self.started_at >= self._limits.age:
            self.end(f"it is {self._limits.age:g} s old, as --record-max-age allows")

    def end(self, why: str, failed: bool = False) -> None:
        """End the recording; if the disk `failed`, without a last record: a reader sees that."""
        if not failed:
            self._put(pack(End(why=why), self._until))
        self.failed = failed
        self.ended = why
        self._disk.close()
        self._on_end(self)

    def _run(self) -> None:
        # Stop signals are the main thread's, which a join leaves only for a signal of its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            while not self.ended:
                is_last = self._asked.wait(INTERVAL)
                self.record(self._stream.drain())
                if is_last and not self.ended:
                    self.end("it was stopped")
        except Exception as fault:  # of ours: it ends the recording, and must be seen
            self.end(f"a fault of echo-tui: {type(fault).__name__}: {fault}", failed=True)

    def _batch(self, drained: Drained) -> tuple[RecordedBatch, Mark]:
        marks = UNMARKED
        kept = [e for e in drained.events if self._has_payload or type(e) is not Bytes]
        for event in kept:
            marks |= marks_of(event)
        batch = RecordedBatch(
            events=tuple(kept),
            snapshots=tuple(drained.snapshots),
            stats=drained.stats,
            dropped=drained.dropped,
        )
        return batch, marks

    def _write(self, batch: RecordedBatch, marks: Mark) -> None:
        record = pack(batch, self._until, marks)
        if not self._has_room_for(record):
            allowed = format_size(self._limits.size)
            self.end(f"it is as large as --record-max-size {allowed} allows")
            return
        self._put(record)
        self.events += len(batch.events)
        self._events_since += len(batch.events)
        told = Drained(list(batch.events), list(batch.snapshots), batch.stats, batch.dropped)
        self._state.apply(told, self._until)
        if self._is_keyframe_due():
            self._write_keyframe()

    def _is_keyframe_due(self) -> bool:
        """Whether a seek would have to play much, and a keyframe would not outweigh it."""
        if self._events_since >= KEYFRAME_EVENTS:
            return True
        age = self._until - self._keyframe_at
        enough = self._size_since >= self._keyframe_size
        return age >= KEYFRAME_AT_LAST or (age >= KEYFRAME_AFTER and enough)

    def _write_keyframe(self) -> None:
        record = pack(self._state.keyframe(), self._until)
        if not self._has_room_for(record):
            return  # the next batch may still fit
        self._put(record)
        self._keyframe_at, self._keyframe_size = self._until, len(record)
        self._size_since = self._events_since = 0

    def _has_room_for(self, record: bytes) -> bool:
        most = self._limits.size
        return not most or self.size + len(record) + ROOM_FOR_END <= most

    def _put(self, data: bytes) -> None:
        self.size += len(data)
        self._size_since += len(data)
        self._disk.put(data)
