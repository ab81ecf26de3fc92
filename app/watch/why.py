"""Why a connection waits: one line of plain words, from its state and its counters."""

from __future__ import annotations

from typing import Final

from ..core.events import POLLOUT, ConnectionState, Snapshot
from ..core.framing import HEADER_SIZE
from .figures import words_size, words_span

QUIET: Final = 1.0
"""Seconds without a byte after which a connection in the middle of a frame is stuck."""
_HELD: Final = "held by the budget"


def is_stuck(snapshot: Snapshot | None, now: float) -> bool:
    """Whether no byte moved for `QUIET` seconds in the middle of a frame or of its echo."""
    if snapshot is None or now - snapshot.active_at < QUIET:
        return False
    between_frames = snapshot.state is ConnectionState.READ_LEN and not snapshot.header
    return not between_frames and snapshot.state is not ConnectionState.CLOSED


def why_waiting(snapshot: Snapshot | None, now: float, held: bool = False) -> str:
    """Explain what the connection waits for and for how long; `now` is on the clock of events.

    `held` means that the budget alone ended its last wake-ups.
    """
    if snapshot is None:
        return "accepted, nothing received yet"
    quiet = now - snapshot.active_at
    if _is_held(snapshot, held, quiet):
        return f"{_HELD}: it had its share of this iteration, and goes on in the next"
    match snapshot.state:
        case ConnectionState.READ_LEN if not snapshot.header:
            return f"{_resting(snapshot, quiet)}{_for(quiet)}"
        case ConnectionState.READ_LEN | ConnectionState.READ_BODY:
            return f"waiting for {_missing(snapshot)}{_none_for(quiet)}"
        case ConnectionState.WRITE_BODY:
            return _writing(snapshot, quiet, now)
        case ConnectionState.DRAINING if snapshot.pending:
            left = f"{words_size(snapshot.pending)} of echo still to send"
            return f"{_draining(snapshot)}, {left}{_none_for(quiet)}"
        case ConnectionState.DRAINING:
            return f"{_draining(snapshot)}, waiting for the peer to end too"
        case ConnectionState.CLOSED:
            return "closed"


def why_in_brief(snapshot: Snapshot | None, now: float, held: bool = False) -> str:
    """As `why_waiting` in about 26 characters, without the figures of a table's other columns."""
    if snapshot is None:
        return "nothing received yet"
    quiet = now - snapshot.active_at
    if _is_held(snapshot, held, quiet):
        return _HELD
    match snapshot.state:
        case ConnectionState.READ_LEN if not snapshot.header:
            return _resting(snapshot, quiet)
        case ConnectionState.READ_LEN | ConnectionState.READ_BODY:
            return f"needs {_missing(snapshot)}"
        case ConnectionState.WRITE_BODY:
            return _pace(snapshot, quiet)
        case ConnectionState.DRAINING:
            return _draining(snapshot)
        case ConnectionState.CLOSED:
            return "closed"


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


def _pace(snapshot: Snapshot, quiet: float) -> str:
    if not snapshot.pending:
        return "echo sent"
    if not snapshot.interest & POLLOUT:
        return "writing"
    return "peer is not reading" if quiet >= QUIET else "peer reads slowly"


def _writing(snapshot: Snapshot, quiet: float, now: float) -> str:
    pace = _pace(snapshot, quiet)
    if not snapshot.pending:
        return pace
    pending = f"{pace}: {words_size(snapshot.pending)} pending"
    if not snapshot.interest & POLLOUT:
        return pending
    # POLLOUT is armed because a write was cut short, and stays armed while the queue has no room.
    return f"{pending}, POLLOUT armed{_for(now - snapshot.toggled_at)}, kernel send queue full"


def _draining(snapshot: Snapshot) -> str:
    return f"draining: {'closing' if snapshot.closing is None else snapshot.closing.value}"


def _bytes(count: int) -> str:
    return "byte" if count == 1 else "bytes"


def _none_for(quiet: float) -> str:
    return f", none for {words_span(quiet)}" if quiet >= QUIET else ""


def _for(seconds: float) -> str:
    return f" for {words_span(seconds)}" if seconds >= QUIET else ""
