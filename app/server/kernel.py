"""A connection's figures in the kernel: the system calls that ask for them.

Written, in flight and acknowledged are three different things (tcp(7)). The send queue (SIOCOUTQ)
has the bytes that were written and are not acknowledged. Of these, some are in flight and the rest
are unsent (TCP_INFO, tcpi_notsent_bytes). struct tcp_info (linux/tcp.h) has only ever grown at its
end, so the number of bytes that the kernel returns says which fields there are.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import sys
import termios
from collections.abc import Mapping
from typing import Final, NamedTuple

from ..core.queues import Kernel
from .peer_queue import PeerQueues

_LINUX: Final = sys.platform == "linux"
# tcp(7) names the two requests SIOCINQ and SIOCOUTQ; their numbers are those of the tty's.
_SIOCINQ: Final = termios.FIONREAD
_SIOCOUTQ: Final = termios.TIOCOUTQ
_TCP_INFO_SIZE: Final = 104
"""Bytes of struct tcp_info (linux/tcp.h) up to tcpi_total_retrans, there since Linux 2.6."""
_TCP_INFO: Final = struct.Struct("=8B24I")
_PROBES, _MSS, _UNACKED, _RTT, _RTTVAR, _CWND, _RETRANSMITS = 3, 10, 12, 23, 24, 26, 31
"""Indices of the fields in it: tcpi_probes, tcpi_snd_mss, tcpi_unacked, tcpi_rtt, tcpi_rttvar,
tcpi_snd_cwnd, tcpi_total_retrans."""
_STATE, _RETRIES, _LAST_ACK = 0, 2, 20
"""Indices of tcpi_state, tcpi_retransmits (time-outs in a row) and tcpi_last_ack_recv (ms)."""
_TCP_CLOSE: Final = 7
"""The value of tcpi_state after an RST, or when the kernel has given up (net/tcp_states.h)."""
_TCP_ENDED: Final = frozenset({8, 9, 11})
"""The values of it after the peer's FIN: CLOSE_WAIT, LAST_ACK, CLOSING."""
_UINT: Final = struct.Struct("=I")
_UNSENT_AT, _WINDOW_AT = 144, 228
"""Offsets of tcpi_notsent_bytes (since Linux 4.6) and of tcpi_snd_wnd (since Linux 5.4)."""
_WHOLE_SIZE: Final = 256
"""Bytes to ask for: more than Linux 6.18 has."""


class TcpInfo(NamedTuple):
    """The part of TCP_INFO that `Kernel` shows; None if the platform does not tell."""

    rtt_us: int | None = None
    rttvar_us: int | None = None
    cwnd: int | None = None
    mss: int | None = None
    unacked_segments: int | None = None
    retransmits: int | None = None
    probes: int | None = None


class PeerProgress(NamedTuple):
    """The part of TCP_INFO that tells how far the peer has come with what was sent."""

    last_ack_ago: float
    """Seconds since the last segment with an acknowledgement came in, whatever it acknowledged."""
    retransmits: int
    """Retransmissions in a row that nothing has answered yet."""
    probes: int
    """Probes in a row, of a closed window or an idle peer, that nothing has answered yet."""
    unsent_bytes: int | None
    """Bytes in the send queue that have never been sent; None before Linux 4.6."""
    window: int | None
    """Bytes that the peer offers to receive; None before Linux 5.4."""
    is_over: bool
    """Whether the connection has ended in the kernel: by an RST, or because it has given up."""
    resent: int = 0
    """Retransmissions since the connection was opened (tcpi_total_retrans)."""
    has_ended: bool = False
    """Whether the peer's FIN has come, read or not."""


