"""Access to the control socket: for the user that runs the server; the kernel tells the uid."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from ..credentials import peer_uid


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
