"""The loop on real sockets: every poller in every write mode gives the same answers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from random import Random

import pytest

from app.core.commands import Kill, KillMode, Set, Trace, TraceLevel
from app.core.events import (
    POLLIN,
    POLLOUT,
    Closed,
    CommandResult,
    ConnectionState,
    Io,
    Listening,
    Reason,
    StateChanged,
    Stopped,
    Stopping,
    Toggled,
)
from app.core.framing import frame, header
from app.server.budgets import FRAME_BUDGET
from app.server.connection import Connection
from app.server.poller import Ready
from tests.peers import Running, exchange, read_exactly, read_to_end

Serve = Callable[..., Running]
Kind = dict[str, str]
SMALL = 32 * 1024
"""Of a receive buffer, in bytes."""
LARGE = 6 * 1024**2
"""More than the kernel's buffers on both sides take (tcp_wmem is 4 MiB at most by default)."""


def random_frames(count: int, longest: int) -> list[bytes]:
    random = Random(7)
    return [frame(random.randbytes(random.randrange(longest + 1))) for _ in range(count)]


def in_small_pieces(data: bytes) -> Iterator[bytes]:
    random, start = Random(8), 0
    while start < len(data):
        end = start + random.randint(1, 7)
        yield data[start:end]
        start = end


def headers_split(frames: list[bytes]) -> Iterator[bytes]:
    """Each piece ends somewhere in the next frame's header."""
    rest = b""
    for index, one in enumerate(frames):
        cut = index % 5
        yield rest + one[:cut]
        rest = one[cut:]
    yield rest


@pytest.mark.slow
def test_small_pieces(serve: Serve, kind: Kind) -> None:
    data = b"".join(random_frames(1200, 20))
    assert exchange(serve(**kind).connect(), in_small_pieces(data), len(data)) == data


def test_all_at_once(serve: Serve, kind: Kind) -> None:
    data = b"".join(random_frames(1200, 700))
    assert exchange(serve(**kind).connect(), [data], len(data)) == data


def test_headers_split_anywhere(serve: Serve, kind: Kind) -> None:
    frames = [one for one in random_frames(1200, 60) if len(one) > 4]
    data = b"".join(frames)
    pieces = (piece for piece in headers_split(frames) if piece)
    assert exchange(serve(**kind).connect(), pieces, len(data)) == data


@pytest.mark.slow
def test_a_hundred_thousand_empty_frames_at_once(serve: Serve, kind: Kind) -> None:
    running = serve(**kind)
    data = frame(b"") * 100_000
    client, connection_id = running.connect_known()
    assert exchange(client, [data], len(data)) == data
    client.close()
    closed = running.closed(connection_id)
    assert (closed.frames_in, closed.frames_out) == (100_000, 100_000)
    assert (closed.bytes_in, closed.bytes_out) == (len(data), len(data))


def test_a_frame_larger_than_every_buffer(serve: Serve, kind: Kind) -> None:
    data = frame(Random(9).randbytes(LARGE)) + frame(b"next")
    assert exchange(serve(cap=LARGE, **kind).connect(), [data], len(data)) == data


def test_a_half_closed_client_that_reads_late_gets_everything(serve: Serve, kind: Kind) -> None:
    running = serve(cap=LARGE, **kind)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    data = frame(b"first") + frame(bytes(LARGE))
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    running.watcher.wait_for(Toggled, lambda event: event.id == connection_id and event.pending)
    assert read_to_end(client) == data
    closed = running.closed(connection_id)
    assert closed.reason is Reason.EOF
    assert (closed.frames_out, closed.bytes_out) == (2, len(data))


def test_a_slow_reader_toggles_pollout_and_gets_everything(serve: Serve, kind: Kind) -> None:
    running = serve(cap=LARGE, **kind)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    data = frame(Random(1).randbytes(LARGE))
    client.sendall(data)
    watcher = running.watcher
    watcher.until(
        lambda: (
            connection_id in watcher.snapshots
            and watcher.snapshots[connection_id].interest == POLLOUT
        )
    )
    snapshot = watcher.snapshots[connection_id]
    assert snapshot.pending > 0
    assert (snapshot.frames_in, snapshot.frames_out) == (1, 0)
    assert read_exactly(client, len(data)) == data
    watcher.until(lambda: watcher.snapshots[connection_id].interest == POLLIN)
    toggles = watcher.all(Toggled)
    assert [event.armed for event in toggles] == [True, False]
    assert [event.toggles for event in toggles] == [1, 2]
    assert toggles[0].pending > 0 == toggles[1].pending
    assert watcher.snapshots[connection_id].partial_writes > 0


def test_a_pipeline_behind_a_slow_reader(serve: Serve, kind: Kind) -> None:
    """Frames that wait in the kernel while an echo is pending are echoed in order later."""
    running = serve(cap=LARGE, **kind)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    first, rest = frame(bytes(LARGE)), b"".join(random_frames(200, 40))
    client.sendall(first + rest)
    running.watcher.wait_for(Toggled, lambda event: event.id == connection_id and event.pending)
    assert read_exactly(client, len(first + rest)) == first + rest


