"""Addresses of TCP as people write them: ``127.0.0.1:9000``, ``[::1]:9000``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Address(NamedTuple):
    """A host, by name or by number and without brackets, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return format_address(self)


def format_address(address: Sequence[Any]) -> str:
    """The host and the port that begin `address`, which may be any socket address of TCP.

    An IPv6 host gets brackets; an IPv4 peer that is mapped into IPv6 is shown as IPv4.
    """
    host, port = address[0], address[1]
    if host.lower().startswith("::ffff:") and "." in host:
        host = host[7:]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
