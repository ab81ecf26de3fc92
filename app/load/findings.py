"""Findings: says in words which byte of which frame of which connection came back wrong."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from msgspec import Struct

from ..core.framing import HEADER_SIZE, read_length
from ..doctor.answers import describe_answer
from ..doctor.diagnose import MOST_JUDGED
from .frame_loop import WINDOW, FrameLoop

ENOUGH: Final = HEADER_SIZE + 4
"""Bytes that must agree before we say that an echo is that of another frame."""


class Finding(Struct, frozen=True):
    """One thing that went wrong; `offset` counts the bytes of the frame, from its header on.

    `kind` is ``wrong``, ``missing``, ``lost`` (the connection ended with no echo missing) or
    ``accepted`` (a body that is too large was not refused).
    """

    connection: int
    frame: int
    offset: int
    kind: str
    text: str
    profile: str = ""
    """The profile of a client that misbehaves; empty for a measured connection."""

    def __str__(self) -> str:
        who = f"{self.profile} client" if self.profile else "connection"
        where = f"{who} {self.connection}, frame {self.frame}, offset {self.offset}"
        return f"{where}: {self.text}"


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: ``1 frame``, ``2 frames``; `many` is an irregular plural."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def first_difference(left: bytes, right: bytes) -> int:
    """Return the first offset at which both differ, or the length of the shorter one."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(left), len(right)))


def locate_wrong_echo(
    loop: FrameLoop, position: int, frame: int, number: int, in_flight: int, data: bytes, due: int
) -> tuple[int, int, str]:
    """Return the frame's number, the offset in it, and in words what is wrong with `data`.

    `data` was read where the bytes at `position` of the frame loop were due. They belong to frame
    `frame` of the loop, which is frame `number` of the connection. At that time `in_flight` frames
    with `due` bytes were still to come.
    """
    at = position + first_difference(data[:due], bytes(loop.view[position : position + WINDOW]))
    index = bisect_right(loop.starts, at) - 1
    begin = loop.starts[index]
    got = bytes(loop.view[begin:at]) + data[at - position :]
    passed = index - frame
    text = _explain(loop, index, number + passed, in_flight - passed, got)
    return number + passed, at - begin, text


def _explain(loop: FrameLoop, index: int, number: int, in_flight: int, got: bytes) -> str:
    if in_flight == 0:
        return "more came back than was sent"
    came = _matching_frame(loop, index, number, in_flight, got)
    if came > number:
        return f"the echo of frame {came} came in its place: swapped, or this one was dropped"
    if came >= 0:
        return f"the echo of frame {came} came once more in its place"
    expected = loop.frame(index)
    at = first_difference(got, expected)
    if at < HEADER_SIZE <= len(got):
        fits = ""
        if number == 0:  # behind right echoes it is no other protocol
            fits = describe_answer(got[:MOST_JUDGED], expected[HEADER_SIZE:], ended=False)
        return (
            f"the echo announces a body of {read_length(got, 0)[0]:,} bytes, "
            f"sent were {len(expected) - HEADER_SIZE:,}{f'; {fits}' if fits else ''}"
        )
    return f"this byte came back as 0x{got[at]:02x}, sent was 0x{expected[at]:02x}"


def _matching_frame(loop: FrameLoop, index: int, number: int, in_flight: int, got: bytes) -> int:
    """Return the number of the nearby frame that `got` begins with, or -1."""
    most = loop.frames // 2
    steps: list[int] = [*range(1, min(in_flight - 1, most) + 1), *range(-min(number, most), 0)]
    for step in sorted(steps, key=abs):
        frame = loop.frame(index + step)
        compared = min(len(frame), len(got))
        if compared >= ENOUGH and got[:compared] == frame[:compared]:
            return number + step
    return -1
