"""Access to the control socket: for the user that runs the server; the kernel tells the uid."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable

from ...core.printable import printable


def peer_pid(sock: socket.socket) -> int:
    """Read the pid of the process that connected a Unix socket; 0 if it is unknown.

    It is 0 too for a process of another pid namespace.
    """
    if hasattr(socket, "SO_PEERCRED"):
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[0])
    return 0


def process_name(pid: int) -> str:
    """Read the name of a process (proc_pid_comm(5)), escaped; empty if it cannot be read."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            name = file.read(64)
    except OSError:
        return ""
    return printable(name.rstrip(b"\n").decode(errors="backslashreplace"))


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
