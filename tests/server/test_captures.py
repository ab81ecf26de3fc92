"""The bytes of peers that are kept, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from app.core.commands import ReadBytes
from app.core.events import Closed, Opened
from app.core.framing import frame, header
from app.core.kept_bytes import KeptBytes
from app.server.serving import ADAPT_EVERY
from tests.peers import Running, exchange, read_to_end
from tests.waiting import until

Serve = Callable[..., Running]
PING = frame(b"mark".ljust(20, b"."))
REFUSED = header(1 << 30)


def kept(running: Running, connection_id: int) -> KeptBytes:
    """Ask for what is kept of a connection."""
    result = running.submit(ReadBytes, id=connection_id)
    assert result.ok, result.message
    return running.watcher.wait_for(KeptBytes, lambda event: event.request == result.request)


def bytes_at(told: KeptBytes, start: int, end: int) -> bytes:
    """Return the bytes of that span, which must stand in one piece."""
    for piece in told.pieces:
        if piece.offset <= start and end <= piece.offset + len(piece.data):
            return piece.data[start - piece.offset : end - piece.offset]
    spans = [(piece.offset, piece.offset + len(piece.data)) for piece in told.pieces]
    raise AssertionError(f"{start} to {end} is in none of {spans}")


def ping(client: object, count: int) -> bytes:
    for _ in range(count):
        assert exchange(client, [PING], len(PING)) == PING  # type: ignore[arg-type]
    return PING * count


def test_the_first_bytes_are_kept_with_the_cuts_and_times_of_their_reads(serve: Serve) -> None:
    running = serve(capture=100)
    client, number = running.connect_known()
    sent = ping(client, 3)
    told = kept(running, number)
    assert [piece.data for piece in told.pieces] == [sent]
    assert told.is_complete
    assert [(one.offset, one.size, one.held) for one in told.reads] == [
        (0, 24, 24), (24, 24, 24), (48, 24, 24),
    ]  # fmt: skip
    assert told.reads[0].t <= told.reads[1].t <= told.reads[2].t <= told.t
    sent += ping(client, 8)
    told = kept(running, number)
    assert (told.size, told.is_complete) == (264, False)
    assert bytes_at(told, 0, 100) == sent[:100]
    assert bytes_at(told, 200, 264) == sent[200:]
    assert (told.reads[-1].offset, told.reads[-1].size, told.reads[-1].held) == (96, 24, 4)


@pytest.mark.parametrize("split", [0, 1, 24, 25, 27, 28])
@pytest.mark.parametrize("capture", [1, 40, 4096])
def test_a_refused_header_is_kept_with_what_stands_around_it(
    serve: Serve, capture: int, split: int
) -> None:
    """`split` bytes of the frames and the header come in a read before the rest."""
    running = serve(capture=capture)
    client, number = running.connect_known()
    sent = ping(client, 10)
    last = PING + REFUSED + b"!" * 300
    client.sendall(last[:split])
    running.shown(number, lambda snapshot: snapshot.bytes_in == len(sent) + split)
    client.sendall(last[split:])
    read_to_end(client)
    client.close()
    running.closed(number)
    told, whole = kept(running, number), sent + last
    at = len(sent) + len(PING)
    assert (told.header, told.header_at) == (REFUSED, at)
    assert told.size == len(whole)
    assert bytes_at(told, at - 64, at + 4 + 256) == whole[at - 64 : at + 4 + 256]
    for piece in told.pieces:
        assert piece.data == whole[piece.offset : piece.offset + len(piece.data)]
    assert told.is_complete is (capture > len(whole))


def test_a_client_that_is_refused_at_once_is_kept_once_it_has_closed(serve: Serve) -> None:
    running = serve()
    client, number = running.connect_known()
    client.sendall(REFUSED + b"more")
    read_to_end(client)
    client.close()
    running.closed(number)
    told = kept(running, number)
    assert [piece.data for piece in told.pieces] == [REFUSED + b"more"]
    assert told.is_complete


def test_a_short_first_read_is_kept_with_its_time_once_more_has_come(serve: Serve) -> None:
    running = serve()
    client, number = running.connect_known()
    ping(client, 1)
    [first] = kept(running, number).reads
    ping(client, 1)
    again, second = kept(running, number).reads
    assert again == first
    assert (second.offset, second.size) == (len(PING), len(PING))


def test_large_frames_leave_their_last_bytes(serve: Serve) -> None:
    running = serve(capture=10)
    client, number = running.connect_known()
    body = bytes(range(256)) * 1000
    echo = frame(body) * 2
    assert exchange(client, [echo], len(echo)) == echo
    told = kept(running, number)
    assert bytes_at(told, 0, 10) == echo[:10]
    assert bytes_at(told, len(echo) - 64, len(echo)) == echo[-64:]


@pytest.mark.parametrize("capture", [0, 1])
def test_counts_and_offsets_are_right_while_bursts_come_again_and_after(
    serve: Serve, capture: int
) -> None:
    running = serve(capture=capture)
    client, number = running.connect_known()
    frames = size = 0
    for burst in (frame(b"x" * 90), frame(b"y" * 90) * 3, frame(b"z" * 200), frame(b"x" * 90)):
        for _ in range(3 * ADAPT_EVERY):
            assert exchange(client, [burst], len(burst)) == burst
            size += len(burst)
            frames += burst.count(burst[:4])
        if capture:
            assert kept(running, number).size == size
    client.sendall(REFUSED)
    closed = running.watcher.wait_for(Closed)
    assert (closed.frames_in, closed.frames_out) == (frames, frames)
    assert (closed.bytes_in, closed.bytes_out) == (size + 4, size)
    if capture:
        assert kept(running, number).header_at == size


def test_none_are_kept_with_a_capture_of_0(serve: Serve) -> None:
    running = serve(capture=0)
    client, number = running.connect_known()
    ping(client, 3)
    told = kept(running, number)
    assert (told.pieces, told.reads, told.size, told.is_complete) == ((), (), 72, False)
    client, number = running.connect_known()
    client.sendall(header(20) + b"secret")
    until(lambda: kept(running, number).size == 10)
    assert kept(running, number).pieces == ()
    client, number = running.connect_known()
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    read_to_end(client)
    client.close()
    running.closed(number)
    assert not running.submit(ReadBytes, id=number).ok


def test_closed_ones_lose_their_bytes_before_open_ones_and_the_oldest_first(serve: Serve) -> None:
    running = serve(capture=1000, capture_total=4400, keep_closed=10)
    connect = partial(running.connect_known)
    first, first_number = connect()
    ping(first, 20)
    numbers = []
    for _ in range(3):
        client, number = connect()
        ping(client, 20)
        client.close()
        running.closed(number)
        numbers.append(number)
    held = [running.submit(ReadBytes, id=number).ok for number in numbers]
    assert held == [False, True, True]
    assert kept(running, first_number).is_complete
    clients = [connect() for _ in range(6)]
    for client, _ in clients:
        ping(client, 20)
    assert not any(running.submit(ReadBytes, id=number).ok for number in numbers)
    told = kept(running, first_number)
    assert not told.is_complete
    assert bytes_at(told, 480 - 64, 480) == (PING * 20)[-64:]
    assert kept(running, clients[-1][1]).is_complete
    ping(first, 1)
    assert bytes_at(kept(running, first_number), 504 - 64, 504) == (PING * 21)[-64:]


def test_of_a_failure_the_bytes_around_it_stay_whatever_comes_after(serve: Serve) -> None:
    running = serve(capture=1000, capture_total=4400, keep_closed=10)
    client, number = running.connect_known()
    sent = ping(client, 20)
    client.sendall(REFUSED + b"behind it".ljust(300, b"."))
    running.closed(number)
    for _ in range(9):
        other, other_number = running.connect_known()
        ping(other, 20)
        other.sendall(REFUSED)
        running.closed(other_number)
    told = kept(running, number)
    assert (told.header, told.header_at, told.is_complete) == (REFUSED, 480, False)
    assert bytes_at(told, 0, 64) == sent[:64]
    assert bytes_at(told, 480 - 64, 480 + 4 + 256)[:68] == sent[-64:] + REFUSED
    assert sum(len(piece.data) for piece in told.pieces) < 500


def test_only_as_many_closed_ones_are_kept_as_the_server_knows(serve: Serve) -> None:
    running = serve(keep_closed=1)
    numbers = []
    for _ in range(2):
        client, number = running.connect_known()
        ping(client, 1)
        client.close()
        running.closed(number)
        numbers.append(number)
    assert [running.submit(ReadBytes, id=number).ok for number in numbers] == [False, True]
    told = kept(running, numbers[1])
    assert [piece.data for piece in told.pieces] == [PING]
    assert told.is_complete
    [read] = told.reads
    assert (read.offset, read.size, read.held) == (0, len(PING), len(PING))
    [opened] = [event for event in running.watcher.all(Opened) if event.id == numbers[1]]
    assert opened.t <= read.t <= running.closed(numbers[1]).t


def test_a_header_refused_in_the_first_read_is_kept_with_all_behind_it(serve: Serve) -> None:
    running = serve()
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    client, number = running.connect_known()
    client.sendall(request)
    read_to_end(client)
    client.close()
    running.closed(number)
    told = kept(running, number)
    assert told.is_complete
    assert bytes_at(told, 0, len(request)) == request
    assert (told.header, told.header_at) == (request[:4], 0)