def test_a_firehose_is_served_at_most_twice_in_an_iteration(kind: Kind) -> None:
    """Once because it is ready and once for what a budget cut short, however fast it sends."""
    running = Running(**kind)
    loop = running.server._loop
    serve_one, wait = loop._serving._serve, loop._poller.poll
    served, most = 0, 0

    def counting_serve(connection: Connection, now: float) -> None:
        nonlocal served, most
        served += 1
        most = max(most, served)
        serve_one(connection, now)

    def counting_wait(timeout: float | None) -> Ready:
        nonlocal served
        served = 0
        return wait(timeout)

    loop._serving._serve = counting_serve  # type: ignore[method-assign]
    loop._poller.poll = counting_wait  # type: ignore[method-assign]
    running.start()
    data = frame(b"") * (FRAME_BUDGET * 300)
    try:
        assert exchange(running.connect(), [data], len(data)) == data
    finally:
        running.end()
    assert 0 < most <= 2


def test_a_refused_frame_comes_after_the_echo_of_those_before(serve: Serve, kind: Kind) -> None:
    running = serve(cap=10, **kind)
    client, connection_id = running.connect_known()
    client.sendall(frame(b"good") + header(2**31) + bytes(1000))
    assert read_to_end(client) == frame(b"good")
    client.close()
    closed = running.closed(connection_id)
    assert closed.reason is Reason.FRAME_TOO_LARGE
    assert "2,147,483,648" in closed.detail


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", Reason.EOF),
        (b"\0\0", Reason.EOF_MID_HEADER),
        (frame(b"abc")[:5], Reason.EOF_MID_BODY),
    ],
)
def test_eof(serve: Serve, kind: Kind, sent: bytes, reason: Reason) -> None:
    running = serve(**kind)
    client, connection_id = running.connect_known()
    client.sendall(sent)
    client.close()
    assert running.closed(connection_id).reason is reason


def test_a_reset(serve: Serve, kind: Kind) -> None:
    running = serve(**kind)
    client, connection_id = running.connect_known()
    client.sendall(frame(b"x"))
    read_exactly(client, 5)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    assert running.closed(connection_id).reason is Reason.RESET


@pytest.mark.parametrize("timeout", ["header_timeout", "body_timeout", "idle_timeout"])
@pytest.mark.slow
def test_a_read_timeout(serve: Serve, kind: Kind, timeout: str) -> None:
    begun = {"header_timeout": b"\0", "body_timeout": header(9) + b"x", "idle_timeout": b""}
    running = serve(**{timeout: 0.05}, **kind)
    client, connection_id = running.connect_known()
    client.sendall(begun[timeout])
    closed = running.closed(connection_id)
    assert closed.reason == f"timeout_{timeout.removesuffix('_timeout')}"
    assert closed.detail
    assert read_to_end(client) == b""


@pytest.mark.slow
def test_a_write_timeout_resets(serve: Serve, kind: Kind) -> None:
    running = serve(write_timeout=0.05, cap=LARGE, **kind)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    client.sendall(frame(bytes(LARGE)))
    closed = running.closed(connection_id)
    assert closed.reason is Reason.TIMEOUT_WRITE
    assert "none acknowledged" in closed.detail
    with pytest.raises(ConnectionResetError):
        read_to_end(client)


def test_the_limit_of_connections(serve: Serve, kind: Kind) -> None:
    running = serve(max_connections=2, **kind)
    kept = [running.connect() for _ in range(2)]
    extra = running.connect()
    assert extra.recv(1) == b""
    closed = running.watcher.wait_for(Closed)
    assert (closed.id, closed.reason) == (3, Reason.LIMIT)
    for client in kept:
        assert exchange(client, [frame(b"kept")], 8) == frame(b"kept")


def test_tracing_tells_system_calls_and_states(serve: Serve, kind: Kind) -> None:
    running = serve(**kind)
    client, connection_id = running.connect_known()
    exchange(client, [frame(b"not yet")] * 2, 22)
    assert running.submit(Trace, id=connection_id, level=TraceLevel.IO).ok
    whole = frame(b"traced")
    client.sendall(whole[:6])
    watcher = running.watcher
    watcher.wait_for(Io, lambda event: event.call == "read" and event.result == 6)
    exchange(client, [whole[6:]], len(whole))
    written = watcher.wait_for(Io, lambda event: event.call == "write")
    assert (written.id, written.asked, written.result) == (connection_id, len(whole), len(whole))
    assert running.submit(Trace, id=connection_id, level=TraceLevel.OFF).ok
    changes = watcher.all(StateChanged)
    drawing = (ConnectionState.READ_LEN, ConnectionState.READ_BODY, ConnectionState.WRITE_BODY)
    assert [change.old for change in changes] == [*drawing]  # in direct mode, too
    assert [change.new for change in changes] == [*drawing[1:], drawing[0]]
    assert (changes[0].body_length, changes[0].body_read) == (6, 2)
    assert {change.body_length for change in changes[1:]} == {None}
    told = len(watcher.all(Io))
    exchange(client, [whole], len(whole))
    running.submit(Trace, id=connection_id, level=TraceLevel.OFF)
    assert len(watcher.all(Io)) == told


