"""Workers that die: who notices, who is told, who comes after them."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import ExitStack
from typing import Any, cast

import pytest

from app.core.commands import Set, Trace, TraceLevel
from app.core.events import CommandResult, Crashed, Notice, Opened, Reason, Stopped
from app.core.framing import frame
from app.core.statistics import WorkerStats
from app.server.workers import slot as slots
from app.server.workers import worker_process
from app.server.workers.supervisor import Workers
from tests.peers import Running, connect, read_exactly
from tests.server.crowd import Crowd, Serve, echoes, suspend

pytestmark = pytest.mark.slow
PING = frame(b"ping")


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
            assert (closed.reason, closed.detail) == (
                Reason.ERROR,
                "worker 1 died: signal 9",
            )
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
    monkeypatch.setattr(slots, "STEADY", 0.0)
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
    slot = slots.WorkerSlot(1, None)  # type: ignore[arg-type]
    waits = []
    for now in range(2000):  # nearly three hours of them
        slot.plan_restart(now, now)
        waits.append(round(slot.start_at - now, 3))
    assert waits[:8] == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert set(waits[8:]) == {5.0}
    slot.plan_restart(2000, 2000 + slots.STEADY)
    assert slot.start_at == 2000 + slots.STEADY


def test_a_worker_that_cannot_be_restarted_is_tried_again(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = worker_process.worker_command
    broken = [sys.executable, "-c", "int('a word')"]
    monkeypatch.setattr(worker_process, "worker_command", lambda _channel: broken)
    crowd.kill_worker(1)
    notice = crowd.watcher.wait_for(Notice, lambda notice: "again in 0.1 s" in notice.text)
    assert notice.level == "error"
    assert "died: exit status 1: ValueError: invalid literal for int()" in notice.text
    assert all(map(echoes, crowd.of(2).values()))
    monkeypatch.setattr(worker_process, "worker_command", working)
    crowd.watcher.wait_for(Notice, lambda notice: "worker 1 serves again" in notice.text)


@pytest.mark.parametrize("source", ["channel", "errors"])
def test_a_worker_that_cannot_be_watched_is_replaced(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    selector = cast("Workers", crowd.running.server)._selector
    register = selector.register
    full = [1] if source == "channel" else [2]

    def register_if_there_is_room(*arguments: Any) -> Any:
        full[0] -= 1
        if full[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return register(*arguments)

    monkeypatch.setattr(selector, "register", register_if_there_is_room)
    crowd.kill_worker(1)
    why = "was killed: it could not be watched: No space left on device"
    crowd.watcher.wait_for(Notice, lambda notice: why in notice.text)
    crowd.watcher.wait_for(Notice, lambda notice: "worker 1 serves again" in notice.text)
    assert all(map(echoes, crowd.of(2).values()))


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
    monkeypatch.setattr(worker_process, "worker_command", lambda _channel: command)
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
import sys
sys.path[:] = {path!r}
from app.server import serving
from app.server.workers import worker
batch = serving.Serving.batch
def breaks(self, ready, now):
    if any(fd in self._life.by_fd for fd, _ in ready):
        raise RuntimeError("the loop broke")
    return batch(self, ready, now)
serving.Serving.batch = breaks
worker.main()
"""


def test_a_crash_of_a_worker_s_loop_is_told_and_is_not_the_end(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    working = worker_process.worker_command
    monkeypatch.setattr(
        worker_process,
        "worker_command",
        lambda channel: [sys.executable, "-c", BREAKS.format(path=sys.path), str(channel)],
    )
    running = serve(workers=1)
    client, connection_id = running.connect_known()
    monkeypatch.setattr(worker_process, "worker_command", working)
    client.sendall(PING[:2])
    assert running.closed(connection_id).reason is Reason.ERROR
    notice = running.watcher.wait_for(Notice)
    assert "died: exit status 1: RuntimeError: the loop broke (File " in notice.text
    again, _ = running.connect_known()
    assert echoes(again)
    assert not running.watcher.all(Crashed)


# --- the end ---
