"""The doctor: a right name or none, on streams whose truth is known."""

from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.diagnosis import MOST_ALSO, Diagnosis
from app.core.framing import frame, header
from app.doctor.diagnose import MOST_JUDGED, describe_unnamed, diagnose
from tests.doctor.judging import ALL_KINDS, diagnosed, judge, tally
from tests.doctor.streams import (
    FRAMED_KINDS,
    MIB,
    QUIET_KINDS,
    Stream,
    deceiving,
    draw,
    prose,
    random_stream,
    right_stream,
)

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "cases.jsonl").read_text("utf-8").splitlines()
]
SEED = 4711
EACH = 25
LEAST = {
    "u64be": 0.1,
    "varint": 0.2,
    "u24be": 0.5,
    "over_cap": 0.55,
    **dict.fromkeys(QUIET_KINDS, 0),
}
"""The share of each kind that is named; of the others 0.65."""


def case_stream(case: dict[str, Any]) -> Stream:
    return Stream(
        bytes.fromhex(case["hex"]),
        tuple(case["codes"]),
        tuple(case["tolerated"]),
        case["ended"],
        case["cap"],
        case["before"],
    )


def named(data: bytes, ended: bool = False, cap: int = MIB, before: int = 0) -> Diagnosis:
    found = diagnose(data, before, ended, cap)
    assert found is not None
    return found


