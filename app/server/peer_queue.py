"""The bytes that the program at the other end has left unread, if it runs on this machine.

A peer's kernel tells a closed window until a good part of its receive buffer is free: on the
loopback interface, whose segments have 64 KiB, a steady reader of 17 kB/s opens it only every four
seconds. In between nothing distinguishes it from one that has stopped, except the receive queue of
its own socket. The kernel tells that of every socket in the network namespace (sock_diag(7)).
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
from typing import Final
from weakref import WeakKeyDictionary

_NETLINK_SOCK_DIAG: Final = 4
"""linux/netlink.h; the socket module has no name for it."""
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1
_REQUEST: Final = struct.Struct("=IHHIIBBBBI")
"""struct nlmsghdr and the part of struct inet_diag_req_v2 before its socket's id."""
_SOCKET_ID: Final = struct.Struct("!HH16s16s")
"""The ports and the addresses of struct inet_diag_sockid: the socket's own, and its peer's."""
_INTERFACE: Final = struct.Struct("=III")
"""The interface, and the cookie of any socket."""
_NO_COOKIE: Final = 0xFFFF_FFFF
_ANY_STATE: Final = 0xFFFF_FFFF
_REPLY: Final = struct.Struct("=IHHII4x4s44xII")
"""struct nlmsghdr and struct inet_diag_msg up to idiag_rqueue."""
_REPLY_SIZE: Final = 512
"""Bytes to take of a reply, which has about 124."""
_MAY_PASS: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, errno.EINTR}
)
"""Errors after which it is asked again; after any other it is not allowed here."""


class PeerQueues:
    """Asks about the other end of connections; in the thread of one loop only.

    One question takes about 4 us. A peer that is not on this machine is asked about once. It is
    tried once, too, if asking is not allowed (seccomp, a unit's RestrictAddressFamilies).
    """

    def __init__(self) -> None:
        self._netlink: socket.socket | None = None
        self._is_forbidden = False
        self._requests: WeakKeyDictionary[socket.socket, bytes] = WeakKeyDictionary()

    def unread(self, sock: socket.socket) -> int | None:
        """Bytes that the peer's kernel holds and its program has not read; None if not known."""
        if sys.platform != "linux" or self._is_forbidden:
            return None
        request = self._requests.get(sock)
        if request is None:
            request = self._requests[sock] = _make_request(sock)
        if not request:
            return None
        try:
            unread = self._ask(request)
        except OSError as error:
            self.close()  # a reply that comes late would be read as that to the next question
            self._is_forbidden = error.errno not in _MAY_PASS
            return None
        if unread is None:
            self._requests[sock] = b""
        return unread

    def close(self) -> None:
        """Give the descriptor back."""
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None

    def _ask(self, request: bytes) -> int | None:
        """Return idiag_rqueue of the socket that `request` names; None if there is none.

        Raises OSError.
        """
        if self._netlink is None:
            kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
            self._netlink = socket.socket(socket.AF_NETLINK, kind, _NETLINK_SOCK_DIAG)
        self._netlink.send(request)
        reply = self._netlink.recv(_REPLY_SIZE)
        if len(reply) < _REPLY.size:
            return None
        _, kind, _, _, _, ports, _, unread = _REPLY.unpack_from(reply)
        # A socket that listens at the peer's port has no port at its other end.
        is_peer = ports == request[_REQUEST.size : _REQUEST.size + 4]
        return unread if kind == _SOCK_DIAG_BY_FAMILY and is_peer else None


def _make_request(sock: socket.socket) -> bytes:
    """Make the question about the socket at the other end of `sock`; empty if there is none."""
    with contextlib.suppress(OSError):
        peer, own, family = sock.getpeername(), sock.getsockname(), sock.family
        scope = peer[3] if family == socket.AF_INET6 else 0
        addresses = [socket.inet_pton(family, each[0].split("%")[0]) for each in (peer, own)]
        end = _INTERFACE.pack(scope, _NO_COOKIE, _NO_COOKIE)
        which = _SOCKET_ID.pack(peer[1], own[1], *addresses) + end
        size = _REQUEST.size + len(which)
        return (
            _REQUEST.pack(
                size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0,
                family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE,
            )
            + which
        )  # fmt: skip
    return b""
