"""Memory comes back when peers leave."""

from __future__ import annotations

import socket
import time
from math import inf

import psutil
import pytest

from app.core.framing import frame
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
