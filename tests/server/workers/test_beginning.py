"""When several workers are said to listen: not before a client that connects at once is served."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli.main import cli
from app.core.events import Event, Listening, Notice, Opened
from app.core.settings import SettingError, Settings
from app.host.runtime import Hosting, Sidecars
from app.server.workers import worker_process
from app.server.workers.beginning import PATIENCE, Beginning
from app.server.workers.slot import WorkerSlot
from app.watch.stream import Drained, EventStream
from tests.making import listening
from tests.peers import connect
from tests.program import PATIENCE as PROGRAM_PATIENCE
from tests.program import ROOT, environment
from tests.server.crowd import Serve, echoes
from tests.waiting import until

BEGINS_LATE = """
import sys
sys.path[:] = {path!r}
open({fifo!r}).read()
from app.server.workers import worker
worker.main()
"""
BROKEN = [sys.executable, "-c", "int('a word')"]
MakeCommand = Callable[[int], list[str]]


def run_in_turn(monkeypatch: pytest.MonkeyPatch, *commands: MakeCommand) -> None:
    """Have each worker that starts run the next command, and then always the last one."""
    left = list(commands)

    def next_command(channel: int) -> list[str]:
        return (left.pop(0) if len(left) > 1 else left[0])(channel)

    monkeypatch.setattr(worker_process, "worker_command", next_command)


class SecondWorker:
    """Has the second worker begin when `begin` is called, or never."""

    def __init__(self, fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._fifo = fifo
        os.mkfifo(fifo)
        self._working = worker_process.worker_command
        run_in_turn(monkeypatch, self._working, self._late, self._working)

    def _late(self, channel: int) -> list[str]:
        code = BEGINS_LATE.format(path=sys.path, fifo=str(self._fifo))
        return [sys.executable, "-c", code, str(channel)]

    def begin(self) -> None:
        self._fifo.write_text("now")


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecondWorker:
    return SecondWorker(tmp_path / "begin", monkeypatch)


@pytest.mark.slow
def test_nothing_is_said_to_listen_before_every_worker_serves(
    second: SecondWorker, serve: Serve
) -> None:
    running = serve(workers=2)
    clients = [running.connect() for _ in range(32)]
    watcher = running.watcher
    watcher.wait_for(Opened)  # the first serves
    assert watcher.all(Listening) == []
    second.begin()
    watcher.wait_for(Listening)
    assert all(map(echoes, clients))
    assert len(watcher.all(Listening)) == 1


class Told:
    """An observer that keeps what it hears, in order."""

    def __init__(self) -> None:
        self.watched = False
        self.events: list[Event] = []

    def hear(self, drained: Drained) -> None:
        self.events += drained.events


@pytest.fixture
def hosting() -> Iterator[Hosting]:
    hosting = Hosting(Settings(port=0, workers=2), Sidecars(control="none"))
    yield hosting
    hosting.server.stop("test", now=True)
    hosting.server.join(10)
    hosting.end()


@pytest.mark.slow
def test_all_that_watch_hear_of_it_first(second: SecondWorker, hosting: Hosting) -> None:
    told = hosting.fanout.add(Told())
    hosting.publish_notice("info", "published before the start")
    hosting.start()
    with connect(hosting.server.port) as client:
        second.begin()
        until(lambda: told.events, "any event")
        assert type(told.events[0]) is Listening
        assert echoes(client)
    times = [event.t for event in told.events]
    assert times == sorted(times)


@pytest.mark.slow
def test_a_worker_that_dies_at_its_start_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    run_in_turn(monkeypatch, worker_process.worker_command, lambda _channel: BROKEN)
    running = serve(workers=2)
    running.watcher.wait_for(Listening)
    running.watcher.wait_for(Notice, lambda notice: "worker 2 " in notice.text)


NONE_STARTS = """
import sys
from app.server.workers import worker_process
worker_process.worker_command = lambda _channel: [sys.executable, "-c", "int('a word')"]
from app.cli.main import main
main()
"""


@pytest.mark.slow
def test_if_none_ever_serves_the_program_says_only_that() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", NONE_STARTS, "--no-ui", "--workers", "2", "127.0.0.1", "0"],
        capture_output=True,
        timeout=PROGRAM_PATIENCE,
        env=environment(),
        cwd=ROOT,
        check=False,
        text=True,
    )
    assert ended.returncode == 2
    assert "listening" not in ended.stdout
    assert ended.stderr.startswith("echo-tui: no worker could be started: worker ")
    assert ended.stderr.count("\n") == 1


# --- how long one that hangs is waited for ---


class Slots:
    """Two workers without processes, and what was published of their beginning."""

    def __init__(self) -> None:
        self.slots = [WorkerSlot(number, ()) for number in (1, 2)]
        self.stream = EventStream()
        self.notices: list[str] = []
        self.beginning = Beginning(
            self.stream, self.slots, listening(), lambda _level, text: self.notices.append(text)
        )

    def check(self, now: float, stops: bool = False) -> bool:
        """Whether it is said to listen at `now`."""
        self.beginning.check(now, stops)
        return self.beginning.settled.is_set()


def test_one_that_hangs_is_waited_for_so_long_and_told() -> None:
    workers = Slots()
    assert not workers.check(100.0)
    assert workers.beginning.due > 1e9  # who has not begun has its own patience
    workers.slots[0].has_served = True
    assert not workers.check(101.0)
    assert workers.beginning.due == 101.0 + PATIENCE
    assert not workers.check(100.9 + PATIENCE)
    assert workers.check(101.0 + PATIENCE)
    assert workers.notices == ["10 s after the first, not yet serving: worker 2"]
    assert [type(event) for event in workers.stream.drain().events] == [Listening]
    assert workers.check(300.0)
    assert workers.stream.drain().events == []


def test_a_stop_waits_for_none() -> None:
    workers = Slots()
    assert not workers.check(1.0, stops=True)
    workers.slots[1].has_served = True
    assert workers.check(1.0, stops=True)
    assert workers.notices == []


def test_where_no_worker_serves_nothing_but_the_error_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("prometheus_client")
    run_in_turn(monkeypatch, lambda _channel: BROKEN)
    arguments = [
        "--no-ui",
        "--workers",
        "2",
        "--metrics",
        "0",
        "--control",
        "none",
        "--trace",
        "io",
    ]
    with pytest.raises(SettingError, match="no worker could be started"):
        cli.main([*arguments, "127.0.0.1", "0"], standalone_mode=False)
    assert capfd.readouterr() == ("", "")
