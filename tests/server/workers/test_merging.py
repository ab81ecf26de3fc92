"""The figures of several workers as those of one server, from the first that are told."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import msgspec
import pytest

from app.core.statistics import LoopStats
from app.server.totals import NOTHING
from app.server.workers.channel import WorkerBatch
from app.server.workers.merging import Merging
from app.server.workers.slot import WorkerSlot
from app.server.workers.worker_process import WorkerProcess
from app.watch.state import State
from app.watch.stream import Drained, EventStream
from tests.making import listening, opened, snapshot

ASKED_AT, AWAITED_UNTIL = 100.0, 100.5


def echoed(frames: int, t: float = ASKED_AT) -> LoopStats:
    return msgspec.structs.replace(NOTHING, t=t, frames_out=frames)


class Process(WorkerProcess):
    """A worker without a process, that had told of some frames before, when somebody watched."""

    def __init__(self, number: int, before: int) -> None:
        self.state = State(closed_limit=0)
        self.asked_at = 0.0
        self._sums = Counter()
        self._dropped = self._longest_us = 0
        self.apply(Drained([listening(), opened(number)], [], echoed(before), 0), 0.0)
        self.asked_at = ASKED_AT
        self.awaited_until = AWAITED_UNTIL


class Two:
    """Two workers' slots, and the one who takes what they tell."""

    def __init__(self) -> None:
        self.time = AWAITED_UNTIL - 0.5
        self.stream = EventStream()
        self.slots = [WorkerSlot(number, cast(Any, None)) for number in (1, 2)]
        self.processes = [Process(1, 10), Process(2, 20)]
        for slot, process in zip(self.slots, self.processes, strict=True):
            slot.process = process
        self._merging = Merging(self.stream, self.slots, cast(Any, None), lambda: self.time)

    def tell(self, worker: int, frames: int, t: float = ASKED_AT) -> None:
        batch = WorkerBatch([], [snapshot(worker)], echoed(frames, t), 0)
        slot, process = self.slots[worker - 1], self.processes[worker - 1]
        self._merging.publish(slot, process, batch)

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
    two.processes[1].state = State(closed_limit=0)  # one that has not begun
    two.tell(1, 1000, AWAITED_UNTIL + 20)
    two.time = AWAITED_UNTIL + 20
    two.tell(1, 1001, AWAITED_UNTIL + 20)
    stats = two.stream.drain().stats
    assert stats is not None
    assert stats.oldest_at == stats.t


def test_a_worker_that_died_is_not_waited_for(two: Two) -> None:
    two.slots[1].process = None
    two.tell(1, 1000)
    assert two.told() == (1000, [1])


def test_figures_have_no_time_that_the_wall_clock_has_yet_to_come_to(two: Two) -> None:
    """It was set back, and one worker has not noticed yet."""
    two.time = AWAITED_UNTIL + 1
    two.tell(1, 11, AWAITED_UNTIL + 3600)
    stats = two.stream.drain().stats
    assert stats is not None
    assert stats.t == two.time
