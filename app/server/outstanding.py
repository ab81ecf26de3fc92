"""One connection's bytes that are not acknowledged: since when, how many, and how long yet."""

from __future__ import annotations

from collections import deque
from itertools import islice
from math import inf
from typing import Final

from ..core.queues import Queues
from .kernel import PeerProgress

STOPPED: Final = 2.0
"""Seconds without an acknowledgement after which a peer that acknowledged before has stopped: a
steady reader with a small receive buffer acknowledges in steps up to 1.4 s apart. The bytes
that a peer on this machine reads in between count as well (`app.server.peer_queue`)."""
NEVER_BEGUN: Final = 1.0
"""The same for a peer that has acknowledged nothing of what stands in the queue."""
RATE_FLOOR: Final = 1024
"""Bytes a second that a peer must acknowledge, averaged over the write time-out."""
ANSWER_TIME: Final = 1.5
"""Seconds without a segment of the peer after which a retransmission counts as unanswered: where
one packet in ten is lost, two retransmissions in a row are common, and the third arrives."""
PROBE_TIME: Final = 1.0
"""Seconds after which a probe of a closed window counts as unanswered."""
LOST_AFTER: Final = 3
"""Retransmissions in a row after which a peer that still sends does not get what is sent to it."""
STEPS: Final = 1.5
"""A steady reader acknowledges in steps of its receive buffer: who has acknowledged at such
intervals before has stopped only after so many of the longest."""
LONGEST_STEP: Final = 10.0
"""Seconds that a step is believed to take at the most."""
STEP_FADES: Final = 0.7
"""Share of the longest step that counts after another acknowledgement."""
RATE_WINDOW: Final = 5.0
"""Seconds over which the rate is taken at the least, once the peer has acknowledged for so long."""
SETTLES: Final = 1.0
"""Seconds after which the rate is taken: at first the peer's kernel fills its receive buffer."""
PEER_AGAIN: Final = 2.0
"""Seconds after which the socket of a peer that has stopped is asked again whether it reads."""
_POINTS: Final = 32
"""Points of time in one write time-out for which the acknowledged bytes are remembered."""


