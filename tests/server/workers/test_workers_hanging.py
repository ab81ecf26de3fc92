"""Workers that live and do nothing: who notices, who is told, and who is spared."""

from __future__ import annotations

import os
import signal
import sys
from time import monotonic
from typing import cast

import pytest

from app.core.commands import CLOSE_BOUND, Kill, Set, Trace, TraceLevel
from app.core.events import CommandResult, Crashed, Notice, Reason, SettingChanged
from app.core.statistics import WorkerStats
from app.server.workers import worker_process
from app.server.workers.routing import ANSWER_PATIENCE
from app.server.workers.supervisor import Workers
from app.server.workers.worker_process import (
    PROBE_INTERVAL,
    SILENCE_ENDED,
    SILENCE_TOLD,
    START_ENDED,
    WorkerProcess,
)
from tests.peers import PATIENCE, Running
from tests.server.crowd import Crowd, Serve, echoes, refused, suspend

pytestmark = pytest.mark.slow


class Clock:
    """The real one, put forward."""

    ahead = 0.0

    def __call__(self) -> float:
        return monotonic() + self.ahead


def process_of(running: Running, worker: int) -> WorkerProcess:
    process = cast("Workers", running.server)._slots[worker - 1].process
    assert process is not None
    return process


class Hanging:
    """A crowd at two workers, the first of which is stopped."""

    def __init__(self, serve: Serve) -> None:
        self.clock = Clock()
        self.running = serve(workers=2, clock=self.clock)
        self.watcher = self.running.watcher
        self.crowd = Crowd(self.running)
        self.hung, self.well = (process_of(self.running, worker) for worker in (1, 2))
        self.pid = self.hung.pid
        suspend(self.pid)
        self.hung.was_heard = False

    def put_forward(self, seconds: float) -> None:
        self.clock.ahead += seconds
        self.running.server.wake()

    def wait_in_silence(self, seconds: float) -> None:
        """Look by look, until the first has been silent for so long; the other answers each."""
        while self.hung.silence < seconds:
            before = self.hung.silence
            self.put_forward(PROBE_INTERVAL)
            self.watcher.until(lambda: self.hung.silence > before, "a look")  # noqa: B023
            self.watcher.until(lambda: self.well.was_heard, "a sign of life of the other")

    def notices(self) -> list[tuple[str, str]]:
        return [(notice.level, notice.text) for notice in self.watcher.all(Notice)]

    def told(self) -> tuple[str, str]:
        """What is said of it first."""
        silence, left = f"{SILENCE_TOLD:.0f}", f"{SILENCE_ENDED - SILENCE_TOLD:.0f}"
        return (
            "warning",
            f"worker 1 (pid {self.pid}) has given no sign of life for {silence} s;"
            f" it is killed in {left} s unless it does",
        )


@pytest.fixture
def hanging(serve: Serve) -> Hanging:
    return Hanging(serve)


def test_a_worker_that_hangs_is_told_of_then_killed_and_replaced(hanging: Hanging) -> None:
    hanging.wait_in_silence(SILENCE_TOLD)
    shown = hanging.watcher.wait_for(WorkerStats, lambda event: event.silent)
    assert (shown.worker, shown.alive) == (1, True)
    assert hanging.notices() == [hanging.told()]
    hanging.wait_in_silence(SILENCE_ENDED)
    hanging.watcher.wait_for(Notice, lambda notice: "worker 1 serves again" in notice.text)
    lost = len(hanging.crowd.of(1))
    why = f"was killed: no sign of life for {SILENCE_ENDED:.0f} s"
    assert hanging.notices()[:2] == [
        hanging.told(),
        (
            "error",
            f"worker 1 (pid {hanging.pid}) {why};"
            f" {lost} connections lost; it is started again at once",
        ),
    ]
    for connection_id in hanging.crowd.of(1):
        closed = hanging.running.closed(connection_id)
        assert (closed.reason, closed.detail) == (Reason.ERROR, f"worker 1 {why}")
    assert all(map(echoes, hanging.crowd.of(2).values()))
    again = [hanging.running.connect_known()[0] for _ in range(12)]
    assert all(map(echoes, again))


def test_it_is_told_since_when_a_worker_is_silent(hanging: Hanging) -> None:
    heard_at = hanging.hung.heard_at
    hanging.wait_in_silence(PROBE_INTERVAL)
    told = hanging.watcher.wait_for(WorkerStats, lambda event: event.silent_since)
    assert (told.worker, told.silent_since) == (1, heard_at)
    os.kill(hanging.pid, signal.SIGCONT)
    hanging.watcher.until(lambda: not hanging.hung.silent_since, "an answer")


def test_a_worker_that_goes_on_is_spared(hanging: Hanging) -> None:
    hanging.wait_in_silence(SILENCE_ENDED - 3 * PROBE_INTERVAL)
    os.kill(hanging.pid, signal.SIGCONT)
    hanging.watcher.wait_for(Notice, lambda notice: notice.text.endswith("signs of life again"))
    assert hanging.notices() == [
        hanging.told(),
        ("info", f"worker 1 (pid {hanging.pid}) gives signs of life again"),
    ]
    assert all(map(echoes, hanging.crowd.clients.values()))
    assert hanging.running.server.worker_pids[0] == hanging.pid


