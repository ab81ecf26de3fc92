"""The faults that a client meets, made from what it does where nothing is wrong."""

from __future__ import annotations

import sys

import pytest

from app.core.fault_spec import FaultSpec
from app.core.framing import frame
from app.proving.client_cases import CLIENT_CASES, CUT_TIME, MOST_WAIT, Baseline
from app.proving.client_check import ClientCheck
from app.proving.client_run import MOST_OUTPUT, ClientCommand, run_client

CASES = {case.name: case for case in CLIENT_CASES}


def seen(*bodies: int, frames: int = 0, timeout: float = 10.0) -> Baseline:
    echoes = tuple(frame(bytes(size)) for size in bodies)
    size = sum(map(len, echoes)) * max(1, frames // max(1, len(bodies)))
    return Baseline(echoes, len(echoes[0]), frames or len(bodies), size, 0, 2, 0, False, timeout)


def made(name: str, baseline: Baseline) -> FaultSpec:
    fault = CASES[name].spec(baseline)
    assert fault is not None
    return fault


@pytest.mark.parametrize("frames", [1, 2, 500, 8000])
def test_waits_are_bounded_however_many_frames_there_are(frames: int) -> None:
    baseline = seen(5, frames=frames)
    for name in ("slice_header_1_3", "slice_header_2_2", "slice_header_body", "slice_powers"):
        fault = made(name, baseline)
        treated = -(-frames // fault.every)
        assert treated <= 2 or fault.gap * len(fault.cuts) * treated <= CUT_TIME
        assert treated >= min(2, frames)
    late = made("late", baseline)
    assert 0.1 < late.delay <= MOST_WAIT
    assert late.delay * -(-frames // late.every) <= 2 * MOST_WAIT


def test_no_echo_is_slower_than_a_second() -> None:
    for sizes in ((5, 1 << 20), (1 << 20, 5), (100,)):
        assert max(sizes) / made("slow", seen(*sizes)).rate <= 1.0


def test_the_bit_is_flipped_in_the_largest_echo() -> None:
    baseline = seen(5, 1000, 7)
    assert made("flipped_bit", baseline).corrupt == 9 + 4 + 500
    assert made("flipped_bit", seen(0)).corrupt == 3
    assert made("flipped_bit", baseline._replace(echoes=(), first_echo=104)).corrupt == 54


def client(bodies: str, more: str = "") -> ClientCommand:
    """A client that sends all bodies at once; right, but for `more`."""
    script = (
        "import socket,sys; s=socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)\n"
        f"{more}\n"
        f"data=b''.join(len(b).to_bytes(4,'big')+b for b in {bodies})\n"
        "s.sendall(data); sys.exit(s.recv(len(data), socket.MSG_WAITALL) != data)"
    )
    return ClientCommand((sys.executable, "-c", script, "{host}", "{port}"))


def verdicts(command: ClientCommand, *names: str) -> list[tuple[bool, bool]]:
    told = ClientCheck(command, 3.0, 1).play([CASES[name] for name in names])
    return [(verdict.ok, verdict.skipped) for verdict in told]


def test_two_alike_cannot_be_told_apart() -> None:
    names = "whole", "two_together", "swapped"
    assert verdicts(client("(b'same', b'same')"), *names) == [
        (True, False), (True, False), (True, True)
    ]  # fmt: skip
    assert verdicts(client("(b'same', b'other')"), *names) == [(True, False)] * 3


def test_frames_under_way_behind_a_greeting_are_seen() -> None:
    greeting = "s.sendall(b'\\0\\0\\0\\2hi'); assert s.recv(6, socket.MSG_WAITALL)[4:] == b'hi'"
    names = "two_together", "swapped"
    assert verdicts(client("(b'a', b'bc')", greeting), *names) == [(True, False)] * 2


def test_an_output_without_end_is_bounded() -> None:
    words = sys.executable, "-c", "while True: print('x' * 10_000)", "{port}"
    run = run_client(ClientCommand(words), None, 0.5)
    assert run.exit_code is None
    assert len(run.output) == MOST_OUTPUT