class Outstanding:
    """One connection's bytes that are written, or pending, and not acknowledged.

    It lasts until a look finds acknowledged all that was written or pending at the look before.
    Times are on the loop's clock. The loop's thread only.
    """

    __slots__ = (
        "acked_at acked_bytes has_begun is_brisk looked_at longest_step marks moved_at owed "
        "peer_asked_at peer_unread_bytes points probed_at progress published read_bytes "
        "resent_at resent_before settled_at since unacked_bytes written_at"
    ).split()

    def __init__(
        self,
        since: float,
        now: float,
        acked_bytes: int,
        before: Outstanding | None = None,
    ) -> None:
        """`acked_bytes` is of `now`: how many were acknowledged at `since`, nobody has asked.

        `before` is the last one, if bytes were unacknowledged all the time.
        """
        self.since = since
        """When bytes were first unacknowledged."""
        self.acked_at = since
        """When an acknowledgement last took bytes from the queue; `since` if none has."""
        self.written_at = since
        """When the first of the bytes that are unacknowledged now was written, at the earliest."""
        self.moved_at = since
        """When the peer last acknowledged, or was last seen to have read."""
        self.peer_unread_bytes: int | None = None
        """Bytes that its program has left unread at the last look; of peers on this machine."""
        self.peer_asked_at = -inf
        self.read_bytes: int | None = None if before is None else before.read_bytes
        """Bytes of echo that the peer's program has read; known of peers on this machine."""
        self.acked_bytes = acked_bytes
        """Bytes of echo acknowledged since the connection was opened."""
        self.has_begun = before is not None
        """Whether the peer has acknowledged or read any of it."""
        self.longest_step: float = 0.0 if before is None else before.longest_step
        """Seconds between two moves of the peer at the most, of the last ones."""
        start = (now, acked_bytes)
        self.marks: tuple[tuple[float, int], ...] = (start, start)
        """Two times and the bytes taken by then, from which the rate is made."""
        self.settled_at = now + SETTLES
        """Until then each move of the peer begins the rate anew (`SETTLES`)."""
        if before is not None:
            self.marks, self.settled_at = before.marks, before.settled_at
        self.owed = 0
        """The `acked_bytes` at which all that was owed at the last look is acknowledged."""
        self.unacked_bytes: int | None = None
        self.points: deque[tuple[float, int]] = deque([start])
        """Times, and the bytes acknowledged by then; the first is a write time-out ago or less."""
        self.looked_at = since
        self.is_brisk = True
        """Whether bytes moved so lately that nobody waits yet."""
        self.progress: PeerProgress | None = None
        self.probed_at = inf
        """When a probe of the peer's window was first seen that is not answered yet."""
        self.resent_at = inf
        """When a retransmission was first seen that is not answered yet. While the peer's window is
        closed the kernel does not count these in `PeerProgress.retransmits` (tcp_retransmit_timer).
        """
        self.resent_before = 0
        """The retransmissions that were answered, and those before the first look."""
        self.published: tuple[object, ...] = ()
        """The `figures` of the last look."""

    def due(self, patience: float) -> float:
        """The time at which the peer has acknowledged too little, if it acknowledges no more.

        Too little is nothing for `patience` seconds, the write time-out, or less than `RATE_FLOOR`
        on average over them. ``inf`` for a `patience` of 0.
        """
        if not patience:
            return inf
        for when, acked in islice(self.points, len(self.points) - 1):
            if self.acked_bytes - acked < RATE_FLOOR * patience:
                return when + patience
        return max(self.acked_at, self.written_at) + patience

    def last_ack_at(self, now: float) -> float:
        """When the last acknowledgement came in since the last look, on the loop's clock."""
        ago = 0.0 if self.progress is None else self.progress.last_ack_ago
        return max(self.looked_at, now - ago)

    def note_acked(self, acked_bytes: int, when: float, patience: float) -> None:
        """Keep that `acked_bytes` in all are acknowledged, the last of them at `when`."""
        self.acked_bytes, self.acked_at = acked_bytes, when
        self._note_move(when)
        points = self.points
        while len(points) > 1 and points[1][0] <= when - patience:
            points.popleft()
        if when - points[-1][0] >= patience / _POINTS:
            points.append((when, acked_bytes))

    def note_caught_up(self, written_at: float, now: float) -> None:
        """Keep that the peer had acknowledged everything before a write at `written_at`.

        It may have done so long ago, while this process was stopped: nothing was owed since then.
        """
        self.written_at = max(self.written_at, written_at)
        self.points = deque([(now, self.acked_bytes)])

    def wants_unread(self, now: float) -> bool:
        """Whether `note_unread` is to be told anew what the peer has not read."""
        if self.is_brisk:
            return False
        return not self.has_stopped or now - self.peer_asked_at >= PEER_AGAIN

    def note_unread(self, unread: int | None, now: float) -> None:
        """Keep that the peer's kernel holds so many bytes that its program has not read yet."""
        self.peer_unread_bytes, self.peer_asked_at = unread, now
        if unread is None:
            return
        # What arrived after `acked_bytes` was asked for makes it too low, never too high.
        read = self.acked_bytes - unread
        if self.read_bytes is None:
            self.read_bytes, self.marks = read, ((now, read),) * 2
            self.moved_at = now  # whether it has read so far is not known
        elif read > self.read_bytes:
            self.read_bytes = read
            self._note_move(now)

    def _note_move(self, when: float) -> None:
        """Keep that the peer took bytes at `when`."""
        if self.has_begun:
            self.longest_step = max(when - self.moved_at, STEP_FADES * self.longest_step)
        self.has_begun = True
        self.moved_at = max(self.moved_at, when)
        if self.read_bytes is None and when < self.settled_at:
            self.marks = ((when, self.taken_bytes),) * 2
        elif when - self.marks[1][0] >= RATE_WINDOW:
            self.marks = (self.marks[1], (when, self.taken_bytes))

    @property
    def taken_bytes(self) -> int:
        """Bytes that the peer's program has read, or else those that are acknowledged."""
        return self.acked_bytes if self.read_bytes is None else self.read_bytes

    def note_progress(self, progress: PeerProgress | None, now: float) -> None:
        """Keep what the kernel says at `now` of how far the peer has come."""
        before, self.progress = self.progress, progress
        if progress is None or before is None or progress.last_ack_ago < now - self.looked_at:
            self.resent_at = inf
            self.resent_before = 0 if progress is None else progress.resent
        elif progress.resent > self.resent_before and self.resent_at == inf:
            self.resent_at = now
        if progress is None or not progress.probes:
            self.probed_at = inf
        elif self.probed_at == inf:
            self.probed_at = now

    @property
    def has_stopped(self) -> bool:
        """Whether the peer had stopped to take bytes at the last look."""
        step = min(STEPS * self.longest_step, LONGEST_STEP)
        silence = self.looked_at - max(self.moved_at, self.written_at)
        return silence >= (max(STOPPED, step) if self.has_begun else NEVER_BEGUN)

    @property
    def answers(self) -> bool:
        """Whether the peer's kernel answers retransmissions and probes."""
        progress = self.progress
        if progress is None:
            return True
        if self._cannot_leave(progress):
            return False
        # What the peer still sends has an acknowledgement too, which acknowledges nothing new.
        silence = self.looked_at - self.acked_at
        if progress.retransmits >= LOST_AFTER - (silence >= ANSWER_TIME):
            return False
        if min(silence, progress.last_ack_ago) < ANSWER_TIME:
            return True
        is_probed = progress.probes > 1 or self.looked_at - self.probed_at >= PROBE_TIME
        is_resent = progress.resent - self.resent_before > 1
        is_resent |= self.looked_at - self.resent_at >= PROBE_TIME
        return not (progress.retransmits or is_probed or is_resent)

    def _cannot_leave(self, progress: PeerProgress) -> bool:
        """Whether bytes for which the peer's window has room have not been sent for so long.

        So it is where this machine cannot send to the peer, for want of a route or by a firewall.
        """
        unsent, window = progress.unsent_bytes, progress.window
        if not unsent or window is None or unsent > window or self.in_flight_bytes:
            return False
        return self.looked_at - max(self.acked_at, self.since) >= STOPPED

    @property
    def in_flight_bytes(self) -> int | None:
        """Bytes sent and not acknowledged; None if the kernel does not tell."""
        if self.unacked_bytes is None or self.progress is None:
            return None
        unsent = self.progress.unsent_bytes
        return None if unsent is None else max(0, self.unacked_bytes - unsent)

    @property
    def figures(self) -> tuple[object, ...]:
        """The figures whose change is worth a snapshot."""
        window = None if self.progress is None else self.progress.window
        amounts = self.since, self.unacked_bytes, self.in_flight_bytes, window
        return (*amounts, self.has_stopped, self.answers)

    def to_queues(self, epoch: float) -> Queues:
        """Make the part of a snapshot; `epoch` plus the loop's clock is Unix time."""
        progress = self.progress
        first_at, first = self.marks[0]
        span = self.looked_at - first_at
        return Queues(
            t=self.looked_at + epoch,
            since=self.since + epoch,
            acked_at=self.acked_at + epoch,
            acked_bytes=self.acked_bytes,
            unacked_bytes=self.unacked_bytes,
            in_flight_bytes=self.in_flight_bytes,
            window=None if progress is None else progress.window,
            retransmits=0 if progress is None else progress.retransmits,
            probes=0 if progress is None else progress.probes,
            has_stopped=self.has_stopped,
            answers=self.answers,
            acked_per_second=round((self.taken_bytes - first) / span, 1) if span > 0 else 0.0,
            peer_unread_bytes=self.peer_unread_bytes,
        )
