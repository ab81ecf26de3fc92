"""A process that was stopped: what had arrived meanwhile is served before anything is judged."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic, sleep

import pytest

from app.core.events import Opened, Reason, Snapshot
from app.core.framing import frame, header
from app.server import server as server_module
from app.server.acceptor import Acceptor
from app.server.poller import Ready, SelectPoller
from tests.peers import Running, connect, exchange, read_exactly, read_to_end
from tests.program import Headless

Serve = Callable[..., Running]


class StoppedClock:
    """The monotonic clock, and the seconds for which the process was stopped."""

    def __init__(self) -> None:
        self.stopped = 0.0

    def __call__(self) -> float:
        return monotonic() + self.stopped


class StoppedPoller(SelectPoller):
    """A poller in whose wait the process is stopped once; then it returns nothing (EINTR)."""

    def __init__(self, clock: StoppedClock) -> None:
        super().__init__()
        self._clock = clock
        self.stop_for = 0.0
        self.before_return: Callable[[], object] = lambda: None

    def poll(self, timeout: float | None) -> Ready:
        if not self.stop_for:
            return super().poll(timeout if timeout is None else min(timeout, 0.01))
        self._clock.stopped += self.stop_for
        self.stop_for = 0.0
        self.before_return()
        return []


@pytest.fixture
def stalling(monkeypatch: pytest.MonkeyPatch) -> tuple[StoppedClock, StoppedPoller]:
    clock = StoppedClock()
    poller = StoppedPoller(clock)
    monkeypatch.setattr(server_module, "make_poller", lambda _name: poller)
    return clock, poller


def has_read(count: int, snapshot: Snapshot) -> bool:
    return snapshot.bytes_in == count


@pytest.mark.parametrize("at_a_time", [1 << 20, 1000])
@pytest.mark.parametrize("begun", [0, 2, 4, 6])
def test_a_frame_that_came_whole_while_the_process_was_stopped_is_echoed(
    serve: Serve,
    stalling: tuple[StoppedClock, StoppedPoller],
    monkeypatch: pytest.MonkeyPatch,
    begun: int,
    at_a_time: int,
) -> None:
    """Also if one wake-up does not read all of it, and each time anew."""
    clock, poller = stalling
    read = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: read(fd, min(size, at_a_time)))
    running = serve(clock=clock, header_timeout=10, body_timeout=11, idle_timeout=9)
    client, connection_id = running.connect_known()
    assert exchange(client, [frame(b"x")], 5) == frame(b"x")
    whole = frame(bytes(30_000))
    for sent in (5, 5 + len(whole)):
        client.sendall(whole[:begun])
        running.shown(connection_id, partial(has_read, sent + begun))
        poller.before_return = lambda: client.sendall(whole[begun:])
        poller.stop_for = 12.0
        running.server.wake()
        assert read_exactly(client, len(whole)) == whole


def test_an_end_that_came_meanwhile_is_the_reason(
    serve: Serve, stalling: tuple[StoppedClock, StoppedPoller]
) -> None:
    clock, poller = stalling
    running = serve(clock=clock, idle_timeout=9)
    client, connection_id = running.connect_known()
    poller.before_return = client.close
    poller.stop_for = 12.0
    running.server.wake()
    assert running.closed(connection_id).reason is Reason.EOF


def test_a_peer_that_ended_and_reset_meanwhile_has_not_ended_in_order(
    serve: Serve, stalling: tuple[StoppedClock, StoppedPoller]
) -> None:
    """A read behind FIN and RST gives only the end."""
    clock, poller = stalling
    running = serve(clock=clock)
    client, connection_id = running.connect_known(receive_buffer=4096)
    client.sendall(frame(bytes(300_000)))
    running.shown(connection_id, lambda snapshot: snapshot.unacked_bytes > 10_000)

    def end() -> None:
        client.shutdown(socket.SHUT_WR)
        client.close()  # with unread input: RST

    poller.before_return = end
    poller.stop_for = 0.001
    running.server.wake()
    closed = running.closed(connection_id)
    assert closed.reason is Reason.RESET
    assert "bytes not acknowledged" in closed.detail


def test_who_had_sent_nothing_meanwhile_is_ended(
    serve: Serve, stalling: tuple[StoppedClock, StoppedPoller]
) -> None:
    clock, poller = stalling
    running = serve(clock=clock, body_timeout=11)
    client, connection_id = running.connect_known()
    client.sendall(header(9))
    running.shown(connection_id, lambda snapshot: snapshot.bytes_in)
    poller.stop_for = 12.0
    running.server.wake()
    assert running.closed(connection_id).reason is Reason.TIMEOUT_BODY
    assert read_to_end(client) == b""


# --- stopped not in the wait, but at any other point of an iteration ---


Stop = Callable[[float], None]


@pytest.fixture
def stop_in(
    stalling: tuple[StoppedClock, StoppedPoller], monkeypatch: pytest.MonkeyPatch
) -> Callable[[object, str, bool], Stop]:
    """Have the process stopped before, or behind, the next call of a function."""
    clock, _ = stalling

    def patch(owner: object, name: str, behind: bool) -> Stop:
        call, stops = getattr(owner, name), [0.0]

        def stop() -> None:
            clock.stopped += stops[0]
            stops[0] = 0.0

        def stopped_call(*arguments: object) -> object:
            if not behind:
                stop()
            result = call(*arguments)
            if isinstance(result, Iterator):
                result = iter(list(result))
            if behind:
                stop()
            return result

        monkeypatch.setattr(owner, name, stopped_call)
        return lambda seconds: stops.__setitem__(0, seconds)

    return patch


@pytest.mark.parametrize("behind", [False, True])
def test_a_connection_that_is_accepted_after_a_stop_begins_then(
    serve: Serve,
    stalling: tuple[StoppedClock, StoppedPoller],
    stop_in: Callable[[object, str, bool], Stop],
    behind: bool,
) -> None:
    stop = stop_in(Acceptor, "accept", behind)
    running = serve(clock=stalling[0], idle_timeout=9)
    running.connect_known()
    stop(12.0)
    client, connection_id = running.connect_known()
    opened = running.watcher.wait_for(Opened, lambda event: event.id == connection_id)
    assert behind or opened.t > running.server.now() - 9
    neighbour, _ = running.connect_known()  # an iteration in which deadlines are judged
    assert exchange(neighbour, [frame(b"y")], 5) == frame(b"y")
    assert exchange(client, [frame(b"x")], 5) == frame(b"x")


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("more", [0, 2, 5])
def test_what_is_read_after_a_stop_has_its_time_from_then_on(
    serve: Serve,
    stalling: tuple[StoppedClock, StoppedPoller],
    stop_in: Callable[[object, str, bool], Stop],
    behind: bool,
    more: int,
) -> None:
    stop = stop_in(os, "read", behind)
    running = serve(clock=stalling[0], header_timeout=10, body_timeout=11, idle_timeout=9)
    client, _ = running.connect_known()
    stop(12.0)
    data = frame(b"x") + frame(b"second")
    client.sendall(data[: 5 + more])
    assert read_exactly(client, 5) == data[:5]
    neighbour, _ = running.connect_known()
    assert exchange(neighbour, [frame(b"y")], 5) == frame(b"y")
    client.sendall(data[5 + more :])
    assert read_exactly(client, 10) == data[5:]


@pytest.mark.slow
def test_a_stopped_program_echoes_what_came_meanwhile() -> None:
    options = ("--header-timeout", "0.5", "--body-timeout", "0.6", "--idle-timeout", "0.7")
    with Headless(*options, "--log-format", "json") as program:
        clients = [connect(program.port) for _ in range(20)]
        whole = frame(b"y" * 5000)
        for number, client in enumerate(clients):
            client.sendall(whole[: number % 7])
        # A stop that takes effect while bytes are on their way would prove less.
        sleep(0.2)
        program.process.send_signal(signal.SIGSTOP)
        for number, client in enumerate(clients):
            client.sendall(whole[number % 7 :])
        sleep(1.5)
        program.process.send_signal(signal.SIGCONT)
        for client in clients:
            assert read_exactly(client, len(whole)) == whole
            client.close()


def test_all_that_are_ready_at_once_count_as_one_wakeup(
    serve: Serve, stalling: tuple[StoppedClock, StoppedPoller]
) -> None:
    clock, poller = stalling
    running = serve(clock=clock)
    clients = [running.connect_known()[0] for _ in range(20)]

    def send() -> None:
        for client in clients:
            client.sendall(frame(b"mark"))

    poller.before_return = send
    poller.stop_for = 0.001
    running.server.wake()
    for client in clients:
        assert read_exactly(client, 8) == frame(b"mark")
    watcher = running.watcher
    watcher.until(lambda: watcher.stats is not None and watcher.stats.frames_out == 20)
    assert watcher.stats is not None
    assert watcher.stats.ready - watcher.stats.wakeups >= 19
