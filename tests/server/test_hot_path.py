"""What the hot path remembers of a connection never outlives what made it true."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import partial

import pytest

from app.core.commands import Kill, KillMode, Set, Trace, TraceLevel
from app.core.events import Reason
from app.core.framing import frame
from app.server.connection import READ_SIZE, SMALL_READ, STEADY
from app.server.serving import ADAPT_EVERY
from tests.peers import Running, exchange, read_to_end

Serve = Callable[..., Running]

SMALL = frame(b"mark")
LARGE = frame(b"mark" * 1000)


@pytest.fixture
def serve(serve: Serve) -> Serve:
    """Start servers that serve a connection on the hot path from its second read on."""
    return partial(serve, capture=1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes asked for by the reads that bring a body of these tests, as they come."""
    sizes: list[int] = []
    real = os.read

    def read(fd: int, size: int) -> bytes:
        data = real(fd, size)
        if b"mark" in data:
            sizes.append(size)
        return data

    monkeypatch.setattr(os, "read", read)
    return sizes


def send_little(client: socket.socket) -> None:
    """Send small frames of two sizes until the reads have adapted to them."""
    for _ in range(2 * ADAPT_EVERY):
        for little in (SMALL, frame(b"mark2")):
            assert exchange(client, [little], len(little)) == little


def send_alike(client: socket.socket, burst: bytes) -> None:
    """Send one burst again and again until the reads have adapted to its size."""
    for _ in range((STEADY + 3) * ADAPT_EVERY):
        assert exchange(client, [burst], len(burst)) == burst


@pytest.mark.parametrize("count", [2, 64])
def test_a_burst_like_the_one_before_meets_a_cap_that_was_lowered(serve: Serve, count: int) -> None:
    running = serve(cap=100)
    client, connection_id = running.connect_known()
    burst = frame(b"x" * 80) * count
    for _ in range(3):
        assert exchange(client, [burst], len(burst)) == burst
    assert running.submit(Set, name="cap", value=50).ok
    assert exchange(client, [SMALL], len(SMALL)) == SMALL  # which brings it back to the hot path
    client.sendall(burst)
    assert read_to_end(client) == b""
    client.close()
    assert running.closed(connection_id).reason is Reason.FRAME_TOO_LARGE


@pytest.mark.parametrize("length", [101, 300, 5_000])
def test_one_whole_frame_over_the_cap_is_refused_in_the_midst_of_good_ones(
    serve: Serve, length: int
) -> None:
    running = serve(cap=100)
    client, connection_id = running.connect_known()
    for body in (b"mark", b"x" * 100, b"mark"):
        assert exchange(client, [frame(body)], len(body) + 4) == frame(body)
    client.sendall(frame(b"x" * length))
    assert read_to_end(client) == b""
    client.close()
    closed = running.closed(connection_id)
    assert (closed.reason, closed.frames_out) == (Reason.FRAME_TOO_LARGE, 3)


def test_a_burst_of_the_same_size_with_other_lengths_is_counted_anew(serve: Serve) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    for bodies in ([8] * 4, [8] * 4, [4, 12, 8, 8], [20, 20], [8] * 4):
        burst = b"".join(frame(b"x" * length) for length in bodies)
        assert exchange(client, [burst], len(burst)) == burst
    running.shown(connection_id, lambda snapshot: snapshot.frames_in == 18)


def test_who_sends_little_is_read_in_small_pieces_until_one_is_full(
    serve: Serve, asked: list[int]
) -> None:
    client = serve().connect()
    send_little(client)
    assert asked[0] == READ_SIZE
    assert asked[-1] == SMALL_READ
    asked.clear()
    assert exchange(client, [LARGE], len(LARGE)) == LARGE
    assert asked == [SMALL_READ, READ_SIZE]
    assert exchange(client, [LARGE], len(LARGE)) == LARGE
    assert asked == [SMALL_READ, READ_SIZE, READ_SIZE]


def test_a_burst_that_fills_a_small_read_to_its_end_makes_the_next_one_large(
    serve: Serve, asked: list[int]
) -> None:
    client = serve().connect()
    send_little(client)
    half = frame(b"mark".ljust(SMALL_READ // 2 - 4, b"x"))
    burst = half + frame(b"mark".ljust(SMALL_READ - len(half) - 4, b"x"))
    assert exchange(client, [burst], len(burst)) == burst
    asked.clear()
    assert exchange(client, [SMALL], len(SMALL)) == SMALL
    assert asked == [READ_SIZE]


@pytest.mark.parametrize("poller", ["epoll", "epoll-et", "poll", "select"])
def test_what_comes_behind_the_end_of_a_quick_connection_is_discarded(
    serve: Serve, poller: str
) -> None:
    """All is echoed, but the peer has not read it: the connection lingers, and sends more."""
    running = serve(poller=poller)
    client, connection_id = running.connect_known(receive_buffer=4096)
    sent = frame(b"x" * 2000) * 40
    client.sendall(sent)
    running.shown(connection_id, lambda snapshot: snapshot.frames_out == 40)
    answer = running.submit(Kill, ids=(connection_id,), mode=KillMode.DRAIN)
    assert answer.message.startswith("draining: ")
    assert answer.message.endswith(" bytes not yet acknowledged by the peer")
    client.sendall(frame(b"late"))
    assert read_to_end(client) == sent
    client.close()
    closed = running.closed(connection_id)
    assert (closed.frames_in, closed.bytes_out) == (40, len(sent))
    another = running.connect()
    assert exchange(another, [SMALL], len(SMALL)) == SMALL


def test_a_frame_that_fills_a_small_read_makes_the_next_one_large(
    serve: Serve, asked: list[int]
) -> None:
    client = serve().connect()
    send_little(client)
    full = frame(b"mark".ljust(SMALL_READ - 4, b"x"))
    for _ in range(4 * ADAPT_EVERY):
        assert exchange(client, [full], len(full)) == full
    assert asked[-1] > SMALL_READ


@pytest.mark.parametrize("count", [1, 2, 40])
def test_bursts_of_one_size_are_read_with_a_byte_to_spare_until_more_comes(
    serve: Serve, asked: list[int], count: int
) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    burst = SMALL * count
    send_alike(client, burst)
    assert asked[-1] == len(burst) + 1
    sent = len(asked) * count
    more = burst + SMALL + frame(b"another")
    for data in (more, burst, more):
        assert exchange(client, [data], len(data)) == data
        assert asked[-1] >= SMALL_READ
    send_alike(client, burst)
    assert asked[-1] >= SMALL_READ
    sent += 3 * count + 4 + (STEADY + 3) * ADAPT_EVERY * count
    running.shown(connection_id, lambda snapshot: snapshot.frames_out == sent)


def test_who_is_looked_at_is_read_as_everyone_else(serve: Serve, asked: list[int]) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    send_little(client)
    assert running.submit(Trace, id=connection_id, level=TraceLevel.IO).ok
    asked.clear()
    assert exchange(client, [LARGE], len(LARGE)) == LARGE
    assert asked == [READ_SIZE]
