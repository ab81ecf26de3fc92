"""The server as the rest of the program sees it: limits, trouble, and a visible end."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import threading
from collections.abc import Callable

import pytest

from app.core.events import (
    Closed,
    Crashed,
    Notice,
    Opened,
    Reason,
    Snapshot,
    Stopped,
    Stopping,
)
from app.core.framing import frame, header
from app.server import lifecycle
from app.server import server as server_module
from app.server.closing import Verdict
from app.server.connection import Connection
from app.server.poller import Ready, SelectPoller
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


def test_a_fault_in_a_connection_that_is_ending_is_told_as_a_fault(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = serve()
    client, connection_id = running.connect_known(receive_buffer=4096)
    client.sendall(frame(bytes(300_000)))
    client.shutdown(socket.SHUT_WR)
    running.shown(connection_id, lambda told: told.closing is Reason.EOF)

    def breaks(*_arguments: object) -> Verdict:
        raise ValueError("x")

    monkeypatch.setattr(lifecycle, "check_linger", breaks)
    closed = running.closed(connection_id)
    assert (closed.reason, closed.detail) == (Reason.ERROR, "ValueError: x; it was ending as eof")


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

    monkeypatch.setattr(os, "read", breaks)
    running = serve()
    neighbour = running.connect()
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


def test_a_fault_in_cutting_off_one_connection_does_not_end_the_others_badly(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off = lifecycle.Lifecycle.cut_off

    def breaks(life: lifecycle.Lifecycle, connection: Connection, words: str) -> None:
        if connection.id == 1:
            raise MemoryError
        cut_off(life, connection, words)

    monkeypatch.setattr(lifecycle.Lifecycle, "cut_off", breaks)
    running = serve()
    for _ in range(3):
        running.connect_known()
    running.server.stop("test", now=True)
    running.watcher.wait_for(Stopped)
    reasons = {closed.id: closed.reason for closed in running.watcher.all(Closed)}
    assert reasons == {1: Reason.ERROR, 2: Reason.SHUTDOWN, 3: Reason.SHUTDOWN}


@pytest.mark.slow
def test_a_peer_that_goes_on_sending_does_not_hold_a_stop_to_the_end_of_the_grace(
    serve: Serve,
) -> None:
    running = serve(grace=9)
    client, connection_id = running.connect_known()
    ended = threading.Event()

    def send() -> None:
        with contextlib.suppress(OSError):
            while not ended.wait(0.02):
                client.sendall(frame(b"mark"))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        running.server.stop("test")
        stopping = running.watcher.wait_for(Stopping)
        closed = running.closed(connection_id)
    finally:
        ended.set()
        sender.join()
    assert closed.reason is Reason.SHUTDOWN
    assert closed.t - stopping.t < 5
