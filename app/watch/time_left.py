"""When the server ends a connection by itself, and what prevents it, by the time-outs in force.

`app.server.deadlines` decides it. What is told here is made of a snapshot: the time of the write
time-out is that after the last acknowledgement, which moves on with the next one, and a peer that
acknowledges less than the floor is ended before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import NamedTuple

from ..core.events import ConnectionState
from .figures import clock, words_span
from .row import Row


class _End(NamedTuple):
    at: float  # inf: never
    setting: str
    unless: str


def time_left(row: Row, settings: Mapping[str, int | float | str], now: float) -> str:
    """Say when the connection is ended by a time-out if nothing changes; empty where none applies.

    `settings` are those in force, `now` is on the clock of events, in Unix seconds.
    """
    ends = [*_ends(row, settings)]
    if not ends:
        return ""
    first = min(ends)
    words = first.setting.replace("_timeout", " time-out")
    if first.at == inf:
        return f"never by itself: the {words} is off"
    left = first.at - now
    when = f"by {clock(first.at)}, in {words_span(left)}" if left >= 1 else "within a second"
    return f"{when}, unless {first.unless}: {words} of {settings[first.setting]:g} s"


def _ends(row: Row, settings: Mapping[str, int | float | str]) -> Iterator[_End]:
    """Yield the ends by the time-outs that apply to the connection as it is."""
    snapshot = row.snapshot
    if row.closed is not None or not settings:
        return

    def end(setting: str, since: float, unless: str) -> _End:
        seconds = float(settings[setting])
        return _End(since + seconds if seconds else inf, setting, unless)

    if snapshot is None:
        yield end("idle_timeout", row.opened.t, "a byte arrives")
        return
    queues = snapshot.queues
    if snapshot.pending or snapshot.unacked_bytes:
        if queues is not None and queues.unacked_bytes is not None:
            since, unless = max(queues.acked_at, queues.since), "the peer acknowledges more"
        else:
            since, unless = snapshot.active_at, "the kernel takes more"
        yield end("write_timeout", since, unless)
    if snapshot.pending or snapshot.state is ConnectionState.DRAINING:
        return
    if snapshot.header and not snapshot.frame_at:
        return  # told by a server that does not say when the frame began
    if snapshot.state is ConnectionState.READ_BODY:
        yield end("body_timeout", snapshot.frame_at, "the body is complete by then")
    elif snapshot.header:
        yield end("header_timeout", snapshot.frame_at, "the header is complete by then")
    elif not snapshot.unacked_bytes:
        yield end("idle_timeout", snapshot.rested_at, "a byte arrives")
