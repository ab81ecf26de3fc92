"""Why a connection waits: one line of plain words, from its snapshot alone."""

from __future__ import annotations

from typing import Final

from app.events import POLLOUT, Snapshot, State
from app.framing import HEADER_SIZE
from app.ui.figures import words_size, words_span

QUIET: Final = 1.0
"""Seconds without a byte after which a connection counts as standing still."""


def why_waiting(snapshot: Snapshot | None, now: float) -> str:
    """What the connection waits for and for how long; `now` is on the clock of its events."""
    if snapshot is None:
        return "accepted, nothing received yet"
    quiet = now - snapshot.active_at
    match snapshot.state:
        case State.READ_LEN:
            return _reading_header(snapshot, quiet)
        case State.READ_BODY:
            missing = snapshot.body_length - snapshot.body_read
            return f"waiting for {_bytes(missing, 'body')}{_none_for(quiet)}"
        case State.WRITE_BODY:
            return _writing(snapshot, quiet, now)
        case State.DRAINING:
            return _draining(snapshot, quiet)
        case State.CLOSED:
            return "closed"


def _reading_header(snapshot: Snapshot, quiet: float) -> str:
    if snapshot.header:
        missing = HEADER_SIZE - snapshot.header_read
        return f"waiting for {_bytes(missing, 'header', more=True)}{_none_for(quiet)}"
    if snapshot.frames_in == 0:
        return f"no frame yet{_for(quiet)}"
    return f"idle between frames{_for(quiet)}"


def _writing(snapshot: Snapshot, quiet: float, now: float) -> str:
    if not snapshot.pending:
        return "echo sent"
    pending = f"{words_size(snapshot.pending)} pending"
    if not snapshot.interest & POLLOUT:
        return f"writing: {pending}"
    armed = f"POLLOUT armed{_for(now - snapshot.toggled_at)}"
    if quiet >= QUIET:
        return f"peer is not reading: {pending}, {armed}"
    return f"peer reads slowly: {pending}, {armed}"


def _draining(snapshot: Snapshot, quiet: float) -> str:
    reason = snapshot.closing.value if snapshot.closing is not None else "closing"
    if snapshot.pending:
        left = f"{words_size(snapshot.pending)} of echo still to send"
        return f"draining: {reason}, {left}{_none_for(quiet)}"
    return f"draining: {reason}, waits for the peer to end too"


def _bytes(count: int, part: str, more: bool = False) -> str:
    noun = "byte" if count == 1 else "bytes"
    return f"{count:,} {'more ' if more else ''}{part} {noun}"


def _none_for(quiet: float) -> str:
    return f", none for {words_span(quiet)}" if quiet >= QUIET else ""


def _for(seconds: float) -> str:
    return f" for {words_span(seconds)}" if seconds >= QUIET else ""
