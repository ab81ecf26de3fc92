"""Notes what is remarkable of how a connection's frames arrive, and of its end.

Called on the general path only, and at a close; `app.server.arrivals` has the counts.
"""

from __future__ import annotations

from typing import Final

from ..core.events import Reason
from ..core.framing import HEADER_SIZE, read_length
from .arrivals import Arrivals
from .broken_frame import Chunk
from .connection import Connection
from .machine import READ_BODY
from .reporter import SAMPLE, Reporter

ENDS_BY_PEER: Final = frozenset(
    {Reason.RESET, Reason.EOF_MID_BODY, Reason.EOF_MID_HEADER, Reason.TIMEOUT_BODY}
)
"""Close reasons of which `note_end` is to be asked."""


def note_piece(connection: Connection, size: int, now: float) -> None:
    """Note that a frame which has begun goes on with `size` bytes; to be called before they are
    parsed, and before `active_at` is set to `now`.
    """
    machine, known = connection.machine, connection.arrivals
    left = machine.body_len - machine.body_bytes_read
    is_body = machine.state is READ_BODY
    # The header came in one read, and no byte has moved since.
    is_apart = is_body and not machine.body_bytes_read and machine.frame_at == connection.active_at
    if known is None:
        if size > 1 and not is_apart:
            return
        known = connection.arrivals = Arrivals()
    if is_apart:
        known.begin_body(now - connection.active_at, now)
    known.add_piece(size, is_body and size >= left, now)


def note_length(connection: Connection, length: int, now: float) -> None:
    """Note the body length of one frame of the sample, which is empty or comes after such a one."""
    if connection.arrivals is None:
        connection.arrivals = Arrivals()
    connection.arrivals.add_sampled(length, now)


def note_sample(reporter: Reporter, connection: Connection, echo: Chunk) -> None:
    """Note the body lengths in `echo`, which begins with a frame, while the sample has room."""
    bodies, offset = reporter.bodies, 0
    while len(bodies) < SAMPLE and len(echo) - offset >= HEADER_SIZE:
        (length,) = read_length(echo, offset)
        bodies.append((connection.id, length))
        if not length or connection.arrivals is not None:
            note_length(connection, length, reporter.now)
        offset += HEADER_SIZE + length


def note_stop(connection: Connection, since: float, waiting: int) -> bool:
    """Note since when the peer takes nothing of its echo, 0 if it does, and how many bytes it has
    sent on meanwhile. True if that is news.
    """
    known = connection.arrivals
    if known is None:
        if not since:
            return False
        known = connection.arrivals = Arrivals()
    before = known.stopped_since, known.waiting
    known.stopped_since, known.waiting = since, waiting
    return before != (since, waiting)


def note_end(connection: Connection, unacked: int | None) -> None:
    """Note what an end by the peer has destroyed, or left out.

    `unacked` is the number of bytes of echo that stood in the send queue; None if it is not known.
    """
    machine = connection.machine
    broken, missing = machine.broken, 0
    if broken is not None and not broken.cap:
        received = machine.bytes_in - broken.at - HEADER_SIZE
        if received > 0:
            missing = read_length(broken.data, broken.lead)[0] - received
    if unacked or missing:
        known = connection.arrivals = connection.arrivals or Arrivals()
        known.lost, known.missing = unacked or 0, missing
