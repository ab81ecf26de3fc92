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
from .figures import words_size, words_span

QUIET: Final = 1.0
"""Seconds without a byte after which a connection in the middle of a frame is stuck; an echo counts
as unacknowledged after as many."""
_HELD: Final = "held by the budget"


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
    """An echo is pending, and the peer's receive window is closed: it does not read."""
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
    CLOSED = "closed"


STUCK: Final = frozenset(
    {
        WhyCode.WINDOW_CLOSED,
        WhyCode.DOES_NOT_ANSWER,
        WhyCode.NOT_FETCHED,
        WhyCode.SERVER_BEHIND,
        WhyCode.DRAINING_UNACKNOWLEDGED,
    }
)
"""The codes of a connection that is stuck at once."""
_STUCK_WHEN_QUIET: Final = frozenset({WhyCode.NEEDS_HEADER, WhyCode.NEEDS_BODY})
_NOBODY_TELLS: Final = frozenset({WhyCode.READS_SLOWLY, WhyCode.ARMED_FIRST})


def why_code(snapshot: Snapshot | None, now: float, held: bool = False) -> WhyCode:
    """Say in a code what the connection waits for; `now` is on the clock of events.

    `held` means that the budget alone ended its last wake-ups.
    """
    if snapshot is None:
        return WhyCode.NO_BYTES_YET
    state, queues = snapshot.state, snapshot.queues
    if state is ConnectionState.CLOSED:
        return WhyCode.CLOSED
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
    if queues is not None and queues.unread and now - queues.unread_at >= QUIET:
        return WhyCode.SERVER_BEHIND
    if _is_held(snapshot, held, now - snapshot.active_at):
        return WhyCode.HELD_BY_BUDGET
    if snapshot.pending:
        return WhyCode.READS_SLOWLY if snapshot.offered else WhyCode.ARMED_FIRST
    if queues is not None and queues.unacked_bytes and waits:
        return WhyCode.READS_SLOWLY
    if state is ConnectionState.READ_BODY:
        return WhyCode.NEEDS_BODY
    if snapshot.header:
        return WhyCode.NEEDS_HEADER
    return WhyCode.BETWEEN_FRAMES if snapshot.bytes_in else WhyCode.NO_BYTES_YET


def is_stuck(snapshot: Snapshot | None, now: float, held: bool = False) -> bool:
    """Whether the connection stands still for a reason that somebody should look into."""
    code = why_code(snapshot, now, held)
    if snapshot is None or code in STUCK:
        return code in STUCK
    is_quiet = now - snapshot.active_at >= QUIET
    if code in _NOBODY_TELLS:
        # Without the kernel's word, an echo of which nothing is taken counts as stuck.
        queues = snapshot.queues
        return is_quiet and (queues is None or queues.unacked_bytes is None)
    return code in _STUCK_WHEN_QUIET and is_quiet


def why_waiting(snapshot: Snapshot | None, now: float, held: bool = False) -> str:
    """Explain what the connection waits for and for how long; the arguments are `why_code`'s."""
    if snapshot is None:
        return "accepted, nothing received yet"
    quiet = now - snapshot.active_at
    match why_code(snapshot, now, held):
        case WhyCode.NO_BYTES_YET | WhyCode.BETWEEN_FRAMES:
            return f"{_resting(snapshot, quiet)}{_for(quiet)}"
        case WhyCode.NEEDS_HEADER | WhyCode.NEEDS_BODY:
            return f"waiting for {_missing(snapshot)}{_none_for(quiet)}"
        case WhyCode.HELD_BY_BUDGET:
            return f"{_HELD}: it had its share of this iteration, and goes on in the next"
        case WhyCode.SERVER_BEHIND:
            unread = words_size(snapshot.queues.unread or 0) if snapshot.queues else ""
            return f"server is behind: {unread} wait in our receive queue"
        case WhyCode.DRAINING_UNACKNOWLEDGED:
            return f"{_draining(snapshot)}, {_left(snapshot, now)}"
        case WhyCode.DRAINING_PEER:
            return f"{_draining(snapshot)}, waiting for the peer to end too"
        case WhyCode.CLOSED:
            return "closed"
        case code:
            return f"{_pace(snapshot, code, quiet)}: {_left(snapshot, now)}"


