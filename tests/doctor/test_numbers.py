"""What a length is that somebody read in an error message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.diagnosis import MOST_ALSO
from app.doctor.numbers import explain_number
from tests.doctor.streams import MIB


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (369295616, "tls"),
        (0x16030301, "tls"),
        (1347375956, "http1"),
        (1195725856, "http1"),
        (1213486160, "http1"),
        (1397966893, "ssh"),
        (1347569952, "http2"),
        (83886080, "u32le"),
        (2097152, "over_cap"),
        (1048577, "over_cap"),
        (0x0D0A0000, "extra_bytes"),
        (0x30303035, "ascii_length"),
        (0x7B226964, "json_lines"),
        (0x1F8B0800, "gzip"),
        (0xACED0005, "java_serialization"),
        (0x0500000000000000, "u64le"),
        (1751477356, "text_utf8"),
    ],
)
def test_a_known_number_has_its_name(number: int, code: str) -> None:
    found = explain_number(number, MIB)
    assert (found.code, code in found.also) == (code, False)


def test_a_number_that_netty_told_is_4_too_large() -> None:
    found = explain_number(1195725856 + 4, MIB)
    assert found.code == "http1"
    assert "Netty" in found.text


def test_a_number_that_a_little_endian_reader_told_is_swapped() -> None:
    assert explain_number(int.from_bytes(b"GET ", "little"), MIB).code == "http1"


def test_a_number_with_two_likely_readings_tells_both() -> None:
    found = explain_number(167772160, MIB)
    assert {found.code, *found.also} == {"extra_bytes", "u32le"}


@pytest.mark.parametrize("number", [0, 5, 131072, 262144, MIB - 1, MIB, 0x00056865])
def test_a_right_length_is_no_fault(number: int) -> None:
    found = explain_number(number, MIB)
    assert (found.code, found.also) == ("", ())
    assert "right length" in found.text


@pytest.mark.parametrize("number", [4294967295, 123456789, 3000000001, 2**40 + 12345, 2**70])
def test_of_a_number_without_a_likely_reading_no_name_is_given(number: int) -> None:
    assert explain_number(number, MIB).code == ""


@pytest.mark.parametrize("number", [369295616, 5, 123456789])
def test_every_reading_is_told(number: int) -> None:
    text = explain_number(number, MIB).text
    header = number.to_bytes(4, "big")
    assert header.hex(" ") in text
    assert f"{int.from_bytes(header, 'little'):,}" in text
    assert f"{number - 4:,}" in text


@given(st.integers(0, 2**70), st.sampled_from([1, 1000, MIB, 1 << 30]))
def test_any_number_has_an_answer(number: int, cap: int) -> None:
    found = explain_number(number, cap)
    assert found.text
    assert len(found.also) <= MOST_ALSO
    assert not (number <= cap and found.code)
