"""What is told only of a connection that somebody looks at: the kernel's side, and the bytes."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Callable, Iterator

import msgspec
import pytest

from app.core.commands import Trace, TraceLevel
from app.core.events import CALLS_A_ROUND, TRACED_BYTES, Bytes, ConnectionState, Io, StateChanged
from app.core.framing import frame
from app.core.queues import Kernel
from app.server import kernel
from app.server.connection import Connection
from app.server.inspection import Inspection
from app.server.reporter import SAMPLE, Reporter
from app.watch.stream import EventStream
from tests.peers import Running, exchange, read_exactly

Serve = Callable[..., Running]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO has Linux's layout")


@pytest.fixture
def two_ends() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    return client, server


@linux_only
def test_the_kernel_is_asked_for_its_side(two_ends: tuple[socket.socket, socket.socket]) -> None:
    client, server = two_ends
    with client, server:
        client.sendall(b"x" * 700)
        server.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while server.send(b"y" * 65_536):
                pass
        told = kernel.read_figures(server, 7, 3.0, 0, 0)
        assert (told.id, told.t, told.unread) == (7, 3.0, 700)
        # The queue is full and the peer's window is shut: what it has not taken, it owes.
        assert told.unacknowledged is not None
        assert told.unacknowledged > 65_536
        assert told.send_buffer == server.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert told.mss == server.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        assert told.cwnd is not None
        assert 0 < told.cwnd < 100_000
        assert told.rtt_us is not None
        assert 0 < told.rtt_us < 10_000_000
        assert told.retransmits is not None
        assert told.probes is not None
        assert told.unacked_segments is not None
        assert json.loads(msgspec.json.encode(told))["unacked"] == told.unacked_segments


def test_a_closed_socket_tells_nothing(two_ends: tuple[socket.socket, socket.socket]) -> None:
    client, server = two_ends
    client.close()
    server.close()
    assert kernel.tcp_info(server) == kernel.TcpInfo()


@pytest.mark.parametrize("level", list(TraceLevel))
def test_who_is_looked_at_has_the_kernel_asked(serve: Serve, level: TraceLevel) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    other, _ = running.connect_known()
    running.submit(Trace, id=connection_id, level=level)
    echo = frame(b"0123456789")
    assert exchange(client, [echo], len(echo)) == echo
    assert exchange(other, [echo], len(echo)) == echo
    watcher = running.watcher
    running.shown(connection_id, lambda snapshot: snapshot.frames_out == 1)
    if level.tells_calls:
        watcher.wait_for(Kernel)
    assert {told.id for told in watcher.all(Kernel)} <= {connection_id}
    moved = [(told.call, told.data) for told in watcher.all(Bytes)]
    assert moved == ([("read", echo), ("write", echo)] if level is TraceLevel.BYTES else [])
    assert {told.id for told in watcher.all(Io)} == (
        {connection_id} if level.tells_calls else set()
    )


def test_it_is_told_how_tracing_changes_the_reads(serve: Serve) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    echo = frame(b"0123456789")
    for _ in range(400):  # until its reads have the size of its frames
        assert exchange(client, [echo], len(echo)) == echo
    running.submit(Trace, id=connection_id, level=TraceLevel.IO)
    assert exchange(client, [echo], len(echo)) == echo
    told = running.watcher.wait_for(Kernel)
    asked = running.watcher.wait_for(Io, lambda call: call.call == "read").asked
    assert (told.read_size, told.unobserved_read_size) == (asked, len(echo) + 1)


def test_of_a_long_call_only_the_last_bytes_are_told(serve: Serve) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    running.submit(Trace, id=connection_id, level=TraceLevel.BYTES)
    echo = frame(bytes(range(256)) * 40)
    assert exchange(client, [echo], len(echo)) == echo
    running.shown(connection_id, lambda snapshot: snapshot.frames_out == 1)
    told = running.watcher.all(Bytes)
    assert {len(event.data) for event in told} == {TRACED_BYTES}
    assert [event.data for event in told if event.call == "write"][-1] == echo[-TRACED_BYTES:]


@pytest.fixture
def looked_at(two_ends: tuple[socket.socket, socket.socket]) -> Iterator[Reporter]:
    client, server = two_ends
    stream = EventStream()
    stream.watched = True
    reporter = Reporter(stream, 0.0, TraceLevel.OFF)
    connection = Connection(1, server.fileno(), "peer", 0.0)
    reporter.inspected[connection] = Inspection(server)
    with client, server:
        yield reporter


def calls_told(reporter: Reporter) -> list[Io]:
    return [event for event in reporter.stream.drain().events if isinstance(event, Io)]


def test_a_busy_one_tells_of_so_many_calls_in_a_round(looked_at: Reporter) -> None:
    (connection,) = looked_at.inspected
    told = [
        looked_at.publish_call(connection, "read", 4, 4, "") for _ in range(CALLS_A_ROUND + 500)
    ]
    assert told == [True] * CALLS_A_ROUND + [False] * 500
    assert not looked_at.tells_calls(connection)
    looked_at.publish_round()
    assert looked_at.tells_calls(connection)
    looked_at.publish_call(connection, "read", 4, 4, "")
    gaps = [call.gap_follows for call in calls_told(looked_at)]
    assert gaps == [False] * (CALLS_A_ROUND - 1) + [True, False]


BODY_TO_LEN = [
    (ConnectionState.READ_BODY, ConnectionState.WRITE_BODY),
    (ConnectionState.WRITE_BODY, ConnectionState.READ_LEN),
]
"""Both arrows of the drawing, also where WRITE_BODY was passed within the wake-up."""


@pytest.mark.parametrize("trace_all", [TraceLevel.OFF, TraceLevel.STATE])
def test_states_belong_to_the_calls_unless_all_are_traced(
    looked_at: Reporter, trace_all: TraceLevel
) -> None:
    (connection,) = looked_at.inspected
    connection.trace, looked_at.trace_all = TraceLevel.IO, trace_all
    for _ in range(CALLS_A_ROUND):
        looked_at.publish_call(connection, "read", 4, 4, "")
    looked_at.publish_state(connection, ConnectionState.READ_BODY)
    told = [e for e in looked_at.stream.drain().events if isinstance(e, StateChanged)]
    assert [(e.old, e.new) for e in told] == ([] if trace_all is TraceLevel.OFF else BODY_TO_LEN)


def test_where_all_are_traced_every_call_is_told(looked_at: Reporter) -> None:
    (connection,) = looked_at.inspected
    looked_at.trace_all, looked_at.tells_all_calls = TraceLevel.IO, True
    for _ in range(3 * CALLS_A_ROUND):
        looked_at.publish_call(connection, "read", 4, 4, "")
    calls = calls_told(looked_at)
    assert len(calls) == 3 * CALLS_A_ROUND
    assert not any(call.gap_follows for call in calls)


def test_a_firehose_that_is_looked_at_echoes_all_and_tells_little(serve: Serve) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    running.submit(Trace, id=connection_id, level=TraceLevel.IO)
    echo = frame(b"0123456789")
    for _ in range(1000):
        client.sendall(echo)
        assert read_exactly(client, len(echo)) == echo
    running.shown(connection_id, lambda snapshot: snapshot.frames_out == 1000)
    rounds = len(running.watcher.all(Kernel))
    assert 0 < len(running.watcher.all(Io)) <= (rounds + 1) * CALLS_A_ROUND


def test_nobody_is_asked_about_a_connection_that_has_closed(serve: Serve) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    running.submit(Trace, id=connection_id, level=TraceLevel.IO)
    running.watcher.wait_for(Kernel)
    client.close()
    running.closed(connection_id)
    other, other_id = running.connect_known()
    told = len(running.watcher.all(Kernel))
    echo = frame(b"x")
    assert exchange(other, [echo], len(echo)) == echo
    running.shown(other_id, lambda snapshot: snapshot.frames_out == 1)
    assert len(running.watcher.all(Kernel)) == told


@pytest.mark.parametrize("write_mode", ["direct", "armed"])
def test_rounds_tell_a_sample_of_the_bodies(serve: Serve, write_mode: str) -> None:
    running = serve(write_mode=write_mode)
    client, connection_id = running.connect_known()
    lengths = [0, 1, 4_000, 17, 100_000]
    seen: list[tuple[int, int]] = []
    for length in lengths:
        echo = frame(b"x" * length)
        assert exchange(client, [echo], len(echo)) == echo
    burst = b"".join(frame(b"y" * length) for length in range(20))
    assert exchange(client, [burst], len(burst)) == burst

    def all_told() -> bool:
        stats = running.watcher.stats
        if stats is not None:
            seen.extend(stats.bodies)
            running.watcher.stats = None
        return len(seen) >= len(lengths) + 20

    running.watcher.until(all_told, "the bodies")
    assert seen == [(connection_id, length) for length in [*lengths, *range(20)]]


def test_the_sample_of_a_round_is_bounded(serve: Serve) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    burst = frame(b"z") * 1000
    assert exchange(client, [burst], len(burst)) == burst
    running.shown(connection_id, lambda snapshot: snapshot.frames_out == 1000)
    assert running.watcher.stats is not None
    assert len(running.watcher.stats.bodies) <= SAMPLE
