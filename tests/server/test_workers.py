"""Worker processes behind one port: what a server promises holds for all of them together."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, cast

import psutil
import pytest

from app.commands import Kill, Set, Trace
from app.events import (
    Closed,
    CommandResult,
    Crashed,
    KillMode,
    Listening,
    Notice,
    Opened,
    Reason,
    SettingChanged,
    Snapshot,
    Stopped,
    Stopping,
    TraceLevel,
    WorkerStats,
)
from app.framing import frame, header
from app.server import listener as listener_module
from app.server import worker_place, worker_process
from app.server.poller import available_pollers
from app.server.workers import Workers
from app.settings import SettingError, Settings
from app.stream import EventStream
from tests.peers import PATIENCE, Running, connect, exchange, read_exactly, read_to_end
from tests.server import test_commands, test_loop

pytestmark = pytest.mark.slow
Serve = Callable[..., Running]
PING = frame(b"ping")
POLLERS = [name for name in available_pollers() if name != "epoll-et"]

LOOP_TESTS = [
    test_loop.test_small_pieces,
    test_loop.test_all_at_once,
    test_loop.test_headers_split_anywhere,
    test_loop.test_a_frame_larger_than_every_buffer,
    test_loop.test_a_half_closed_client_that_reads_late_gets_everything,
    test_loop.test_a_slow_reader_toggles_pollout_and_gets_everything,
    test_loop.test_tracing_tells_system_calls_and_states,
]


@pytest.fixture
def workers(serve: Serve) -> Serve:
    return partial(serve, workers=2)


@pytest.fixture
def crowd(workers: Serve) -> Crowd:
    return Crowd(workers())


class Crowd:
    """Clients at both workers, by the id of their connection."""

    def __init__(self, running: Running, size: int = 24) -> None:
        self.running = running
        self.watcher = running.watcher
        self.clients = {
            connection_id: client
            for client, connection_id in (running.connect_known() for _ in range(size))
        }
        self.workers = {event.id: event.worker for event in self.watcher.all(Opened)}
        assert set(self.workers.values()) == {1, 2}

    def of(self, worker: int) -> dict[int, socket.socket]:
        """The clients whose connection that worker has."""
        return {id_: one for id_, one in self.clients.items() if self.workers[id_] == worker}

    def pid(self, worker: int) -> int:
        """Of the process that is there now."""
        alive = [event for event in self.watcher.all(WorkerStats) if event.worker == worker]
        return alive[-1].pid

    def kill_worker(self, worker: int) -> int:
        """SIGKILL; the process's id."""
        self.watcher.wait_for(WorkerStats, lambda event: event.worker == worker and event.alive)
        pid = self.pid(worker)
        os.kill(pid, signal.SIGKILL)
        return pid


def suspend(pid: int) -> None:
    """SIGSTOP, and wait until every thread has obeyed: a signal is on its way for a moment."""
    os.kill(pid, signal.SIGSTOP)
    stats = list(Path(f"/proc/{pid}/task").glob("*/stat"))
    deadline = monotonic() + PATIENCE
    while not all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats):
        assert monotonic() < deadline


def echoes(client: socket.socket) -> bool:
    return exchange(client, [PING], len(PING)) == PING


def refused(running: Running, client: socket.socket, connection_id: int) -> bool:
    """Whether a frame of 11 bytes is too large."""
    client.sendall(header(11))
    assert read_to_end(client) == b""
    client.close()
    return running.closed(connection_id).reason is Reason.FRAME_TOO_LARGE


# --- one server, whoever serves ---


@pytest.mark.parametrize("poller", POLLERS)
@pytest.mark.parametrize("test", LOOP_TESTS, ids=lambda test: test.__name__)
def test_what_one_loop_does(test: Callable[..., None], workers: Serve, poller: str) -> None:
    test(workers, {"poller": poller, "write_mode": "direct"})


@pytest.mark.parametrize(
    "test",
    [
        test_commands.test_kill_of_a_connection_that_is_ending_already,
        test_commands.test_a_new_cap_is_in_force_from_the_next_frame_on,
        test_commands.test_a_second_stop_cuts_the_grace_short,
    ],
    ids=lambda test: test.__name__,
)
def test_what_commands_do(test: Callable[..., None], workers: Serve) -> None:
    test(workers)


