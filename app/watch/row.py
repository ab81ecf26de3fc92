"""One connection as the dashboard remembers it, open or just closed."""

from __future__ import annotations

import copy
from collections import deque
from typing import Final

from ..core.events import (
    POLLOUT,
    Bytes,
    Closed,
    ConnectionState,
    Event,
    Io,
    Kernel,
    Notice,
    Opened,
    Snapshot,
    Toggled,
)
from .figures import words_span

RECENT_LIMIT: Final = 64
"""Detail events kept for one connection."""
TOGGLES_LIMIT: Final = 256
"""POLLOUT toggles kept for one connection, for its timeline."""
BYTES_LIMIT: Final = 256
"""Bytes kept for one connection in each direction, if they are told at all."""
UNSEEN_AFTER: Final = 2.0
"""Seconds without a word of what is told only while somebody looks (each round has one, and two
rounds are a second apart at most) after which it is said that nobody did."""
RATE_WINDOW: Final = 1.0
"""Seconds over which a connection's frame rate is taken."""
RATE_FADES: Final = 2.0
"""Seconds without a byte after which a rate is no longer true."""


class Row:
    """What is known of one connection: the latest that the server told, never a guess."""

    __slots__ = (
        "_rate",
        "_rate_from_frames",
        "_rate_from_t",
        "_seen_at",
        "closed",
        "fd",
        "held_by_budget",
        "id",
        "kernel",
        "last_in",
        "last_out",
        "opened_at",
        "peer",
        "recent",
        "recent_version",
        "snapshot",
        "toggled",
        "version",
        "worker",
    )

    def __init__(self, opened: Opened) -> None:
        self.id = opened.id
        self.fd = opened.fd
        self.peer = opened.peer
        self.worker = opened.worker
        self.opened_at = opened.t
        self.snapshot: Snapshot | None = None
        self.closed: Closed | None = None
        self.kernel: Kernel | None = None
        """The kernel's side, known of a connection that is looked at."""
        self.held_by_budget = False
        """Whether the budget alone ended wake-ups since the snapshot before, not the kernel."""
        self.last_in = b""
        """The last bytes received, `BYTES_LIMIT` at most; told only if somebody asked for them."""
        self.last_out = b""
        self.version = 0
        """Grows with every change that is worth drawing."""
        self.recent: deque[Event] | None = None
        """The latest detail events, made when the first comes: most connections have none."""
        self.recent_version = 0
        self.toggled: deque[Toggled] | None = None
        """The latest toggles; system calls cannot drive them out as they do from `recent`."""
        self._seen_at: float | None = None
        self._rate = 0.0
        self._rate_from_t = opened.t
        self._rate_from_frames = 0

    def update(self, snapshot: Snapshot) -> None:
        """Take a newer snapshot; one that is older than what is known changes nothing."""
        known = self.snapshot
        if self.closed is not None or (known is not None and snapshot.t < known.t):
            return
        self.version += 1
        self.snapshot = snapshot
        self.held_by_budget = known is not None and _is_held(known, snapshot)
        if known is not None and snapshot.t - known.t > RATE_FADES:
            # It stood still: the frames since then are of the last moments, not of the whole gap.
            self._rate_from_t = snapshot.t - RATE_WINDOW
            self._rate_from_frames = known.frames_out
        span = snapshot.t - self._rate_from_t
        if span >= RATE_WINDOW:
            self._rate = (snapshot.frames_out - self._rate_from_frames) / span
            self._rate_from_t = snapshot.t
            self._rate_from_frames = snapshot.frames_out

    def close(self, closed: Closed) -> None:
        """Take the last word on the connection."""
        self.closed = closed
        self.version += 1
        self.remember(closed)

    def remember(self, event: Event) -> None:
        """Keep a detail event."""
        if isinstance(event, Kernel | Io):
            self._see(event.t)
        if isinstance(event, Kernel):
            self.kernel = event
            return
        if isinstance(event, Bytes):
            self._remember_bytes(event)
            return
        if self.recent is None:
            self.recent = deque(maxlen=RECENT_LIMIT)
        self.recent.append(event)
        if isinstance(event, Toggled):
            if self.toggled is None:
                self.toggled = deque(maxlen=TOGGLES_LIMIT)
            self.toggled.append(event)
        self.recent_version += 1

    def _see(self, t: float) -> None:
        """Note that somebody looked at `t`, and if nobody did for a while before."""
        seen_at, self._seen_at = self._seen_at, t
        if seen_at is not None and t - seen_at > UNSEEN_AFTER and self.recent:
            text = f"… not looked at for {words_span(t - seen_at)}"
            self.recent.append(Notice(t=t, level="info", text=text))
            self.recent_version += 1

    def _remember_bytes(self, event: Bytes) -> None:
        self.recent_version += 1
        if event.call == "read":
            self.last_in = (self.last_in + event.data)[-BYTES_LIMIT:]
        else:
            self.last_out = (self.last_out + event.data)[-BYTES_LIMIT:]

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

    def rate(self, now: float) -> float:
        """Frames echoed per second; 0 for a connection that has fallen quiet."""
        if self.closed is not None or self.idle(now) > RATE_FADES:
            return 0.0
        return self._rate

    def idle(self, now: float) -> float:
        """Seconds since a byte last moved; since the close for a closed connection."""
        if self.closed is not None:
            return now - self.closed.t
        return now - (self.opened_at if self.snapshot is None else self.snapshot.active_at)

    def age(self, now: float) -> float:
        """Seconds that the connection has been, or was, open."""
        return (now if self.closed is None else self.closed.t) - self.opened_at


def _is_held(before: Snapshot, after: Snapshot) -> bool:
    refused = before.eagains + before.partial_writes
    return (
        after.budget_hits > before.budget_hits and after.eagains + after.partial_writes == refused
    )
