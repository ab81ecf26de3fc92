"""The listening socket and the names of addresses."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.core.addresses import Address, format_address
from app.core.settings import SettingError
from app.server import listener as listener_module
from app.server.listener import Bound, make_listeners

Listen = Callable[..., Bound]
needs_ipv6 = pytest.mark.skipif(not socket.has_ipv6, reason="this platform has no IPv6")


@pytest.fixture
def listen() -> Iterator[Listen]:
    made: list[Bound] = []

    def make(*addresses: tuple[str, int], count: int = 1) -> Bound:
        made.append(make_listeners([Address(*each) for each in addresses], 8, count))
        return made[-1]

    yield make
    for bound in made:
        bound.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make `both.example` a name with these addresses."""
    real = socket.getaddrinfo

    def resolve_to(*hosts: str) -> None:
        def getaddrinfo(host: str, *args: Any, **kwargs: Any) -> list[Any]:
            asked = hosts if host == "both.example" else (host,)
            return [entry for each in asked for entry in real(each, *args, **kwargs)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return resolve_to


def free_port() -> int:
    """A port that is free at 127.0.0.1 and at ::1."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as sock:
        return int(sock.getsockname()[1])


def peer_of(bound: Bound, host: str) -> str:
    """How the server prints a client that connects to `host`."""
    ((listener,),) = bound.loops
    with socket.create_connection((host, listener.port), 5) as client:
        listener.sock.setblocking(True)
        accepted, address = listener.sock.accept()
        accepted.close()
        own = format_address(client.getsockname())
    assert format_address(address) == own
    return format_address(address)


def test_ipv4(listen: Listen) -> None:
    bound = listen(("127.0.0.1", 0))
    ((listener,),) = bound.loops
    assert (listener.host, bound.notes) == ("127.0.0.1", ())
    assert listener.port > 0
    assert not listener.sock.getblocking()
    assert listener.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert peer_of(bound, "127.0.0.1").startswith("127.0.0.1:")


@needs_ipv6
def test_ipv6(listen: Listen) -> None:
    bound = listen(("::1", 0))
    assert bound.addresses[0].host == "::1"
    assert peer_of(bound, "::1").startswith("[::1]:")


@needs_ipv6
def test_all_interfaces_are_dual_stack(listen: Listen) -> None:
    bound = listen(("::", 0))
    assert bound.addresses[0].host == "::"
    assert bound.notes == ()
    assert peer_of(bound, "::1").startswith("[::1]:")
    assert peer_of(bound, "127.0.0.1").startswith("127.0.0.1:")


@needs_ipv6
def test_a_name_is_served_on_all_its_addresses_on_one_free_port(
    listen: Listen, names: Callable[..., None]
) -> None:
    names("::1", "127.0.0.1", "127.0.0.1", "127.0.0.2")
    bound = listen(("both.example", 0))
    assert [host for host, _ in bound.addresses] == ["::1", "127.0.0.1", "127.0.0.2"]
    assert len({port for _, port in bound.addresses}) == 1
    assert bound.notes == ()


@needs_ipv6
def test_a_free_port_that_is_taken_at_the_second_address_is_not_chosen(
    listen: Listen, names: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    names("127.0.0.1", "::1")
    taken = free_port()
    real = listener_module._listen
    asked: list[int] = []

    def choose_the_taken_one_first(family: int, address: Any, *args: Any, **kw: Any) -> Any:
        if address[1] == 0:
            asked.append(taken)
            address = (address[0], taken if len(asked) == 1 else 0)
        return real(family, address, *args, **kw)

    monkeypatch.setattr(listener_module, "_listen", choose_the_taken_one_first)
    with socket.create_server(("::1", taken), family=socket.AF_INET6):
        bound = listen(("both.example", 0))
    (_, first), (_, second) = bound.addresses
    assert first == second != taken
    assert len(asked) == 2


@pytest.mark.parametrize("workers", [1, 3])
def test_an_address_that_is_not_here_is_left_out_with_a_note(
    listen: Listen, names: Callable[..., None], workers: int
) -> None:
    names("192.0.2.7", "127.0.0.1")
    bound = listen(("both.example", 0), count=workers)
    assert [host for host, _ in bound.addresses] == ["127.0.0.1"]
    assert [len(listeners) for listeners in bound.loops] == [1] * workers
    assert bound.notes == ("not listening on 192.0.2.7:0: Cannot assign requested address",)


@needs_ipv6
@pytest.mark.parametrize("taken_at", ["127.0.0.1", "::1"])
def test_a_name_of_which_one_address_is_in_use(
    listen: Listen, names: Callable[..., None], taken_at: str
) -> None:
    names("127.0.0.1", "::1")
    port = listen((taken_at, 0)).addresses[0].port
    at = f"[::1]:{port}" if taken_at == "::1" else f"127.0.0.1:{port}"
    assert f"both.example:{port} is in use at {at}: " in complaint("both.example", port)
    socket.create_server(
        ("::1" if "." in taken_at else "127.0.0.1", port),
        family=(socket.AF_INET6 if "." in taken_at else socket.AF_INET),
    ).close()  # and nothing of it is left open


@needs_ipv6
@pytest.mark.parametrize("taken_at", ["127.0.0.1", "::1", "::", "0.0.0.0"])
def test_all_interfaces_with_one_half_in_use_is_in_use(listen: Listen, taken_at: str) -> None:
    port = listen((taken_at, 0)).addresses[0].port
    assert f"[::]:{port} is in use" in complaint("::", port)


def test_several_addresses(listen: Listen) -> None:
    bound = listen(("127.0.0.1", 0), ("127.0.0.2", 0), ("127.0.0.3", 0), count=2)
    assert [host for host, _ in bound.addresses] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    for listeners in bound.loops:
        assert [each[1:] for each in listeners] == list(bound.addresses)
        for listener in listeners:
            assert listener.sock.getsockname() == (listener.host, listener.port)


@needs_ipv6
def test_both_families_of_all_interfaces_may_be_listed(listen: Listen) -> None:
    port = free_port()
    bound = listen(("::", port), ("0.0.0.0", port), count=2)
    assert bound.addresses == (("::", port), ("0.0.0.0", port))
    assert bound.notes == (f"[::]:{port} takes IPv6 only: IPv4 is listed on its own",)


def test_an_address_that_is_listed_twice_is_one_listener(listen: Listen) -> None:
    port = free_port()
    assert listen(("127.0.0.1", port), ("127.0.0.1", port)).addresses == (("127.0.0.1", port),)


def test_addresses_that_overlap_are_told_as_that(listen: Listen) -> None:
    port = free_port()
    with pytest.raises(SettingError, match=r"127\.0\.0\.1:\d+ is in use by 0\.0\.0\.0:\d+, which"):
        listen(("0.0.0.0", port), ("127.0.0.1", port))


def test_without_ipv6_it_falls_back_with_a_note(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket

    def without_ipv6(family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no such family")
        return real(family, kind)

    monkeypatch.setattr(listener_module, "ListeningSocket", without_ipv6)
    bound = listen(("::", 0))
    monkeypatch.undo()
    assert bound.addresses[0].host == "0.0.0.0"
    (note,) = bound.notes
    assert note.startswith("no IPv6 here")
    assert note.endswith("listening on IPv4 only")


def complaint(host: str, port: int = 0) -> str:
    with pytest.raises(SettingError) as caught:
        make_listeners([Address(host, port)], 8).close()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_port_in_use(listen: Listen) -> None:
    port = listen(("127.0.0.1", 0)).addresses[0].port
    message = complaint("127.0.0.1", port)
    assert message.startswith(f"127.0.0.1:{port} is in use: ")
    assert "choose another PORT" in message


@needs_ipv6
def test_a_link_local_address_without_its_interface() -> None:
    assert complaint("fe80::1").startswith("HOST 'fe80::1' is link-local: write its interface too")


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
    def fail(*_arguments: object, **_options: object) -> socket.socket:
        raise OSError(code, os.strerror(code)) if code else OSError("strange")

    monkeypatch.setattr(listener_module, "_listen", fail)
    assert says in complaint("127.0.0.1", 80)


def test_a_connection_that_comes_before_anybody_accepts_has_the_options(listen: Listen) -> None:
    """Workers start after the port is open: their connections wait for them."""
    ((listener,),) = listen(("127.0.0.1", 0)).loops
    with socket.create_connection(("127.0.0.1", listener.port), 5):
        listener.sock.setblocking(True)
        accepted, _ = listener.sock.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
