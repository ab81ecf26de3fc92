"""The order of peers: by address, then by port, as numbers and not as text."""

from __future__ import annotations

import socket
from functools import lru_cache


@lru_cache(maxsize=1 << 14)
def sort_key_of(peer: str) -> str:
    """Return a text by which ``HOST:PORT`` sorts: IPv4 first, then IPv6, then names.

    ``9.0.0.1:80`` comes before ``127.0.0.1:5`` and that before ``127.0.0.1:40``.
    """
    host, _, port = peer.rpartition(":")
    address, _, scope = host.strip("[]").partition("%")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        packed = f"{family:02}{socket.inet_pton(family, address).hex()}%{scope}"
    except OSError:
        packed = f"99{host}"
    return f"{packed}:{port:>5}"
