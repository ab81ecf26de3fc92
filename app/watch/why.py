"""Why a connection waits: a code for programs, and plain words, from its latest snapshot.

What the peer has taken is what it has acknowledged (`Snapshot.queues`). Where the platform does not
tell that, the words claim only what the loop itself has seen.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ..core.events import POLLOUT, ConnectionState, Snapshot
from ..core.framing import HEADER_SIZE
from ..core.queues import Queues
from .figures import short_size, words_pair, words_size, words_span
from .row import Row

QUIET: Final = 1.0
"""Seconds without a byte after which a connection in the middle of a frame is stuck; an echo counts
as unacknowledged after as many."""
MUCH_INPUT: Final = 64 * 1024
"""Bytes in the receive queue that cannot just have arrived: a read takes so many at the most."""
TURN_WITHIN: Final = 2.0
"""Seconds within which the turn of a connection comes that the budget holds. The loop looks whether
input waits once a second."""
WORKER_SILENT: Final = 3.0
"""Seconds without a word of its loop after which a connection says so."""


ARMED_FIRST: Final = "armed first, not tried yet"
"""The words for an echo that waits for POLLOUT before the kernel was asked to take any of it."""


class WhyCode(StrEnum):
    """What a connection waits for. Where two hold, the narrower one is told (`why_code`)."""

    NO_BYTES_YET = "no_bytes_yet"
    BETWEEN_FRAMES = "between_frames"
    NEEDS_HEADER = "needs_header"
    NEEDS_BODY = "needs_body"
    ARMED_FIRST = "armed_first"
    """In `armed` mode nothing of the echo was offered to the kernel yet."""
    READS_SLOWLY = "reads_slowly"
    """An echo is pending or unacknowledged, and acknowledgements arrive."""
    WINDOW_CLOSED = "window_closed"
    """An echo is pending, and the peer's receive window is closed: it takes nothing."""
    DOES_NOT_ANSWER = "does_not_answer"
    """Retransmissions or probes stay unanswered: the peer's host or the way to it is gone."""
    NOT_FETCHED = "not_fetched"
    """The loop has written everything, and the peer does not fetch it."""
    SERVER_BEHIND = "server_behind"
    """Input waits in our own receive queue and is not being read."""
    HELD_BY_BUDGET = "held_by_budget"
    DRAINING_UNACKNOWLEDGED = "draining_unacknowledged"
    DRAINING_PEER = "draining_peer"
    """All is acknowledged; the peer's FIN is waited for."""
    HELD = "held"
    """The loop is held before a call (`--step`)."""
    HELD_BY_FAULT = "held_by_fault"
    """A fault on purpose holds its echo back."""
    WORKER_SILENT = "worker_silent"
    """Its loop, in a worker process or in the server itself, says nothing: what is known is old."""
    CLOSED = "closed"


STUCK: Final = frozenset(
    {
        WhyCode.WINDOW_CLOSED,
        WhyCode.DOES_NOT_ANSWER,
        WhyCode.NOT_FETCHED,
        WhyCode.SERVER_BEHIND,
        WhyCode.DRAINING_UNACKNOWLEDGED,
        WhyCode.WORKER_SILENT,
    }
)
"""The codes of a connection that is stuck at once."""
_STUCK_WHEN_QUIET: Final = frozenset({WhyCode.NEEDS_HEADER, WhyCode.NEEDS_BODY})
_NOBODY_TELLS: Final = frozenset({WhyCode.READS_SLOWLY, WhyCode.ARMED_FIRST})


