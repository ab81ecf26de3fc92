"""The server as the rest of the program sees it: limits, trouble, and a visible end."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Callable, Iterator

import pytest

from app.core.commands import Set
from app.core.events import (
    Closed,
    Crashed,
    Listening,
    Notice,
    Opened,
    Reason,
    SettingChanged,
    Snapshot,
    Stopped,
)
from app.core.framing import frame, header
from app.core.settings import SettingError, Settings
from app.server import server as server_module
from app.server.descriptors import KEPT_BACK, RESERVED_DESCRIPTORS
from app.server.poller import Ready, SelectPoller
from app.server.server import Server
from app.watch.stream import EventStream
from tests.peers import Running, exchange, read_exactly, read_to_end

Serve = Callable[..., Running]


class FailingPoller(SelectPoller):
    """A poller that breaks once a connection is watched."""

    def poll(self, timeout: float | None) -> Ready:
        if len(self._readers) > 2:
            raise RuntimeError("the poller\nbroke \x1b[31m")
        return super().poll(timeout)


def test_a_crash_of_the_loop_is_told_and_frees_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "make_poller", lambda _name: FailingPoller())
    running = Running().start()
    client = running.connect()
    crashed = running.watcher.wait_for(Crashed)
    assert crashed.error == running.server.failure == r"RuntimeError: the poller\nbroke \x1b[31m"
    assert "in poll" in crashed.traceback
    assert client.recv(1) == b""
    assert running.server.join(5)
    with pytest.raises(ConnectionRefusedError):
        running.connect()
    running.end(may_fail=True)
    assert running.watcher.events[-1] is crashed


class FullPoller(SelectPoller):
    """A poller that watches one connection and refuses the others, as epoll at its limit does."""

    def add(self, fd: int, interest: int) -> None:
        if len(self._readers) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().add(fd, interest)


def test_a_connection_that_cannot_be_watched_is_the_only_one_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "make_poller", lambda _name: FullPoller())
    running = Running(max_connections=2).start()
    first, _ = running.connect_known()
    for _ in range(3):  # and none of them takes a place of the limit
        refused, refused_id = running.connect_known()
        assert refused.recv(1) == b""
        closed = running.closed(refused_id)
        assert (closed.reason, closed.detail) == (
            Reason.ERROR,
            "select cannot watch it: No space left on device",
        )
    exchange(first, [frame(b"still here")], len(frame(b"still here")))
    running.end()


def test_a_started_server_runs_until_it_is_stopped(serve: Serve) -> None:
    running = serve()
    assert not running.server.join(0)
    running.server.stop("test")
    assert running.server.join(5)
    assert isinstance(running.watcher.wait_for(Stopped), Stopped)
    assert running.watcher.events[-1] is running.watcher.wait_for(Stopped)


def test_nobody_watching_costs_no_snapshots(serve: Serve) -> None:
    running = serve()
    running.stream.watched = False
    client = running.connect()
    exchange(client, [frame(b"x")], 5)
    running.watcher.wait_for(Opened)
    running.watcher.snapshots.clear()
    running.stream.watched = True
    running.server.wake()
    running.watcher.until(lambda: running.watcher.snapshots)
    assert running.watcher.snapshots[1].frames_out == 1


@pytest.fixture
def descriptor_limit() -> Iterator[Callable[[int, int], None]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft, hard: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_descriptor_limit_is_raised_to_what_is_wanted(
    descriptor_limit: Callable[[int, int], None],
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptor_limit(256, hard)
    running = Running(max_connections=500).start()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 500 + RESERVED_DESCRIPTORS
    assert running.watcher.wait_for(Listening).max_connections == 500
    running.end()


def test_select_lowers_the_limit_with_a_note(serve: Serve) -> None:
    listening = serve(poller="select", max_connections=5000).watcher.wait_for(Listening)
    assert listening.max_connections == 1024 - RESERVED_DESCRIPTORS
    assert listening.notes == (
        "--max-connections 5,000 lowered to 960: select takes 1,024 descriptors",
    )


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [(100, 100 - RESERVED_DESCRIPTORS), (RESERVED_DESCRIPTORS, "the descriptor limit is 64")],
)
def test_a_descriptor_limit_that_cannot_be_raised(
    monkeypatch: pytest.MonkeyPatch, limit: int, outcome: int | str
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (limit, limit))
    if isinstance(outcome, str):
        with pytest.raises(SettingError, match=outcome):
            Server(Settings(port=0), EventStream())
        return
    running = Running(max_connections=500).start()
    listening = running.watcher.wait_for(Listening)
    assert listening.max_connections == outcome
    assert listening.notes[0].endswith("the descriptor limit is 100")
    running.end()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("asked", "ok", "now", "says"),
    [
        (100, True, 100, "50 → 100"),
        (5000, True, 236, "50 → 236; --max-connections 5,000 lowered to 236"),
        (20, True, 20, "50 → 20"),
    ],
)
def test_a_higher_limit_at_run_time_is_fitted_as_at_the_start(
    monkeypatch: pytest.MonkeyPatch, workers: int, asked: int, ok: bool, now: int, says: str
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (300, 300))
    running = Running(max_connections=50, workers=workers).start()
    result = running.submit(Set, name="max_connections", value=asked)
    assert (result.ok, says in result.message) == (ok, True), result.message
    changed = running.watcher.wait_for(SettingChanged)
    assert changed.new == now
    notes = [event.text for event in running.watcher.all(Notice) if "lowered" in event.text]
    assert len(notes) == (asked > 300)
    running.end()


def test_a_higher_limit_that_does_not_fit_at_all_is_refused_and_a_lower_one_never_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = Running(max_connections=50).start()
    for limit, why in ((114, "it stays at 50"), (10, "the descriptor limit is 10")):
        monkeypatch.setattr(resource, "getrlimit", lambda _which, limit=limit: (limit, limit))
        result = running.submit(Set, name="max_connections", value=60)
        assert not result.ok
        assert why in result.message
    assert running.submit(Set, name="max_connections", value=40).ok
    running.end()


def test_the_last_descriptors_are_kept_for_who_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running().start()
    first, _ = running.connect_known()
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (KEPT_BACK, 100_000))
    refused = running.connect()
    assert refused.recv(1) == b""
    closed = running.watcher.wait_for(Closed)
    assert (closed.reason, closed.detail) == (
        Reason.LIMIT,
        f"the last {KEPT_BACK} descriptors are kept for control, metrics and the log",
    )
    assert exchange(first, [frame(b"still")], 9) == frame(b"still")
    running.end()


def test_a_descriptor_that_select_cannot_watch_is_refused(serve: Serve) -> None:
    running = serve(poller="select")
    spare = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while spare[-1] < 1024:
            spare.append(os.dup(spare[0]))
        client = running.connect()
        assert client.recv(1) == b""
        closed = running.watcher.wait_for(Closed)
        assert closed.reason is Reason.LIMIT
        assert closed.detail == "select watches no descriptor from 1024 on"
    finally:
        for descriptor in spare:
            os.close(descriptor)


@pytest.mark.slow
def test_accepting_pauses_without_descriptors_and_goes_on_later(
    serve: Serve, descriptor_limit: Callable[[int, int], None]
) -> None:
    running = serve()
    first = running.connect()
    exchange(first, [frame(b"ok")], 6)
    waiting = socket.socket()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        descriptor_limit(waiting.fileno(), hard)
        waiting.connect(("127.0.0.1", running.server.port))
        notice = running.watcher.wait_for(Notice)
        assert notice.text.startswith(f"accepting pauses: {os.strerror(errno.EMFILE)}")
        assert exchange(first, [frame(b"ok")], 6) == frame(b"ok")
        descriptor_limit(soft, hard)
        waiting.settimeout(5)
        assert exchange(waiting, [frame(b"served")], 10) == frame(b"served")
    finally:
        waiting.close()


def test_a_stop_during_a_pause_of_accepting(
    serve: Serve, descriptor_limit: Callable[[int, int], None]
) -> None:
    running = serve()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as waiting:
        descriptor_limit(waiting.fileno(), hard)
        waiting.connect(("127.0.0.1", running.server.port))
        running.watcher.wait_for(Notice)
        running.server.stop("test")
        running.watcher.wait_for(Stopped)
        descriptor_limit(soft, hard)


@pytest.mark.slow
def test_a_peer_that_goes_on_sending_does_not_outlast_half_the_grace(serve: Serve) -> None:
    running = serve(grace=0.2, cap=3 << 20)
    client, connection_id = running.connect_known(receive_buffer=4096)
    client.sendall(frame(bytes(3 << 20)) + header(9))
    running.shown(connection_id, lambda snapshot: snapshot.out_length)
    running.server.stop("test")
    closed = running.closed(connection_id)
    assert closed.reason is Reason.SHUTDOWN
    assert closed.detail


def test_a_refused_peer_that_lingers_is_read_and_forgotten(serve: Serve) -> None:
    running = serve(cap=10)
    client, connection_id = running.connect_known()
    client.sendall(header(11) + bytes(100_000))
    assert read_to_end(client) == b""
    client.sendall(bytes(100_000))
    client.shutdown(socket.SHUT_WR)
    closed = running.closed(connection_id)
    assert (closed.reason, closed.bytes_in) == (Reason.FRAME_TOO_LARGE, 200_004)


@pytest.mark.parametrize("poller", ["epoll", "epoll-et", "poll", "select"])
def test_all_that_a_refused_peer_sent_before_its_end_is_read(serve: Serve, poller: str) -> None:
    running = serve(cap=1000, poller=poller)
    client, connection_id = running.connect_known()
    client.sendall(frame(bytes(500)))
    client.sendall(header(1001) + bytes(600_000))
    client.shutdown(socket.SHUT_WR)
    assert running.closed(connection_id).bytes_in == 504 + 600_004


@pytest.mark.slow
def test_a_refused_peer_that_never_ends_is_given_a_second(serve: Serve) -> None:
    running = serve(cap=10)
    client, connection_id = running.connect_known()
    client.sendall(frame(b"good") + header(11))
    assert read_exactly(client, 8) == frame(b"good")
    closed = running.closed(connection_id)
    assert 1.0 <= closed.t - closed.opened_at < 3.0
    assert isinstance(running.watcher.snapshots[connection_id], Snapshot)


@pytest.mark.slow
def test_a_peer_that_reads_nothing_does_not_linger_for_ever(serve: Serve) -> None:
    running = serve(cap=4 << 20, write_timeout=0.3)
    client, connection_id = running.connect_known(receive_buffer=4096)
    client.sendall(frame(bytes(100_000)) + header(2**31))
    closed = running.closed(connection_id)
    assert closed.reason is Reason.TIMEOUT_WRITE
    assert "it was ending as frame_too_large" in closed.detail
    assert closed.bytes_out == 100_004
    with pytest.raises(ConnectionResetError):
        read_to_end(client)


@pytest.mark.parametrize("fault", [MemoryError, ValueError])
@pytest.mark.parametrize("at_once", [True, False], ids=["in the hot path", "in parts"])
def test_a_fault_in_serving_one_connection_ends_that_one_only(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, fault: type[Exception], at_once: bool
) -> None:
    poison, read = b"poison", os.read

    def breaks(fd: int, size: int) -> bytes:
        data = read(fd, size)
        if poison in data:
            raise fault()
        return data

    running = serve()
    neighbour = running.connect()
    monkeypatch.setattr(os, "read", breaks)
    count = 30
    for _ in range(count):
        client, connection_id = running.connect_known()
        if not at_once:
            client.sendall(header(100))
            running.shown(connection_id, lambda told: told.state == "READ_BODY")
        client.sendall(frame(poison) if at_once else poison)
        closed = running.closed(connection_id)
        assert closed.reason is Reason.ERROR
        assert closed.detail == fault.__name__
        assert exchange(neighbour, [frame(b"well")], 8) == frame(b"well")
    told = [event for event in running.watcher.all(Notice) if "a fault ended" in event.text]
    assert [event.level for event in told] == ["error"], "one notice, however many faults"
    assert "faults so far: 1" in told[0].text
    traces = [e for e in running.watcher.all(Notice) if e.level == "debug"]
    assert [trace.text.endswith(fault.__name__) for trace in traces] == [True]
