"""Bounds of a recording: its last record fits, its moments are those of its records."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from app.core.events import Event, Opened
from app.core.statistics import LoopStats, ProcessStats
from app.recording.format import FILE_SIZE, RECORD_SIZE, RecordedBatch, read_head
from app.recording.keyframes import RecordedState, expanded, state_at
from app.recording.plan import Limits
from app.recording.quiet import CPU_STEP, RSS_STEP, QuietFigures
from app.recording.reader import KEPT, Recording
from app.ui.replay_source import ReplaySource
from app.watch.stream import Drained
from tests.making import NOW, listening, loop_stats, opened, snapshot, worker
from tests.recording.making import CountingRecording, Drain, drain, recorded, write_recording


def each_second(count: int) -> list[Drain]:
    """A connection opens a second, at the very time of its record."""
    return [drain(NOW + n, opened(n + 1, age=-float(n))) for n in range(count)]


def ends_of(data: bytes) -> list[int]:
    """Where each record ends, from the file's start."""
    ends, at = [], FILE_SIZE
    while at < len(data):
        at += RECORD_SIZE + read_head(data[at : at + RECORD_SIZE]).size
        ends.append(at)
    return ends


@pytest.mark.parametrize("spare", [0, 1, 10, 50, 100, 300])
def test_the_last_record_fits_however_full_the_file_is(tmp_path: Path, spare: int) -> None:
    whole = recorded(each_second(40)).data
    limit = ends_of(whole)[20] + spare
    data, recorder = recorded(each_second(40), Limits(size=limit))
    assert len(data) <= limit
    path = tmp_path / "a.rec"
    path.write_bytes(data)
    with Recording(path) as recording:
        assert recording.damage is None
        assert "--record-max-size" in recording.end_reason == recorder.ended
        assert len(recording.batches) >= 15


def test_at_a_time_all_that_has_that_time_has_happened(tmp_path: Path) -> None:
    """Also where several records have it, and events that were stamped before their record."""
    late = opened(4, age=-1.0)
    drains = [
        drain(NOW, opened(1, age=0.0)),
        drain(NOW + 2, opened(2, age=-2.0)),
        drain(NOW + 2, opened(3, age=-2.0)),
        drain(NOW + 3, late, opened(5, age=-2.5)),
    ]
    with Recording(write_recording(tmp_path / "a.rec", drains)) as recording:
        source = ReplaySource(recording)
        source.seek(NOW + 2)
        assert [event for event in source.drain().events if isinstance(event, Opened)] == [
            opened(1, age=0.0),
            opened(2, age=-2.0),
            opened(3, age=-2.0),
            late,
        ]


def test_what_is_played_stays_within_the_times_of_its_record(tmp_path: Path) -> None:
    """Whatever time it was stamped with: a clock may be wrong, and a file may lie."""
    drains = [
        drain(NOW, opened(1, age=0.0)),
        drain(NOW + 1, opened(2, age=-99.0), snapshots=[snapshot(1, at=NOW + 50)], frames=3),
        drain(NOW + 2, opened(3, age=99.0), opened(4, age=-1.5), snapshots=[snapshot(2, at=NOW)]),
        Drain(NOW + 3, Drained([], [], loop_stats(NOW + 70, 5, 64, 2), 0)),
        Drain(NOW + 4, Drained([], [], loop_stats(NOW - 70, 9, 64, 2), 0)),
    ]
    with Recording(write_recording(tmp_path / "a.rec", drains)) as recording:
        told = [[item.t - NOW for item in recording.played(batch).items] for batch in range(5)]
        assert told == [[0], [1, 1, 1], [1, 1, 1.5], [3], [3]]


def test_a_keyframe_that_is_later_than_a_time_is_not_begun_with(tmp_path: Path) -> None:
    """Rates settle while a little is played from before the time that is shown."""
    with Recording(write_recording(tmp_path / "a.rec", each_second(100))) as recording:
        times = [entry.t for _, entry in recording.keyframes]
        assert len(times) > 3
        many = len(recording.batches)
        for index, t in enumerate(times):
            assert recording.keyframe_before(many, t) == index
            assert recording.keyframe_before(many, t - 0.5) == max(0, index - 1)
        for index, (batch, _) in enumerate(recording.keyframes):
            assert recording.keyframe_before(batch, NOW + 1000) == index


def test_the_batches_that_were_decoded_last_are_kept_and_no_more(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.rec", each_second(KEPT + 2))
    with CountingRecording(path) as recording:
        for batch in range(KEPT + 1):
            recording.played(batch)
        before = recording.decoded
        for batch in range(KEPT, 0, -1):
            assert len(recording.played(batch).items) == 1
        assert recording.decoded == before
        recording.played(0)
        assert recording.decoded == before + 1


@pytest.mark.parametrize("longest", list(permutations((70_000, 900, 2_000))))
def test_the_longest_iteration_is_in_the_history_though_its_figures_are_not_kept(
    longest: tuple[int, ...],
) -> None:
    state = RecordedState()
    for tick, each in enumerate((10, *longest, 20, 40, 30)):  # the first and the fifth are kept
        stats = msgspec.structs.replace(loop_stats(NOW + tick / 4, 1, 64, 1), longest_us=each)
        state.apply(Drained([], [], stats, 0), NOW)
    kept = [one for one in expanded(state.keyframe()).history if isinstance(one, LoopStats)]
    assert [one.longest_us for one in kept] == [10, 70_000, 40]


def test_a_keyframe_tells_enough_for_the_rate_of_a_worker() -> None:
    state = RecordedState()
    figures: list[Event] = [worker(1, NOW + n, frames=100 * n, cpu_seconds=n / 2) for n in range(4)]
    state.apply(Drained([listening(), *figures], [], None, 0), NOW + 3)
    row = state_at(state.keyframe(), NOW + 3).workers[1]
    assert (row.frames, row.cpu_share) == (100.0, 0.5)


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({"rss": 50_000_000 + RSS_STEP}, True),
        ({"rss": 50_000_000 - RSS_STEP}, True),
        ({"rss": 50_000_000 + RSS_STEP - 1}, False),
        ({"cpu_percent": 1.0 + CPU_STEP}, True),
        ({"cpu_percent": 0.5 + CPU_STEP}, False),
        ({"fds": 10}, True),
        ({"threads": 5}, True),
        ({}, False),
    ],
)
def test_figures_of_the_process_are_recorded_where_they_differ_by_more_than_chance(
    change: dict[str, float], is_told: bool
) -> None:
    quiet = QuietFigures()
    first = ProcessStats(t=NOW, cpu_percent=1.0, rss=50_000_000, fds=9, threads=4)
    quiet.choose(RecordedBatch(events=(first,)), NOW)
    later = msgspec.structs.replace(first, t=NOW + 1, **change)
    assert (quiet.choose(RecordedBatch(events=(later,)), NOW + 1) is not None) is is_told


def test_figures_that_were_held_back_come_with_the_next_news() -> None:
    quiet = QuietFigures()
    first, held = (
        ProcessStats(t=NOW + n, cpu_percent=1.0, rss=1, fds=9, threads=4) for n in range(2)
    )
    assert quiet.choose(RecordedBatch(events=(first,)), NOW) is not None
    assert quiet.choose(RecordedBatch(events=(held,)), NOW + 1) is None
    news = quiet.choose(RecordedBatch(events=(opened(1),)), NOW + 2)
    assert news is not None
    assert news.events == (held, opened(1))
