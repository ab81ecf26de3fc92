"""The machine gives up a pending echo."""

from __future__ import annotations

from app.core.events import POLLIN, Reason
from app.core.framing import frame
from app.server.machine import EchoMachine

CAP = 1000


def test_an_echo_that_is_given_up_is_counted_as_not_sent() -> None:
    machine = EchoMachine()
    machine.receive(frame(b"one") + frame(b"two") + frame(b"six"), CAP, 1.0)
    machine.sent(9)
    machine.begin_close(Reason.KILLED)
    machine.abandon_echo()
    assert (machine.pending, machine.out_frames, machine.bytes_kept) == (0, 2, 12)
    assert machine.wanted_interest == POLLIN
    machine.close()
    assert machine.out_frames == 2
