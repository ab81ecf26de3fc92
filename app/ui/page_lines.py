"""The text of the page of a connection, as lines that wrap: facts first, then what they mean.

Sizes, times and rates are written by `app.watch.figures`, as everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec
from rich.style import Style

from ..core.events import POLLOUT, ConnectionState, Snapshot
from ..core.queues import Queues
from ..watch.audit import Change
from ..watch.explanations import REASONS, WHYS, Explanation
from ..watch.figures import (
    bar,
    exact_clock,
    short_micros,
    short_size,
    short_span,
    words_ago,
    words_pair,
    words_size,
    words_span,
)
from ..watch.row import Row
from ..watch.time_left import time_left
from ..watch.why import ARMED_FIRST, why_code
from . import palette, state_machine
from .audit_screen import change_lines
from .detail_panel import SIDE_BY_SIDE, facts, peer_lines, side_by_side, why_lines
from .diagnosis_lines import LABEL, labelled_line
from .event_panels import newest_first
from .lines_panel import Line, flow, line_width, pad
from .timeline import labelled

_NAME: Final = 15
"""Cells of the name of a queue."""
_BARS: Final = range(8, 49)
_TIME: Final = len("14:03:59.127 +999 ms  ")


def page_lines(
    row: Row,
    changes: Iterable[Change],
    settings: Mapping[str, int | float | str],
    now: float,
    width: int,
) -> list[Line]:
    """Draw all that is known of a connection at `now` in lines of at most `width` cells.

    `changes` are those of the audit, the oldest first; `settings` those in force.
    """
    ends, cap = time_left(row, settings, now), settings.get("cap")
    told = [(f"{'ends':<{LABEL}}", palette.LABEL), (ends, palette.PLAIN)]
    sections = (
        _title(row, now, width),
        [
            *peer_lines(row, now, width),
            *why_lines(row, now, width, cap if isinstance(cap, int) else None),
            *(flow(told, width, LABEL) if ends else []),
            *_judged_by(row, now, width),
        ],
        _machine(row, now, width),
        [*_queues(row, width)],
        [labelled(row, now, width)],
        [_heading("recent events, the newest first", width), *_events(row, width)],
        [_heading("what was done to it", width), *_audit(row, changes, width)],
    )
    lines = list(chain.from_iterable([*section, []] for section in sections if section))
    return lines[:-1]


def _heading(text: str, width: int) -> Line:
    line: Line = [(f"{text} ", palette.HEADING)]
    return [*line, ("─" * (width - line_width(line)), palette.FAINT)]


def _title(row: Row, now: float, width: int) -> list[Line]:
    """Say in a bar of its own that the connection has closed; nothing for an open one."""
    if row.closed is None:
        return []
    ago = words_span(row.idle(now))
    text = f" ✕ #{row.id} closed {ago} ago: this is how it ended"
    return [pad([(text, palette.ALARM)], width, palette.ALARM)]


def _judged_by(row: Row, now: float, width: int) -> Iterator[Line]:
    """Draw the figures that the verdict was made from, then its meaning."""
    if row.closed is not None:
        yield from _meaning(REASONS[row.closed.reason], row.closed.reason.value, width)
        return
    code = why_code(row, now)
    figures = labelled_line("figures")
    for number, (label, value) in enumerate(_figures(row, now)):
        gap = " · " if number else ""
        figures += [(gap, palette.FAINT), (f"{label} ", palette.DIM), (value, palette.PLAIN)]
    if len(figures) > 1:
        yield from flow(figures, width, LABEL)
    yield from _meaning(WHYS[code], code.value, width)


def _meaning(explained: Explanation, code: str, width: int) -> list[Line]:
    line = labelled_line("meaning")
    return flow([*line, (explained.text, palette.PLAIN), (f"  {code}", palette.DIM)], width, LABEL)


def _figures(row: Row, now: float) -> Iterator[tuple[str, str]]:
    snapshot = row.snapshot
    if row.silent_since:
        yield "loop silent for", words_span(now - row.silent_since)
    if snapshot is None:
        return
    yield "last byte", words_ago(now - snapshot.active_at)
    yield "pending", words_size(snapshot.pending)
    if snapshot.interest & POLLOUT:
        first = f", {ARMED_FIRST}" if row.armed_first else ""
        yield "POLLOUT armed for", words_span(now - snapshot.toggled_at) + first
    if snapshot.unread:
        since = words_span(now - snapshot.unread_at)
        yield "receive queue", f"{words_size(snapshot.unread)}, not read for {since}"
    queues = snapshot.queues
    if queues is None:
        return
    # Though acknowledgements come, bytes may be owed all the time: so long it has been slow.
    yield "unacknowledged for", words_span(now - queues.since)
    if queues.acked_at > queues.since:
        yield "last acknowledgement", words_ago(now - queues.acked_at)
    if queues.acked_per_second >= 1:
        yield "acknowledged a second", short_size(queues.acked_per_second)
    if queues.window is not None:
        yield "peer's window", words_size(queues.window)
    if queues.peer_unread_bytes is not None:
        yield "peer's program has not read", words_size(queues.peer_unread_bytes)
    if queues.retransmits:
        yield "retransmissions unanswered", f"{queues.retransmits:,}"
    if queues.probes:
        yield "window probes unanswered", f"{queues.probes:,}"


def _machine(row: Row, now: float, width: int) -> list[Line]:
    """Draw the state machine and the counters: side by side, or the machine as one line."""
    told = facts(row, now, with_queues=False)
    if width < SIDE_BY_SIDE:
        flowing = (flow(line, width, LABEL) for line in told)
        return [state_machine.strip_drawing(row, width), *chain.from_iterable(flowing)]
    left = state_machine.WIDTH + 3
    right = list(chain.from_iterable(flow(line, width - left, LABEL) for line in told))
    drawing = state_machine.drawing(row)
    return side_by_side(drawing, right, left)


# --- queues ---


def _queues(row: Row, width: int) -> Iterator[Line]:
    """Draw the bytes on their way from the peer back to the peer, as bars of one scale."""
    snapshot = row.snapshot
    if row.closed is not None or snapshot is None:
        return
    yield _heading("queues, from the peer and back to it", width)
    stations = _stations(row, snapshot)
    scale = max((size for _, size, _, _ in stations if size is not None), default=0)
    if snapshot.state is ConnectionState.READ_BODY:
        scale = max(scale, snapshot.body_length)  # a body that is not complete has no full bar
    cells = max(_BARS[0], min(_BARS[-1], width - _NAME - 62))
    for name, size, words, style in stations:
        if size is None:
            bars: Line = [(" " * cells, palette.FAINT)]
        else:
            filled, empty = bar(size, max(scale, 1), cells)
            bars = [(filled, style), (empty, palette.FAINT)]
        line: Line = [(name.ljust(_NAME), palette.LABEL), *bars, (f"  {words}", palette.PLAIN)]
        yield from flow(line, width, _NAME + cells + 2)
    if scale:
        text = f"{'':<{_NAME}}a full bar is {words_size(scale)}"
        yield [(text, palette.FAINT)]


def _stations(row: Row, snapshot: Snapshot) -> list[tuple[str, int | None, str, Style]]:
    """Return name, bytes (None for what has no bar), words and style of each queue, in order."""
    queues, kernel = snapshot.queues, row.kernel
    unread = snapshot.unread if kernel is None or kernel.unread is None else kernel.unread
    reads = snapshot.state is ConnectionState.READ_BODY
    body = snapshot.body_read if reads else 0
    body_words = f"{body:,} of {snapshot.body_length:,} B read" if reads else "none being read"
    pending = snapshot.pending
    no_room = ": the kernel has no room" if pending and snapshot.offered else ""
    stations = [
        ("receive queue", unread, f"{words_size(unread)} not read by the loop", palette.INFO),
        ("body", body, body_words, palette.STATES[ConnectionState.READ_BODY]),
        (
            "pending",
            pending,
            f"{words_size(pending)} of echo not written{no_room}",
            palette.STATES[ConnectionState.WRITE_BODY],
        ),
    ]
    return [*stations, *_sent(snapshot, queues)]


def _sent(
    snapshot: Snapshot, queues: Queues | None
) -> Iterator[tuple[str, int | None, str, Style]]:
    unacked = snapshot.unacked_bytes
    written = snapshot.bytes_out
    if queues is not None and queues.unacked_bytes is None:
        yield "send queue", None, "not told on this platform", palette.FAINT
        return
    in_flight = snapshot.in_flight_bytes or 0
    unsent = max(0, unacked - in_flight)
    yield "unsent", unsent, f"{words_size(unsent)} in the send queue, not sent", palette.WARNING
    yield "in flight", in_flight, f"{words_size(in_flight)} sent, not acknowledged", palette.ACCENT
    acked, whole = words_pair(max(0, written - unacked), written)
    yield "acknowledged", None, f"{acked} of {whole} written", palette.GOOD
    if queues is not None and queues.peer_unread_bytes is not None:
        left = queues.peer_unread_bytes
        yield "not read", left, f"{words_size(left)} left by the peer's program", palette.WARNING
    if queues is not None and queues.window is not None:
        window = words_size(queues.window)
        full = "" if queues.window else ": its receive buffer has no room"
        yield "peer's window", queues.window, f"{window} offered{full}", palette.GOOD


# --- events and audit ---


def _events(row: Row, width: int) -> Iterator[Line]:
    """Draw the recent events with the time since the one before, which stands under each."""
    recent = list(newest_first(row))
    if not recent:
        text = "none since it was selected: what happened before is not kept"
        yield [(text, palette.FAINT)]
    for number, entry in enumerate(recent):
        before = recent[number + 1].t if number + 1 < len(recent) else None
        since = "" if before is None else f"+{_span(entry.t - before)}"
        bare = msgspec.structs.replace(entry, subject="").brief
        line: Line = [
            (f"{exact_clock(entry.t)} ", palette.FAINT),
            (f"{since:>8} ", palette.DIM),
            (bare, palette.TONES.get(entry.tone, palette.PLAIN)),
        ]
        yield from flow(line, width, _TIME)


def _span(seconds: float) -> str:
    return short_span(seconds) if seconds >= 60 else short_micros(max(0.0, seconds) * 1e6)


def _audit(row: Row, changes: Iterable[Change], width: int) -> Iterator[Line]:
    """Draw the commands that named the connection, and the settings changed while it was open."""
    until = float("inf") if row.closed is None else row.closed.t
    found: Sequence[Change] = [
        change
        for change in changes
        if row.id in change.ids or (change.change and row.opened.t <= change.t <= until)
    ]
    if not found:
        yield [("nothing", palette.FAINT)]
    for change in reversed(found):
        yield from change_lines(change, width)
