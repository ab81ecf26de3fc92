"""What a refused header most probably is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.framing import header
from app.doctor.refused_header import looks_like


@pytest.mark.parametrize(
    ("first", "what"),
    [
        (b"GET / HTTP/1.1\r\n", "looks like an HTTP request: 'GET / HTTP/1.1\\x0d"),
        (b"POST", "looks like an HTTP request"),
        (b"PRI * HTTP/2.0\r\n", "looks like an HTTP/2 client"),
        (b"HTTP/1.1 400 Bad", "looks like an HTTP response"),
        (b"SSH-2.0-OpenSSH", "looks like an SSH banner"),
        (b"\x16\x03\x01\x02\x00\x01", "looks like a TLS record"),
        ((12).to_bytes(4, "little"), "looks like a little-endian length of 12"),
        (header(1001), "a body over the CAP, or a length that counts its own four bytes"),
        (header(1004), "a body over the CAP, or a length that counts its own four bytes"),
        (header(1005), ""),
        (b"hello\x1b[2J", "looks like text: 'hello\\x1b[2J'"),
        (b"\xde\xad\xbe\xef", ""),
        (header(2**31 + 1), ""),
        (b"\x16\x04\x00\x00", ""),
    ],
)
def test_a_guess_at_what_a_refused_header_is(first: bytes, what: str) -> None:
    guess = looks_like(first, 1000)
    assert guess.startswith(what)
    assert bool(guess) is bool(what)


@given(st.binary(min_size=4, max_size=40))
def test_a_guess_is_always_one_printable_line(first: bytes) -> None:
    assert all(" " <= char <= "~" or char == "…" for char in looks_like(first, 1000))
