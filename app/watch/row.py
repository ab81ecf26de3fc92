"""One connection as whoever watches the server knows it, open or just closed."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, Final

import msgspec

from ..core.diagnosis import Diagnosis
from ..core.events import (
    POLLOUT,
    Bytes,
    Closed,
    ConnectionState,
    Event,
    Io,
    Notice,
    Opened,
    Snapshot,
    StateChanged,
    Toggled,
)
from ..core.framing import header
from ..core.queues import Kernel
from ..core.statistics import MeasuredRate
from .figures import words_span
from .host_ends import HostTable

RECENT_LIMIT: Final = 64
"""Detail events kept for one connection."""
TOGGLES_LIMIT: Final = 256
"""POLLOUT toggles kept for one connection, for its timeline."""
BYTES_LIMIT: Final = 256
"""Bytes kept for one connection in each direction, if they are published at all."""
UNSEEN_AFTER: Final = 2.0
"""Seconds between two traced events after which the row notes that nobody watched in between. A
traced connection has one in each round of snapshots, and rounds are at most a second apart."""
RATE_WINDOW: Final = 1.0
"""Seconds over which a connection's frame rate is measured at least."""
RATE_HELD: Final = 2.0
"""Seconds without a frame after which the rate is 0, unless it was measured over a longer time."""
RATE_LEAST: Final = 0.005
"""Frames a second that count as none: less is 0 in the two decimals that are shown."""
RATE_MEMORY: Final = 60.0
"""Seconds over which a rate is measured, and held, at the most."""
_READING: Final = (ConnectionState.READ_LEN, ConnectionState.READ_BODY)


