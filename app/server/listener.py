"""The listening sockets (source document, sections 7.1 and 7.2).

Facts that surprise:

- A name may have several addresses: `localhost` has ::1 and 127.0.0.1 on most machines. A client
  tries them in its own order, so all of them are listened on.
- ``::`` takes IPv4 too, as mapped addresses, unless IPV6_V6ONLY is set. Its bind fails with "in
  use" where only the IPv6 half, or only the IPv4 half, is taken.
- Linux spreads connections over all listeners of a port that have SO_REUSEPORT.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ..core.addresses import Address, format_address, lacks_interface, scoped_host
from ..core.printable import reason_of
from ..core.settings import SettingError

KERNEL_SPREADS: Final = sys.platform == "linux"
"""Whether SO_REUSEPORT spreads connections over all listeners of a port."""
PORT_ATTEMPTS: Final = 16
"""Free ports that are tried for a name with several addresses, until one is free at all of them."""
_NOT_HERE: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})
"""Errors of an address that this machine does not have. Every other error ends the start."""

_WILDCARDS: Final = frozenset({"::", "0.0.0.0"})


class ListeningSocket(socket.socket):
    """A listening socket that makes the enumerations of its family and type once.

    `accept` asks for both for each connection, and to make an enumeration takes half a microsecond.
    """

    family: Any = None
    type: Any = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Make it as `socket.socket` does, which `dup` relies on."""
        super().__init__(*arguments, **named)
        self.family, self.type = super().family, super().type


class Listener(NamedTuple):
    """A listening, non-blocking socket and its address."""

    sock: socket.socket
    host: str
    port: int