def why_in_brief(snapshot: Snapshot | None, now: float, held: bool = False) -> str:
    """As `why_waiting` in about 26 characters, without the figures of a table's other columns."""
    if snapshot is None:
        return "nothing received yet"
    quiet = now - snapshot.active_at
    match why_code(snapshot, now, held):
        case WhyCode.NO_BYTES_YET | WhyCode.BETWEEN_FRAMES:
            return _resting(snapshot, quiet)
        case WhyCode.NEEDS_HEADER | WhyCode.NEEDS_BODY:
            return f"needs {_missing(snapshot)}"
        case WhyCode.HELD_BY_BUDGET:
            return _HELD
        case WhyCode.SERVER_BEHIND:
            return "server is behind"
        case WhyCode.DRAINING_UNACKNOWLEDGED | WhyCode.DRAINING_PEER:
            return _draining(snapshot)
        case WhyCode.CLOSED:
            return "closed"
        case code:
            return _pace(snapshot, code, quiet)


def _is_held(snapshot: Snapshot, held: bool, quiet: float) -> bool:
    """Whether the budget holds it now: a connection that waits for its peer is held no longer."""
    at_work = snapshot.state in (ConnectionState.READ_LEN, ConnectionState.WRITE_BODY)
    return held and at_work and quiet < QUIET


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


_PACES: Final = {
    WhyCode.READS_SLOWLY: "peer reads slowly",
    WhyCode.ARMED_FIRST: "waiting for POLLOUT",
    WhyCode.WINDOW_CLOSED: "peer is not reading",
    WhyCode.NOT_FETCHED: "peer does not fetch it",
    WhyCode.DOES_NOT_ANSWER: "peer does not answer",
}


def _pace(snapshot: Snapshot, code: WhyCode, quiet: float) -> str:
    if code is not WhyCode.READS_SLOWLY:
        return _PACES[code]
    queues = snapshot.queues
    if queues is not None and queues.unacked_bytes is not None:
        rate = queues.acked_per_second
        return f"{_PACES[code]}, {words_size(int(rate))}/s" if rate >= 1 else _PACES[code]
    if not snapshot.interest & POLLOUT:
        return "writing"
    return _PACES[WhyCode.WINDOW_CLOSED] if quiet >= QUIET else _PACES[code]


def _left(snapshot: Snapshot, now: float) -> str:
    """Say what is pending and what is not acknowledged, and since when nothing more was."""
    parts = []
    if snapshot.pending:
        parts.append(f"{words_size(snapshot.pending)} pending")
    queues = snapshot.queues
    if queues is None or queues.unacked_bytes is None:
        # POLLOUT is armed because a write was cut short: the send queue had no room.
        if snapshot.state is ConnectionState.WRITE_BODY and snapshot.interest & POLLOUT:
            armed = _for(now - snapshot.toggled_at)
            parts += [f"POLLOUT armed{armed}", "kernel send queue full"]
        return ", ".join(parts)
    if queues.unacked_bytes:
        parts.append(f"{words_size(queues.unacked_bytes)} unacknowledged")
    if queues.has_stopped:
        parts.append(f"none for {words_span(now - queues.acked_at)}")
        parts += _cause(queues)
    return ", ".join(parts)


def _cause(queues: Queues) -> list[str]:
    """The kernel's reason, where it tells one."""
    if not queues.answers:
        return ["no answer"]
    return ["window closed"] if queues.in_flight_bytes == 0 else []


def _draining(snapshot: Snapshot) -> str:
    return f"draining: {'closing' if snapshot.closing is None else snapshot.closing.value}"


def _bytes(count: int) -> str:
    return "byte" if count == 1 else "bytes"


def _none_for(quiet: float) -> str:
    return f", none for {words_span(quiet)}" if quiet >= QUIET else ""


def _for(seconds: float) -> str:
    return f" for {words_span(seconds)}" if seconds >= QUIET else ""
