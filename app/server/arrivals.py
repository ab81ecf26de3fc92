"""Counts how frames arrive that do not come whole in one read, for the notes about a peer.

Only the general path counts here, and only for a connection that gives cause: the hot path knows
nothing of it.
"""

from __future__ import annotations

from typing import Final

from ..core.habits import (
    EMPTY_AGAIN,
    LATE_AGAIN,
    LATE_FROM,
    LATE_TO,
    SINGLE_AGAIN,
    SINGLE_SHARE,
    WHOLE_WITHIN,
    Habits,
)

_MOST_SCORE: Final = 5 * LATE_AGAIN
_MISS: Final = 2
"""Late bodies that one which is not late outweighs: two of three must be late."""


class Arrivals:
    """The counts of one connection; in the loop's thread only. Times are on the loop's clock."""

    __slots__ = (
        "_body_at _gap _late_score empty empty_since headers_alone late_bodies "
        "late_least late_most late_since lost missing pieces sampled single_bytes single_since "
        "stopped_since waiting"
    ).split()

    def __init__(self) -> None:
        self.headers_alone = self.late_bodies = 0
        self.late_least = self.late_most = 0.0
        self.late_since = 0.0
        self.pieces = self.single_bytes = 0
        self.single_since = 0.0
        self.sampled = self.empty = 0
        self.empty_since = 0.0
        self.stopped_since = 0.0
        self.waiting = self.missing = self.lost = 0
        self._late_score = 0
        self._gap = 0.0  # of the body that is arriving, if its gap was of the kind; else 0
        self._body_at = 0.0

    def begin_body(self, gap: float, now: float) -> None:
        """Note that a body begins, `gap` seconds after its header was read alone."""
        self.headers_alone += 1
        if LATE_FROM <= gap <= LATE_TO:
            self._gap, self._body_at = gap, now
        else:
            self._miss()

    def add_piece(self, size: int, is_last: bool, now: float) -> None:
        """Note a read of `size` bytes that went on with a frame; `is_last` completes it."""
        self.pieces += 1
        self.single_bytes += size == 1 and not is_last
        is_single = self.single_bytes * SINGLE_SHARE >= self.pieces
        if self.single_bytes >= SINGLE_AGAIN and is_single:
            self.single_since = self.single_since or now
        else:
            self.single_since = 0.0
        if is_last and self._gap:
            if now - self._body_at <= WHOLE_WITHIN:
                self._hit(self._gap, now)
            else:
                self._miss()
            self._gap = 0.0

    def add_sampled(self, length: int, now: float) -> None:
        """Note the body length of one frame of the sample."""
        self.sampled += 1
        self.empty += not length
        if self.empty < EMPTY_AGAIN or 3 * self.empty < self.sampled:
            self.empty_since = 0.0
        else:
            self.empty_since = self.empty_since or now

    def _hit(self, gap: float, now: float) -> None:
        self.late_bodies += 1
        if not self._late_score:
            self.late_least = self.late_most = gap
        self.late_least, self.late_most = min(self.late_least, gap), max(self.late_most, gap)
        self._late_score = min(self._late_score + 1, _MOST_SCORE)
        if self._late_score >= LATE_AGAIN:
            self.late_since = self.late_since or now

    def _miss(self) -> None:
        self._late_score = max(0, self._late_score - _MISS)
        if not self._late_score:  # a busy machine lengthens a gap now and then
            self.late_since = 0.0

    def to_habits(self, epoch: float) -> Habits:
        """Return the counts as they are told; `epoch` plus the loop's clock is Unix time."""
        return Habits(
            headers_alone=self.headers_alone,
            late_bodies=self.late_bodies,
            late_least_us=int(self.late_least * 1e6),
            late_most_us=int(self.late_most * 1e6),
            late_since=self.late_since and self.late_since + epoch,
            pieces=self.pieces,
            single_bytes=self.single_bytes,
            single_since=self.single_since and self.single_since + epoch,
            sampled=self.sampled,
            empty=self.empty,
            empty_since=self.empty_since and self.empty_since + epoch,
            stopped_since=self.stopped_since and self.stopped_since + epoch,
            waiting=self.waiting,
            missing=self.missing,
            lost=self.lost,
        )