def why_code(row: Row, now: float) -> WhyCode:
    """Say in a code what the connection waits for; `now` is on the clock of events."""
    if row.closed is not None:
        return WhyCode.CLOSED
    if row.silent_since and now - row.silent_since >= WORKER_SILENT:
        return WhyCode.WORKER_SILENT
    snapshot = row.snapshot
    if row.loop_held:
        return WhyCode.HELD
    if snapshot is None:
        return WhyCode.NO_BYTES_YET
    state, queues, quiet = snapshot.state, snapshot.queues, now - snapshot.active_at
    if state is ConnectionState.CLOSED:
        return WhyCode.CLOSED
    if snapshot.fault_holds:
        return WhyCode.HELD_BY_FAULT
    if state is ConnectionState.DRAINING:
        unsent = snapshot.pending or snapshot.unacked_bytes
        return WhyCode.DRAINING_UNACKNOWLEDGED if unsent else WhyCode.DRAINING_PEER
    # An echo is unacknowledged for a moment after each write.
    waits = queues is not None and (snapshot.pending > 0 or now - queues.since >= QUIET)
    if queues is not None and waits:
        if not queues.answers:
            return WhyCode.DOES_NOT_ANSWER
        if queues.has_stopped and queues.unacked_bytes is not None:
            return WhyCode.WINDOW_CLOSED if snapshot.pending else WhyCode.NOT_FETCHED
    if snapshot.unread and min(quiet, now - snapshot.unread_at) >= QUIET:
        return WhyCode.SERVER_BEHIND
    if snapshot.is_held:
        return WhyCode.HELD_BY_BUDGET if quiet < TURN_WITHIN else WhyCode.SERVER_BEHIND
    # In armed mode POLLOUT is told late: the peer is the cause if earlier bytes are outstanding.
    if snapshot.pending and not snapshot.offered and not snapshot.unacked_bytes:
        return WhyCode.ARMED_FIRST
    if snapshot.pending or (snapshot.unacked_bytes and waits):
        return WhyCode.READS_SLOWLY
    if snapshot.unread >= MUCH_INPUT:
        return WhyCode.HELD_BY_BUDGET  # though its peer takes less than it gets
    if state is ConnectionState.READ_BODY:
        return WhyCode.NEEDS_BODY
    if snapshot.header:
        return WhyCode.NEEDS_HEADER
    return WhyCode.BETWEEN_FRAMES if snapshot.bytes_in else WhyCode.NO_BYTES_YET


def is_stuck(row: Row, now: float) -> bool:
    """Whether the connection stands still for a reason that somebody should look into."""
    code, snapshot = why_code(row, now), row.snapshot
    if snapshot is None or code in STUCK:
        return code in STUCK
    if now - snapshot.active_at < QUIET:
        return False
    if code in _STUCK_WHEN_QUIET:
        return True
    # Without the kernel's word, an echo of which nothing is taken counts as stuck.
    queues = snapshot.queues
    return code in _NOBODY_TELLS and (queues is None or queues.unacked_bytes is None)


def why_waiting(row: Row, now: float) -> str:
    """Explain what the connection waits for and for how long; the arguments are `why_code`'s.

    If its bytes do not fit, also say what they fit.
    """
    words, found = _waiting(row, now), row.diagnosis
    return f"{words}; {found.name}" if found and row.closed is None else words


def _waiting(row: Row, now: float) -> str:
    code, snapshot = why_code(row, now), row.snapshot
    if code is WhyCode.WORKER_SILENT:
        who = f"worker {row.opened.worker}" if row.opened.worker else "the server's loop"
        return f"{who} has given no sign of life for {words_span(now - row.silent_since)}"
    if snapshot is None:
        return _BRIEF.get(code, "accepted, nothing received yet")
    quiet = now - snapshot.active_at
    match code:
        case WhyCode.NO_BYTES_YET | WhyCode.BETWEEN_FRAMES:
            rest = now - snapshot.rested_at
            return f"{_resting(snapshot, rest)}{_for(rest)}"
        case WhyCode.NEEDS_HEADER | WhyCode.NEEDS_BODY:
            return f"waiting for {_missing(snapshot)}{_none_for(quiet)}"
        case WhyCode.HELD:
            return "the loop is held before a call, and its clock with it"
        case WhyCode.HELD_BY_FAULT:
            return f"a fault on purpose ({snapshot.fault}) holds its echo back{_for(quiet)}"
        case WhyCode.HELD_BY_BUDGET:
            return "held by the budget: it had its share of this iteration, and goes on in the next"
        case WhyCode.SERVER_BEHIND:
            unread = words_size(snapshot.unread) if snapshot.unread else "input"
            since = quiet if snapshot.is_held else min(quiet, now - snapshot.unread_at)
            span = words_span(since)
            return f"server is behind: {unread} in the receive queue, not read for {span}"
        case WhyCode.DRAINING_UNACKNOWLEDGED:
            left = _left(snapshot, now)
            return f"{_draining(snapshot)}, waiting for acknowledgements: {left}"
        case WhyCode.DRAINING_PEER:
            return f"{_draining(snapshot)}, all acknowledged, waiting for the peer's FIN"
        case WhyCode.CLOSED:
            return _BRIEF[code]
        case _:
            pace = _pace(snapshot, code, quiet)
            return f"{pace}{', ' if ':' in pace else ': '}{_left(snapshot, now)}"


