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


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_header_that_is_written_twice_is_told_as_that(count: int) -> None:
    sent = b"".join(header(len(text)) * 2 + text for text in TEXTS[3 : 3 + count])
    found = diagnose(frame(b"before") + sent, 0, False, MIB)
    assert found is not None
    assert (found.code, found.also, found.offset) == ("extra_bytes", (), 14)
    assert found.fits == "right frames, each with its header written twice"
    assert found.text.endswith("Write the header once; a layer below may write it, too.")


@pytest.mark.parametrize(("tail", "name"), [(b"\n", "a newline (0a)"), (b"\0", "a NUL (00)")])
def test_the_byte_that_is_too_much_is_named(tail: bytes, name: str) -> None:
    found = diagnose((frame(TEXTS[0]) + tail) * 2, 0, False, MIB)
    assert found is not None
    assert found.fits == f"right frames, each followed by {name} that the length leaves out"


def test_the_refused_header_is_told_before_the_first_wrong_byte() -> None:
    found = diagnose((frame(b"a body") + b"\0") * 2, 0, False, MIB)
    assert found is not None
    assert found.offset == 10
    assert found.text.startswith(
        "At offset 14 the header 06 61 20 62 announces 107,028,578 bytes, over the CAP of"
        " 1,048,576; the first wrong byte is at offset 10: 00 00 00 00. All 22 bytes from offset 0"
    )
