"""Who may come in by the Unix socket: the user that runs the server, whom the kernel names."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable

from ..protocol import Hello


def peer_uid(sock: socket.socket) -> int | None:
    """The user at the other end of a Unix socket, as it was at its connect; None if unknown."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    if hasattr(socket, "LOCAL_PEERCRED"):  # struct xucred: its version, the uid, groups
        credentials = sock.getsockopt(0, socket.LOCAL_PEERCRED, 76)
        return int(struct.unpack_from("2I", credentials)[1])
    return None


class OwnerGate:
    """Lets in the user that runs the server, and nobody else; not even root."""

    def __init__(self, uid_of: Callable[[socket.socket], int | None] = peer_uid) -> None:
        self._uid_of = uid_of
        self._own = os.geteuid()

    def on_connect(self, sock: socket.socket) -> str:
        """An objection to any other user."""
        uid = self._uid_of(sock)
        if uid == self._own:
            return ""
        who = "an unknown user" if uid is None else f"user {uid}"
        return f"{who} may not control the server of user {self._own}"

    def on_hello(self, hello: Hello) -> str:
        """The file's mode and the uid have said it all."""
        return ""
