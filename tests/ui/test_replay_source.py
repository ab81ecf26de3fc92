"""A seek in a recording shows the same as playing from the start up to that time."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.commands import Kill, Trace, TraceLevel
from app.core.events import POLLOUT, Closed, ConnectionState, Event, Io, Reason, Toggled
from app.recording.format import Mark
from app.recording.keyframes import state_at
from app.recording.reader import Recording
from app.ui.replay_source import ReplaySource
from app.watch.screen_state import ScreenState
from tests.making import NOW, closed, listening, opened, snapshot, worker
from tests.recording.making import CountingRecording, drain, history, write_recording

SEEDS = range(4)


class Screen:
    """A dashboard without a screen: a clock, a source and a model."""

    def __init__(self, recording: Recording, **narrowed: float) -> None:
        self.clock = 0.0
        self.source = ReplaySource(recording, clock=lambda: self.clock, **narrowed)
        self.model = ScreenState()
        self.refresh()

    def refresh(self) -> None:
        now = self.source.now()
        keyframe = self.source.restart()
        if keyframe is not None:
            self.model = state_at(keyframe, now)
        self.model.apply(self.source.drain(), now)

    def wait(self, seconds: float) -> None:
        self.clock += seconds
        self.refresh()

    def after_start(self) -> float:
        return self.source.now() - NOW

    def told(self) -> dict[str, Any]:
        """All that a screen could show, but for the rates of single connections."""
        model = self.model
        fields = ("open", "opened", "closed", "listening", "settings", "stats", "process", "drops")
        more = ("rates", "stopping", "stopped", "crashed")
        return {
            **{name: getattr(model, name) for name in (*fields, *more)},
            "rows": [(row.opened, row.snapshot, row.closed) for row in model.rows.values()],
            "recent": [list(row.recent or ()) for row in model.rows.values()],
            "toggled": [list(row.toggled or ()) for row in model.rows.values()],
            "history": list(model.history),
            "log": list(model.log),
            "audit": list(model.audit.changes),
        }


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("lives")
    return [write_recording(folder / f"{seed}.rec", history(seed)) for seed in SEEDS]


def played_from_start(recording: Recording, t: float) -> dict[str, Any]:
    screen = Screen(recording)
    screen.source.play()
    while screen.source.now() < t:
        screen.wait(min(0.7, t - screen.source.now()))
    return screen.told()


WAYS: list[Callable[[ReplaySource], object]] = [
    ReplaySource.step,
    lambda source: source.step(back=True),
    lambda source: source.jump(Mark.CLOSE),
    lambda source: source.jump(Mark.ERROR, back=True),
    lambda source: source.jump(Mark.TOGGLE),
    lambda source: source.seek(source.now() + 10),
    lambda source: source.seek(source.now() - 10),
    lambda source: source.seek(source.end),
    lambda source: source.seek(source.start),
    ReplaySource.play,
    ReplaySource.pause,
    lambda source: source.change_speed(1),
]


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.sampled_from(SEEDS),
    st.floats(0, 1),
    st.lists(st.tuples(st.sampled_from(WAYS), st.booleans()), max_size=8),
)
def test_wherever_one_comes_from_the_model_is_the_same(
    lives: list[Path],
    seed: int,
    share: float,
    ways: list[tuple[Callable[[ReplaySource], object], bool]],
) -> None:
    with Recording(lives[seed]) as recording:
        assert len(recording.keyframes) > 5
        t = recording.start + share * (recording.end - recording.start)
        screen = Screen(recording)
        for way, is_shown in ways:
            way(screen.source)
            screen.clock += 0.3
            if is_shown:
                screen.refresh()
        screen.source.pause()
        screen.source.seek(t)
        screen.refresh()
        expected = played_from_start(recording, t)
        for name, value in screen.told().items():
            assert value == expected[name], name


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rates_of_connections_are_near_after_a_seek(lives: list[Path], seed: int) -> None:
    with Recording(lives[seed]) as recording:
        t = recording.start + 60
        screen, other = Screen(recording), Screen(recording)
        screen.source.seek(t)
        screen.refresh()
        other.source.play()
        other.wait(60)
        busy = [row.id for row in other.model.rows.values() if row.rate(t) > 0 and row.age(t) > 10]
        assert busy
        assert all(screen.model.rows[number].rate(t) > 0 for number in busy)


def test_steps_go_from_event_to_event_and_back(tmp_path: Path) -> None:
    steps = [
        drain(NOW, listening()),
        drain(NOW + 1, opened(1, age=-0.8), opened(2, age=-0.9), frames=3),
        drain(NOW + 2, snapshots=[snapshot(1, at=NOW + 2)], frames=4),
        drain(NOW + 3, opened(3, age=-2.5), opened(4, age=-2.5)),
        drain(NOW + 4, frames=6),
    ]
    with Recording(write_recording(tmp_path / "steps.rec", steps)) as recording:
        screen = Screen(recording)
        seen = []
        while screen.source.step():
            screen.refresh()
            seen.append((round(screen.after_start(), 3), len(screen.model.rows)))
        assert seen == [(0.8, 1), (0.9, 2), (2.5, 3), (2.5, 4)]
        back = []
        while screen.source.step(back=True):
            screen.refresh()
            back.append((round(screen.after_start(), 3), len(screen.model.rows)))
        assert back == [(2.5, 3), (0.9, 2), (0.8, 1), (0.0, 0)]
        assert not screen.source.playing


def test_jumps_find_what_they_are_for(tmp_path: Path) -> None:
    toggled = Toggled(t=NOW + 31, id=1, armed=True, pending=5, toggles=1)
    steps = [
        drain(NOW, listening(), opened(1, age=0), opened(2, age=0)),
        drain(NOW + 10.5, closed(1, Reason.EOF, ago=-10)),
        *(drain(NOW + 11 + n, opened(10 + n, age=-11 - n)) for n in range(19)),
        drain(NOW + 31, toggled),
        drain(NOW + 40, closed(2, Reason.TIMEOUT_BODY, ago=-40)),
    ]
    with CountingRecording(write_recording(tmp_path / "jumps.rec", steps)) as recording:
        source = Screen(recording).source

        def jump(mark: Mark, back: bool = False) -> float | None:
            return source.now() - NOW if source.jump(mark, back) else None

        assert jump(Mark.CLOSE) == 10
        decoded = recording.decoded
        assert jump(Mark.CLOSE) == 40
        assert recording.decoded - decoded <= 3  # not the batches without a close
        assert jump(Mark.CLOSE) is None
        assert jump(Mark.CLOSE, back=True) == 10
        assert jump(Mark.CLOSE, back=True) is None
        assert jump(Mark.TOGGLE) == 31
        assert jump(Mark.ERROR) == 40
        assert jump(Mark.ERROR, back=True) is None
        assert jump(Mark.TOGGLE, back=True) == 31


def test_time_passes_at_the_speed_that_is_chosen(lives: list[Path]) -> None:
    with Recording(lives[0]) as recording:
        screen = Screen(recording)
        screen.wait(5)
        assert screen.after_start() == 0
        screen.source.play()
        screen.wait(3)
        assert screen.after_start() == pytest.approx(3)
        screen.source.change_speed(2)
        screen.wait(3)
        assert screen.after_start() == pytest.approx(15)
        screen.source.change_speed(-99)
        screen.wait(4)
        assert screen.after_start() == pytest.approx(16)
        screen.source.pause()
        screen.wait(100)
        assert screen.after_start() == pytest.approx(16)
        screen.source.play()
        screen.source.change_speed(99)
        screen.wait(100)
        assert screen.source.now() == recording.end
        assert not screen.source.playing
        screen.source.play()
        assert screen.after_start() == 0
        assert screen.source.playing


def test_what_can_be_seen_can_be_narrowed(lives: list[Path]) -> None:
    with Recording(lives[1]) as recording:
        screen = Screen(recording, since=NOW + 20, until=NOW + 30)
        assert screen.after_start() == 20
        assert screen.told() == played_from_start(recording, NOW + 20)
        screen.source.seek(NOW)
        assert screen.after_start() == 20
        screen.source.seek(recording.end)
        assert screen.after_start() == 30
        assert not screen.source.jump(Mark.CLOSE)
        screen.source.play()
        screen.wait(60)
        assert screen.after_start() == 30
        outside = Screen(recording, since=NOW - 50, until=NOW + 10**9).source
        assert (outside.start, outside.end) == (recording.start, recording.end)


def test_a_recording_takes_no_commands(lives: list[Path]) -> None:
    with Recording(lives[0]) as recording:
        source = Screen(recording).source
        kill = Kill(request=1, ids=(1,))
        source.submit(Trace(request=2, id=1, level=TraceLevel.IO))
        source.submit(kill)
        assert source.refused == [kill]
        assert source.failure() is None
        assert not source.owns_server


@pytest.mark.slow
def test_damage_anywhere_never_stops_the_replay(lives: list[Path], tmp_path: Path) -> None:
    whole = lives[2].read_bytes()
    chance, path = random.Random(11), tmp_path / "damaged.rec"
    for attempt in range(60):
        data = bytearray(whole)
        at = chance.randrange(len(data))
        data[at] ^= 1 << chance.randrange(8)
        path.write_bytes(data[: chance.randrange(at, len(data))] if attempt % 2 else data)
        with Recording(path) as recording:
            screen = Screen(recording)
            for way in (*WAYS, *WAYS):
                way(screen.source)
                screen.wait(1)
            screen.source.seek(recording.end)
            screen.refresh()
            shown = screen.model.opened
            screen.source.seek(recording.start)
            screen.source.play()
            screen.source.change_speed(99)
            screen.wait(10)
            assert screen.model.opened == shown


def test_a_recording_that_is_cut_while_it_plays_ends_there(
    lives: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "cut.rec"
    path.write_bytes(lives[3].read_bytes())
    with Recording(path) as recording:
        screen = Screen(recording)
        screen.source.play()
        screen.wait(40)
        path.write_bytes(path.read_bytes()[: recording.batches[120].offset])
        screen.source.seek(NOW + 1)
        screen.refresh()
        screen.source.play()
        for _ in range(300):
            screen.wait(1)
        assert recording.damage is not None
        assert len(recording.batches) == 120
        assert screen.source.now() == recording.end
        events: list[Event] = [item.event for item in recording.items(0, recording.end)]
        assert screen.model.closed == sum(isinstance(event, Closed) for event in events)


def test_a_step_shows_what_its_event_tells_in_every_pane(tmp_path: Path) -> None:
    """Several events between two snapshots, the last of them of the snapshot's own moment."""
    writing = ConnectionState.WRITE_BODY

    def toggled(t: float, armed: bool, pending: int, toggles: int) -> Toggled:
        return Toggled(t=NOW + t, id=1, armed=armed, pending=pending, toggles=toggles)

    def write(t: float, asked: int, result: int) -> Io:
        return Io(t=NOW + t, id=1, call="write", asked=asked, result=result)

    last = snapshot(1, writing, out=(900, 1000), at=NOW + 2.4, quiet=0)
    path = write_recording(
        tmp_path / "a.rec",
        [
            drain(NOW, listening(), opened(1, age=0)),
            drain(NOW + 1, snapshots=[snapshot(1, writing, out=(0, 1000), at=NOW + 1, quiet=0)]),
            drain(
                NOW + 2.5,
                write(2.1, 1000, 400),
                toggled(2.1, True, 600, 1),
                write(2.2, 600, -1),
                write(2.3, 600, 500),
                toggled(2.4, False, 100, 2),
                worker(1, t=NOW + 2.4),
                snapshots=[last],
            ),
        ],
    )
    with Recording(path) as recording:
        screen = Screen(recording)
        screen.source.seek(NOW + 2)
        seen = []
        while screen.source.step():
            screen.refresh()
            row = screen.model.rows[1]
            assert row.snapshot is not None
            seen.append((round(screen.source.now() - NOW, 1), row.snapshot.out_sent, row.armed))
        assert seen == [
            (2.1, 400, True),
            (2.1, 400, True),
            (2.2, 400, True),
            (2.3, 900, True),
            (2.4, 900, bool(last.interest & POLLOUT)),
        ]
        assert screen.model.rows[1].snapshot == last
