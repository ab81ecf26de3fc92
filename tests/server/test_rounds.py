"""When the loop tells its figures: soon after a change, seldom while nothing changes."""

from __future__ import annotations

from itertools import count

import pytest

from app.core.commands import TraceLevel
from app.core.events import Reason, Toggled
from app.server.connection import Connection
from app.server.reporter import (
    BUSY_INTERVAL,
    INTERVAL,
    MAX_INTERVAL,
    TOGGLES_A_ROUND,
    Reporter,
)
from app.watch.fanout import Fanout
from app.watch.stream import EventStream


def test_an_end_is_among_the_figures_of_the_next_round() -> None:
    stream = EventStream()
    stream.watched = True
    reporter = Reporter(stream, 0.0, TraceLevel.OFF, cpu_clock=lambda: 0.0, stopwatch=lambda: 0.0)
    reporter.now = 50.0
    connection = Connection(1, 7, "peer", 50.0)
    reporter.publish_opened(connection)
    reporter.publish_round()
    late = reporter.next_round
    connection.machine.closing = Reason.EOF
    reporter.publish_closed(connection)
    soon = reporter.next_round
    assert late - soon == pytest.approx(MAX_INTERVAL - INTERVAL)
    reporter.publish_round()
    assert reporter.next_round > soon
    stats = stream.drain().stats
    assert stats is not None
    assert stats.closed == 1


def test_who_asks_for_figures_of_now_need_not_wait_for_a_round() -> None:
    stream = EventStream()
    stream.watched = True
    reporter = Reporter(stream, 1000.0, TraceLevel.OFF, stopwatch=lambda: 0.0)
    reporter.now = 50.0
    reporter.publish_round()
    assert reporter.next_round == 50.0 + MAX_INTERVAL  # nothing has changed
    stream.asked_at = 1050.1
    assert reporter.next_round <= reporter.now
    reporter.now = 50.2
    reporter.publish_round()
    assert reporter.next_round == 50.2 + MAX_INTERVAL


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_figures_asked_for_around_a_step_of_the_wall_clock_come_once(step: float) -> None:
    """The loop follows the wall clock a moment later than those that ask."""
    stream = EventStream()
    stream.watched = True
    reporter = Reporter(stream, 1000.0, TraceLevel.OFF, stopwatch=lambda: 0.0)
    reporter.now = 50.0
    reporter.publish_round()
    stream.asked_at = 1050.1 + step
    assert reporter.next_round <= reporter.now
    reporter.publish_round()
    assert reporter.next_round == 50.0 + MAX_INTERVAL


@pytest.mark.parametrize(
    ("cpu", "pause"), [(0.0, INTERVAL), (0.3, INTERVAL), (0.9, BUSY_INTERVAL), (2.0, BUSY_INTERVAL)]
)
def test_a_busy_loop_is_told_of_less_often(cpu: float, pause: float) -> None:
    stream, used = EventStream(), [7.0]
    stream.watched = True
    reporter = Reporter(
        stream, 0.0, TraceLevel.OFF, cpu_clock=lambda: used[0], stopwatch=lambda: 0.0
    )
    connection = Connection(1, 7, "peer", 0.0)
    reporter.publish_opened(connection)
    for reporter.now in (1.0, 2.0):
        reporter.changed.add(connection)
        reporter.publish_round()
        used[0] += cpu
    reporter.now = 3.0
    reporter.publish_round()
    reporter.changed.add(connection)
    assert reporter.next_round - reporter.now == pytest.approx(pause)


@pytest.mark.parametrize("trace_all", [TraceLevel.OFF, TraceLevel.STATE])
def test_one_connection_cannot_fill_the_journal_with_toggles(trace_all: TraceLevel) -> None:
    stream = EventStream()
    stream.watched = True
    reporter = Reporter(stream, 0.0, trace_all)
    connection = Connection(1, 7, "peer", 0.0)
    reporter.publish_opened(connection)

    def toggle(times: int) -> int:
        for number in range(times):
            connection.toggles += 1
            reporter.publish_toggle(connection, number % 2 == 0)
        return sum(isinstance(event, Toggled) for event in stream.drain().events)

    all_told = trace_all is not TraceLevel.OFF
    assert toggle(100) == (100 if all_told else TOGGLES_A_ROUND)
    assert stream.dropped == (0 if all_told else 100 - TOGGLES_A_ROUND)
    reporter.changed.add(connection)
    reporter.publish_round()
    assert toggle(4) == 4


def test_a_round_tells_the_longest_iteration_and_the_sample_of_its_own_time_only() -> None:
    stream = EventStream()
    stream.watched = True
    reporter = Reporter(stream, 0.0, TraceLevel.OFF)
    reporter.bodies.append((1, 64))
    reporter.record_iteration(0.5)
    reporter.publish_round()
    first = stream.drain().stats
    reporter.record_iteration(0.01)
    reporter.publish_round()
    second = stream.drain().stats
    assert first is not None
    assert second is not None
    assert (first.longest_us, first.bodies) == (500_000, ((1, 64),))
    assert (second.longest_us, second.bodies) == (10_000, ())
    assert sum(count for _, count in second.iteration_us) == 2


def test_who_asks_through_the_fan_out_has_a_round_made_at_once() -> None:
    """Also while somebody watches already, and the figures that are known are old."""
    stream = EventStream()
    fanout = Fanout(stream, lambda: None, now=lambda: next(times))
    times = count(1050.0)
    watching = EventStream()
    watching.watched = True
    fanout.add(watching)
    reporter = Reporter(stream, 1000.0, TraceLevel.OFF, stopwatch=lambda: 0.0)
    reporter.now = 50.0
    reporter.publish_round()
    assert reporter.next_round > reporter.now
    fanout.request_figures()
    assert reporter.next_round <= reporter.now
