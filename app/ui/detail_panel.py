"""The panel of the selected connection: its state machine, its frame in flight, its counters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from ..core.events import POLLIN, POLLOUT, ConnectionState, Snapshot
from ..core.framing import HEADER_SIZE, read_length
from ..watch.figures import (
    bar,
    clock,
    short_micros,
    short_rate,
    words_ago,
    words_pair,
    words_size,
    words_span,
)
from ..watch.notes import notes_of
from ..watch.row import Row
from ..watch.why import ARMED_FIRST, why_waiting
from . import palette, state_machine
from .diagnosis_lines import LABEL, detail_beside, diagnosis_lines, labelled_line
from .lines_panel import Line, LinesPanel, flow, pad
from .timeline import labelled

_BAR: Final = 14
_COLUMN: Final = 47
"""Width of a column of facts, in cells."""
_NOTHING: Final[Line] = [("-", palette.FAINT)]
SIDE_BY_SIDE: Final = state_machine.WIDTH + 3 + 42
"""Width, in cells, from which the facts are drawn beside the state machine."""


class DetailPanel(LinesPanel):
    """The panel of the selected connection."""

    def render_row(self, row: Row | None, now: float, cap: int | None = None) -> None:
        """Draw a connection at the time `now` (Unix seconds), or say that none is selected.

        `cap` is the CAP in force, in bytes, if it is known.
        """
        if row is None:
            self.set_title("detail")
            self.set_lines([[], [("no connection selected", palette.DIM)]])
            return
        self.set_title(f"connection #{row.id}")
        self.set_lines(_lines(row, now, self.size.width, self.size.height, cap))


def _lines(row: Row, now: float, width: int, height: int, cap: int | None = None) -> list[Line]:
    """Choose the layout that fits: drawing beside the facts, two columns of facts, or one.

    Texts wrap. The reason why it waits comes first where lines are few; the page has all the rest.
    """
    if width >= SIDE_BY_SIDE and height >= state_machine.HEIGHT + 3:
        left = state_machine.WIDTH + 3
        beside = side_by_side(
            state_machine.drawing(row), _flowing(facts(row, now), width - left), left
        )
        told = [*peer_lines(row, now, width), *why_lines(row, now, width, cap)]
        if row.diagnosis is None or len(told) + len(beside) <= height:
            space: list[Line] = [[]] if len(told) + len(beside) + 3 <= height else []
            return [*told, *space, *beside, *space, labelled(row, now, width)]
    strip = [state_machine.strip_drawing(row, width), *why_lines(row, now, width, cap)]
    if row.diagnosis is not None:
        strip = [*strip[1:], strip[0]]  # the words come first: of them nothing may be cut
    if width < 2 * _COLUMN:
        return [*strip, *_flowing(facts(row, now), width), *peer_lines(row, now, width)]
    all_facts = facts(row, now)
    half = (len(all_facts) + 1) // 2
    first, second = all_facts[:half], all_facts[half:]
    columns = side_by_side(_flowing(first, _COLUMN - 1), _flowing(second, width - _COLUMN), _COLUMN)
    return [*strip, *columns, labelled(row, now, width), *peer_lines(row, now, width)]


def _flowing(lines: Sequence[Line], width: int) -> list[Line]:
    return [part for line in lines for part in flow(line, width, LABEL)]


def side_by_side(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Join two columns of lines; the right one begins at cell `width`."""
    both = zip_longest(left, right, fillvalue=())
    return [[*pad(list(one), width, palette.PLAIN), *other] for one, other in both]


_MOST_EFFECTS: Final = 6
"""Effects of a fault that a panel tells."""