def test_tracing_everything_from_the_start_names_errors(serve: Serve, kind: Kind) -> None:
    running = serve(trace="io", cap=LARGE, **kind)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    client.sendall(frame(bytes(LARGE)))
    running.watcher.wait_for(Toggled, lambda event: event.armed)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    assert running.closed(connection_id).reason is Reason.RESET
    errors = {event.error for event in running.watcher.all(Io) if event.result < 0}
    assert errors & {"ECONNRESET", "EPIPE"}


def test_the_write_mode_is_switched_while_connections_run(serve: Serve, kind: Kind) -> None:
    running = serve(**kind)
    client = running.connect()
    other = {"direct": "armed", "armed": "direct"}[kind["write_mode"]]
    for mode in (other, kind["write_mode"], other):
        assert exchange(client, [frame(b"ping")], 8) == frame(b"ping")
        answer = running.submit(Set, name="write_mode", value=mode)
        assert answer.message.endswith(mode)
        before = len(running.watcher.all(Toggled))
        assert exchange(client, [frame(b"ping")], 8) == frame(b"ping")
        running.submit(Set, name="write_mode", value=mode)
        toggled = len(running.watcher.all(Toggled)) - before
        assert toggled == (2 if mode == "armed" else 0)
        if toggled:
            assert not running.watcher.all(Toggled)[before].offered, "armed before it is tried"


def test_the_statistics_add_up_with_the_totals(serve: Serve, kind: Kind) -> None:
    running = serve(**kind)
    watcher = running.watcher
    data = frame(b"sum") * 50
    clients = [running.connect() for _ in range(3)]
    for client in clients:
        exchange(client, [data + b"\0"], len(data))
    watcher.until(lambda: watcher.stats and watcher.stats.bytes_in == 3 * len(data) + 3)
    stats = watcher.stats
    assert stats is not None
    assert (stats.open, stats.opened, stats.closed) == (3, 3, 0)
    assert stats.frames_in == stats.frames_out == 150
    assert stats.polls >= stats.wakeups > 0
    assert sum(snapshot.bytes_in for snapshot in watcher.snapshots.values()) == stats.bytes_in
    for client in clients:
        client.close()
    running.server.stop("test")
    stopped = watcher.wait_for(Stopped)
    totals = watcher.all(Closed)
    assert len(totals) == stopped.opened == stopped.closed == 3
    assert sum(closed.frames_out for closed in totals) == stopped.frames_out == 150
    assert sum(closed.bytes_in for closed in totals) == stopped.bytes_in
    assert sum(closed.bytes_out for closed in totals) == stopped.bytes_out == 3 * len(data)


def test_a_stop_finishes_what_was_received(serve: Serve, kind: Kind) -> None:
    running = serve(cap=LARGE, **kind)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    idle, _ = running.connect_known()
    data = frame(bytes(LARGE)) + frame(b"") * (2 * FRAME_BUDGET)
    client.sendall(data + b"\0\0")
    running.watcher.wait_for(Toggled, lambda event: event.id == connection_id and event.pending)
    running.server.stop("SIGTERM")
    assert running.watcher.wait_for(Stopping).open == 2
    assert idle.recv(1) == b""
    idle.close()
    assert read_to_end(client) == data
    client.close()
    assert running.closed(connection_id).reason is Reason.SHUTDOWN
    assert running.watcher.wait_for(Stopped).cause == "SIGTERM"
    with pytest.raises(ConnectionRefusedError):
        running.connect()


@pytest.mark.parametrize("mode", list(KillMode))
def test_kill_while_an_echo_is_pending(serve: Serve, kind: Kind, mode: KillMode) -> None:
    running = serve(cap=LARGE, **kind)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    data = frame(bytes(LARGE))
    client.sendall(data)
    running.watcher.wait_for(Toggled, lambda event: event.id == connection_id and event.pending)
    running.server.submit(Kill(request=1, ids=(connection_id,), mode=mode))
    if mode is KillMode.RESET:
        with pytest.raises(ConnectionResetError):
            read_to_end(client)
    else:
        running.shown(connection_id, lambda snapshot: snapshot.closing is Reason.KILLED)
        received = read_to_end(client)
        assert (received == data) is (mode is KillMode.DRAIN)
    closed = running.closed(connection_id)
    assert closed.reason is Reason.KILLED
    assert closed.detail.split(":", maxsplit=1)[0] == f"mode {mode}"
    assert running.watcher.wait_for(CommandResult).ok


def test_the_first_event_says_where_and_how(serve: Serve, kind: Kind) -> None:
    running = serve(**kind)
    listening = running.watcher.wait_for(Listening)
    assert running.watcher.events[0] is listening
    assert (listening.host, listening.port) == ("127.0.0.1", running.server.port)
    assert (listening.poller, listening.write_mode) == (kind["poller"], kind["write_mode"])
