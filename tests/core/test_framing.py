"""The wire format and its decoder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.framing import (
    HEADER_SIZE,
    MAX_LENGTH,
    FrameDecoder,
    TooLong,
    frame,
    header,
    read_length,
)


@pytest.mark.parametrize(
    ("length", "wire"),
    [
        (0, b"\0\0\0\0"),
        (1, b"\0\0\0\1"),
        (0x01020304, b"\1\2\3\4"),
        (2**31, b"\x80\0\0\0"),
        (MAX_LENGTH, b"\xff\xff\xff\xff"),
    ],
)
def test_a_header_is_four_bytes_big_endian(length: int, wire: bytes) -> None:
    assert header(length) == wire
    assert read_length(wire, 0) == (length,)
    assert read_length(b"before" + wire, 6) == (length,)


@given(st.binary(max_size=300))
def test_a_frame_is_its_header_and_its_body(body: bytes) -> None:
    whole = frame(body)
    assert whole[HEADER_SIZE:] == body
    assert read_length(whole, 0) == (len(body),)


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 50))
def test_bodies_come_out_whole_however_they_came_in(bodies: list[bytes], piece: int) -> None:
    data = b"".join(map(frame, bodies))
    decoder = FrameDecoder(40)
    found: list[bytes] = []
    for start in range(0, len(data), piece):
        decoder.feed(data[start : start + piece])
        found += iter(decoder.next_body, None)
    assert found == bodies
    assert decoder.buffered == 0


def announced_of(decoder: FrameDecoder) -> int | None:
    return decoder.announced


def test_a_frame_that_is_not_complete_says_what_it_announces() -> None:
    decoder = FrameDecoder()
    assert announced_of(decoder) is None
    decoder.feed(header(7)[:3])
    assert (announced_of(decoder), decoder.buffered, decoder.next_body()) == (None, 3, None)
    decoder.feed(header(7)[3:] + b"half")
    assert (announced_of(decoder), decoder.buffered, decoder.next_body()) == (7, 8, None)
    decoder.feed(b"the")
    assert decoder.next_body() == b"halfthe"


def test_too_long_a_body_is_refused_at_its_header() -> None:
    decoder = FrameDecoder(1000)
    decoder.feed(frame(b"x" * 1000) + header(1001))
    assert decoder.next_body() == b"x" * 1000
    with pytest.raises(TooLong, match=r"announces 1,001 bytes, the limit is 1,000") as caught:
        decoder.next_body()
    assert (caught.value.announced, caught.value.limit) == (1001, 1000)


def test_the_limit_may_change_between_two_messages() -> None:
    decoder = FrameDecoder(1)
    decoder.feed(frame(b"a") + frame(b"bc"))
    assert decoder.next_body() == b"a"
    decoder.limit = 2
    assert decoder.next_body() == b"bc"