def little(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_is_named_rightly_or_not_at_all(case: dict[str, Any]) -> None:
    stream = case_stream(case)
    found = diagnosed(stream)
    assert judge(stream, found) != "wrong", found
    if case["name"].startswith("client "):
        assert judge(stream, found) == "right", found


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_streams_of_a_kind_are_named_rightly_and_mostly_named(kind: str) -> None:
    counts = tally(draw({kind: ALL_KINDS[kind]}, EACH, SEED))[kind]
    assert counts["wrong"] == 0, counts
    assert counts["right"] >= LEAST.get(kind, 0.65) * EACH, counts


@pytest.mark.parametrize("make", [random_stream, right_stream, deceiving])
def test_nothing_is_named_where_nothing_is_wrong_or_known(make: object) -> None:
    streams = [stream for _, stream in draw({"quiet": make}, 400, 7)]  # type: ignore[dict-item]
    assert [(s.data[:40], diagnosed(s)) for s in streams if diagnosed(s)] == []


def test_text_is_text() -> None:
    rng = random.Random(5)
    codes = {found.code for _ in range(200) if (found := diagnosed(prose(rng)))}
    assert codes == {"text_utf8"}


@given(
    st.binary(max_size=700),
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from([1, 1000, MIB, 1 << 30]),
)
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_judged_without_an_exception(
    data: bytes, before: int, ended: bool, cap: int
) -> None:
    found = diagnose(data, before, ended, cap)
    assert found is None or (found.code and found.text and len(found.also) <= MOST_ALSO)
    assert describe_unnamed(data, ended, cap).text


@given(st.sampled_from(list(ALL_KINDS)), st.integers(0, 10_000), st.data())
@settings(deadline=None, max_examples=300)
def test_broken_streams_are_judged_without_an_exception(
    kind: str, seed: int, data: st.DataObject
) -> None:
    stream = ALL_KINDS[kind](random.Random(seed))
    broken = bytearray(stream.data or b"\0")
    broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    diagnose(bytes(broken), 0, data.draw(st.booleans()), stream.cap)


def test_the_offset_is_that_of_the_first_wrong_byte() -> None:
    right = frame(b"hello") + frame(b"status")
    assert named(right + little(b"hello") + little(b"status of 7")).offset == len(right)
    found = named(right + frame(b"hello") + b"\n" + frame(b"bye, then") + b"\n")
    assert (found.code, found.offset, found.header) == ("extra_bytes", len(right) + 9, "0a000000")
    assert named(right + header(4 * MIB) + bytes(range(256)) * 2).offset == len(right)
    assert named(b"GET / HTTP/1.1\r\n\r\n").offset == 0


def test_one_byte_that_does_not_fit_is_enough_for_silence() -> None:
    stream = little(b"hello") + little(b"status of 7") + little(b"list accounts")
    assert named(stream).code == "u32le"
    broken = stream + b"\xf0\xf1\xf2\xf3\xf4"
    assert diagnose(broken, 0, False, MIB) is None


def test_a_whole_number_of_mib_is_a_large_body_and_not_a_byte_order() -> None:
    for count in (2, 3, 4, 8, 64):
        for body in (b"text, " * 90, random.Random(count).randbytes(500)):
            found = named(header(count * MIB) + body)
            assert (found.code, "u32le" in found.also) == ("over_cap", False)


def test_a_body_within_the_cap_is_right_whatever_its_length_looks_like() -> None:
    for length in (256 << 10, MIB, MIB - 1, 0x000A0D0A, 0x00056865):
        assert (
            diagnose(header(length) + random.Random(length).randbytes(500), 0, False, MIB) is None
        )


def test_zero_bytes_and_a_few_empty_frames_are_no_fault() -> None:
    assert diagnose(b"", 0, True, MIB) is None
    assert diagnose(bytes(40), 10, False, MIB) is None
    assert named(bytes(400)).code == "zeros"


def test_four_missing_bytes_tell_of_a_length_that_counts_itself_but_not_behind_right_frames() -> (
    None
):
    assert named(header(9) + b"hello").code == "counts_itself"
    assert (
        diagnose(frame(b"hello") + frame(b"status") + header(13) + b"list acco", 2, False, MIB)
        is None
    )


def test_the_same_message_again_and_again_is_named_as_one_is() -> None:
    for count in (3, 4, 20, 500):
        assert named(little(b"ping") * count).code == "u32le"
        assert named((header(8) + b"ping") * count).code == "counts_itself"
        assert named((frame(b"ping") + b"\n") * count).code == "extra_bytes"


def test_a_late_slip_behind_many_right_frames_is_found() -> None:
    right = frame(b"ping") * 3000
    found = named(right + little(b"hello") + little(b"status of 7"), before=3000)
    assert (found.code, found.offset) == ("u32le", len(right))
    assert named(right + header(2 * MIB) + b"honest body " * 40).code == "over_cap"


def test_bytes_from_the_middle_of_a_connection_are_judged_by_what_stood_before() -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert named(data).code == "http1"
    assert diagnose(data, 12, False, MIB) is None


def test_two_explanations_are_both_told_with_the_byte_that_decides() -> None:
    right = frame(b"hello") + frame(b"status of 7")
    found = named(right + b"\0" + frame(b"a" * 300) + b"\0" + header(400) + b"x" * 350)
    assert {found.code, *found.also} >= {"flag_u32be", "extra_bytes"}
    assert "would decide" in found.text


def test_a_code_that_is_another_word_for_the_same_is_told_too() -> None:
    assert named(b"\0" + frame(b"hello") + b"\0" + frame(b"status of 7")).also == ("grpc",)
    assert named((frame(b"hello") + b"\n") * 3).also == ("short_length",)


def test_text_with_its_length_before_it_is_told_as_both() -> None:
    """Syslog with octet counting (RFC 6587), as `logger --octet-count` of util-linux sends it."""
    log = (
        "<13>1 2026-11-29T21:16:27.001336+00:00 vm root - - "
        '[timeQuality tzKnown="1" isSynced="0"] {}'
    )
    first, second, third = (
        f"{len(log.format(word))} {log.format(word)}".encode() for word in ("one", "two", "a third")
    )
    assert named(first + second + third).code == "ascii_length"
    found = named(first + second)
    assert (found.code, found.also) == ("ascii_length", ("text_utf8",))
    assert "(text_utf8): this fits too." in found.text
    found = named(b"99 <13>1 2026-11-29T21:16:26" + b" disk full".ljust(74, b"."))
    assert (found.code, found.also) == ("text_utf8", ("ascii_length",))
    assert named(b"10 green bottles hanging on the wall, and nothing else\n").also == ()


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"\x01\0\0\0\x05", ()),  # the status and the length of Thrift's SASL (impyla)
        (bytes(struct.pack("<Q", 58) + bytes(54)), ()),  # Dask's 8-byte length, cut
        (bytes.fromhex("0300001611e00000000100c1020100c2020101c0010a"), ()),  # Siemens S7
        (bytes.fromhex("0300001611e00000000100c1"), ()),
        (  # nmap's probe for MongoDB: it answers message -1
            struct.pack("<IIiIi", 65, 0x303A, -1, 2004, 0) + b"test.$cmd\0".ljust(45, b"\xff"),
            ("mongodb", "counts_itself_le"),
        ),
        (b"OPTIONS *", ("http1", "rtsp")),
        (b"OPTIONS * R", ("rtsp",)),
        (b"OPTIONS * HT", ("http1",)),
        (b"202 accepted, " + b"as it says: " * 15, ("text_utf8",)),
        (b"0200" + b"accepted".ljust(200, b"."), ("ascii_length", "text_utf8")),
    ],
)
def test_a_real_client_that_is_cut_is_named_by_all_that_it_may_be(
    data: bytes, codes: tuple[str, ...]
) -> None:
    found = diagnose(data, 0, False, MIB)
    assert (found and (found.code, *found.also)) == (codes or None)


def test_the_text_tells_the_facts_first() -> None:
    text = named(little(b"hello") + little(b"status of 7")).text
    assert text.startswith("At offset 0 the header 05 00 00 00 announces 83,886,080 bytes")
    assert "CAP of 1,048,576" in text
    assert "2 frames" in text