@pytest.mark.parametrize("poller", POLLERS)
def test_all_share_one_queue_where_the_kernel_does_not_spread(
    serve: Serve, poller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "KERNEL_SPREADS", False)
    running = serve(workers=3, poller=poller)
    clients = [running.connect() for _ in range(30)]
    assert all(map(echoes, clients))
    running.watcher.until(lambda: len(running.watcher.all(Opened)) == 30, "every open")
    assert len({event.id for event in running.watcher.all(Opened)}) == 30


def test_one_worker_is_a_process_of_its_own(serve: Serve) -> None:
    running = serve(workers=1)
    _, connection_id = running.connect_known()
    assert connection_id == 1
    assert running.watcher.wait_for(Opened).worker == 1
    assert running.watcher.wait_for(Listening).workers == 1
    assert running.watcher.wait_for(Listening).pid == os.getpid() != running.server.worker_pids[0]


def test_ids_are_never_the_same_and_name_the_worker(workers: Serve) -> None:
    running = workers()
    for _ in range(300):
        with connect(running.server.port) as client:
            client.sendall(PING)
            assert read_exactly(client, len(PING)) == PING
    watcher = running.watcher
    watcher.until(lambda: len(watcher.all(Closed)) == 300, "every close")
    opened = watcher.all(Opened)
    assert len({event.id for event in opened}) == 300
    assert all(event.worker == (event.id - 1) % 2 + 1 for event in opened)
    for worker in (1, 2):
        ids = [event.id for event in opened if event.worker == worker]
        assert ids == list(range(worker, worker + 2 * len(ids), 2))


def test_counters_are_those_of_all(crowd: Crowd) -> None:
    watcher = crowd.watcher
    for _ in range(5):
        assert all(map(echoes, crowd.clients.values()))
    frames = 5 * len(crowd.clients)
    watcher.until(lambda: watcher.stats and watcher.stats.frames_out == frames, "every frame")
    assert watcher.stats is not None
    assert watcher.stats.bytes_in == watcher.stats.bytes_out == frames * len(PING)
    assert watcher.stats.open == watcher.stats.opened == len(crowd.clients)
    crowd.running.server.stop("test")
    stopped = watcher.wait_for(Stopped)
    assert (stopped.opened, stopped.closed) == (len(crowd.clients), len(crowd.clients))
    assert (stopped.frames_out, stopped.bytes_in) == (frames, frames * len(PING))
    assert len(watcher.all(Stopping)) == len(watcher.all(Stopped)) == 1
    assert watcher.events[-1] is stopped


def test_a_line_for_each_worker(crowd: Crowd) -> None:
    assert all(map(echoes, crowd.clients.values()))
    latest: dict[int, WorkerStats] = {}

    def all_told() -> bool:
        latest.update((event.worker, event) for event in crowd.watcher.all(WorkerStats))
        return sum(told.frames for told in latest.values()) == len(crowd.clients)

    crowd.watcher.until(all_told, "every frame")
    for worker, told in latest.items():
        assert told.frames == told.open == len(crowd.of(worker))
        assert told.pid in crowd.running.server.worker_pids
        assert (told.alive, told.restarts) == (True, 0)
        assert told.rss > 1 << 20
        assert told.cpu_seconds > 0


def test_nobody_watching_costs_no_snapshots(workers: Serve) -> None:
    running = workers()
    watcher = running.watcher
    client, connection_id = running.connect_known()
    running.shown(connection_id, lambda snapshot: snapshot.frames_out == 0)
    running.stream.watched = False
    running.server.watch()
    places = cast("Workers", running.server)._places
    watcher.until(lambda: not any(place.process and place.process.watched for place in places))
    # An answer that comes after what was on its way when the workers were told.
    assert running.ask(Set, name="cap", value=999).ok
    watcher.drain()
    assert echoes(client)
    told = watcher.stats
    client.close()
    assert running.closed(connection_id).frames_out == 1
    assert watcher.stats is told
    running.stream.watched = True
    running.server.watch()
    watcher.until(lambda: watcher.stats and watcher.stats.frames_out == 1, "statistics")


# --- commands ---


