"""Counting frames without the state machine, against a slow and obvious count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import framing
from app.core.framing import (
    ALIKE_AT_ONCE,
    HEADER_SIZE,
    burst_filling,
    frame,
    frames_filling,
    header,
    whole_frames,
)
from app.server.budgets import FRAME_BUDGET

CAP = 50


def slow_frames(data: bytes) -> list[int]:
    """The lengths of the frames that stand complete in `data`, and -1 if a rest is left."""
    lengths: list[int] = []
    while data:
        length = int.from_bytes(data[:HEADER_SIZE], "big")
        if len(data) < HEADER_SIZE + length or len(data) < HEADER_SIZE:
            return [*lengths, -1]
        lengths.append(length)
        data = data[HEADER_SIZE + length :]
    return lengths


def slow_filling(data: bytes, cap: int) -> int:
    lengths = slow_frames(data)
    fits = len(lengths) <= FRAME_BUDGET and all(0 <= length <= cap for length in lengths)
    return len(lengths) if fits else 0


def is_burst(lengths: list[int]) -> bool:
    alike = len({*lengths}) == 1 and 0 <= lengths[0] <= CAP
    return alike and 1 <= len(lengths) <= ALIKE_AT_ONCE


streams = st.one_of(
    st.binary(max_size=80),
    st.lists(st.binary(max_size=60), max_size=20).map(lambda b: b"".join(map(frame, b))),
    st.tuples(st.binary(max_size=60), st.integers(0, 40), st.binary(max_size=9)).map(
        lambda parts: frame(parts[0]) * parts[1] + parts[2]
    ),
)


@given(streams)
def test_frames_filling_agrees_with_the_slow_count(data: bytes) -> None:
    assert frames_filling(data, CAP, FRAME_BUDGET) == slow_filling(data, CAP)


@given(streams)
def test_a_burst_is_frames_of_one_length_within_the_cap(data: bytes) -> None:
    lengths = slow_frames(data)
    burst = burst_filling(data, CAP)
    assert bool(burst) == is_burst(lengths)
    if burst:
        size, lengths_of, of_burst, frames = burst
        assert (size, list(of_burst), frames) == (len(data), lengths, len(lengths))
        assert lengths_of(data) == of_burst


@given(
    body=st.binary(max_size=20),
    count=st.integers(2, 2 * ALIKE_AT_ONCE),
    where=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
)
def test_the_shortcut_for_alike_frames_sees_every_byte_of_every_header(
    body: bytes, count: int, where: float, flip: int
) -> None:
    data = bytearray(frame(body) * count)
    data[int(where * len(data))] ^= flip
    assert bool(burst_filling(bytes(data), CAP)) == is_burst(slow_frames(bytes(data)))
    assert frames_filling(bytes(data), CAP, FRAME_BUDGET) == slow_filling(bytes(data), CAP)


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (b"", 0),
        (b"\0\0\0", 0),
        (frame(b""), 1),
        (frame(b"") * FRAME_BUDGET, FRAME_BUDGET),
        (frame(b"") * (FRAME_BUDGET + 1), 0),
        (frame(b"x") * (FRAME_BUDGET + 1), 0),
        (frame(b"x" * CAP) * ALIKE_AT_ONCE, ALIKE_AT_ONCE),
        (frame(b"x" * CAP) * (ALIKE_AT_ONCE + 1), ALIKE_AT_ONCE + 1),
        (frame(b"x" * (CAP + 1)) * 2, 0),
        (frame(b"x") + header(CAP + 1), 0),
        (frame(b"x") + b"\0", 0),
    ],
    ids=repr,
)
def test_frames_filling_at_its_edges(data: bytes, frames: int) -> None:
    assert frames_filling(data, CAP, FRAME_BUDGET) == frames


@given(streams)
def test_whole_frames_agrees_with_the_slow_count(data: bytes) -> None:
    assert whole_frames(data) == len([length for length in slow_frames(data) if length >= 0])


def test_a_flood_is_not_counted_beyond_the_budget(count_reads: Callable[[], int]) -> None:
    """However many tiny frames one read holds, one call looks at no more than a budget of them."""
    assert frames_filling(frame(b"") * (FRAME_BUDGET * 50) + b"\0", CAP, FRAME_BUDGET) == 0
    assert count_reads() <= FRAME_BUDGET + 2


@pytest.fixture
def count_reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    reads = 0
    read_length = framing.read_length

    def counted(data: bytes, offset: int = 0) -> tuple[int]:
        nonlocal reads
        reads += 1
        (length,) = read_length(data, offset)
        return (int(length),)

    monkeypatch.setattr(framing, "read_length", counted)
    return lambda: reads
