"""What a day costs on which nothing happens, on an injected clock."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest

from app.core.events import Event, Opened
from app.core.histogram import Histogram
from app.core.statistics import ProcessStats
from app.recording.disk import Disk
from app.recording.recorder import Recorder
from app.watch.stream import Drained, EventStream
from tests.making import NOW, listening, loop_stats, opened, snapshot, worker
from tests.recording.making import Drain, Sink, drain, recorded

DAY = 86_400
ALLOWED = 5_000_000
"""Bytes a day."""


def idle(connections: int, workers: int, seconds: int) -> Iterator[Drain]:
    """An idle server's life: every second its loops tell figures, of which only noise changes."""
    chance, iterations = random.Random(1), Histogram()
    for _ in range(20_000):  # it was busy once
        iterations.record(int(chance.expovariate(1 / 300)))
    service = iterations.to_counts()
    ids = range(1, connections + 1)
    yield Drain(
        NOW,
        Drained(
            [listening(), *(opened(number) for number in ids)],
            [snapshot(number, frames=number) for number in ids],
            None,
            0,
        ),
    )
    for number in range(seconds):
        t = NOW + number + chance.random() / 100
        for _ in range(2 + workers):
            iterations.record(int(chance.expovariate(1 / 80)))
        figures: list[Event] = [
            msgspec.structs.replace(worker(each, cpu_seconds=number * 0.003), t=t, rss=10**7)
            for each in range(1, workers + 1)
        ]
        figures.append(
            ProcessStats(
                t=t, cpu_percent=chance.random() * 2, rss=5 * 10**7 + 4096 * (number // 900),
                fds=20 + connections, threads=5,
            )
        )  # fmt: skip
        stats = msgspec.structs.replace(
            loop_stats(t, 1000, 64, connections),
            polls=number * 2,
            wakeups=number,
            ready=number,
            cpu_seconds=number * 0.00061,
            longest_us=chance.randrange(900),
            iteration_us=iterations.to_counts(),
            service_us=service,
        )
        yield Drain(t, Drained(figures, [], stats, 0))


def size_of(drains: Iterator[Drain]) -> int:
    now, first = next(drains)
    recorder = Recorder(EventStream(), Disk(Sink()), lambda: now)
    recorder.begin()
    recorder.record(first)
    for now, drained in drains:  # noqa: B007  the clock above reads it
        recorder.record(drained)
    return recorder.size


@pytest.mark.parametrize(("connections", "workers"), [(0, 0), (200, 0), (0, 4), (200, 2)])
def test_an_idle_hour_costs_its_share_of_a_day(connections: int, workers: int) -> None:
    base = size_of(idle(connections, workers, 60))
    assert size_of(idle(connections, workers, 3600)) - base < ALLOWED / 24


@pytest.mark.slow
@pytest.mark.parametrize(("connections", "workers"), [(0, 0), (200, 4)])
def test_an_idle_day_costs_little(connections: int, workers: int) -> None:
    assert size_of(idle(connections, workers, DAY)) < ALLOWED


def test_figures_that_tell_nothing_new_are_held_back_and_nothing_is_lost() -> None:
    calm = [drain(NOW + n / 5, frames=0) for n in range(100)]
    spike = loop_stats(NOW + 20.2, 0, 64, 2)
    spike = msgspec.structs.replace(spike, longest_us=9_000)
    after = drain(NOW + 25, opened(1, age=-25))
    _, recorder = recorded([*calm, Drain(spike.t, Drained([], [], spike, 0)), after])
    assert recorder.size < 2500
    state = recorder._state
    assert state.stats is not None
    assert state.stats.t == spike.t
    assert state.longest_us == 9_000
    assert 1 in state.rows


def test_what_changes_is_told_at_once() -> None:
    def count(*drains: Drain) -> int:
        return recorded([drain(NOW, listening(), frames=1), *drains]).data.count(b"x\x01")

    few = count(drain(NOW + 1, frames=1))
    for event in (
        ProcessStats(t=NOW + 1, cpu_percent=90, rss=1, fds=1, threads=1),
        worker(1),
        Opened(t=NOW + 1, id=1, fd=1, peer="p"),
    ):
        assert count(drain(NOW + 1, event)) > few - 1
    assert count(drain(NOW + 1, frames=2), drain(NOW + 2, frames=3)) == few + 1
