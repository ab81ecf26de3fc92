"""The first message of a client alone: it waits for an echo that does not come."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from app.core.framing import frame, header
from app.doctor.diagnose import diagnose
from tests.doctor.streams import MIB

TEXTS = [
    json.dumps({"id": 4000 + number, "text": "over the lazy dog " * number}).encode()
    for number in range(1, 30)
]


def code(data: bytes, ended: bool = False) -> str:
    found = diagnose(data, 0, ended, MIB)
    return found.code if found else ""


@pytest.mark.parametrize(
    ("wrap", "framing"),
    [
        (lambda body: header(len(body))[2:] + body, "u16be"),
        (lambda body: header(len(body))[:1:-1] + body, "u16le"),
        (lambda body: header(len(body))[1:] + body, "u24be"),
        (lambda body: b"\0" + frame(body), "flag_u32be"),
        (lambda body: b"%d:%s," % (len(body), body), "netstring"),
    ],
)
def test_one_whole_document_names_its_framing(wrap: Callable[[bytes], bytes], framing: str) -> None:
    assert [code(wrap(text)) for text in TEXTS] == [framing] * len(TEXTS)


def test_a_document_behind_any_other_two_bytes_has_no_length() -> None:
    for text in TEXTS:
        assert code(header(len(text) + 5)[2:] + text) == ""


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("size", [256, 1000, 1024, 4096])
def test_a_whole_buffer_behind_each_header_is_named(size: int, count: int) -> None:
    sent = b"".join(header(len(text)) + text.ljust(size, b"\0") for text in TEXTS[:count])
    assert code(sent) == "buffer_tail"


def test_two_equal_digits_are_a_length_too() -> None:
    assert code(b"66:" + b"x" * 66 + b",") == "netstring"


def test_what_begins_like_a_protocol_by_chance_is_not_named() -> None:
    pickled = b"\x80\x02T\x04\xb9mG"  # a string of 1.2 GB
    masked = b"\x81\xa7\0the brown brown brown the brown dog"  # unmasked it has control characters
    assert [code(pickled + bytes(range(256)) * 4), code(masked)] == ["", ""]
