"""Times follow the wall clock, whatever it does."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

import pytest

from app.core.events import Closed, Notice, Opened
from app.core.framing import frame
from app.core.statistics import LoopStats
from app.server.reporter import INTERVAL
from app.server.wall_clock import STEP, WallClock, describe_step
from app.watch.row import Row
from app.watch.state import State
from tests.peers import Running, Watcher, exchange
from tests.waiting import until

Serve = Callable[..., Running]
HOUR, DAY = 3600.0, 86_400.0
STEPS = [2 * HOUR, -2 * HOUR, 30 * DAY, -580 * DAY]


class Clocks:
    """A monotonic clock and a wall clock that a test sets."""

    def __init__(self) -> None:
        self.monotonic = 50.0
        self.wall = 1_700_000_000.0
        self.compared = WallClock(
            self.wall - self.monotonic, lambda: self.monotonic, lambda: self.wall
        )

    def pass_by(self, seconds: float, wall: float | None = None) -> float:
        self.monotonic += seconds
        self.wall += seconds if wall is None else wall
        return self.compared.compare()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_told_once_and_followed(step: float) -> None:
    clocks = Clocks()
    assert clocks.pass_by(1.0) == 0.0
    assert clocks.pass_by(1.0, 1.0 + step) == pytest.approx(step)
    assert clocks.compared.now() == pytest.approx(clocks.wall)
    assert clocks.monotonic + clocks.compared.epoch == pytest.approx(clocks.wall)
    assert clocks.pass_by(1.0) == 0.0


def test_before_it_is_compared_the_time_stays_with_that_of_the_events() -> None:
    clocks = Clocks()
    before = clocks.wall
    clocks.wall -= 9 * DAY
    assert clocks.compared.now() == before
    clocks.compared.compare()
    assert clocks.compared.now() == clocks.wall


def test_a_drift_is_followed_without_a_word_and_in_order() -> None:
    clocks = Clocks()
    before = -inf
    for second in range(20_000):
        # 500 ppm, the most that NTP slews: quick at first, then slow.
        assert clocks.pass_by(1.0, 1.0005 if second < 10_000 else 0.9995) == 0.0
        now = clocks.monotonic + clocks.compared.epoch
        assert now > before
        assert abs(now - clocks.wall) < STEP / 10
        before = now


def test_a_small_step_back_never_makes_a_time_come_before_another() -> None:
    clocks = Clocks()
    times = []
    for tick in range(8):
        clocks.pass_by(0.25, 0.25 - 0.4 * (tick == 3))
        times += [clocks.monotonic + clocks.compared.epoch]
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(clocks.wall, abs=0.01)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (7200.4, "the wall clock went forward by 2 h; times follow it from here on"),
        (-1.5, "the wall clock went back by 1.5 s; times follow it from here on"),
        (-20.9999995, "the wall clock went back by 21 s; times follow it from here on"),
        (86_399.99999, "the wall clock went forward by 1 d; times follow it from here on"),
    ],
)
def test_the_notice_says_by_how_much(seconds: float, words: str) -> None:
    assert describe_step(seconds) == words


class ShiftedWall:
    """The wall clock, and the seconds that it was set by."""

    def __init__(self) -> None:
        self.set_by = 0.0

    def __call__(self) -> float:
        return time.time() + self.set_by


@pytest.mark.parametrize("step", STEPS)
def test_a_server_tells_the_step_once_and_goes_on_with_right_times(
    serve: Serve, step: float
) -> None:
    wall = ShiftedWall()
    running = serve(wall=wall)
    watcher = running.watcher
    client, first_id = running.connect_known()
    assert exchange(client, [frame(b"x")], 5) == frame(b"x")
    running.shown(first_id, lambda snapshot: snapshot.frames_out == 1)
    wall.set_by = step
    notice = watcher.wait_for(Notice)
    assert notice.level == "warning"
    assert notice.clock_step == pytest.approx(step, abs=0.5)
    running.shown(first_id, lambda snapshot: abs(snapshot.active_at - wall()) < 10)
    assert abs(running.server.now() - wall()) < 1
    _, second_id = running.connect_known()
    opened = watcher.wait_for(Opened, lambda event: event.id == second_id)
    assert abs(opened.t - wall()) < 10
    client.close()
    closed = running.closed(first_id)
    assert 0 <= closed.t - closed.opened_at < 10
    earlier, later = (next_round(watcher) for _ in range(2))
    assert later.t - earlier.t > INTERVAL / 2, "no round follows another without a pause"
    assert later.polls - earlier.polls < 50
    assert len(watcher.all(Notice)) == 1
    assert [type(event) for event in watcher.events].count(Closed) == 1


def next_round(watcher: Watcher) -> LoopStats:
    """Wait for the figures of the next round."""
    watcher.drain()
    known = watcher.stats
    watcher.until(lambda: watcher.stats is not known, "a round")
    assert watcher.stats is not None
    return watcher.stats


@pytest.mark.parametrize("step", [2 * HOUR, -2 * HOUR])
def test_what_a_state_knows_is_on_the_clock_of_what_comes(serve: Serve, step: float) -> None:
    wall = ShiftedWall()
    running = serve(wall=wall)
    state = State()
    client, connection_id = running.connect_known()
    state.apply_event(running.watcher.all(Opened)[0])

    def row() -> Row:
        state.apply(running.stream.drain(), running.server.now())
        return state.rows[connection_id]

    assert exchange(client, [frame(b"x")], 5) == frame(b"x")
    until(lambda: row().frames == 1, "the first frame")
    wall.set_by = step
    until(lambda: abs(row().opened.t - wall()) < 10, "the step")
    assert 0 <= row().age(wall()) < 10
    assert -1 < row().idle(wall()) < 10
    assert exchange(client, [frame(b"x")], 5) == frame(b"x")
    until(lambda: row().frames == 2, "the second frame")
