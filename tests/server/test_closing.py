"""The bounds of a connection's end: how long it lingers, how often it is looked at."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable
from itertools import pairwise
from time import monotonic

import pytest

from app.core.commands import Kill, KillMode, TraceLevel
from app.core.events import Closed, ConnectionState, Reason
from app.core.framing import frame, header
from app.core.settings import Settings
from app.server.calls import CallCounts, Calls
from app.server.closing import (
    LINGER,
    LONGEST_STEP,
    Verdict,
    begin_linger,
    check_linger,
    discard_input,
)
from app.server.connection import READ_SIZE, Connection
from app.server.connection_limit import ConnectionLimit
from app.server.lifecycle import Lifecycle
from app.server.outstanding import Outstanding
from app.server.poller import SelectPoller
from app.server.reporter import Reporter
from app.server.shard import Shard
from app.watch.stream import EventStream
from tests.peers import Running, exchange, read_exactly
from tests.server.test_stalls import StoppedClock

Serve = Callable[..., Running]


def calls() -> Calls:
    return Calls(SelectPoller(), monotonic, CallCounts())


def lingering(reason: Reason, quiet: float = 0.0) -> Connection:
    """A connection of which the FIN was just sent, at the time 100."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        connection = Connection(1, ours.fileno(), "peer", 100.0 - quiet)
        connection.machine.begin_close(reason, "")
        begin_linger(connection, ours, calls(), 100.0)
        assert theirs.recv(1) == b""
    return connection


def checks(connection: Connection, until: float, write_timeout: float = 30.0) -> list[float]:
    """When the connection is looked at, up to a verdict or `until`; the verdict is the last."""
    at = []
    now = 100.0
    while now < until:
        verdict = check_linger(connection, now, write_timeout)
        at.append(now)
        if verdict is not Verdict.WAIT:
            assert verdict is Verdict.DONE
            break
        assert connection.linger is not None
        assert connection.linger.due > now
        now = connection.linger.due
    return at


@pytest.mark.parametrize("reason", [Reason.FRAME_TOO_LARGE, Reason.SHUTDOWN])
def test_who_may_still_be_sending_has_a_second_for_its_end(reason: Reason) -> None:
    at = checks(lingering(reason), 110.0)
    assert at[-1] == pytest.approx(100.0 + 1.0)
    assert len(at) < 40


@pytest.mark.parametrize("reason", [Reason.KILLED, Reason.TIMEOUT_IDLE, Reason.TIMEOUT_BODY])
def test_who_else_has_taken_everything_is_closed_at_once(reason: Reason) -> None:
    assert checks(lingering(reason), 110.0) == [100.0]


def test_who_has_ended_and_acknowledged_all_is_waited_for_no_longer() -> None:
    connection = lingering(Reason.FRAME_TOO_LARGE)
    connection.machine.input_ended = True
    assert checks(connection, 110.0) == [100.0]


def test_a_stop_does_not_wait_for_who_has_long_been_silent() -> None:
    assert checks(lingering(Reason.SHUTDOWN, quiet=LINGER), 110.0) == [100.0]
    assert checks(lingering(Reason.SHUTDOWN, quiet=LINGER - 0.1), 110.0)[-1] == 101.0
    assert checks(lingering(Reason.FRAME_TOO_LARGE, quiet=LINGER), 110.0)[-1] == 101.0


def test_an_acknowledgement_is_seen_soon_and_a_long_wait_costs_little() -> None:
    connection = lingering(Reason.KILLED)
    connection.outstanding = Outstanding(100.0, 100.0, 0)
    at = checks(connection, 120.0)
    steps = [later - earlier for earlier, later in pairwise(at)]
    assert steps[0] <= 0.03
    assert max(steps) == pytest.approx(LONGEST_STEP) == 0.5
    assert steps == sorted(steps)
    # An acknowledgement is seen within an eighth of the time that it took.
    assert all(step <= 0.03 + (when - at[0]) / 8 for when, step in zip(at, steps, strict=False))
    assert len(at) < 80
    assert connection.linger is not None
    connection.linger.bound(120.2)
    assert check_linger(connection, 120.0, 30.0) is Verdict.WAIT
    assert connection.linger.due == 120.2
    assert check_linger(connection, 120.2, 30.0) is Verdict.OUT_OF_TIME
    connection.outstanding = None
    assert check_linger(connection, 120.0, 30.0) is Verdict.DONE