@pytest.mark.parametrize("mode", list(KillMode))
def test_a_kill_reaches_the_connection_s_worker(crowd: Crowd, mode: KillMode) -> None:
    ids = [next(iter(crowd.of(worker))) for worker in (1, 2)]
    crowd.running.server.submit(Kill(request=7, ids=(*ids, 10_000, 10_001), mode=mode))
    crowd.watcher.until(lambda: len(crowd.watcher.all(CommandResult)) == 4, "all answers")
    answers = {event.id: event.ok for event in crowd.watcher.all(CommandResult)}
    assert answers == {ids[0]: True, ids[1]: True, 10_000: False, 10_001: False}
    for connection_id in ids:
        assert crowd.running.closed(connection_id).reason is Reason.KILLED
    others = [client for id_, client in crowd.clients.items() if id_ not in ids]
    assert all(map(echoes, others))


def test_a_setting_is_in_force_everywhere_and_told_once(crowd: Crowd) -> None:
    answer = crowd.running.ask(Set, name="cap", value="10")
    assert (answer.ok, answer.message) == (True, f"cap: {1 << 20} → 10")
    for worker in (1, 2):
        connection_id, client = next(iter(crowd.of(worker).items()))
        assert refused(crowd.running, client, connection_id)
    assert len(crowd.watcher.all(SettingChanged)) == len(crowd.watcher.all(CommandResult)) == 1
    crowd.kill_worker(1)
    crowd.watcher.wait_for(Notice, lambda notice: "serves again" in notice.text)
    for _ in range(12):
        assert refused(crowd.running, *crowd.running.connect_known())


def test_a_bad_setting_is_refused_once(workers: Serve) -> None:
    answer = workers().ask(Set, name="cap", value=0)
    assert not answer.ok
    assert answer.message.startswith("--cap 0 is out of range")


def test_the_limit_is_for_all_together(serve: Serve) -> None:
    running = serve(workers=2, max_connections=20)
    known = [running.connect_known() for _ in range(20)]
    assert all(echoes(client) for client, _ in known)
    for _ in range(10):
        extra, connection_id = running.connect_known()
        assert read_to_end(extra) == b""
        assert running.closed(connection_id).reason is Reason.LIMIT
    known[0][0].close()
    running.closed(known[0][1])
    client, _ = running.connect_known()
    assert echoes(client)


def test_a_dead_worker_s_seats_are_free_again(serve: Serve) -> None:
    running = serve(workers=1, max_connections=3)
    clients = [running.connect_known() for _ in range(3)]
    os.kill(running.server.worker_pids[0], signal.SIGKILL)
    assert running.closed(clients[0][1]).reason is Reason.ERROR
    again = [running.connect_known()[0] for _ in range(3)]
    assert all(map(echoes, again))


# --- a worker dies ---


def test_a_worker_that_dies_is_replaced_and_nobody_else_notices(crowd: Crowd) -> None:
    watcher, running = crowd.watcher, crowd.running
    assert all(map(echoes, crowd.clients.values()))
    for connection_id in crowd.clients:
        running.shown(connection_id, lambda snapshot: snapshot.frames_out == 1)
    dead = crowd.kill_worker(1)
    with ExitStack() as late:
        port = running.server.port
        clients = [late.enter_context(connect(port)) for _ in range(24)]
        assert all(map(echoes, clients))
        assert all(map(echoes, crowd.of(2).values()))
        for connection_id in crowd.of(1):
            closed = running.closed(connection_id)
            assert (closed.reason, closed.detail) == (Reason.ERROR, "worker 1 died: signal 9")
            assert (closed.frames_out, closed.bytes_out) == (1, len(PING))
        again = watcher.wait_for(WorkerStats, lambda event: event.restarts == 1 and event.alive)
        assert again.worker == 1
        assert again.pid != dead
        watcher.until(lambda: len(watcher.all(Opened)) == 48, "every open")
    assert len({event.id for event in watcher.all(Opened)}) == 48
    notices = [notice.text for notice in watcher.all(Notice)]
    lost = len(crowd.of(1))
    assert notices == [
        f"worker 1 (pid {dead}) died: signal 9; {lost} connections lost;"
        " it is started again at once",
        f"worker 1 serves again (pid {again.pid})",
    ]
    frames = 24 + 24 + len(crowd.of(2))
    watcher.until(lambda: watcher.stats and watcher.stats.frames_out == frames, "what it counted")
    running.server.stop("test")
    stopped = watcher.wait_for(Stopped)
    assert (stopped.opened, stopped.closed, stopped.frames_out) == (48, 48, frames)


