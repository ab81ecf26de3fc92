"""The processes of a scenario: healed while they run, and never left behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from app.core.framing import frame
from app.core.settings import MIB, Settings
from app.lab.lab_client import LabClient
from app.lab.lab_pair import LabPair
from app.lab.lab_server import LabError, LabServer
from app.lab.scenario import Scenario
from app.lab.scenarios import SCENARIOS
from tests.program import ROOT, environment
from tests.waiting import until

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
QUICK = ["zero-length", "edge-no-drain", "close-unread"]
"""Scenarios whose rounds take some milliseconds; tests/faults plays all."""
PLAYS = """\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from app.lab.lab_pair import LabPair
from app.lab.scenarios import SCENARIOS
with LabPair(SCENARIOS[0]) as pair:
    print(pair.right.pid, pair.wrong.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def wrong() -> Iterator[LabServer]:
    with LabServer.wrong("pollout-always", "127.0.0.1") as server:
        server.wait_until_serving()
        yield server


def shows(scenario: Scenario, pair: LabPair) -> bool:
    return scenario.is_shown(*pair.play(1))


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_mistake_shows_until_it_is_healed(name: str) -> None:
    scenario = BY_NAME[name]
    with LabPair(scenario) as pair:
        assert shows(scenario, pair)
        pair.heal()
        right, healed = pair.play(1)
        assert healed.value == right.value == 0


def polls_of(server: LabServer) -> int:
    return server.figures().polls


@pytest.mark.slow
def test_a_loop_that_never_sleeps_sleeps_once_it_is_healed(wrong: LabServer) -> None:
    with LabClient(wrong) as client:
        client.ping()
        before = polls_of(wrong)
        until(lambda: polls_of(wrong) > before + 10_000, "thousands of polls of an idle loop")
        wrong.heal()
        until(lambda: polls_of(wrong) == polls_of(wrong), "no poll between two looks")
        client.ping()


@pytest.mark.slow
def test_what_is_half_done_goes_on_in_the_healed_loop(wrong: LabServer) -> None:
    body = random.Random(1).randbytes(MIB)
    pending = frame(body) * 32
    with LabClient(wrong) as half, LabClient(wrong, receive_buffer=16 * 1024) as full:
        half.send(frame(b"hello")[:6])
        full.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):  # the server waits until its echo is read
            while pending:
                pending = pending[full.sock.send(pending) :]
        assert pending
        half.wait_until_taken()
        wrong.heal()
        half.send(frame(b"hello")[6:])
        assert half.next_body() == b"hello"
        full.sock.settimeout(10)
        assert full.next_body() == body


@pytest.mark.slow
def test_a_loop_that_is_stuck_in_accept_is_healed() -> None:
    with LabServer.wrong("eagain", "127.0.0.1") as server:
        server.wait_until_serving()
        with LabClient(server) as client:
            client.send(frame(b"hello"))
            assert not client.has_input(0.2)
            server.heal()
            assert client.next_body() == b"hello"


@pytest.mark.slow
def test_a_loop_that_is_stuck_in_recv_is_healed() -> None:
    with LabServer.wrong("head-of-line", "127.0.0.1") as server:
        server.wait_until_serving()
        with LabClient(server) as slow, LabClient(server) as other:
            slow.send(b"\0\0\0\x09")
            slow.wait_until_taken()
            until(lambda: not other.has_input(0) and not answers(other), "a loop that is stuck")
            server.heal()
            assert other.next_body() == b"x"


def answers(client: LabClient) -> bool:
    """Whether a frame is echoed within a moment; if not, its echo is still owed."""
    client.send(frame(b"x"))
    return client.has_input(0.2) and client.next_body() == b"x"


@pytest.mark.slow
def test_the_right_server_takes_the_order_to_heal_as_well() -> None:
    with LabServer.right(Settings(port=0)) as server:
        server.wait_until_serving()
        server.heal()
        with LabClient(server) as client:
            assert client.ping() < 10


@pytest.mark.slow
def test_a_server_that_does_not_start_is_told_in_one_line() -> None:
    with (
        LabServer.wrong("no such mistake", "127.0.0.1") as server,
        pytest.raises(LabError, match="a server has ended with 1: KeyError") as told,
    ):
        server.wait_until_serving()
    assert "\n" not in str(told.value)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_server_outlives_the_lab(number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PLAYS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    with process, process.stdin:
        pids = list(map(int, process.stdout.readline().split()))
        assert len(pids) == 2
        assert all(map(is_running, pids))
        os.kill(process.pid, number)
        process.wait(10)
        until(lambda: not any(map(is_running, pids)), "the end of both servers")


def is_running(pid: int) -> bool:
    """Whether a process runs: one that nobody has waited for yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