def test_so_much_input_is_thrown_away_at_a_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)
        connection = Connection(1, ours.fileno(), "peer", 0.0)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 16 * READ_SIZE:
                sent += theirs.send(bytes(READ_SIZE))
        assert sent > 6 * READ_SIZE
        assert discard_input(connection, calls(), 1.0)
        assert READ_SIZE <= connection.bytes_in <= 4 * READ_SIZE
        theirs.close()
        while discard_input(connection, calls(), 2.0):
            pass
        assert connection.bytes_in == sent


def test_a_peer_that_sends_on_after_a_refusal_is_not_reset(serve: Serve) -> None:
    now = monotonic()
    running = serve(cap=10, clock=lambda: now)  # the second of the linger does not pass
    client, connection_id = running.connect_known()
    client.sendall(frame(b"hi") + header(11))
    assert read_exactly(client, 100) == frame(b"hi")
    for _ in range(20):
        client.sendall(bytes(1000))
        assert client.recv(1) == b""
    client.close()
    closed = running.closed(connection_id)
    assert (closed.reason, closed.bytes_out) == (Reason.FRAME_TOO_LARGE, 6)


def test_a_kill_of_mode_close_does_not_wait_for_the_end_of_a_peer(serve: Serve) -> None:
    now = monotonic()
    running = serve(cap=10, clock=lambda: now)
    client, connection_id = running.connect_known()
    client.sendall(header(11))
    assert client.recv(1) == b""
    running.server.submit(Kill(request=1, ids=(connection_id,), mode=KillMode.CLOSE))
    assert running.closed(connection_id).reason is Reason.FRAME_TOO_LARGE


@pytest.mark.slow
def test_a_kill_of_mode_close_gives_the_peer_its_ten_seconds(serve: Serve) -> None:
    clock = StoppedClock()
    running = serve(clock=clock)
    client, connection_id = running.connect_known(receive_buffer=4096)
    client.sendall(frame(bytes(300_000)))
    running.shown(connection_id, lambda snapshot: snapshot.unacked_bytes)
    killed_at = running.server.now()
    running.server.submit(Kill(request=1, ids=(connection_id,), mode=KillMode.CLOSE))
    running.shown(connection_id, lambda seen: seen.state is ConnectionState.DRAINING)
    neighbour, _ = running.connect_known()
    clock.stopped += 9.0
    # Another kill begins no other ten seconds.
    running.server.submit(Kill(request=2, ids=(connection_id,), mode=KillMode.CLOSE))
    for _ in range(3):
        assert exchange(neighbour, [frame(b"x")], 5) == frame(b"x")
    running.watcher.drain()
    assert not running.watcher.all(Closed)
    clock.stopped += 1.0
    running.server.wake()
    closed = running.closed(connection_id)
    assert closed.reason is Reason.KILLED
    assert closed.t - killed_at < 15.0
    assert "lost, not acknowledged in time" in closed.detail


def test_what_has_arrived_unread_makes_no_reset_of_a_stop_whose_time_is_over() -> None:
    """close(2) with unread input sends an RST, which destroys what the peer has not fetched."""
    reporter = Reporter(EventStream(), 0.0, TraceLevel.OFF)
    life = Lifecycle(
        Settings(), SelectPoller(), reporter, Shard((), ConnectionLimit(), 0.0), monotonic
    )
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), 10) as client,
    ):
        accepted, _ = listener.accept()
        accepted.setblocking(False)
        life.open(accepted, "peer", 0.0)
        client.sendall(b"half a header"[:2])
        assert select.select([accepted], [], [], 10)[0]
        [connection] = life.by_id.values()
        life.cut_off(connection, "the time is over")
        assert client.recv(1) == b""
    assert life.by_id == {}
