"""A connection whose system calls are told."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from ..core.events import CALLS_A_ROUND
from ..core.queues import Kernel
from .connection import READ_SIZE, Connection
from .kernel import read_figures


@dataclass(slots=True)
class Inspection:
    """A connection that is traced at a level that tells system calls."""

    sock: socket.socket
    calls_left: int = CALLS_A_ROUND
    """System calls of it that may still be published in this round."""
    unobserved: int = 0
    """Bytes that its reads asked for before; 0 if they ask for as many now."""

    def figures(self, connection: Connection, t: float) -> Kernel:
        """Read the kernel's figures at `t` (Unix seconds). Raises OSError if it is closed."""
        asks = max(connection.read_size, READ_SIZE) if self.unobserved else 0
        return read_figures(self.sock, connection.id, t, asks, self.unobserved)
