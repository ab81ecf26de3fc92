"""The end of a connection on the wire.

close(2) on a socket whose input has not been read makes the kernel send RST, and an RST destroys
what the peer has not fetched yet: measured, 24,576 of 1,000,000 bytes arrived. So an orderly end
is SHUT_WR, then input is read and discarded until nothing is left to be acknowledged, then close.
The same after the peer's FIN: closed at once, a socket stays in LAST-ACK with all that the peer has
not fetched, in the kernel's memory, outside every limit of ours.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from enum import Enum, auto
from typing import Final

from ..core.events import Reason
from ..core.printable import reason_of
from .connection import READ_SIZE, Connection
from .linger import Linger

UNEXPECTED: Final = frozenset({Reason.FRAME_TOO_LARGE, Reason.SHUTDOWN})
"""Close reasons after which the peer may still be sending: after our FIN, wait up to `LINGER`
seconds for its FIN. After all others the connection ends once everything sent is acknowledged."""
LINGER: Final = 1.0
"""Seconds to wait for the peer's FIN once everything sent has been acknowledged."""
LINGER_STEP: Final = 0.025
"""Seconds between the first checks of a lingering connection; they come further apart with time."""
LONGEST_STEP: Final = 0.5
_DISCARD_READS: Final = 4
_ERRNOS: Final = {
    Reason.RESET: "ECONNRESET EPIPE ECONNABORTED ENOTCONN ESHUTDOWN",
    # The first five are told by name; the others are what ICMP's messages become (Linux,
    # icmp_err_convert and icmpv6_err_convert), and EPERM is a packet filter's.
    Reason.UNREACHABLE: "EHOSTUNREACH ENETUNREACH EHOSTDOWN ENETDOWN EACCES"
    " ENONET ENETRESET ECONNREFUSED ENOPROTOOPT EPROTO EOPNOTSUPP EMSGSIZE EPERM",
    Reason.TIMEOUT_PEER: "ETIMEDOUT",
}
_REASONS: Final = {
    getattr(errno, name): reason
    for reason, names in _ERRNOS.items()
    for name in names.split()
    if hasattr(errno, name)
}
"""Close reasons by the errno of a read or a write: the peer's doing, or the network's. Every other
errno is a fault of ours, `error`."""


class Verdict(Enum):
    """What a check of a lingering connection says."""

    WAIT = auto()
    DONE = auto()
    """Everything is acknowledged, and nothing more is waited for."""
    RESET = auto()
    """The kernel has ended the connection: the peer's RST, or its own time-outs."""
    OUT_OF_TIME = auto()
    """The bound of a kill is reached."""
    TOO_SLOW = auto()
    """The write time-out."""


def discard_input(connection: Connection, now: float) -> bool:
    """Read and throw away what has arrived, a bounded amount; return False at EOF.

    Raises OSError if the connection has broken.
    """
    for _ in range(_DISCARD_READS):
        try:
            data = os.read(connection.fd, READ_SIZE)
        except BlockingIOError:
            return True
        if not data:
            return False
        connection.discard(data, now)
    return True


def note_break(connection: Connection, error: OSError) -> None:
    """Keep in the machine why a connection that was ending has broken.

    A reason that was decided earlier stands, with the words behind its detail; but a peer that
    half-closed and then did not fetch its echo has not ended in order.
    """
    machine = connection.machine
    if machine.closing is Reason.EOF and connection.unacked_bytes:
        machine.overrule(_reason_for(error), describe_loss(connection, reason_of(error)))
    elif machine.closing is not None:
        machine.add_detail(reason_of(error))


def close_broken(connection: Connection, error: OSError) -> None:
    """Close a connection that has broken, in the machine; an earlier reason as in `note_break`."""
    note_break(connection, error)
    connection.machine.close(_reason_for(error), reason_of(error))


def _reason_for(error: OSError) -> Reason:
    return _REASONS.get(error.errno or 0, Reason.ERROR)


def describe_loss(connection: Connection, words: str) -> str:
    """Return `words` and the bytes of echo that an end at this moment destroys."""
    unacked, pending = connection.unacked_bytes, connection.machine.pending
    lost = [f"{unacked:,} bytes not acknowledged"] if unacked else []
    if pending:
        lost.append(f"{pending:,} bytes of echo pending")
    return f"{words}: {', '.join(lost)}" if lost else words


def refuse_socket(sock: socket.socket) -> None:
    """Close a socket that was just accepted: the peer sees a FIN, though it has sent something.

    close(2) with unread input sends RST; behind a FIN that changes nothing for a peer that reads.
    """
    with contextlib.suppress(OSError):  # the peer has gone
        sock.shutdown(socket.SHUT_WR)
    sock.close()


def reset_socket(sock: socket.socket) -> None:
    """Close a socket with RST: what is in flight is destroyed and nothing lingers."""
    # An error: the connection is gone already, and there is nothing left to reset.
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def begin_linger(connection: Connection, sock: socket.socket, now: float) -> None:
    """Send our FIN, and begin to wait for the peer. Raises OSError if the connection has broken."""
    machine = connection.machine
    reason = machine.closing
    is_quiet = now - connection.active_at >= LINGER
    waits_for_fin = reason in UNEXPECTED and not (is_quiet and reason is Reason.SHUTDOWN)
    if connection.faulty is not None and connection.faulty.spec.eof is not None:
        waits_for_fin = True  # what the peer does behind our FIN is what is to be seen
    sock.shutdown(socket.SHUT_WR)
    connection.linger = Linger(now, LINGER if waits_for_fin else 0.0, now)
    if not machine.input_ended and not discard_input(connection, now):
        machine.end_of_input()


def check_linger(connection: Connection, now: float, write_timeout: float) -> Verdict:
    """Judge a lingering connection that was just looked at, and plan its next check."""
    linger, outstanding = connection.linger, connection.outstanding
    assert linger is not None
    step = min(max(LINGER_STEP, (now - linger.begun_at) / 8), LONGEST_STEP)
    if outstanding is None:
        all_at = max(linger.begun_at, connection.acked_all_at)
        if connection.machine.input_ended or now - all_at >= linger.patience:
            return Verdict.DONE
        linger.due = min(now + step, all_at + linger.patience)
        return Verdict.WAIT
    if outstanding.progress is not None and outstanding.progress.is_over:
        return Verdict.RESET
    too_slow_at = outstanding.due(write_timeout)
    if too_slow_at <= now:
        return Verdict.TOO_SLOW
    if linger.until <= now:
        return Verdict.OUT_OF_TIME
    linger.due = min(now + step, too_slow_at, linger.until)
    return Verdict.WAIT
