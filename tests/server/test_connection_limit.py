"""The counts that workers share, and what a dead one leaves of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from app.server.connection_limit import ConnectionLimit, SharedCounts, make_counts, map_counts


@pytest.fixture
def shared() -> Iterator[SharedCounts]:
    descriptor = make_counts(2)
    counts = map_counts(descriptor)
    yield counts
    counts.release()
    os.close(descriptor)


def test_what_a_dead_worker_had_open_is_room_again(shared: SharedCounts) -> None:
    dead, other = ConnectionLimit(shared, 0), ConnectionLimit(shared, 1)
    for _ in range(3):
        assert dead.acquire(4)
        assert dead.peers.acquire("127.0.0.1", 4)
    assert other.acquire(4)
    assert other.peers.acquire("127.0.0.1", 4)
    for _ in range(2):  # what is refused is not counted
        assert not other.acquire(4)
        assert not other.peers.acquire("127.0.0.1", 4)
    shared.clear(0)
    for _ in range(3):
        assert other.acquire(4)
        assert other.peers.acquire("127.0.0.1", 4)
    assert not other.acquire(4)
    assert not other.peers.acquire("127.0.0.1", 4)
