"""Worker processes behind one port: what a server promises holds for all of them together."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from app.core.commands import Kill, KillMode, Set, Trace, TraceLevel
from app.core.events import (
    Closed,
    CommandResult,
    Listening,
    Notice,
    Opened,
    Reason,
    SettingChanged,
    Snapshot,
    Stopped,
    Stopping,
)
from app.core.framing import frame, header
from app.core.settings import SettingError, Settings
from app.core.statistics import WorkerStats
from app.server import listener as listener_module
from app.server.poller import available_pollers
from app.server.workers import worker_process
from app.server.workers.supervisor import Workers
from app.watch.stream import EventStream
from tests.peers import PATIENCE, Running, connect, read_exactly, read_to_end
from tests.server import test_command_queue, test_loop
from tests.server.crowd import Crowd, Serve, echoes, refused, suspend

pytestmark = pytest.mark.slow
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


# --- one server, whoever serves ---


@pytest.mark.parametrize("poller", POLLERS)
@pytest.mark.parametrize("test", LOOP_TESTS, ids=lambda test: test.__name__)
def test_what_one_loop_does(test: Callable[..., None], workers: Serve, poller: str) -> None:
    test(workers, {"poller": poller, "write_mode": "direct"})


@pytest.mark.parametrize(
    "test",
    [
        test_command_queue.test_kill_of_a_connection_that_is_ending_already,
        test_command_queue.test_a_new_cap_is_in_force_from_the_next_frame_on,
        test_command_queue.test_a_second_stop_cuts_the_grace_short,
        test_command_queue.test_a_stop_without_a_cause_ends_too,
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
    running.server.wake()
    slots = cast("Workers", running.server)._slots
    watcher.until(lambda: not any(slot.process and slot.process.watched for slot in slots))
    # What was on its way when the workers were told may come right behind the first answer.
    for cap in (999, 1000):
        assert running.submit(Set, name="cap", value=cap).ok
    watcher.drain()
    assert echoes(client)
    told = watcher.stats
    client.close()
    assert running.closed(connection_id).frames_out == 1
    assert watcher.stats is told
    running.stream.watched = True
    running.server.wake()
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
    answer = crowd.running.submit(Set, name="cap", value="10")
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
    answer = workers().submit(Set, name="cap", value=0)
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


def test_the_connections_of_a_dead_worker_no_longer_count_for_the_limit(serve: Serve) -> None:
    running = serve(workers=1, max_connections=3)
    clients = [running.connect_known() for _ in range(3)]
    os.kill(running.server.worker_pids[0], signal.SIGKILL)
    assert running.closed(clients[0][1]).reason is Reason.ERROR
    again = [running.connect_known()[0] for _ in range(3)]
    assert all(map(echoes, again))


# --- a worker dies ---


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


@pytest.mark.parametrize(
    ("grace", "again", "why"), [(0.6, False, "in the grace time"), (60, True, "at once")]
)
def test_a_worker_that_hangs_does_not_outlast_the_grace(
    workers: Serve, grace: float, again: bool, why: str
) -> None:
    running = workers(grace=grace)
    crowd = Crowd(running)
    processes = processes_of(running)
    suspend(crowd.pid(1))
    running.server.stop("test")
    if again:
        running.server.stop("test", now=True)
    assert running.server.join(10)
    running.watcher.drain()
    for connection_id in crowd.of(1):
        closed = running.closed(connection_id)
        assert closed.reason is Reason.SHUTDOWN
        assert closed.detail.startswith("worker 1 had not ended ")
        assert closed.detail.endswith(why)
    assert running.watcher.wait_for(Stopped).closed == len(crowd.clients)
    assert not [process for process in processes if process.is_running()]


def test_a_stop_without_a_free_descriptor_is_in_order(
    crowd: Crowd, descriptor_limit: Callable[[int, int], None]
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptor_limit(3, hard)
    crowd.running.server.stop("test")
    assert crowd.watcher.wait_for(Stopped).closed == len(crowd.clients)
    assert not crowd.running.server.failure


NEVER_BEGINS = (sys.executable, "-c", "import signal; signal.pause()")


def test_a_stop_does_not_wait_for_workers_that_have_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_process, "worker_command", lambda _channel: NEVER_BEGINS)
    running = Running(workers=3, grace=600).start()
    running.watcher.until(lambda: len(running.server.worker_pids) == 3, "the processes")
    running.server.stop("test")
    assert running.server.join(PATIENCE)
    running.watcher.drain()
    assert not running.watcher.all(Notice)
    running.end()


def test_a_stop_does_not_wait_until_all_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "worker_command", lambda _channel: NEVER_BEGINS)
    running = Running(workers=8)
    running.server.stop("test")
    running.start().watcher.wait_for(Stopped)
    slots = cast("Workers", running.server)._slots
    assert [slot.make_worker_stats(0).pid != 0 for slot in slots] == [True] + [False] * 7
    running.end()


def test_who_waits_for_a_worker_that_has_not_begun_is_answered_before_a_stop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    at_once = worker_process.worker_command

    def begins_late(channel: int) -> list[str]:
        return ["sh", "-c", f'read _ < "{gate}"; exec "$@"', "sh", *at_once(channel)]

    monkeypatch.setattr(worker_process, "worker_command", begins_late)
    running = Running(workers=1, grace=600).start()
    client = running.connect()
    client.sendall(PING)
    running.server.stop("test")
    running.watcher.wait_for(Stopping)
    with open(os.open(gate, os.O_RDWR), "wb", buffering=0) as opened:
        opened.write(b"now\n")
        assert read_exactly(client, len(PING)) == PING
    running.end()


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


@pytest.mark.parametrize("count", [-1, 257])
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