def why_lines(row: Row, now: float, width: int, cap: int | None = None) -> list[Line]:
    """Draw why the connection waits, or how it ended, in as many lines of `width` as it takes.

    Behind it stand what its bytes are, where they do not fit, and the notes about its peer; `cap`
    is the CAP in force.
    """
    found = row.diagnosis
    if row.closed is None:
        why = why_waiting(row, now)
        why = why if found is None else why.removesuffix(f"; {found.name}")
    else:
        detail = row.closed.detail
        if found is not None:
            detail = detail_beside(detail)
        why = f"closed, {row.closed.reason.value}{f': {detail}' if detail else ''}"
    lines = flow([*labelled_line("why"), (why, palette.STRONG)], width, LABEL)
    if told_fault := _fault_words(row):
        lines += flow([*labelled_line("fault"), (told_fault, palette.WARNING)], width, LABEL)
    if found is not None:
        lines += diagnosis_lines(row, found, cap, width)
    for note in notes_of(row, now):
        told = [(f"{note.word}: ", palette.WARNING), (note.text, palette.PLAIN)]
        lines += flow([*labelled_line("note"), *told], width, LABEL)
    return lines


def _fault_words(row: Row) -> str:
    """Say what is done to its echo on purpose, and of a closed one what was done; mostly empty."""
    receipt = None if row.closed is None else row.closed.fault
    if receipt is None:
        return row.snapshot.fault if row.snapshot is not None and row.closed is None else ""
    told = [
        f"{effect.what} of frame {effect.frame:,}"
        + (f" in {len(effect.pieces):,} pieces" if effect.pieces else f" at byte {effect.byte:,}")
        for effect in receipt.done[:_MOST_EFFECTS]
    ]
    more = len(receipt.done) - len(told) + receipt.more
    told += [f"{more:,} more"] if more else []
    return f"{receipt.spec}, seed {receipt.seed}: {', '.join(told) or 'nothing was done'}"


def peer_lines(row: Row, now: float, width: int) -> list[Line]:
    """Draw the peer, the descriptor and the times of a connection in lines of `width` cells."""
    seconds = row.age(now)
    age = words_span(seconds)
    if row.closed is not None:
        age = age if seconds >= 10 else short_micros(seconds * 1e6)
        times = f"   fd was {row.opened.fd}   was open for {age}"
    else:
        quiet = row.idle(now)
        last = words_ago(quiet)
        times = (
            f"   fd {row.opened.fd}   opened {clock(row.opened.t)}, {age} ago   last byte {last}"
        )
    line: Line = [*labelled_line("peer"), (row.peer, palette.STRONG), (times, palette.DIM)]
    return flow(line, width, LABEL)


def facts(row: Row, now: float, with_queues: bool = True) -> list[Line]:
    """Draw the frame in flight, the interest, the counters and the kernel's figures."""
    count, toggles = row.count, row.count("toggles")
    calls = _fact(
        "toggles",
        (f"{toggles:,}", "   EAGAIN "),
        (f"{count('eagains'):,}", "   partial writes "),
        (f"{count('partial_writes'):,}", ""),
    )
    if toggles:
        calls[1] = (calls[1][0], palette.WARNING)
    frames = _fact(
        "frames",
        (f"{count('frames_in'):,}", " in   "),
        (f"{row.frames:,}", " echoed   "),
        (short_rate(row.rate(now)), "/s"),
    )
    received, sent = words_pair(count("bytes_in"), count("bytes_out"))
    amounts = [(received, " in   "), (sent, " out")]
    if row.snapshot is not None and row.snapshot.budget_hits:
        amounts[1:] = [(sent, " out   "), (f"{row.snapshot.budget_hits:,}", " budget hits")]
    queues = [_queues(row)] if with_queues else []
    figures = [calls, frames, _fact("bytes", *amounts), *queues, _tcp(row), *_reads(row)]
    return [*_frame(row), _interest(row, now), *figures]


def _fact(label: str, *pairs: tuple[str, str]) -> Line:
    """Draw values, each followed by its words."""
    line = labelled_line(label)
    for value, words in pairs:
        line += [(value, palette.PLAIN), (words, palette.DIM)]
    return line


def _frame(row: Row) -> list[Line]:
    """Draw the frame in flight: header bytes, body, echo."""
    header = body = out = _NOTHING
    snapshot = None if row.closed is not None else row.snapshot
    if snapshot is not None:
        header = _header(snapshot)
        if snapshot.state is ConnectionState.READ_BODY:
            body = _progress(snapshot.body_read, snapshot.body_length, ConnectionState.READ_BODY)
        if snapshot.pending > 0:
            out = _progress(snapshot.out_sent, snapshot.out_length, ConnectionState.WRITE_BODY)
    return [
        [*labelled_line("header"), *header],
        [*labelled_line("body"), *body],
        [*labelled_line("out"), *out],
    ]


