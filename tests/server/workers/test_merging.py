"""The figures of several workers as those of one server, from the first that are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from app.core.statistics import LoopStats
from app.server.totals import NOTHING
from app.server.workers.channel import WorkerBatch
from app.server.workers.merging import Merging
from app.server.workers.slot import WorkerPlace
from app.server.workers.worker_process import WorkerProcess
from app.watch.stream import EventStream

ASKED_AT, AWAITED_UNTIL = 100.0, 100.5


def echoed(frames: int, t: float = ASKED_AT) -> LoopStats:
    return msgspec.structs.replace(NOTHING, t=t, frames_out=frames)


class Process:
    """A worker that had told of some frames before, when somebody watched."""

    def __init__(self, before: int) -> None:
        self.stats = echoed(before)
        self.asked_at = ASKED_AT
        self.ready = True
        self.awaited_until = AWAITED_UNTIL
        self.snapshots: dict[int, Any] = {}

    take_stats = WorkerProcess.take_stats

    def new_drops(self, dropped: int) -> int:
        return dropped

    def take_snapshots(self, snapshots: list[Any]) -> list[Any]:
        self.snapshots.update((snapshot.id, snapshot) for snapshot in snapshots)
        return snapshots


class Two:
    """Two workers' places, and the one who takes what they tell."""

    def __init__(self) -> None:
        self.time = AWAITED_UNTIL - 0.5
        self.stream = EventStream()
        self.places = [WorkerPlace(number, cast(Any, None)) for number in (1, 2)]
        self.processes = [Process(10), Process(20)]
        for place, process in zip(self.places, self.processes, strict=True):
            place.process = cast(WorkerProcess, process)
        self._merging = Merging(self.stream, self.places, cast(Any, None), lambda: self.time)

    def tell(self, worker: int, frames: int, t: float = ASKED_AT) -> None:
        snapshot = cast(Any, SimpleNamespace(id=worker))
        batch = WorkerBatch(events=[], snapshots=[snapshot], stats=echoed(frames, t), dropped=0)
        place, process = self.places[worker - 1], self.processes[worker - 1]
        self._merging.take(place, cast(WorkerProcess, process), batch)

    def told(self) -> tuple[int | None, list[int]]:
        """The frames of all that were told since, and whose snapshots."""
        drained = self.stream.drain()
        frames = drained.stats.frames_out if drained.stats else None
        return frames, sorted(snapshot.id for snapshot in drained.snapshots)


@pytest.fixture
def two() -> Two:
    return Two()


def test_the_first_figures_wait_for_all(two: Two) -> None:
    """Else they would be a sum of what is now and of what was when somebody last watched."""
    two.tell(1, 1000)
    assert two.told() == (None, [])
    two.tell(2, 2000)
    assert two.told() == (3000, [1, 2])
    two.tell(1, 1001)
    assert two.told() == (3001, [1])


def test_figures_that_were_on_their_way_are_not_those_asked_for(two: Two) -> None:
    two.tell(1, 900, ASKED_AT - 0.1)
    two.tell(2, 2000)
    assert two.told() == (None, [])
    two.tell(1, 1000)
    assert two.told() == (3000, [1, 2])


def test_a_worker_that_hangs_is_not_waited_for(two: Two) -> None:
    two.tell(1, 1000)
    two.time = AWAITED_UNTIL
    two.tell(1, 1001)
    assert two.told() == (1021, [1])


def test_the_oldest_figures_are_dated(two: Two) -> None:
    """Else the latest would hide that a worker hangs, whose figures are in the sum."""
    two.tell(1, 1000)
    two.tell(2, 2000)
    two.time = AWAITED_UNTIL + 20
    two.tell(1, 1001, AWAITED_UNTIL + 20)
    stats = two.stream.drain().stats
    assert stats is not None
    assert (stats.t, stats.oldest_at) == (AWAITED_UNTIL + 20, ASKED_AT)


def test_figures_of_who_has_gone_or_begins_have_no_date(two: Two) -> None:
    two.processes[1].ready = False
    two.tell(1, 1000, AWAITED_UNTIL + 20)
    two.time = AWAITED_UNTIL + 20
    two.tell(1, 1001, AWAITED_UNTIL + 20)
    stats = two.stream.drain().stats
    assert stats is not None
    assert stats.oldest_at == stats.t


def test_a_worker_that_died_is_not_waited_for(two: Two) -> None:
    two.places[1].process = None
    two.tell(1, 1000)
    assert two.told() == (1000, [1])
