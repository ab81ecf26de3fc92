"""Draws the state machine of a connection: the current state is lit, the edges have counts."""

from __future__ import annotations

from typing import Final

from rich.style import Style

from ..core.events import ConnectionState, Reason
from ..core.framing import HEADER_SIZE
from ..watch.figures import short_count
from ..watch.row import Row
from . import palette
from .lines_panel import Line, line_width

WIDTH: Final = 50
HEIGHT: Final = 9
_BOX: Final = 14
"""Width inside the box of a state, in cells."""


def _edges(row: Row) -> tuple[str, str, str]:
    """Return the counts of the edges: header complete, body complete, echo sent."""
    snapshot = row.snapshot
    in_body = (
        snapshot is not None
        and snapshot.state is ConnectionState.READ_BODY
        and snapshot.header_read == HEADER_SIZE
    )
    if row.closed is not None:
        in_body = row.closed.reason in (Reason.EOF_MID_BODY, Reason.TIMEOUT_BODY)
    counts = (row.count("frames_in") + in_body, row.count("frames_in"), row.frames)
    return short_count(counts[0]), short_count(counts[1]), short_count(counts[2])


def _box(state: ConnectionState, current: ConnectionState) -> tuple[Line, Line, Line]:
    label = f" {palette.state_label(state)}".ljust(_BOX)
    if state is current:
        style = palette.STATES[state] + Style(bold=True)
        return (
            [(f"┏{'━' * _BOX}┓", style)],
            [("┃", style), (label, _lit(state)), ("┃", style)],
            [(f"┗{'━' * _BOX}┛", style)],
        )
    return (
        [(f"┌{'─' * _BOX}┐", palette.EDGE)],
        [("│", palette.EDGE), (label, palette.DIM), ("│", palette.EDGE)],
        [(f"└{'─' * _BOX}┘", palette.EDGE)],
    )


def _lit(state: ConnectionState) -> Style:
    return palette.STATES[state] + Style(bold=True, reverse=True)


def drawing(row: Row) -> list[Line]:
    """Draw the machine in `HEIGHT` lines of at most `WIDTH` cells."""
    header, body, sent = _edges(row)
    length, arrow = palette.PLAIN, palette.FAINT
    read_len = _box(ConnectionState.READ_LEN, row.state)
    read_body = _box(ConnectionState.READ_BODY, row.state)
    write_body = _box(ConnectionState.WRITE_BODY, row.state)
    between = WIDTH - 2 * (_BOX + 2)
    lines: list[Line] = [
        [*read_len[0], (" header complete ".center(between), palette.DIM), *read_body[0]],
        [*read_len[1], (f" {header} ".center(between - 1, "─") + "▶", arrow), *read_body[1]],
        [*read_len[2], (" " * between, arrow), *read_body[2]],
        [
            ("       ▲ ", arrow),
            (f"{sent} echo sent".ljust(24), length),
            (f"{body} body".rjust(9), length),
            (" │", arrow),
        ],
        [("       │", arrow), ("complete".rjust(33), palette.DIM), (" │", arrow)],
        [("       │         ", arrow), *write_body[0], ("         │", arrow)],
        [("       └─────────", arrow), *write_body[1], ("◀────────┘", arrow)],
        [("                 ", arrow), *write_body[2]],
        _ends(row),
    ]
    return lines


def _ends(row: Row) -> Line:
    pieces: Line = [("       the end: ", palette.FAINT)]
    for state, gap in ((ConnectionState.DRAINING, " ─▶ "), (ConnectionState.CLOSED, "")):
        label = palette.state_label(state)
        piece = (f" {label} ", _lit(state)) if state is row.state else (label, palette.FAINT)
        pieces += [piece, (gap, palette.FAINT)]
    return pieces


def strip_drawing(row: Row, width: int) -> Line:
    """Draw the machine on one line, for a terminal without room for the drawing."""
    header, body, sent = _edges(row)
    line: Line = []
    for state, edge in (
        (ConnectionState.READ_LEN, f" ─{header}▶ "),
        (ConnectionState.READ_BODY, f" ─{body}▶ "),
        (ConnectionState.WRITE_BODY, f" ─{sent}▶ ↺"),
    ):
        style = _lit(state) if state is row.state else palette.DIM
        line += [(f" {palette.state_label(state)} ", style), (edge, palette.FAINT)]
    if row.state in (ConnectionState.DRAINING, ConnectionState.CLOSED):
        end = f" {palette.state_label(row.state)} "
        line += [("  ", palette.FAINT), (end, _lit(row.state))]
    return line if line_width(line) <= width else line[:-1]
