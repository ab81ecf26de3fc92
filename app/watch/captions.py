"""The captions of the demo: which connection shows something now, and what, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ..core.events import POLLOUT, Closed, ConnectionState, Reason, Snapshot
from ..core.words.language import compose
from .row import Row
from .state import State
from .why import WhyCode, why_code

FRESH: Final = 20.0
"""Seconds after its close for which a connection is still shown."""
LARGE: Final = 32 * 1024
"""Bytes of a body that have come before it is shown."""
OWES: Final = 2.0
"""Seconds after which a client that owes the rest of a header is shown."""


class Caption(NamedTuple):
    """One connection, and what there is to see of it."""

    scene: str
    connection_id: int
    text: str


def next_caption(state: State, now: float, told: Sequence[str] = ()) -> Caption | None:
    """Return a scene that a connection plays now: one that is not told yet, else the oldest.

    `told` has the scenes in the order in which they were last told. Of several connections that
    play it, it is the latest one. None if no scene is played.
    """
    for name in sorted(SCENES, key=lambda name: told.index(name) if name in told else -1):
        played = ((row.id, SCENES[name](row, now)) for row in state.rows.values())
        last = max((each for each in played if each[1]), default=None)
        if last is not None:
            return Caption(name, *last)
    return None


def _header(row: Row, now: float) -> str:
    seen = _open(row)
    if seen is None or seen.state is not ConnectionState.READ_LEN or not seen.header_read:
        return ""
    if now - seen.active_at >= OWES:
        return ""
    return compose(
        "has sent {count} of the 4 bytes of a header: READ_LEN waits for the rest, "
        "and meanwhile all others are served",
        count=seen.header_read,
    )


def _body(row: Row, _now: float) -> str:
    seen = _open(row)
    if seen is None or seen.state is not ConnectionState.READ_BODY or seen.body_read < LARGE:
        return ""
    return compose(
        "sends a body of {size:,} bytes in pieces: READ_BODY until the last of them, "
        "then the whole frame is echoed",
        size=seen.body_length,
    )


def _slow_reader(row: Row, now: float) -> str:
    seen = _open(row)
    if seen is None or not seen.interest & POLLOUT or not seen.partial_writes:
        return ""
    if why_code(row, now) is not WhyCode.READS_SLOWLY:
        return ""
    return compose(
        "reads slowly: WRITE_BODY, partial writes so far: {count:,}. "
        "Watch POLLOUT: it is armed only while an echo waits for room",
        count=seen.partial_writes,
    )


def _refused_write(row: Row, _now: float) -> str:
    seen = _open(row)
    if seen is None or not seen.interest & POLLOUT or not seen.eagains or not seen.pending:
        return ""
    return compose(
        "has a full queue in the kernel, which took no byte of an echo (EAGAIN so far: "
        "{count:,}): {pending:,} bytes wait for POLLOUT",
        count=seen.eagains,
        pending=seen.pending,
    )


def _refused(row: Row, now: float) -> str:
    closed = _just_closed(row, now, Reason.FRAME_TOO_LARGE)
    if closed is None:
        return ""
    return compose("was refused at its header: {detail}", detail=closed.detail)


def _owes(row: Row, now: float) -> str:
    seen = _open(row)
    if seen is None or why_code(row, now) is not WhyCode.NEEDS_HEADER:
        return ""
    if now - seen.active_at < OWES:
        return ""
    return (
        "owes the rest of its header and has gone quiet: the header time-out ends it, if it is on"
    )


def _timed_out(row: Row, now: float) -> str:
    closed = _just_closed(row, now, Reason.TIMEOUT_HEADER, Reason.TIMEOUT_BODY)
    if closed is None:
        return ""
    reason = closed.reason.value
    return compose("was ended as {reason}: {detail}", reason=reason, detail=closed.detail)


def _half_closed(row: Row, _now: float) -> str:
    seen = _open(row)
    if seen is None or seen.state is not ConnectionState.DRAINING:
        return ""
    if seen.closing is not Reason.EOF or not seen.unacked_bytes:
        return ""
    return compose(
        "has half-closed, and {count:,} bytes of its echo are not acknowledged: "
        "DRAINING until it has fetched them",
        count=seen.unacked_bytes,
    )


def _cut_off(row: Row, now: float) -> str:
    closed = _just_closed(row, now, Reason.EOF_MID_BODY)
    if closed is None:
        return ""
    return compose("has gone in the middle of a frame: {detail}", detail=closed.detail)


def _pings(row: Row, _now: float) -> str:
    seen = _open(row)
    if seen is None or seen.frames_out < 10 or seen.toggles or seen.interest & POLLOUT:
        return ""
    return compose(
        "had {count:,} echoes and never needed POLLOUT: each was written at once, "
        "and only POLLIN is registered",
        count=seen.frames_out,
    )


def _open(row: Row) -> Snapshot | None:
    return row.snapshot if row.closed is None else None


def _just_closed(row: Row, now: float, *reasons: Reason) -> Closed | None:
    closed = row.closed
    if closed is None or closed.reason not in reasons or now - closed.t > FRESH:
        return None
    return closed


SCENES: Final[dict[str, Callable[[Row, float], str]]] = {
    "pings": _pings,
    "header": _header,
    "body": _body,
    "slow reader": _slow_reader,
    "refused write": _refused_write,
    "refused": _refused,
    "half-closed": _half_closed,
    "owes": _owes,
    "timed out": _timed_out,
    "cut off": _cut_off,
}
"""In the order in which they are told."""
