"""A frame that fails is given out by the machine, with the right frames before it."""

from __future__ import annotations

import pytest

from app.core.events import Reason
from app.core.framing import frame, header
from app.server.broken_frame import BrokenFrame
from app.server.machine import EchoMachine


def test_a_refused_header_is_given_out_with_the_right_frames_of_its_read() -> None:
    machine = EchoMachine()
    data = frame(b"x" * 900) + frame(b"y" * 900) + frame(b"z") + b"GET / HT"
    assert machine.receive(data, 1000, 1.0)
    broken = machine.broken
    assert broken is not None
    assert (broken.at, broken.lead, broken.cap) == (1813, 909, 1000)
    assert broken.data == frame(b"y" * 900) + frame(b"z") + b"GET / HT"


@pytest.mark.parametrize("end", ["eof", "kill"])
def test_a_frame_in_which_the_connection_ends_is_given_out(end: str) -> None:
    machine = EchoMachine()
    assert machine.receive(frame(b"good") + header(9)[:2], 1000, 1.0)
    machine.sent(8)
    machine.receive(machine.take_backlog(), 1000, 2.0, counted=True)
    machine.receive(header(9)[2:] + b"5 byt", 1000, 2.0)
    if end == "eof":
        machine.end_of_input()
    else:
        machine.close(Reason.KILLED)
    assert machine.broken == BrokenFrame(8, 0, header(9) + b"5 byt")


def test_between_frames_no_frame_is_broken_by_an_end() -> None:
    machine = EchoMachine()
    assert machine.receive(frame(b"good"), 1000, 1.0)
    machine.sent(8)
    machine.end_of_input()
    assert machine.broken is None
