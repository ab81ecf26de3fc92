"""A connection's figures in the kernel, read for the few that are traced at level ``io``."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import termios
from typing import Final, NamedTuple

from ..core.events import Kernel

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


class TcpInfo(NamedTuple):
    """The part of TCP_INFO that `Kernel` shows; None if the platform does not tell."""

    rtt_us: int | None = None
    rttvar_us: int | None = None
    cwnd: int | None = None
    mss: int | None = None
    unacked_segments: int | None = None
    retransmits: int | None = None
    probes: int | None = None


def receive_queue(fd: int) -> int | None:
    """Bytes received and not read (SIOCINQ); None if the kernel cannot tell."""
    return _read_int(fd, _SIOCINQ)


def send_queue(fd: int) -> int | None:
    """Bytes that the peer has not acknowledged (SIOCOUTQ); None if the kernel cannot tell."""
    return _read_int(fd, _SIOCOUTQ) if _LINUX else None


def _read_int(fd: int, request: int) -> int | None:
    try:
        return int(struct.unpack("i", fcntl.ioctl(fd, request, b"\0\0\0\0"))[0])
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


def read_figures(sock: socket.socket, connection_id: int, t: float) -> Kernel:
    """Read a connection's figures at `t` (Unix seconds). Raises OSError if it is closed."""
    fd = sock.fileno()
    return Kernel(
        t=t,
        id=connection_id,
        unread=receive_queue(fd),
        unacknowledged=send_queue(fd),
        send_buffer=sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
        **tcp_info(sock)._asdict(),
    )
