"""Recordings of a server whose wall clock was set back: seconds last, moments are found."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from app.core.events import Event, Notice, Opened, Snapshot
from app.recording.disk import Disk
from app.recording.keyframes import state_at
from app.recording.plan import NO_LIMITS, Limits
from app.recording.reader import Recording
from app.recording.recorder import Recorder
from app.recording.times import moment_within, reach
from app.ui.replay_source import ReplaySource
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained, EventStream
from tests.making import listening, loop_stats, snapshot
from tests.recording.making import Sink

START = datetime(2026, 3, 5, 12, 0, 0).timestamp()
HOUR = 3600.0
SECONDS = 60
"""Seconds recorded before the clock is set, and after it."""


class Server:
    """A server with one event a second, on a wall clock that can be set."""

    def __init__(self, wall: float = START, limits: Limits = NO_LIMITS) -> None:
        self.wall = wall
        self.sink = Sink()
        self.disk = Disk(self.sink)
        self.set_by = 0.0
        self.recorder = Recorder(
            EventStream(),
            self.disk,
            lambda: self.wall,
            limits,
            clock=lambda: self.wall - self.set_by,
        )
        self.recorder.begin()
        self.opened: list[Opened] = []
        first = msgspec.structs.replace(listening(), t=self.wall)
        self.record(first)

    def record(self, *events: Event, snapshots: tuple[Snapshot, ...] = ()) -> None:
        stats = loop_stats(self.wall, len(self.opened), 64, 1)
        self.recorder.record(Drained(list(events), list(snapshots), stats, 0))

    def run(self, seconds: int = SECONDS) -> None:
        """Open a connection each second, at half of it; the first sends a frame each second."""
        for _ in range(seconds):
            number = len(self.opened) + 1
            self.opened.append(
                Opened(t=self.wall + 0.5, id=number, fd=number, peer=f"127.0.0.1:{number}")
            )
            told = msgspec.structs.replace(
                snapshot(1, frames=number), t=self.wall + 0.5, active_at=self.wall + 0.5
            )
            self.wall += 1.0
            self.record(self.opened[-1], snapshots=(told,))

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock, of which a notice tells."""
        self.wall += seconds
        self.set_by += seconds
        text = f"the wall clock went by {seconds}"
        notice = Notice(t=self.wall, level="warning", text=text, clock_step=seconds)
        self.record(notice)

    def end(self, path: Path) -> Recording:
        self.recorder.end("the test is over")
        self.disk.start()
        assert self.disk.join(10)
        path.write_bytes(self.sink.data)
        return Recording(path)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    server = Server()
    server.run()
    server.set_clock(-HOUR)
    server.run()
    return server.end(tmp_path / "set-back.rec")


def seen_at(recording: Recording, t: float) -> tuple[ScreenState, float]:
    """What a replay shows at a moment, and the wall clock's time then."""
    source = ReplaySource(recording)
    source.seek(t)
    keyframe = source.restart()
    assert keyframe is not None
    now = source.now()
    model = state_at(keyframe, now)
    model.apply(source.drain(), now)
    return model, now


def test_seconds_last_as_long_as_they_did(recording: Recording) -> None:
    with recording:
        assert recording.damage is None
        assert recording.end - recording.start == 2 * SECONDS
        for second in (1, 30, 59, 61, 90, 120):
            model, _ = seen_at(recording, recording.start + second)
            assert model.opened == second


@pytest.mark.parametrize("step", [-1.0, -5.0, -90.0])
def test_seconds_last_as_long_also_behind_a_small_step(tmp_path: Path, step: float) -> None:
    server = Server()
    server.run()
    server.set_clock(step)
    server.run()
    with server.end(tmp_path / "a.rec") as recording:
        assert recording.end - recording.start == 2 * SECONDS


