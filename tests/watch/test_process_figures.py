"""The figures of the operating system, and the time that they are of."""

from __future__ import annotations

import os

import psutil
import pytest

from app.core.statistics import ProcessStats
from app.watch import process_figures
from app.watch.fanout import FIRST_SPAN, Fanout
from app.watch.process_figures import CpuAccount, ProcessSampler, Usage, descriptor_limit, usage
from app.watch.stream import EventStream


def test_the_limit_is_that_of_the_process() -> None:
    assert descriptor_limit(os.getpid()) == descriptor_limit(2**30) > 0


def test_the_cpu_of_processes_that_come_and_go_adds_up() -> None:
    def used(cpu: float, identity: int) -> Usage:
        return Usage(cpu, 1, 2, 3, 4.0, identity)

    account = CpuAccount()
    assert account.total({1: used(10, 100), 2: used(5, 100)}) == 15
    assert account.total({1: used(11, 100), 2: None}) == 16, "it cannot be read at present"
    assert account.total({1: used(11, 100)}) == 16, "it has ended"
    assert account.total({1: used(12, 100), 2: used(30, 200)}) == 47, "another of that number"
    assert account.total({1: used(12, 100), 2: used(40, 300)}) == 87, "and another"
    assert account.total({1: used(1, 100)}) == 87, "a figure that fell is not believed"


def test_no_cpu_is_counted_twice_when_the_wall_clock_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = CpuAccount()
    before = usage(os.getpid())
    assert before is not None
    account.total({os.getpid(): before})
    boot_time = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot_time + 2)
    after = usage(os.getpid())
    assert after is not None
    assert after.started_at == pytest.approx(before.started_at + 2)
    assert account.total({os.getpid(): after}) == after.cpu_seconds


class Process:
    """A process that has used `cpu` seconds, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cpu = self.time = 0.0
        monkeypatch.setattr("time.process_time", lambda: 0.0)
        monkeypatch.setattr(process_figures, "_read", lambda _pid: Usage(self.cpu, 1, 2, 3, 4.0, 5))
        self.sample = ProcessSampler(lambda: self.time, clock=lambda: self.time)

    def work(self, seconds: float, share: float) -> None:
        self.time += seconds
        self.cpu += seconds * share


def test_cpu_is_never_of_a_time_long_past(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(monkeypatch)
    process.work(1, 0.5)
    first = process.sample()
    assert first is not None
    assert first.cpu_percent == 50
    process.work(3600, 0.001)
    assert process.sample() is None
    process.work(FIRST_SPAN, 0.9)
    busy = process.sample()
    assert busy is not None
    assert busy.cpu_percent == pytest.approx(90)


def test_cpu_is_never_of_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sampler is made at its first call, by whoever asks first."""
    process = Process(monkeypatch)
    assert process.sample() is None
    process.work(FIRST_SPAN, 0.4)
    first = process.sample()
    assert first is not None
    assert first.cpu_percent == pytest.approx(40)
    assert process.sample() is None
    process.work(0.2, 0.7)
    second = process.sample()
    assert second is not None
    assert second.cpu_percent == pytest.approx(70)


def test_who_begins_to_watch_is_told_of_the_present_after_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = Process(monkeypatch)
    fan = Fanout(EventStream(), lambda: None, process.sample, clock=lambda: process.time)
    screen = EventStream()
    screen.watched = True
    process.work(3600, 0.001)
    fan.add(screen)
    told: list[ProcessStats] = []
    for _ in range(22):
        fan.hand_on(screen.drain()._replace(events=[]))
        told += [event for event in screen.drain().events if isinstance(event, ProcessStats)]
        process.work(0.1, 0.9)
    assert [round(stats.cpu_percent) for stats in told] == [90, 90]
    assert told[0].t == pytest.approx(3600 + FIRST_SPAN, abs=0.15)
    assert fan.state.process is not None
    process.work(60, 0.0)
    fan.hand_on(screen.drain())
    assert fan.state.process is None  # old figures are not shown as those of now
