"""Memory comes back when peers leave, and what one peer can hold of it is bounded."""

from __future__ import annotations

import socket
import time
from math import inf

import psutil
import pytest

from app.core.framing import frame
from app.server.machine import EchoMachine
from app.server.memory import (
    COST_SHARE,
    LONGEST_PAUSE,
    MOST_OF_ONE,
    TRIM_AFTER,
    WORTH_IT,
    FreedMemory,
)
from tests.peers import connect, read_exactly
from tests.program import Headless
from tests.waiting import until

MIB = 1024**2


def test_it_is_given_back_once_enough_was_freed_and_not_too_often() -> None:
    times = iter([0.0, 0.006, 1.0, 2.0])
    calls: list[str] = []
    freed = FreedMemory(lambda: calls.append("trim"), lambda: next(times))
    for _ in range(WORTH_IT // MOST_OF_ONE - 1):
        freed.note_close(10 * MOST_OF_ONE, 100.0)
    assert freed.due == inf
    freed.note_close(MOST_OF_ONE, 100.0)
    freed.note_close(WORTH_IT, 100.5)
    assert freed.due == 100.0 + TRIM_AFTER
    freed.give_back(101.0)
    assert (calls, freed.due) == (["trim"], inf)
    freed.note_close(10, 102.0)
    assert freed.due == inf
    for _ in range(WORTH_IT // MOST_OF_ONE):
        freed.note_close(MOST_OF_ONE, 102.0)
    assert freed.due == max(102.0 + TRIM_AFTER, 101.0 + 0.006 * COST_SHARE)
    freed.give_back(110.0)
    freed.note_close(MOST_OF_ONE, 110.0)
    for _ in range(WORTH_IT // MOST_OF_ONE):
        freed.note_close(MOST_OF_ONE, 110.1)
    assert freed.due == 110.0 + LONGEST_PAUSE


@pytest.mark.slow
@pytest.mark.parametrize(("peers", "size"), [(100, MIB), (500, 60_000)])
def test_memory_is_back_within_5_s(peers: int, size: int) -> None:
    with Headless("--log-level", "error", "--max-connections", "600") as program:
        process = psutil.Process(program.process.pid)
        whole = frame(bytes(size))
        _echo(program.port, whole, 1)
        before = process.memory_info().rss
        _echo(program.port, whole, peers)
        gone_at = time.monotonic()
        until(lambda: process.memory_info().rss <= before + 8 * MIB, "the memory is given back")
        assert time.monotonic() - gone_at < 5


def _echo(port: int, whole: bytes, peers: int) -> None:
    """Have so many peers send a frame at the same time, half of them take the echo, all leave."""
    clients: list[socket.socket] = [connect(port) for _ in range(peers)]
    for client in clients:
        client.sendall(whole[:-1])
    for client in clients[::2]:
        client.sendall(whole[-1:])
        assert read_exactly(client, len(whole)) == whole
    for client in clients:
        client.close()


def kept_bytes(machine: EchoMachine) -> int:
    """The sizes of all buffers that a machine keeps alive, each once."""
    chunks = [*machine.held, *machine.out, machine.backlog]
    sizes = {}
    for chunk in chunks:
        whole = memoryview(chunk).obj
        sizes[id(whole)] = memoryview(whole).nbytes
    return sum(sizes.values())


@pytest.mark.parametrize("read", [64 * 1024, MIB])
@pytest.mark.parametrize("begun", [0, 1, 3])
@pytest.mark.parametrize("body", [1, 100_000, MIB - 600])
def test_an_echo_and_what_was_read_behind_it_are_kept_once(
    read: int, begun: int, body: int
) -> None:
    """After a long frame a read asks for as much again, whatever comes then."""
    data = frame(bytes(body)) + frame(b"x") + frame(bytes(MIB))
    machine = EchoMachine()
    if begun:
        machine.receive(data[:begun], MIB, 1.0)
    machine.receive(data[begun : begun + read], MIB, 1.0)
    assert kept_bytes(machine) <= MIB + 128 * 1024
