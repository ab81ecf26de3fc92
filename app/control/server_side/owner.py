"""Access to the control socket: for the user that runs the server; the kernel tells the uid."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable


def peer_uid(sock: socket.socket) -> int | None:
    """Read the uid that the peer of a Unix socket had when it connected; None if unknown."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    if hasattr(socket, "LOCAL_PEERCRED"):  # struct xucred: its version, the uid, groups
        credentials = sock.getsockopt(0, socket.LOCAL_PEERCRED, 76)
        return int(struct.unpack_from("2I", credentials)[1])
    return None


class OwnerGate:
    """Admits the user that runs the server, and nobody else; not even root."""

    def __init__(self, uid_of: Callable[[socket.socket], int | None] = peer_uid) -> None:
        self._uid_of = uid_of
        self._own = os.geteuid()

    def objection(self, sock: socket.socket) -> str:
        """Say why this peer may not connect; empty if it may."""
        uid = self._uid_of(sock)
        if uid == self._own:
            return ""
        who = "an unknown user" if uid is None else f"user {uid}"
        return f"{who} may not control the server of user {self._own}"
