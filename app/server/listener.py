"""The listening socket (source document, sections 7.1 and 7.2)."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Any, Final, NamedTuple

from ..core.addresses import format_address
from ..core.settings import SettingError

KERNEL_SPREADS: Final = sys.platform == "linux"
"""Whether SO_REUSEPORT spreads connections over all listeners of a port."""


class Listener(NamedTuple):
    """A listening, non-blocking socket, its address, and notes of what was adapted to get it."""

    sock: socket.socket
    host: str
    port: int
    notes: tuple[str, ...]


def make_listener(host: str, port: int, backlog: int) -> Listener:
    """Listen on the first address that `host` resolves to and that can be bound.

    The empty host and ``::`` are dual-stack: one IPv6 socket that takes IPv4 too, as mapped
    addresses. On a system without IPv6 they fall back to IPv4, with a note. Raises `SettingError`.
    """
    notes: list[str] = []
    wildcard = host in ("", "::")
    flags = socket.AI_PASSIVE | socket.AI_NUMERICSERV
    try:
        found = socket.getaddrinfo(
            host or None, port, socket.AF_UNSPEC, socket.SOCK_STREAM, flags=flags
        )
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else "not a valid name"
        raise SettingError(
            f"HOST {host!r}: {reason}; give an address of this machine, such as 127.0.0.1"
        ) from None
    addresses = [(family, address) for family, _, _, _, address in found]
    if wildcard:
        addresses.sort(key=lambda entry: entry[0] != socket.AF_INET6)
        addresses.append((socket.AF_INET, ("0.0.0.0", port)))
    failure: OSError | None = None
    for family, address in addresses:
        try:
            sock = _listen(family, address, backlog)
        except OSError as error:
            failure = failure or error
            continue
        if wildcard and family == socket.AF_INET and failure is not None:
            notes.append(f"no IPv6 here ({_words(failure)}): listening on IPv4 only")
        bound = sock.getsockname()
        return Listener(sock, bound[0], bound[1], tuple(notes))
    raise SettingError(_explain(host, port, failure))


def make_listeners(
    host: str, port: int, backlog: int, count: int, passed: socket.socket | None = None
) -> list[Listener]:
    """One listener for each of `count` workers on one port. Raises `SettingError`.

    On Linux each has a queue of its own, and the kernel spreads connections over them by a hash of
    the addresses (SO_REUSEPORT, socket(7)). The first is bound without the option: with it, the
    bind would succeed beside another server's socket, and "in use" would go unnoticed. Elsewhere
    the option does not spread, so all share one queue and the first to accept gets a connection.
    They also share one if a socket was `passed`, because no other could be bound beside it.
    """
    first = make_listener(host, port, backlog) if passed is None else adopt_listener(passed)
    spreads = KERNEL_SPREADS and passed is None
    listeners = [first]
    try:
        if spreads:
            first.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        for _ in range(count - 1):
            if spreads:
                bound = first.sock.getsockname()
                sock = _listen(first.sock.family, bound, backlog, beside_others=True)
            else:
                sock = first.sock.dup()
            listeners.append(first._replace(sock=sock))
    except OSError as error:
        for listener in listeners:
            listener.sock.close()
        raise SettingError(_explain(host, port, error)) from None
    return listeners


def adopt_listener(sock: socket.socket) -> Listener:
    """Use a socket that listens already. Raises `SettingError` if it does not listen on TCP."""
    is_tcp = sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM
    if not is_tcp or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.close()
        raise SettingError("the socket that was passed does not listen on TCP: use ListenStream=")
    sock.setblocking(False)
    host, port = sock.getsockname()[:2]
    return Listener(sock, host, port, ("listening on a socket that was passed, not on HOST, PORT",))


def _listen(family: int, address: Any, backlog: int, beside_others: bool = False) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if beside_others:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _words(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def _explain(host: str, port: int, error: OSError | None) -> str:
    where = format_address((host or "::", port))
    code = error.errno if error else None
    if code == errno.EADDRINUSE:
        return (
            f"{where} is in use: stop the other server, or choose another PORT (0 = any free one)"
        )
    if code == errno.EADDRNOTAVAIL:
        return f"HOST {host!r} is not an address of this machine; try 127.0.0.1"
    if code in (errno.EACCES, errno.EPERM):
        return f"PORT {port} needs privileges; choose one from 1024 on"
    return f"cannot listen on {where}: {_words(error) if error else 'no address found'}"