class SocketQueues:
    """Asks the kernel about the sockets of one loop; each question is one system call or two.

    The one place between the loop and these facts: a test gives the loop another one.
    """

    def __init__(self, sockets: Mapping[int, socket.socket]) -> None:
        """`sockets` are the open ones by descriptor."""
        self._sockets = sockets
        self._peers = PeerQueues()

    def unacked(self, fd: int) -> int | None:
        """Bytes written and not acknowledged, our FIN included; None if the kernel cannot tell."""
        return send_queue(fd)

    def unread(self, fd: int) -> int | None:
        """Bytes received and not read; None if the kernel cannot tell."""
        return receive_queue(fd)

    def progress(self, fd: int) -> PeerProgress | None:
        """The peer's progress; None if the kernel cannot tell."""
        return read_progress(self._sockets[fd])

    def peer_unread(self, fd: int) -> int | None:
        """Bytes that the peer's kernel holds for its program; None if it is on another machine."""
        return self._peers.unread(self._sockets[fd])

    def take_error(self, fd: int) -> OSError:
        """The error with which the kernel has ended a connection; it tells it once (SO_ERROR).

        Behind the peer's FIN its RST is EPIPE (Linux, tcp_reset), which says nothing of the peer.
        """
        number = self._sockets[fd].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number == errno.EPIPE:
            number = errno.ECONNRESET
        number = number or errno.ENOTCONN  # a read or a write was told it before
        return OSError(number, os.strerror(number))

    def close(self) -> None:
        """Give back the descriptor for asking about peers; another question opens it anew."""
        self._peers.close()


def receive_queue(fd: int) -> int | None:
    """Bytes received and not read (SIOCINQ); None if the kernel cannot tell."""
    return _read_int(fd, _SIOCINQ)


def send_queue(fd: int) -> int | None:
    """Bytes that the peer has not acknowledged (SIOCOUTQ); None if the kernel cannot tell."""
    return _read_int(fd, _SIOCOUTQ) if _LINUX else None


def _read_int(fd: int, request: int) -> int | None:
    try:
        return int.from_bytes(fcntl.ioctl(fd, request, b"\0\0\0\0"), sys.byteorder)
    except OSError:
        return None


def tcp_info(sock: socket.socket) -> TcpInfo:
    """Read TCP_INFO, whose layout has only ever grown at its end; all None if that fails."""
    if not _LINUX:
        return TcpInfo()
    try:
        data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    except OSError:
        return TcpInfo()
    if len(data) < _TCP_INFO_SIZE:
        return TcpInfo()
    field = _TCP_INFO.unpack(data)
    places = (_RTT, _RTTVAR, _CWND, _MSS, _UNACKED, _RETRANSMITS, _PROBES)
    return TcpInfo(*(field[place] for place in places))


def read_progress(sock: socket.socket) -> PeerProgress | None:
    """Read the peer's progress from TCP_INFO; None if the kernel cannot tell."""
    if not _LINUX:
        return None
    try:
        data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WHOLE_SIZE)
    except OSError:
        return None
    if len(data) < _TCP_INFO_SIZE:
        return None
    field = _TCP_INFO.unpack_from(data)
    return PeerProgress(
        field[_LAST_ACK] / 1000,
        field[_RETRIES],
        field[_PROBES],
        _uint(data, _UNSENT_AT),
        _uint(data, _WINDOW_AT),
        field[_STATE] == _TCP_CLOSE,
        field[_RETRANSMITS],
        field[_STATE] in _TCP_ENDED,
    )


def _uint(data: bytes, offset: int) -> int | None:
    if len(data) < offset + _UINT.size:
        return None
    return int(_UINT.unpack_from(data, offset)[0])


def read_figures(
    sock: socket.socket, connection_id: int, t: float, read_size: int, unobserved: int
) -> Kernel:
    """Read a connection's figures at `t` (Unix seconds). Raises OSError if it is closed.

    The last two are `Kernel.read_size` and `Kernel.unobserved_read_size`.
    """
    fd = sock.fileno()
    return Kernel(
        t=t,
        id=connection_id,
        unread=receive_queue(fd),
        unacknowledged=send_queue(fd),
        send_buffer=sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
        read_size=read_size,
        unobserved_read_size=unobserved,
        **tcp_info(sock)._asdict(),
    )