class Row:
    """The state of one connection; `State` applies events and snapshots to it."""

    __slots__ = (
        "_frame_at _rate_frames _rate_from _seen_at _unordered closed hosts id kernel last_in "
        "last_out loop_held measured_rate opened recent recent_version silent_since snapshot "
        "toggled version"
    ).split()

    def __init__(self, opened: Opened, hosts: HostTable | None = None) -> None:
        """`hosts` is what is known of peer hosts; None if nothing is."""
        self.opened = opened
        self.hosts = hosts
        self.id = opened.id
        self.snapshot: Snapshot | None = None
        """The latest; of a closed connection the last."""
        self.closed: Closed | None = None
        self.silent_since = 0.0
        """When its loop last gave a sign of life, if it has left a question unanswered; else 0."""
        self.loop_held = False
        """Whether its loop stands before a call (`--step`)."""
        self.version = 0
        """Grows with every change that is worth drawing."""
        self.kernel: Kernel | None = None
        """The kernel's side; known of a traced connection only."""
        self.last_in = b""
        """The last bytes received, at most `BYTES_LIMIT`; known at trace level ``bytes`` only."""
        self.last_out = b""
        self.recent: deque[Event] | None = None
        """The latest detail events, made when the first comes: most connections have none."""
        self.recent_version = 0
        self.toggled: deque[Toggled] | None = None
        """The latest toggles; system calls cannot drive them out as they do from `recent`."""
        self.measured_rate: MeasuredRate | None = None
        """The latest; None before the first."""
        # Snapshots yet to come that are taken whatever their time: after the wall clock was set,
        # one of before may still be under way.
        self._unordered = 0
        self._seen_at: float | None = None
        # When the measurement that goes on began: at the first frame after the one before ended.
        self._rate_from = -inf
        self._rate_frames = 0  # frames echoed before that moment
        self._frame_at = opened.t  # when the latest was, as far as the snapshots tell

    def _measure_rate(self, known: Snapshot | None, snapshot: Snapshot) -> None:
        """Measure from the start of one burst of frames to the start of another, so that a pause
        counts in full: a frame every 3 s is a third of a frame a second.
        """
        at = snapshot.active_at
        if known is not None or at - self.opened.t < RATE_WINDOW:
            frames = 0 if known is None else known.frames_out
        else:
            frames = snapshot.frames_out  # seen late: when these were echoed is not known
        span = at - self._rate_from if self._rate_from > -inf else 0.0
        if frames > self._rate_frames and span:
            span = min(span, RATE_MEMORY)
            rate = (frames - self._rate_frames) / span
            self.measured_rate = MeasuredRate(rate, span, at, frames)
        self._rate_from, self._rate_frames = at, frames

    def shift_times(self, seconds: float) -> None:
        """Add `seconds` to all times: the wall clock was set by so many."""
        self.version += 1
        self.opened = msgspec.structs.replace(self.opened, t=self.opened.t + seconds)
        self.snapshot = _shifted(self.snapshot, seconds)
        if self.closed is not None:
            closed = self.closed
            self.closed = msgspec.structs.replace(
                closed, t=closed.t + seconds, opened_at=closed.opened_at + seconds
            )
        if self.kernel is not None:
            self.kernel = msgspec.structs.replace(self.kernel, t=self.kernel.t + seconds)
        if self.toggled is not None:
            shifted = [msgspec.structs.replace(each, t=each.t + seconds) for each in self.toggled]
            self.toggled = deque(shifted, TOGGLES_LIMIT)
        self.silent_since += seconds if self.silent_since else 0.0
        self._seen_at = None
        self._frame_at += seconds
        self._rate_from += seconds
        self._unordered = 2

    def close(self, closed: Closed) -> None:
        """Keep the totals with which the connection ended; later snapshots change nothing."""
        self.closed = closed
        self.version += 1

    def remember(self, event: Event) -> None:
        """Keep a detail event, or the close, among the latest of this connection."""
        if isinstance(event, Kernel | Io):
            self._note_gap(event.t)
        if isinstance(event, Kernel):
            self.kernel = event
            return
        self.recent_version += 1
        if isinstance(event, Bytes):
            if event.call == "read":
                self.last_in = (self.last_in + event.data)[-BYTES_LIMIT:]
            else:
                self.last_out = (self.last_out + event.data)[-BYTES_LIMIT:]
            return
        if self.recent is None:
            self.recent = deque(maxlen=RECENT_LIMIT)
        self.recent.append(event)
        self._follow(event)
        if isinstance(event, Toggled):
            if self.toggled is None:
                self.toggled = deque(maxlen=TOGGLES_LIMIT)
            self.toggled.append(event)

    def _follow(self, event: Event) -> None:
        """Change the snapshot by what a detail event tells, so that both say the same until the
        next snapshot comes.
        """
        known = self.snapshot
        if known is None or event.t <= known.t:
            return
        changes: dict[str, Any] = {}
        if isinstance(event, Toggled):
            interest = known.interest | POLLOUT if event.armed else known.interest & ~POLLOUT
            changes = {"interest": interest, "toggles": event.toggles, "toggled_at": event.t}
            changes |= _out_with(known, event.pending)
        elif isinstance(event, StateChanged):
            changes = {"state": event.new}
            if event.new is ConnectionState.READ_LEN:  # the next frame has a header of its own
                changes |= {"header": b"", "body_read": 0, "body_length": 0, "frame_at": 0.0}
            elif event.body_length is not None:
                changes |= {"body_read": event.body_read, "body_length": event.body_length}
                changes["header"] = header(event.body_length)
                changes["frame_at"] = known.frame_at or event.t
        elif isinstance(event, Io):
            changes = _moved(known, event)
        if changes:
            self.snapshot = msgspec.structs.replace(known, **changes)
            self.version += 1

    def _note_gap(self, t: float) -> None:
        """Put a line among the recent events if nobody watched for a while before `t`."""
        seen_at, self._seen_at = self._seen_at, t
        if seen_at is not None and t - seen_at > UNSEEN_AFTER and self.recent:
            text = f"… not looked at for {words_span(t - seen_at)}"
            self.recent.append(Notice(t=t, level="info", text=text))
            self.recent_version += 1

    def frozen(self) -> Row:
        """A copy that later events do not reach."""
        row = copy.copy(self)
        row.recent = None if self.recent is None else self.recent.copy()
        row.toggled = None if self.toggled is None else self.toggled.copy()
        return row

    def count(self, name: str) -> int:
        """The counter `name` of `Snapshot` and `Closed`; 0 before the first snapshot."""
        totals = self.closed or self.snapshot
        counted: int = 0 if totals is None else getattr(totals, name)
        return counted

    @property
    def peer(self) -> str:
        """The peer's address, escaped."""
        return self.opened.peer

    @property
    def state(self) -> ConnectionState:
        """The latest known state."""
        if self.closed is not None:
            return ConnectionState.CLOSED
        return ConnectionState.READ_LEN if self.snapshot is None else self.snapshot.state

    @property
    def reason(self) -> str:
        """Why it closed, or why it is closing; empty for a connection that goes on."""
        if self.closed is not None:
            return self.closed.reason.value
        closing = None if self.snapshot is None else self.snapshot.closing
        return "" if closing is None else closing.value

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The name of its bytes, where they do not fit and it stands still or has ended
        with a fault; else None.
        """
        known = self.closed or self.snapshot
        return None if known is None else known.diagnosis

    @property
    def frames(self) -> int:
        """Frames whose echo the kernel took in full."""
        return self.count("frames_out")

    @property
    def pending(self) -> int:
        """Bytes of echo that the kernel has not taken; 0 once closed."""
        return 0 if self.snapshot is None or self.closed is not None else self.snapshot.pending

    @property
    def armed(self) -> bool:
        """Whether POLLOUT is armed."""
        snapshot = self.snapshot
        return snapshot is not None and self.closed is None and bool(snapshot.interest & POLLOUT)

    @property
    def armed_first(self) -> bool:
        """Whether it is armed in write mode `armed`, before the kernel was offered anything."""
        return self.armed and self.snapshot is not None and not self.snapshot.offered

    def continue_rate(self, rate: MeasuredRate) -> None:
        """Go on with the rate that another state has measured."""
        self.measured_rate = rate
        if rate.ended_at:
            self._rate_from, self._rate_frames = rate.ended_at, rate.frames

    def rate(self, now: float) -> float:
        """Frames echoed per second; 0 for a connection that has fallen quiet.

        Before it can be measured it is the mean since the connection was opened.
        """
        if self.closed is not None:
            return 0.0
        age = now - self.opened.t
        if self.measured_rate is not None:
            rate, held = self.measured_rate.per_second, 2 * self.measured_rate.span
        elif age >= RATE_WINDOW:
            rate, held = self.frames / age, age / 2
        else:
            return 0.0
        is_quiet = now - self._frame_at > max(RATE_HELD, min(held, RATE_MEMORY))
        return 0.0 if is_quiet or rate < RATE_LEAST else rate

    def idle(self, now: float) -> float:
        """Seconds since a byte last moved; since the close for a closed connection."""
        if self.closed is not None:
            return now - self.closed.t
        return now - (self.opened.t if self.snapshot is None else self.snapshot.active_at)

    def age(self, now: float) -> float:
        """Seconds that the connection has been, or was, open."""
        return (now if self.closed is None else self.closed.t) - self.opened.t


def update_rows(
    rows: Mapping[int, Row],
    snapshots: Iterable[Snapshot],
    note: Callable[[int], None] | None = None,
) -> None:
    """Replace the rows' snapshots by newer ones; `note` is called with the id of each that is.

    One that is older than what the row has, or of a connection that is closed or not known, changes
    nothing. A loop and no method of the row: each call would cost a fifth of the time.
    """
    for snapshot in snapshots:
        row = rows.get(snapshot.id)
        if row is None or row.closed is not None:
            continue
        known = row.snapshot
        if row._unordered:
            row._unordered -= 1
        elif known is not None and snapshot.t < known.t:
            continue
        row.version += 1
        row.snapshot = snapshot
        if snapshot.frames_out != (0 if known is None else known.frames_out):
            row._frame_at = at = snapshot.active_at
            if at - row._rate_from >= RATE_WINDOW:
                row._measure_rate(known, snapshot)
        if note is not None:
            note(snapshot.id)


def _shifted(snapshot: Snapshot | None, seconds: float) -> Snapshot | None:
    """The same snapshot with `seconds` added to its times."""
    if snapshot is None:
        return None
    queues = snapshot.queues
    if queues is not None:
        queues = msgspec.structs.replace(
            queues,
            t=queues.t + seconds,
            since=queues.since + seconds,
            acked_at=queues.acked_at + seconds,
        )
    return msgspec.structs.replace(
        snapshot,
        t=snapshot.t + seconds,
        toggled_at=snapshot.toggled_at + seconds,
        frame_at=snapshot.frame_at and snapshot.frame_at + seconds,
        active_at=snapshot.active_at + seconds,
        unread_at=snapshot.unread_at and snapshot.unread_at + seconds,
        queues=queues,
        habits=snapshot.habits and snapshot.habits.shifted(seconds),
    )


def _moved(known: Snapshot, event: Io) -> dict[str, Any]:
    """Return what one call has changed of a snapshot."""
    moved = max(event.result, 0)
    changes: dict[str, Any] = {"active_at": event.t} if moved else {}
    changes["eagains"] = known.eagains + (event.error == "EAGAIN")
    if event.call == "write":
        pending = event.asked - moved
        changes["bytes_out"] = known.bytes_out + moved
        changes["partial_writes"] = known.partial_writes + (0 < moved < event.asked)
        changes |= _out_with(known, pending)
        if pending and known.state in _READING:
            changes["state"] = ConnectionState.WRITE_BODY
        return changes
    changes["bytes_in"] = known.bytes_in + moved
    if known.state is ConnectionState.READ_BODY:
        left = known.body_length - known.body_read
        changes["body_read"] = known.body_read + min(moved, left)
    return changes


def _out_with(known: Snapshot, pending: int) -> dict[str, int]:
    """Return the offsets of an echo of which so many bytes are not written yet."""
    if pending <= known.out_length:
        return {"out_sent": known.out_length - pending}
    return {"out_sent": 0, "out_length": pending}