class Bound(NamedTuple):
    """The listeners of all loops, and notes of what was adapted to get them, a line each."""

    loops: list[tuple[Listener, ...]]
    """For each loop one listener for each address, in the same order."""
    notes: tuple[str, ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where these loops listen."""
        return tuple(Address(each.host, each.port) for each in self.loops[0])

    def close(self) -> None:
        """Close every socket."""
        close_all(listener for listeners in self.loops for listener in listeners)


class _Found(NamedTuple):
    """One address that a name was resolved to."""

    family: int
    address: tuple[Any, ...]


def close_all(listeners: Iterable[Listener]) -> None:
    """Close the sockets of these listeners."""
    for listener in listeners:
        listener.sock.close()


def make_listeners(addresses: Sequence[Address], backlog: int, count: int = 1) -> Bound:
    """Listen on every address of each host, for `count` loops. Raises `SettingError`.

    An address that this machine does not have is left out with a note, if its host has another.
    ``::`` is dual-stack; on a system without IPv6 it falls back to IPv4, with a note.
    """
    resolved = [(address, _resolve(address)) for address in addresses]
    ipv4_ports = {
        found.address[1]
        for address, all_found in resolved
        for found in all_found
        if found.family == socket.AF_INET and address.port
    }
    made: list[Listener] = []
    notes: list[str] = []
    try:
        for address, all_found in resolved:
            # An address that is listed twice is one listener, unless the kernel chooses its port.
            held = {(each.host, each.port) for each in made} if address.port else set()
            new = [
                one for one in all_found if (scoped_host(one.address), one.address[1]) not in held
            ]
            v6only = address.port in ipv4_ports
            if v6only and any(one.address[0] == "::" for one in new):
                notes.append(f"{address} takes IPv6 only: IPv4 is listed on its own")
            if new:
                made += _listen_on(address, new, backlog, v6only, made, notes)
        return Bound(_share(made, backlog, count), tuple(notes))
    except BaseException:
        close_all(made)
        raise


def adopt_listener(sock: socket.socket, count: int = 1) -> Bound:
    """Use a socket that listens already, shared by `count` loops: the first to accept gets a
    connection, because no other could be bound beside it.

    Raises `SettingError` if it does not listen on TCP.
    """
    is_tcp = sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM
    if not is_tcp or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.close()
        raise SettingError("the socket that was passed does not listen on TCP: use ListenStream=")
    sock.setblocking(False)
    first = _as_listener(sock)
    loops: list[tuple[Listener, ...]] = [(first,)]
    loops += ((first._replace(sock=sock.dup()),) for _ in range(count - 1))
    return Bound(loops, ("listening on a socket that was passed, not on HOST, PORT",))


def _resolve(address: Address) -> list[_Found]:
    """Resolve a host to its addresses, each once, in the order of the resolver."""
    host, port = address
    flags = socket.AI_PASSIVE | socket.AI_NUMERICSERV
    try:
        found = socket.getaddrinfo(host, port, socket.AF_UNSPEC, socket.SOCK_STREAM, flags=flags)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else "not a valid name"
        raise SettingError(
            f"HOST {host!r}: {reason}; give an address of this machine, such as 127.0.0.1"
        ) from None
    return list(dict.fromkeys(_Found(family, where) for family, _, _, _, where in found))


def _listen_on(
    address: Address,
    found: list[_Found],
    backlog: int,
    v6only: bool,
    others: Sequence[Listener],
    notes: list[str],
) -> list[Listener]:
    """Listen on all that one host was resolved to, on one port; `others` are ours already."""
    for attempt in range(PORT_ATTEMPTS):
        made: list[Listener] = []
        missing: list[tuple[_Found, OSError]] = []
        port = address.port
        try:
            for one in found:
                where = (one.address[0], port, *one.address[2:])
                try:
                    sock = _listen(one.family, where, backlog, v6only=v6only)
                except OSError as error:
                    if error.errno not in _NOT_HERE:
                        raise
                    missing.append((one, error))
                    continue
                made.append(_as_listener(sock))
                port = made[-1].port
        except OSError as error:
            close_all(made)
            was_chosen = made and not address.port  # and it was free at some addresses only
            if error.errno == errno.EADDRINUSE and was_chosen and attempt + 1 < PORT_ATTEMPTS:
                continue
            raise SettingError(_explain(address, error, others, format_address(where))) from None
        break
    if missing and not made and address.host == "::":
        everywhere = _Found(socket.AF_INET, ("0.0.0.0", address.port))
        notes.append(f"no IPv6 here ({reason_of(missing[0][1])}): listening on IPv4 only")
        return _listen_on(address, [everywhere], backlog, False, others, notes)
    if not made:
        raise SettingError(_explain(address, missing[0][1], others))
    notes += (
        f"not listening on {format_address(one.address)}: {reason_of(why)}" for one, why in missing
    )
    return made


def _share(made: list[Listener], backlog: int, count: int) -> list[tuple[Listener, ...]]:
    """Return the listeners of each of `count` loops; the first loop has those that were made.

    On Linux each loop has a queue of its own, and the kernel spreads connections over them by a
    hash of the addresses (SO_REUSEPORT, socket(7)). The first is bound without the option: with it,
    the bind would succeed beside another server's socket, and "in use" would go unnoticed.
    Elsewhere the option does not spread, so all share one queue and the first to accept gets a
    connection. Raises `SettingError`, with `made` left open.
    """
    copies: list[list[Listener]] = [[] for _ in range(count - 1)]
    for listener in made:
        sock = listener.sock
        try:
            if KERNEL_SPREADS and count > 1:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            for copy in copies:
                if KERNEL_SPREADS:
                    v6only = sock.family == socket.AF_INET6 and bool(
                        sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
                    )
                    where = sock.getsockname()
                    copied = _listen(sock.family, where, backlog, v6only=v6only, beside_others=True)
                else:
                    copied = sock.dup()
                copy.append(listener._replace(sock=copied))
        except OSError as error:
            close_all(each for copy in copies for each in copy)
            where = Address(listener.host, listener.port)
            raise SettingError(_explain(where, error, ())) from None
    return [tuple(made), *map(tuple, copies)]


def _listen(
    family: int,
    address: tuple[Any, ...],
    backlog: int,
    v6only: bool = False,
    beside_others: bool = False,
) -> socket.socket:
    sock = ListeningSocket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if beside_others:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        # Before listen: a connection inherits them when it arrives, before anybody accepts it.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _as_listener(sock: socket.socket) -> Listener:
    bound = sock.getsockname()
    return Listener(sock, scoped_host(bound), bound[1])


def _explain(address: Address, error: OSError, others: Sequence[Listener], where: str = "") -> str:
    """Say why nobody can listen on `address`, as it was asked for, which stands for `where`."""
    host, port = address
    if error.errno == errno.EADDRINUSE:
        for other in others:
            if other.port == port and {host, other.host} & _WILDCARDS:
                ours = format_address(other[1:])
                return f"{address} is in use by {ours}, which is listed too: leave one of them out"
        at = f" at {where}" if where not in ("", str(address)) else ""
        return (
            f"{address} is in use{at}: stop the other server,"
            " or choose another PORT (0 = any free one)"
        )
    if error.errno == errno.EINVAL and lacks_interface(host):
        return f"HOST {host!r} is link-local: write its interface too, as in {host}%eth0"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST {host!r} is not an address of this machine; try 127.0.0.1"
    if error.errno in (errno.EACCES, errno.EPERM) and 0 < port < 1024:
        return f"PORT {port} needs privileges; choose one from 1024 on"
    return f"cannot listen on {address}: {reason_of(error)}"