def test_time_that_nobody_lived_through_is_no_silence(hanging: Hanging) -> None:
    """The machine, or this process with its workers, was stopped for a day."""
    before = hanging.hung.silence
    hanging.put_forward(86_400)
    hanging.watcher.until(lambda: hanging.hung.silence > before, "a look")
    assert hanging.hung.silence <= before + PROBE_INTERVAL
    assert hanging.running.server.now() - hanging.hung.heard_at < PATIENCE
    assert not hanging.hung.is_hopeless


def test_a_worker_that_begins_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    never = (sys.executable, "-c", "import signal; signal.pause()")
    monkeypatch.setattr(worker_process, "worker_command", lambda _channel: never)
    clock = Clock()
    running = Running(workers=1, clock=clock).start()
    watcher = running.watcher
    watcher.until(lambda: running.server.worker_pids, "the process")
    process = process_of(running, 1)
    while process.silence < START_ENDED:
        assert not watcher.all(Crashed)
        before = process.silence
        clock.ahead += PROBE_INTERVAL
        running.server.wake()
        watcher.until(lambda: process.silence > before, "a look")  # noqa: B023
    crashed = watcher.wait_for(Crashed)
    assert f"was killed: no sign of life for {START_ENDED:.0f} s" in crashed.error
    assert not watcher.all(Notice)
    assert running.server.join(PATIENCE)
    running.end(may_fail=True)


def test_an_idle_worker_that_nobody_watches_gives_signs_of_life(serve: Serve) -> None:
    clock = Clock()
    running = serve(workers=1, clock=clock)
    running.connect_known()
    running.stream.watched = False
    running.server.wake()
    process = process_of(running, 1)
    watcher = running.watcher
    watcher.until(lambda: not process.watched, "that nobody watches")
    for _ in range(int(SILENCE_ENDED / PROBE_INTERVAL) + 1):
        process.was_heard = False
        clock.ahead += PROBE_INTERVAL
        running.server.wake()
        watcher.until(lambda: process.was_heard, "a sign of life")
    assert process.silence == 0
    assert not watcher.all(CommandResult)


def test_the_age_of_figures_is_also_told_of_who_never_told_any() -> None:
    """Nobody has looked since the start, and the first who does meets a worker that hangs."""
    running = Running(workers=2)
    running.stream.watched = False
    running.start()
    Crowd(running)
    suspend(process_of(running, 1).pid)
    asked_at = running.server.now()
    running.stream.watched = True
    running.server.wake()
    running.watcher.until(lambda: running.watcher.stats, "figures of the other")
    stats = running.watcher.stats
    assert stats is not None
    assert 0 < stats.oldest_at < asked_at < stats.t
    running.end()


# --- commands ---


def test_a_setting_does_not_wait_for_a_worker_that_hangs(hanging: Hanging) -> None:
    running, crowd, watcher = hanging.running, hanging.crowd, hanging.watcher
    running.server.submit(Set(request=90, name="cap", value=10))
    running.server.submit(Trace(request=91, id=next(iter(crowd.of(2))), level=TraceLevel.OFF))
    watcher.wait_for(CommandResult, lambda event: event.request == 91)
    assert len(watcher.all(CommandResult)) == 1
    hanging.put_forward(ANSWER_PATIENCE)
    answer = watcher.wait_for(CommandResult, lambda event: event.request == 90)
    assert not answer.ok
    assert answer.message == (
        f"cap: {1 << 20} → 10, but not at worker 1 (no answer within {ANSWER_PATIENCE:g} s)"
        " before it answers again or is replaced"
    )
    assert watcher.wait_for(SettingChanged).new == 10
    connection_id, client = next(iter(crowd.of(2).items()))
    assert refused(running, client, connection_id)
    os.kill(hanging.pid, signal.SIGCONT)
    connection_id, client = next(iter(crowd.of(1).items()))
    assert running.submit(Trace, id=connection_id, level=TraceLevel.OFF).ok
    assert refused(running, client, connection_id)
    assert len(watcher.all(CommandResult)) == 3
    assert len(watcher.all(SettingChanged)) == 1


def test_a_kill_does_not_wait_for_a_worker_that_hangs(hanging: Hanging) -> None:
    running, watcher = hanging.running, hanging.watcher
    slow, quick = (next(iter(hanging.crowd.of(worker))) for worker in (1, 2))
    running.server.submit(Kill(request=90, ids=(slow, quick)))
    running.server.submit(Trace(request=91, id=slow, level=TraceLevel.OFF))
    assert running.closed(quick).reason is Reason.KILLED
    hanging.put_forward(ANSWER_PATIENCE)
    assert not watcher.wait_for(CommandResult, lambda event: event.request == 91).ok
    # A kill of mode `close` is answered when the connection is gone: that may take its bound.
    assert not [e for e in watcher.all(CommandResult) if (e.request, e.id) == (90, slow)]
    hanging.put_forward(CLOSE_BOUND)
    answer = watcher.wait_for(CommandResult, lambda event: (event.request, event.id) == (90, slow))
    assert not answer.ok
    assert answer.message == (
        f"worker 1 did not answer within {ANSWER_PATIENCE + CLOSE_BOUND:g} s:"
        " it may still be carried out"
    )
    os.kill(hanging.pid, signal.SIGCONT)
    assert running.closed(slow).reason is Reason.KILLED
    assert running.submit(Trace, id=slow, level=TraceLevel.OFF).message == "no such connection"
    answers = [event.id for event in watcher.all(CommandResult) if event.request == 90]
    assert sorted(answers, key=str) == sorted([slow, quick], key=str)