def test_what_waits_in_the_queue_of_a_dead_worker_is_served_by_the_next(crowd: Crowd) -> None:
    crowd.watcher.wait_for(WorkerStats, lambda event: event.worker == 1 and event.alive)
    suspend(crowd.pid(1))
    with ExitStack() as late:
        port = crowd.running.server.port
        clients = [late.enter_context(connect(port)) for _ in range(24)]
        for client in clients:
            client.sendall(PING)
        os.kill(crowd.pid(1), signal.SIGKILL)
        assert all(read_exactly(client, len(PING)) == PING for client in clients)
        opened = crowd.watcher
        opened.until(lambda: len(opened.all(Opened)) == 48, "every open")
        assert {event.worker for event in opened.all(Opened)[24:]} == {1, 2}


def test_a_command_for_a_worker_that_dies_is_answered(crowd: Crowd) -> None:
    crowd.watcher.wait_for(WorkerStats, lambda event: event.worker == 1 and event.alive)
    pid = crowd.pid(1)
    suspend(pid)
    connection_id = next(iter(crowd.of(1)))
    submit = crowd.running.server.submit
    submit(Trace(request=50, id=connection_id, level=TraceLevel.IO))
    submit(Set(request=51, name="cap", value=77))
    submit(Trace(request=52, id=next(iter(crowd.of(2))), level=TraceLevel.IO))
    crowd.watcher.wait_for(CommandResult, lambda event: event.request == 52)
    assert len(crowd.watcher.all(CommandResult)) == 1
    os.kill(pid, signal.SIGKILL)
    traced = crowd.watcher.wait_for(CommandResult, lambda event: event.request == 50)
    assert (traced.ok, traced.message) == (False, "worker 1 died: signal 9")
    changed = crowd.watcher.wait_for(CommandResult, lambda event: event.request == 51)
    assert changed.ok


def test_twenty_restarts_leak_nothing(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_place, "STEADY", 0.0)
    watcher = crowd.watcher
    before = 0

    def restarts() -> int:
        return len([notice for notice in watcher.all(Notice) if "serves again" in notice.text])

    for deaths in range(20):
        os.kill(crowd.running.server.worker_pids[deaths % 2], signal.SIGKILL)
        watcher.until(lambda: restarts() > deaths, "the next process")  # noqa: B023
        before = before or len(os.listdir("/proc/self/fd"))
    assert len(os.listdir("/proc/self/fd")) == before
    client, _ = crowd.running.connect_known()
    assert echoes(client)


def test_a_row_of_quick_deaths_waits_longer_and_longer() -> None:
    place = worker_place.WorkerPlace(1, None)  # type: ignore[arg-type]
    waits = []
    for now in range(9):
        place.plan_restart(now, now)
        waits.append(round(place.start_at - now, 3))
    assert waits == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    place.plan_restart(100, 100 + worker_place.STEADY)
    assert place.start_at == 100 + worker_place.STEADY


def test_a_worker_that_cannot_be_restarted_is_tried_again(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = worker_process.COMMAND
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, "-c", "int('a word')"))
    crowd.kill_worker(1)
    notice = crowd.watcher.wait_for(Notice, lambda notice: "again in 0.1 s" in notice.text)
    assert notice.level == "error"
    assert "died: exit status 1: ValueError: invalid literal for int()" in notice.text
    assert all(map(echoes, crowd.of(2).values()))
    monkeypatch.setattr(worker_process, "COMMAND", working)
    crowd.watcher.wait_for(Notice, lambda notice: "worker 1 serves again" in notice.text)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ((sys.executable, "-c", "int('a word')"), "exit status 1: ValueError: invalid literal"),
        (("/no/such/python",), "could not be started: [Errno 2] No such file or directory"),
    ],
)
def test_no_worker_at_all_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], why: str
) -> None:
    monkeypatch.setattr(worker_process, "COMMAND", command)
    running = Running(workers=2).start()
    crashed = running.watcher.wait_for(Crashed)
    assert crashed.error.startswith("no worker could be started: worker ")
    assert why in crashed.error
    assert running.server.join(10)
    assert running.server.failure == crashed.error
    running.end(may_fail=True)
    with pytest.raises(ConnectionRefusedError):
        connect(running.server.port)


BREAKS = """
from app.server import serving, worker
def breaks(self, ready, now):
    raise RuntimeError("the loop broke")
serving.Serving._serve_end = breaks
worker.main()
"""