def test_ages_are_right_on_both_sides(recording: Recording) -> None:
    with recording:
        for second, wall in ((30, START + 30), (90, START + 90 - HOUR)):
            model, now = seen_at(recording, recording.start + second)
            assert now == wall
            ages = [now - row.opened.t for row in model.rows.values()]
            assert ages == pytest.approx([second - 0.5 - each for each in range(second)])
            first = model.rows[1].snapshot
            assert first is not None
            assert now - first.active_at == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("+90", 90),
        ("-10", 110),
        ("12:00:30", 30),
        ("11:01:30", 90),
        ("2026-03-05 11:01:45", 105),
        (f"{START - HOUR + 100:.0f}", 100),
    ],
)
def test_a_moment_is_where_the_clock_showed_it(
    recording: Recording, text: str, second: float
) -> None:
    with recording:
        start, end, clock = recording.start, recording.end, recording.wall_times
        assert moment_within(text, start, end, clock) == pytest.approx(start + second, abs=0.01)


def test_the_step_is_told(recording: Recording) -> None:
    with recording:
        told = reach(recording.start, recording.end, recording.wall_times)
        assert "11:02:00.000" in told
        assert told.endswith(" (the clock was set back by 1 h)")
        model, _ = seen_at(recording, recording.start + SECONDS + 1)
        assert [line.text for line in model.log if "wall clock" in line.text]
        source = ReplaySource(recording)
        source.seek(recording.start + SECONDS - 1)
        before = source.now()
        source.seek(recording.start + SECONDS + 1)
        assert source.now() == before + 2 - HOUR


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_the_charts_go_on_over_the_step(step: float, tmp_path: Path) -> None:
    server = Server()
    server.run()
    server.set_clock(step)
    server.run()
    with server.end(tmp_path / "step.rec") as recording:
        model, _ = seen_at(recording, recording.end)
    assert [rates.t - server.wall for rates in model.history] == list(range(1 - 2 * SECONDS, 1))
    assert [rates.frames for rates in model.history] == [1.0] * 2 * SECONDS


def test_playing_goes_over_the_step(recording: Recording) -> None:
    time = 0.0
    with recording:
        source = ReplaySource(recording, clock=lambda: time)
        source.seek(recording.start + SECONDS - 2)
        keyframe = source.restart()
        assert keyframe is not None
        model = state_at(keyframe, source.now())
        model.apply(source.drain(), source.now())
        source.play()
        for _ in range(8):
            time += 0.5
            now = source.now()
            model.apply(source.drain(), now)
        assert model.opened == SECONDS + 2
        assert now == START + SECONDS + 2 - HOUR


def test_a_clock_that_is_put_right_again(tmp_path: Path) -> None:
    server = Server()
    server.run(10)
    server.set_clock(-HOUR)
    server.run(10)
    server.set_clock(HOUR)
    server.run(10)
    with server.end(tmp_path / "twice.rec") as recording:
        assert recording.damage is None
        for back, count in ((0, 30), (9, 21)):
            model, now = seen_at(recording, recording.end - back)
            assert (model.opened, now) == (count, START + 30 - back)


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_a_recording_is_as_old_as_it_has_lasted(step: float) -> None:
    server = Server(limits=Limits(age=100))
    server.run(60)
    server.set_clock(step)
    server.run(39)
    before = server.recorder.ended
    server.run(1)
    after = server.recorder.ended
    assert (before, after) == ("", "it is 100 s old, as --record-max-age allows")


def test_a_server_that_started_again_behind_the_step(tmp_path: Path) -> None:
    """Its clock was set back while it did not run: the second file is told behind the first."""
    for number, start in enumerate((0.0, -HOUR), 1):
        server = Server(START + start)
        server.run(20)
        server.end(tmp_path / f"life.rec.00000{number}").__exit__()
    with Recording(tmp_path / "life.rec") as recording:
        assert recording.end - recording.start == 40
        for second, count in ((15, 15), (35, 15), (40, 20)):
            model, _ = seen_at(recording, recording.start + second)
            assert model.opened == count
        _, now = seen_at(recording, recording.start + 35)
        assert now == START + 15 - HOUR
        wall_times = recording.wall_times
        found = moment_within("11:00:05", recording.start, recording.end, wall_times)
        assert found == recording.start + 25
