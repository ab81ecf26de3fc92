"""Addresses as people write them."""

from __future__ import annotations

import socket

import pytest

from app.core.addresses import Address, format_address, split_host_port


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (("127.0.0.1", 9000), "127.0.0.1:9000"),
        (("::1", 9000, 0, 0), "[::1]:9000"),
        (("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7:1"),
        (("::FFFF:192.0.2.7", 1, 0, 0), "192.0.2.7:1"),
        (("::ffff:0:1", 1, 0, 0), "[::ffff:0:1]:1"),
        (("fe80::1%eth0", 5, 0, 2), "[fe80::1%eth0]:5"),
    ],
)
def test_addresses_as_people_write_them(address: tuple[object, ...], text: str) -> None:
    assert format_address(address) == text


def test_an_address_prints_itself() -> None:
    assert str(Address("::1", 9100)) == "[::1]:9100"


@pytest.mark.parametrize(
    ("address", "written"),
    [
        (("fe80::1", 9, 0, 1), f"[fe80::1%{socket.if_indextoname(1)}]:9"),
        (("fe80::1%lo", 9, 0, 1), "[fe80::1%lo]:9"),
        (("fe80::1", 9, 0, 2**31 - 1), f"[fe80::1%{2**31 - 1}]:9"),
        (("::1", 9, 0, 0), "[::1]:9"),
        (("fe80::1%eth0", 9), "[fe80::1%eth0]:9"),
    ],
)
def test_a_link_local_address_has_its_interface(address: tuple[object, ...], written: str) -> None:
    assert format_address(address) == written
    assert split_host_port(written) == (written[1:].partition("]")[0], "9")