def test_a_stream_longer_than_what_is_judged_counts_as_one_that_goes_on() -> None:
    assert named(little(b"hello") * 20_000, ended=True).code == "u32le"
    assert diagnose(frame(b"x") * (MOST_JUDGED // 4), 0, True, MIB) is None


@pytest.mark.parametrize("kind", ["random", "right", "u32le", "text", "http", "over"])
def test_64_kib_are_judged_in_a_few_milliseconds(kind: str) -> None:
    rng = random.Random(1)
    data = {
        "random": rng.randbytes(MOST_JUDGED),
        "right": b"".join(frame(rng.randbytes(60)) for _ in range(1024)),
        "u32le": little(b"status of 7") * 4369,
        "text": b"hello world, this is text\n" * 2520,
        "http": b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1600,
        "over": header(1 << 24) + b"honest body " * 5461,
    }[kind][:MOST_JUDGED]
    took = []
    for _ in range(5):
        began = time.thread_time()
        diagnose(data, 0, False, MIB)
        took.append(time.thread_time() - began)
    assert min(took) < 0.02  # 5 ms on a machine that does nothing else


def test_each_framing_has_its_streams() -> None:
    assert set(FRAMED_KINDS) >= {"u32le", "varint", "interleaved", "over_cap"}


RECORDS = {
    "u16be": lambda body: struct.pack(">H", len(body)) + body,
    "u24be": lambda body: header(len(body))[1:] + body,
    "u32be": frame,
    "u16le": lambda body: struct.pack("<H", len(body)) + body,
    "u32le": little,
    "varint": lambda body: bytes([len(body)]) + body,
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_large_frame_of_records_is_right_wherever_it_is_cut(kind: str) -> None:
    rng = random.Random(SEED)
    for number in range(60):
        words = (rng.randbytes(9).hex()[: rng.randint(3, 18)].encode() for _ in range(1200))
        same = b"abcdefghijkl"[: rng.randint(1, 12)]
        bodies = [same if number % 2 else word for word in words]
        batch = b"".join(map(RECORDS[kind], bodies))
        length = rng.choice([65_536, 131_072, 262_144, 900_000, rng.randint(9_000, MIB)])
        sent = header(length) + batch[: rng.choice([4092, rng.randint(200, 5000)])]
        assert diagnose(sent, 0, False, MIB) is None, (kind, length, len(sent))


def test_right_frames_in_right_frames_are_right() -> None:
    rng = random.Random(SEED)
    for number in range(300):
        sizes = [rng.randint(1, 40) for _ in range(8)] if number % 2 else [rng.randint(1, 40)] * 8
        whole = b"".join(frame(frame(rng.randbytes(size))) for size in sizes)
        sent = whole[: rng.randint(9, len(whole))] if number % 3 else whole
        assert diagnose(sent, 0, False, MIB) is None, sent.hex()


@pytest.mark.parametrize(
    "make",
    [
        lambda body: header(4) + frame(body),
        lambda body: header(2) + frame(body),
        lambda body: (len(body) + 8).to_bytes(8, "big") + body,
        lambda body: (len(body) + 8).to_bytes(8, "little") + body,
        lambda body: bytes(4) + struct.pack("<I", 2) + body.ljust(16, b"\0"),
    ],
    ids=["type 4", "type 2", "u64be that counts itself", "u64le that counts itself", "words"],
)  # fmt: skip
def test_a_framing_without_a_name_gets_none(make: Callable[[bytes], bytes]) -> None:
    rng = random.Random(SEED)
    for _ in range(40):
        words = (b"login ada", b"status of 7", b"list accounts", b"move 12 to 9", b"quit now")
        sent = b"".join(make(rng.choice(words)) for _ in range(rng.randint(3, 9)))
        assert diagnose(sent, 0, bool(rng.random() < 0.3), MIB) is None, sent.hex()


def test_a_large_frame_over_the_cap_is_no_stream_of_its_records() -> None:
    rng = random.Random(SEED)
    for kind in ("varint", "u16be", "u32be"):
        for _ in range(40):
            words = (rng.randbytes(9).hex()[: rng.randint(3, 18)].encode() for _ in range(400))
            batch = b"".join(map(RECORDS[kind], words))
            sent = header(rng.choice([2, 3, 4]) * MIB) + batch[: rng.choice([256, 4092])]
            found = diagnose(sent, 0, False, MIB)
            assert found is None or found.code == "over_cap", (kind, sent.hex())


@pytest.mark.parametrize("count", [2, 6, 12, 30])
def test_a_nul_behind_each_body_is_no_flag_before_each_header(count: int) -> None:
    words = (b"login ada", b"list accounts", b"get user 17", b"buy EURUSD", b"status 4")
    sent = b"".join(frame(words[number % 5]) + b"\0" for number in range(count))
    assert named(sent).code == "extra_bytes"


def test_a_last_field_that_comes_late_is_no_length_that_counts_itself() -> None:
    frames = [frame((0x019A_D312_3468 + at).to_bytes(8, "big") + header(at)) for at in range(6)]
    assert diagnose(b"".join(frames)[:-4], 5, False, MIB) is None