def why_in_brief(row: Row, now: float) -> str:
    """As `why_waiting` in about 26 characters, without the figures of a table's other columns."""
    code, snapshot = why_code(row, now), row.snapshot
    if code is WhyCode.WORKER_SILENT and not row.opened.worker:
        return "loop is silent"
    if code in _BRIEF:
        return _BRIEF[code]
    if snapshot is None:
        return "nothing received yet"
    quiet = now - snapshot.active_at
    match code:
        case WhyCode.NO_BYTES_YET | WhyCode.BETWEEN_FRAMES:
            return _resting(snapshot, now - snapshot.rested_at)
        case WhyCode.NEEDS_HEADER | WhyCode.NEEDS_BODY:
            return f"needs {_missing(snapshot)}"
        case _:
            return _pace(snapshot, code, quiet)


def _resting(snapshot: Snapshot, quiet: float) -> str:
    if snapshot.frames_in == 0:
        return "no frame yet"
    return "idle between frames" if quiet >= QUIET else "between frames"


def _missing(snapshot: Snapshot) -> str:
    if snapshot.state is ConnectionState.READ_LEN:
        missing = HEADER_SIZE - snapshot.header_read
        return f"{missing} more header {_bytes(missing)}"
    missing = snapshot.body_length - snapshot.body_read
    return f"{missing:,} body {_bytes(missing)}"


_BRIEF: Final = {
    WhyCode.HELD: "the loop is held",
    WhyCode.HELD_BY_FAULT: "held by a fault",
    WhyCode.HELD_BY_BUDGET: "held by the budget",
    WhyCode.SERVER_BEHIND: "server is behind",
    WhyCode.WORKER_SILENT: "worker is silent",
    WhyCode.DRAINING_UNACKNOWLEDGED: "draining: unacknowledged",
    WhyCode.DRAINING_PEER: "draining: waits for FIN",
    WhyCode.CLOSED: "closed",
}
_PACES: Final = {
    WhyCode.READS_SLOWLY: "peer reads slowly",
    WhyCode.ARMED_FIRST: ARMED_FIRST,
    WhyCode.WINDOW_CLOSED: "peer is not reading",
    WhyCode.NOT_FETCHED: "peer does not fetch it",
    WhyCode.DOES_NOT_ANSWER: "peer does not answer",
}

_NOT_READING: Final = frozenset({WhyCode.WINDOW_CLOSED, WhyCode.NOT_FETCHED})


def _pace(snapshot: Snapshot, code: WhyCode, quiet: float) -> str:
    queues = snapshot.queues
    if code in _NOT_READING and (queues is None or queues.peer_unread_bytes is None):
        return "peer takes nothing"  # a steady reader's window may stay closed for seconds
    if code is not WhyCode.READS_SLOWLY:
        return _PACES[code]
    if queues is not None and queues.unacked_bytes is not None:
        rate = queues.acked_per_second
        return f"{_PACES[code]}: {short_size(int(rate))}/s" if rate >= 1 else _PACES[code]
    # Nobody has asked the kernel yet, or it does not tell.
    if not snapshot.interest & POLLOUT:
        return "writing"
    return "nothing taken" if quiet >= QUIET else "waiting for room"


def _left(snapshot: Snapshot, now: float) -> str:
    """Say since when nothing was acknowledged, what is pending, and what is unacknowledged."""
    queues = snapshot.queues
    parts = [] if queues is None else _stop(queues, now)
    if snapshot.pending:
        parts.append(f"{words_size(snapshot.pending)} pending")
    if queues is None or queues.unacked_bytes is None:
        if snapshot.interest & POLLOUT:
            parts.append(f"POLLOUT armed{_for(now - snapshot.toggled_at)}")
        return ", ".join(parts)
    if queues.unacked_bytes:
        in_flight, unacked = words_pair(queues.in_flight_bytes or 0, queues.unacked_bytes)
        parts.append(f"{unacked} unacknowledged")
        if queues.in_flight_bytes:
            parts[-1] += f" ({in_flight} in flight)"
    return ", ".join(parts)


def _stop(queues: Queues, now: float) -> list[str]:
    """Say since when nothing was acknowledged, if that has stopped, and why."""
    if not queues.has_stopped or queues.unacked_bytes is None:
        return []
    span = words_span(now - queues.acked_at)
    is_closed = queues.answers and queues.window == 0 and queues.in_flight_bytes == 0
    return [f"window closed for {span}" if is_closed else f"nothing acknowledged for {span}"]


def _draining(snapshot: Snapshot) -> str:
    return f"draining: {'closing' if snapshot.closing is None else snapshot.closing.value}"


def _bytes(count: int) -> str:
    return "byte" if count == 1 else "bytes"


def _none_for(quiet: float) -> str:
    return f", none for {words_span(quiet)}" if quiet >= QUIET else ""


def _for(seconds: float) -> str:
    return f" for {words_span(seconds)}" if seconds >= QUIET else ""
