"""The process at the other end of a Unix socket, as the kernel names it (SO_PEERCRED, unix(7))."""

from __future__ import annotations

import socket
import struct

from ..core.printable import printable


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