def test_a_crash_of_a_worker_s_loop_is_told_and_is_not_the_end(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    working = worker_process.COMMAND
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, "-P", "-c", BREAKS))
    running = serve(workers=1)
    client, connection_id = running.connect_known()
    monkeypatch.setattr(worker_process, "COMMAND", working)
    client.sendall(PING[:2])
    assert running.closed(connection_id).reason is Reason.ERROR
    notice = running.watcher.wait_for(Notice)
    assert "died: exit status 1: RuntimeError: the loop broke (File " in notice.text
    again, _ = running.connect_known()
    assert echoes(again)
    assert not running.watcher.all(Crashed)


# --- the end ---


def processes_of(running: Running) -> list[psutil.Process]:
    running.watcher.until(lambda: len(running.watcher.all(WorkerStats)) >= 2, "the workers")
    return [psutil.Process(pid) for pid in running.server.worker_pids]


def test_a_stop_echoes_what_was_received_in_full_and_leaves_no_process(workers: Serve) -> None:
    running = workers(grace=5)
    body = frame(bytes(range(256)) * 1000)
    clients = [running.connect_known(receive_buffer=8192)[0] for _ in range(12)]
    for client in clients:
        client.sendall(body)
        client.sendall(PING[:5])
    processes = processes_of(running)
    running.server.stop("test")
    for client in clients:
        assert read_to_end(client) == body
    assert running.server.join(10)
    assert {closed.reason for closed in running.watcher.all(Closed)} <= {Reason.SHUTDOWN}
    assert not [process for process in processes if process.is_running()]


def test_a_worker_that_hangs_does_not_outlast_the_grace(workers: Serve) -> None:
    running = workers(grace=0.6)
    crowd = Crowd(running)
    processes = processes_of(running)
    suspend(crowd.pid(1))
    running.server.stop("test")
    assert running.server.join(10)
    running.watcher.drain()
    for connection_id in crowd.of(1):
        closed = running.closed(connection_id)
        detail = "worker 1 had not ended in the grace time"
        assert (closed.reason, closed.detail) == (Reason.SHUTDOWN, detail)
    assert running.watcher.wait_for(Stopped).closed == len(crowd.clients)
    assert not [process for process in processes if process.is_running()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_worker_obeys_its_parent_alone(crowd: Crowd, number: signal.Signals) -> None:
    before = crowd.running.server.worker_pids
    for pid in before:
        os.kill(pid, number)
    assert all(map(echoes, crowd.clients.values()))
    assert crowd.running.server.worker_pids == before
    assert not crowd.watcher.all(Notice)


def test_every_command_around_a_stop_is_answered(workers: Serve) -> None:
    running = workers()
    running.connect_known()
    for request in range(300):
        running.server.submit(Trace(request=request, id=request, level=TraceLevel.OFF))
        if request == 100:
            running.server.stop("test", now=True)
    watcher = running.watcher
    watcher.wait_for(Stopped)
    answered = [event.request for event in watcher.all(CommandResult)]
    assert sorted(answered) == list(range(300))


# --- the start ---


def test_a_port_in_use_is_a_mistake_also_beside_other_workers(workers: Serve) -> None:
    running = workers()
    settings = Settings(port=running.server.port, workers=2)
    with pytest.raises(SettingError, match=f":{settings.port} is in use"):
        Workers(settings, EventStream())


def test_workers_that_were_never_started_give_everything_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    workers = Workers(Settings(port=0, workers=3), EventStream())
    workers.close()
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ConnectionRefusedError):
        connect(workers.port)


@pytest.mark.parametrize("count", [-1, 257, 1.5])
def test_the_number_of_workers_has_a_range(count: Any) -> None:
    with pytest.raises(
        SettingError, match=f"--workers {count} is out of range: it must be 0 to 256"
    ):
        Settings(workers=count)


def test_a_snapshot_is_kept_for_the_last_word(crowd: Crowd) -> None:
    """Also of a connection in the middle of a frame."""
    connection_id, client = next(iter(crowd.of(2).items()))
    client.sendall(header(1000) + b"half")
    crowd.running.shown(connection_id, lambda snapshot: snapshot.body_read == 4)
    crowd.kill_worker(2)
    closed = crowd.running.closed(connection_id)
    assert (closed.bytes_in, closed.frames_in) == (8, 0)
    assert isinstance(crowd.watcher.snapshots[connection_id], Snapshot)
