"""The body sizes of the command line, and the frame loop made from them."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.framing import HEADER_SIZE, read_length
from app.core.settings import MIB, SettingError
from app.load import frame_loop as frame_loop_module
from app.load.frame_loop import WINDOW, FrameLoop
from app.load.sizes import SizeRange, describe, draw_sizes, mean_frame, parse_sizes


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("64", [SizeRange(64, 64)]),
        ("0", [SizeRange(0, 0)]),
        ("64-4KiB", [SizeRange(64, 4096)]),
        (" 64 - 4KiB ", [SizeRange(64, 4096)]),
        (
            "64:80,4KiB:15,100kB:5",
            [SizeRange(64, 64, 80), SizeRange(4096, 4096, 15), SizeRange(100_000, 100_000, 5)],
        ),
        ("1-9:3,1MiB", [SizeRange(1, 9, 3), SizeRange(1 << 20, 1 << 20, 1)]),
    ],
)
def test_sizes(text: str, sizes: list[SizeRange]) -> None:
    assert parse_sizes(text) == tuple(sizes)


@pytest.mark.parametrize(
    "text", ["", "x", "64-", "-64", "4KiB-64", "2GiB", "64:0", "64:-1", "64:1.5", "64,,65", "1-2-3"]
)
def test_sizes_that_cannot_be(text: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_sizes(text)
    assert "\n" not in str(caught.value)
    assert repr(text)[1:-1] in str(caught.value) or "size" in str(caught.value)


def test_sizes_in_words() -> None:
    assert describe(parse_sizes("64")) == "64B"
    assert describe(parse_sizes("64:3,1KiB-2KiB:1")) == "64B 75 %, 1KiB-2KiB 25 %"


def test_each_size_has_its_share_whatever_chance_says() -> None:
    drawn = Counter(draw_sizes(parse_sizes("64:80,4KiB:15,100KiB:5"), 200, random.Random(1)))
    assert drawn == {64: 160, 4096: 30, 102_400: 10}
    ranged = draw_sizes(parse_sizes("10-20"), 500, random.Random(1))
    assert (min(ranged), max(ranged)) == (10, 20)


def test_the_mean_frame() -> None:
    assert mean_frame(parse_sizes("10-20:1,100:1")) == HEADER_SIZE + (15 + 100) / 2


@given(st.sampled_from(["0", "1", "64", "0-9", "64:80,4KiB:15", "100kB"]), st.integers(1, 40))
def test_a_frame_loop_is_whole_frames_round_and_round(text: str, depth: int) -> None:
    frame_loop = FrameLoop(parse_sizes(text), depth, 1)
    assert len(frame_loop.stream) == frame_loop.size + WINDOW
    assert frame_loop.frames > 2 * depth
    assert len(frame_loop.starts) == 2 * frame_loop.frames + 1
    for index in {0, 1, depth, frame_loop.frames - 1, frame_loop.frames, frame_loop.frames + depth}:
        frame = frame_loop.frame(index)
        assert len(frame) == HEADER_SIZE + read_length(frame, 0)[0]
        assert frame_loop.starts[index + 1] - frame_loop.starts[index] == len(frame)
    assert (
        frame_loop.stream[frame_loop.size :]
        == (frame_loop.stream[: frame_loop.size] * (WINDOW // frame_loop.size + 1))[:WINDOW]
    )


def test_frames_of_a_frame_loop_are_all_different() -> None:
    frame_loop = FrameLoop(parse_sizes("16"), 16, 3)
    assert len({frame_loop.frame(index) for index in range(frame_loop.frames)}) == frame_loop.frames


def test_the_seed_decides() -> None:
    sizes = parse_sizes("1-100")
    assert FrameLoop(sizes, 1, 5).stream == FrameLoop(sizes, 1, 5).stream
    assert FrameLoop(sizes, 1, 5).stream != FrameLoop(sizes, 1, 6).stream


def test_connections_start_far_apart() -> None:
    frame_loop = FrameLoop(parse_sizes("64"), 16, 1)
    firsts = sorted(frame_loop.first_frame(number) for number in range(64))
    apart = [b - a for a, b in pairwise(firsts)]
    assert min(apart) > 2 * 16


def test_a_frame_loop_is_kept_once_and_made_in_place() -> None:
    tracemalloc.start()
    try:
        frame_loop = FrameLoop(parse_sizes("5MiB"), 1, 1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert frame_loop.size == 4 * (5 * MIB + HEADER_SIZE)
    assert most < 1.4 * frame_loop.size


def test_the_largest_size_that_there_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/load.md promises 256 MiB with a depth of 1; the test scales it down."""
    assert 4 * parse_sizes("256MiB")[0].low == frame_loop_module.LARGEST_LOOP
    monkeypatch.setattr(frame_loop_module, "LARGEST_LOOP", 4 * MIB)
    assert FrameLoop(parse_sizes("1MiB"), 1, 1).frames == 4
    with pytest.raises(SettingError, match=r"--size and --depth 1 need .* GiB is the most"):
        FrameLoop(parse_sizes("1048577"), 1, 1)


def test_more_memory_than_there_should_be() -> None:
    with pytest.raises(SettingError, match="--depth 1000 need"):
        FrameLoop(parse_sizes("1MiB"), 1000, 1)
