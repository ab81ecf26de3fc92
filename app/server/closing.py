"""The end of a connection on the wire.

close(2) on a socket whose input has not been read makes the kernel send RST, and an RST destroys
what the peer has not fetched yet: measured, 24,576 of 1,000,000 bytes arrived. So an orderly end
is SHUT_WR, then input is read and discarded until the peer ends too or nothing is left to be
acknowledged, then close.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Final

from ..core.events import Reason
from .connection import READ_SIZE, Connection, Linger
from .kernel import send_queue

UNEXPECTED: Final = frozenset({Reason.FRAME_TOO_LARGE, Reason.SHUTDOWN})
"""Close reasons after which the peer may still be sending: after our FIN, wait up to `LINGER`
seconds for its FIN. After all others the connection ends once everything sent is acknowledged."""
LINGER: Final = 1.0
"""Seconds to wait for the peer's FIN once everything sent has been acknowledged."""
LINGER_STEP: Final = 0.025
"""Seconds between two checks of a lingering connection."""
RATE_FLOOR: Final = 1024
"""Bytes per second that a peer must take on average once it has stalled."""
_DISCARD_READS: Final = 4


def discard_input(connection: Connection, now: float) -> bool:
    """Read and throw away what has arrived, a bounded amount. False at EOF or after a reset."""
    for _ in range(_DISCARD_READS):
        try:
            data = os.read(connection.fd, READ_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        connection.discard(len(data), now)
    return True


def close_socket(sock: socket.socket, reset: bool) -> None:
    """Close a socket; if `reset`, with RST: what is in flight is destroyed and nothing lingers."""
    if reset:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            # The connection is gone already: there is nothing left to reset.
            sock.close()
            return
    sock.close()


def begin_linger(connection: Connection, sock: socket.socket, now: float) -> bool:
    """Send our FIN; False if there is nothing to wait for and the connection can be closed."""
    quiet = now - connection.active_at >= LINGER
    unacked = send_queue(connection.fd) or 0  # before the FIN, which counts as a byte
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        return False
    if not discard_input(connection, now):
        return False
    reason = connection.machine.closing
    waits_for_fin = reason in UNEXPECTED and not (quiet and reason is Reason.SHUTDOWN)
    if not unacked and not waits_for_fin:
        return False
    connection.linger = Linger(now, now, unacked, unacked)
    return True


def linger_is_over(connection: Connection, now: float, write_timeout: float) -> bool:
    """Whether a lingering connection has had its time; reads the kernel's send queue.

    While the kernel still holds bytes for the peer, the rules of a pending echo apply: the write
    time-out (`write_timeout`, seconds) since the last byte that the peer took, and a floor on the
    rate.
    """
    linger = connection.linger
    assert linger is not None
    unacked = send_queue(connection.fd) or 0
    if unacked != linger.unacked_bytes:
        linger.unacked_bytes = unacked
        linger.acked_at = now
    if not unacked:
        patience = LINGER if connection.machine.closing in UNEXPECTED else 0
        return now - linger.acked_at >= patience
    patience = write_timeout or LINGER
    bound = linger.begun_at + patience + (linger.unacked_at_first - unacked) / RATE_FLOOR
    return now - linger.acked_at >= patience or now >= bound
