"""The listening socket and the names of addresses."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator

import pytest

from app.core.addresses import format_address
from app.core.settings import SettingError
from app.server import listener as listener_module
from app.server.listener import Listener, make_listener

Listen = Callable[..., Listener]
HAS_IPV6 = socket.has_ipv6


@pytest.fixture
def listen() -> Iterator[Listen]:
    made: list[Listener] = []

    def make(host: str, port: int = 0) -> Listener:
        made.append(make_listener(host, port, backlog=8))
        return made[-1]

    yield make
    for listener in made:
        listener.sock.close()


def peer_of(listener: Listener, host: str) -> str:
    """How the server prints a client that connects to `host`."""
    with socket.create_connection((host, listener.port), 5) as client:
        listener.sock.setblocking(True)
        accepted, address = listener.sock.accept()
        accepted.close()
        own = format_address(client.getsockname())
    assert format_address(address) == own
    return format_address(address)


def test_ipv4(listen: Listen) -> None:
    listener = listen("127.0.0.1")
    assert (listener.host, listener.notes) == ("127.0.0.1", ())
    assert listener.port > 0
    assert not listener.sock.getblocking()
    assert listener.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert peer_of(listener, "127.0.0.1").startswith("127.0.0.1:")


@pytest.mark.skipif(not HAS_IPV6, reason="this platform has no IPv6")
def test_ipv6(listen: Listen) -> None:
    listener = listen("::1")
    assert listener.host == "::1"
    assert peer_of(listener, "::1").startswith("[::1]:")


@pytest.mark.skipif(not HAS_IPV6, reason="this platform has no IPv6")
@pytest.mark.parametrize("host", ["", "::"])
def test_all_interfaces_are_dual_stack(listen: Listen, host: str) -> None:
    listener = listen(host)
    assert listener.host == "::"
    assert listener.notes == ()
    assert peer_of(listener, "::1").startswith("[::1]:")
    assert peer_of(listener, "127.0.0.1").startswith("127.0.0.1:")


def test_a_name_is_resolved(listen: Listen) -> None:
    assert listen("localhost").host in ("127.0.0.1", "::1")


def test_without_ipv6_it_falls_back_with_a_note(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket

    def without_ipv6(family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no such family")
        return real(family, kind)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    listener = listen("")
    monkeypatch.undo()
    assert listener.host == "0.0.0.0"
    (note,) = listener.notes
    assert note.startswith("no IPv6 here")
    assert note.endswith("listening on IPv4 only")


def complaint(host: str, port: int = 0) -> str:
    with pytest.raises(SettingError) as caught:
        make_listener(host, port, 8).sock.close()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_port_in_use(listen: Listen) -> None:
    port = listen("127.0.0.1").port
    message = complaint("127.0.0.1", port)
    assert message.startswith(f"127.0.0.1:{port} is in use: ")
    assert "choose another PORT" in message


def test_an_address_of_another_machine() -> None:
    assert "'192.0.2.1' is not an address of this machine" in complaint("192.0.2.1")


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 70 + ".b", "not an address"])
def test_an_unknown_host(host: str) -> None:
    message = complaint(host)
    assert message.startswith(f"HOST {host!r}: ")
    assert "give an address of this machine" in message


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.EACCES, "PORT 80 needs privileges"),
        (errno.ENOMEM, "cannot listen on 127.0.0.1:80: Cannot allocate memory"),
        (0, "cannot listen on 127.0.0.1:80: strange"),
    ],
)
def test_other_trouble(monkeypatch: pytest.MonkeyPatch, code: int, says: str) -> None:
    def fail(*_arguments: object) -> socket.socket:
        raise OSError(code, "strange") if code else OSError("strange")

    monkeypatch.setattr(listener_module, "_listen", fail)
    assert says in complaint("127.0.0.1", 80)
