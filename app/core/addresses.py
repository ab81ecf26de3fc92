"""Addresses of TCP as people write them: ``127.0.0.1:9000``, ``[::1]:9000``."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

SELF_CONNECTED: Final = (
    "no server: the connection was made with itself, as the kernel took this port for our own end"
    " (a TCP self-connect)"
)
"""What a client says whose connection has the same address at both ends."""


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
    host, port = scoped_host(address), address[1]
    if host.lower().startswith("::ffff:") and "." in host:
        host = host[7:]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def scoped_host(address: Sequence[Any]) -> str:
    """The host of a socket address, with the interface of a link-local one: ``fe80::1%eth0``.

    Python gives the interface as a number of its own, without which nobody can connect there.
    """
    host = str(address[0])
    if len(address) < 4 or not address[3] or "%" in host:
        return host
    try:
        return f"{host}%{socket.if_indextoname(address[3])}"
    except OSError:  # the interface has gone
        return f"{host}%{address[3]}"


def lacks_interface(host: str) -> bool:
    """Whether `host` is a link-local IPv6 address without the interface that it holds for."""
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return address.is_link_local and address.scope_id is None


def host_of(address: str) -> str:
    """The host of an address that `format_address` has written, with its brackets."""
    return address.rpartition(":")[0]


def without_brackets(host: str) -> str:
    """The host of ``[::1]``; any other text stays as it is."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def split_host_port(text: str) -> tuple[str, str] | None:
    """Divide ``HOST:PORT``; None if it is something else. The port is not judged.

    An IPv6 address must stand in brackets: in ``::1:9000`` nobody can tell where it ends.
    """
    host, colon, port = text.rpartition(":")
    bare = without_brackets(host)
    if not colon or not bare or not port or (":" in host and bare == host):
        return None
    return bare, port