def _header(snapshot: Snapshot) -> Line:
    if not snapshot.header:
        return _NOTHING
    missing = HEADER_SIZE - snapshot.header_read
    line: Line = [(snapshot.header.hex(" "), palette.STRONG), (" __" * missing, palette.FAINT)]
    if missing:
        return [*line, (f"  {snapshot.header_read} of {HEADER_SIZE} bytes", palette.DIM)]
    return [*line, (f"  = {read_length(snapshot.header, 0)[0]:,} bytes of body", palette.DIM)]


def _progress(done: int, whole: int, state: ConnectionState) -> Line:
    filled, empty = bar(done, whole, _BAR)
    share = f"  {done * 100 // whole}%" if whole else ""
    return [
        (filled, palette.STATES[state]),
        (empty, palette.FAINT),
        (f" {done:,} / {whole:,}", palette.PLAIN),
        (share, palette.DIM),
    ]


def _interest(row: Row, now: float) -> Line:
    snapshot = None if row.closed is not None else row.snapshot
    line = labelled_line("interest")
    if snapshot is None:
        return line + _NOTHING
    reads = snapshot.interest & POLLIN
    line.append(("● POLLIN", palette.INFO) if reads else ("○ POLLIN", palette.DIM))
    if row.armed_first:
        return [*line, (f"  ● POLLOUT {ARMED_FIRST}", palette.INFO)]
    if snapshot.interest & POLLOUT:
        since = words_span(now - snapshot.toggled_at)
        return [*line, (f"  ● POLLOUT armed for {since}", palette.WARNING)]
    return [*line, ("  ○ POLLOUT off", palette.DIM)]


def _queues(row: Row) -> Line:
    """Draw the bytes in the kernel's queues, in both directions."""
    kernel = None if row.closed is not None else row.kernel
    line = labelled_line("queues")
    if kernel is None:
        return line + _NOTHING
    if kernel.unread is not None:
        line += [(words_size(kernel.unread), palette.PLAIN), (" in  ", palette.DIM)]
    if kernel.unacknowledged is not None:
        style = palette.WARNING if kernel.unacknowledged else palette.PLAIN
        line += [(words_size(kernel.unacknowledged), style), (" unacked  ", palette.DIM)]
    if kernel.unacked_segments is not None:
        line += [
            (f"{kernel.unacked_segments}", palette.PLAIN),
            (" segments", palette.DIM),
        ]
    return line


def _reads(row: Row) -> list[Line]:
    """Say by how much the reads of a traced connection differ from those of an untraced one."""
    kernel = None if row.closed is not None else row.kernel
    if kernel is None or not kernel.unobserved_read_size:
        return []
    sizes = f"read size {kernel.read_size:,}; unobserved {kernel.unobserved_read_size:,}"
    return [[*labelled_line("traced"), (sizes, palette.DIM)]]


def _tcp(row: Row) -> Line:
    """Draw the main figures of TCP_INFO."""
    kernel = None if row.closed is not None else row.kernel
    line = labelled_line("tcp")
    if kernel is None or kernel.rtt_us is None:
        return [*line, ("-" if kernel is None else "not told here", palette.FAINT)]
    resent = palette.ERROR if kernel.retransmits else palette.PLAIN
    figures = [
        ("rtt", short_micros(kernel.rtt_us), palette.PLAIN),
        ("cwnd", f"{kernel.cwnd}", palette.PLAIN),
        ("retrans", f"{kernel.retransmits}", resent),
    ]
    if kernel.probes:  # sent while the receive window of the peer is closed
        figures.append(("probes", f"{kernel.probes}", palette.WARNING))
    for label, value, style in figures:
        line += [(f"{label} ", palette.DIM), (f"{value} ", style)]
    return line
