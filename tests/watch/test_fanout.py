"""The fan-out: everybody gets everything, late comers too, and nobody holds up another."""

from __future__ import annotations

import threading

import pytest

from app.core.events import (
    Closed,
    CommandResult,
    Event,
    Notice,
    Opened,
    Reason,
    SettingChanged,
    Stopped,
    Toggled,
)
from app.core.statistics import ProcessStats
from app.watch.fanout import Fanout
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained, EventStream
from tests.making import closed, listening, loop_stats, opened, snapshot, worker
from tests.peers import PATIENCE


class Woken:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def fanout() -> tuple[EventStream, Fanout, Woken]:
    stream, woken = EventStream(), Woken()
    return stream, Fanout(stream, woken), woken


def watching() -> EventStream:
    stream = EventStream()
    stream.watched = True
    return stream


def toggled(number: int) -> Toggled:
    return Toggled(t=float(number), id=1, armed=True, pending=9, toggles=number)


def give(fan: Fanout, *events: Event) -> None:
    fan.hand_on(Drained(list(events), [], None, 0))


def test_every_subscriber_gets_every_event_in_order() -> None:
    _, fan, _ = fanout()
    first, second = fan.add(EventStream()), fan.add(EventStream())
    told: list[Event] = [listening(), opened(1), opened(2), closed(1, Reason.EOF)]
    give(fan, *told)
    assert first.drain().events == second.drain().events == told


def test_who_comes_late_is_told_what_there_is_now_and_nothing_of_the_past() -> None:
    _, fan, _ = fanout()
    fan.add(watching())
    stats = loop_stats(5.0, 10, 64, 2)
    change = SettingChanged(t=4.0, name="cap", old=1024**2, new=64)
    events: list[Event] = [listening(), opened(1), opened(2), closed(1, Reason.EOF), change]
    fan.hand_on(Drained(events, [snapshot(2, frames=7)], stats, 0))
    drained = fan.add(watching()).drain()
    told, who = drained.events
    assert told.cap == 64  # type: ignore[union-attr]
    assert who == opened(2)
    assert drained.snapshots == [snapshot(2, frames=7)]
    assert drained.stats == stats


def test_snapshots_are_made_exactly_while_somebody_wants_them() -> None:
    stream, fan, woken = fanout()
    fan.add(EventStream())
    assert (stream.watched, woken.times) == (False, 0)
    first, second = fan.add(watching()), fan.add(watching())
    assert (stream.watched, woken.times) == (True, 1)
    fan.remove(first)
    assert stream.watched
    fan.remove(second)
    assert not stream.watched


def test_a_subscriber_that_stalls_loses_its_own_detail_only() -> None:
    _, fan, _ = fanout()
    small, large = EventStream(journal_capacity=2), watching()
    small.watched = True
    fan.add(small)
    fan.add(large)
    give(fan, *map(toggled, range(5)), closed(1, Reason.EOF))
    stalled, quick = small.drain(), large.drain()
    assert ([type(event) for event in stalled.events], stalled.dropped) == (
        [Toggled, Toggled, Closed],
        3,
    )
    assert (len(quick.events), quick.dropped) == (6, 0)


def test_drops_before_the_fan_out_are_counted_by_those_who_want_detail() -> None:
    _, fan, _ = fanout()
    log, screen = fan.add(EventStream()), fan.add(watching())
    fan.hand_on(Drained([], [], None, 4))
    fan.hand_on(Drained([], [], None, 6))
    assert (log.dropped, screen.dropped) == (0, 6)


def test_detail_goes_to_who_watches_or_traces() -> None:
    _, fan, _ = fanout()
    plain, traced = fan.add(EventStream()), fan.add(EventStream(traced=True))
    give(fan, toggled(1))
    assert (plain.drain().events, traced.drain().events) == ([], [toggled(1)])


def test_detail_for_a_log_does_not_wait_for_an_event_of_another_kind() -> None:
    stream, fan, _ = fanout()
    log = fan.add(EventStream(traced=True))
    fan.start()
    for event in (toggled(1), toggled(2)):
        told = threading.Event()
        log.notify_once(told.set)
        stream.publish_detail(event)
        assert told.wait(PATIENCE)
        assert log.drain().events == [event]
    end = Stopped(t=9.0, cause="quit", opened=0, closed=0, frames_out=0, bytes_in=0, bytes_out=0)
    stream.publish(end)
    fan.join(PATIENCE)


def test_the_process_is_looked_at_once_a_second_while_watched() -> None:
    time = [0.0]
    sample = ProcessStats(t=1.0, cpu_percent=1.0, rss=1, fds=1, threads=1)
    fan = Fanout(EventStream(), Woken(), lambda: sample, lambda: time[0])
    screen = watching()
    give(fan)
    fan.add(screen)
    for time[0] in (0.0, 0.5, 0.99, 1.0, 1.5):
        give(fan)
    assert screen.drain().events == [sample, sample]


def test_it_ends_with_the_server_and_not_before_all_is_handed_on() -> None:
    stream, fan, _ = fanout()
    log = fan.add(EventStream())
    fan.start()
    stream.publish(opened(1))
    end = Stopped(t=9.0, cause="quit", opened=1, closed=1, frames_out=0, bytes_in=0, bytes_out=0)
    stream.publish(end)
    fan.join(5.0)
    assert fan.state.ended
    events = log.drain().events
    assert isinstance(events[0], Opened)
    assert events[-1] == end


class Faulty:
    """An observer that fails once it is told of a connection."""

    watched = True

    def hear(self, drained: Drained) -> None:
        if any(isinstance(event, Opened) for event in drained.events):
            raise ValueError("out of\ncheese")


def test_an_observer_that_raises_is_taken_out_and_the_others_go_on() -> None:
    stream, fan, _ = fanout()
    faulty = fan.add(Faulty(), "the faulty one")
    log = fan.add(EventStream())
    watched = [stream.watched]
    give(fan, opened(1))
    give(fan, opened(2))
    assert faulty not in fan
    assert [*watched, stream.watched] == [True, False]  # nobody else wants figures
    first, fault, trace, second = log.drain().events
    assert (first, second) == (opened(1), opened(2))
    assert isinstance(fault, Notice)
    assert isinstance(trace, Notice)
    assert fault.level == "error"
    assert fault.text == (
        "the faulty one has failed and is told nothing more: ValueError: out of\\ncheese"
    )
    assert trace.level == "debug"
    assert "test_fanout.py" in trace.text
    assert "\n" not in trace.text
    assert fan.failure == ""


@pytest.mark.parametrize("fault", [MemoryError(), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_whatever_an_observer_raises_whenever_it_does_the_others_go_on(
    fault: BaseException,
) -> None:
    class Faults:
        watched = False

        def __init__(self, good_calls: int) -> None:
            self.good_calls = good_calls

        def hear(self, _drained: Drained) -> None:
            self.good_calls -= 1
            if self.good_calls < 0:
                raise fault

    _, fan, _ = fanout()
    log = fan.add(EventStream())
    faulty = [fan.add(Faults(calls), f"number {calls}") for calls in range(3)]
    for number in (1, 2, 3):
        give(fan, opened(number))
    told = log.drain().events
    assert [event.id for event in told if isinstance(event, Opened)] == [1, 2, 3]
    errors = [e.text for e in told if isinstance(e, Notice) and e.level == "error"]
    assert len(errors) == len(faulty)
    for observer in faulty:
        assert observer not in fan
        assert fan.failure_of(observer).startswith(f"number {faulty.index(observer)} has failed")
    assert (fan.failure, fan.failure_of(log)) == ("", "")


def test_figures_of_the_process_that_cannot_be_read_are_unknown_and_end_nothing() -> None:
    time = [0.0]
    sample = ProcessStats(t=1.0, cpu_percent=1.0, rss=1, fds=1, threads=1)
    answers: list[ProcessStats | OSError] = []

    def read() -> ProcessStats:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    fan = Fanout(EventStream(), Woken(), read, lambda: time[0])
    screen = fan.add(watching())
    known = []
    full = OSError(24, "Too many open files")
    answers += [sample, full, full, sample]
    for time[0] in (0.0, 1.0, 2.0, 3.0):
        give(fan)
        known.append(fan.state.process)
    assert known == [sample, None, None, sample]
    told = screen.drain().events
    levels = [event.level if isinstance(event, Notice) else event for event in told]
    assert levels == [sample, "error", "debug", sample]
    assert "Too many open files" in told[1].text  # type: ignore[union-attr]


def test_a_fault_of_the_fan_out_itself_is_told() -> None:
    stream, fan, _ = fanout()
    log = fan.add(watching())
    fan.state.apply = None  # type: ignore[method-assign, assignment]
    stream.publish(opened(1))
    with pytest.raises(TypeError):
        fan._run()
    assert fan.failure.startswith("events are no longer handed on: TypeError: ")
    assert fan.failure_of(log) == fan.failure
    assert not stream.watched


def test_since_when_is_one_moment_for_events_and_snapshots() -> None:
    """Whoever begins has every connection, its figures and its close, and nothing twice."""
    _, fan, _ = fanout()
    fan.add(watching())
    stats = loop_stats(5.0, 10, 64, 2)
    fan.hand_on(Drained([listening(), opened(1), opened(2)], [snapshot(1, frames=3)], stats, 0))
    late = ScreenState()
    stream = fan.add(watching())
    fan.hand_on(Drained([opened(3), closed(2, Reason.EOF)], [snapshot(3, frames=1)], stats, 0))
    late.apply(stream.drain(), 6.0)
    assert {row.id: row.frames for row in late.live()} == {1: 3, 3: 1}
    assert (late.opened, late.closed) == (3, 1)


def test_figures_and_answers_to_traces_are_for_who_watches() -> None:
    _, fan, _ = fanout()
    log, screen = fan.add(EventStream()), fan.add(watching())
    sample = ProcessStats(t=1.0, cpu_percent=1.0, rss=1, fds=1, threads=1)
    traced, killed = (
        CommandResult(t=1.0, request=1, command=command, ok=True, message="done", id=1)
        for command in ("trace", "kill")
    )
    give(fan, sample, traced, killed)
    assert log.drain().events == [killed]
    assert screen.drain().events == [sample, traced, killed]


def test_the_lines_of_workers_are_for_those_who_watch() -> None:
    _, fan, _ = fanout()
    log, screen = fan.add(EventStream(traced=True)), fan.add(watching())
    give(fan, listening(), worker(1), toggled(1))
    assert log.drain().events == [listening(), toggled(1)]
    assert screen.drain().events == [listening(), worker(1), toggled(1)]


def test_what_waits_at_an_observer_and_what_it_lost_is_in_the_figures() -> None:
    _, fan, _ = fanout()
    slow = fan.add(EventStream(), "the log")
    screen = fan.add(watching())
    of_the_loop = loop_stats(5.0, 10, 64, 2).queue_depth

    def figures() -> tuple[int, int]:
        screen.drain()
        fan.hand_on(Drained([], [], loop_stats(5.0, 10, 64, 2), 0))
        stats = fan.state.stats
        assert stats is not None
        return stats.queue_depth - of_the_loop, stats.drops

    give(fan, *map(opened, range(1, 11)))
    assert figures() == (10, 0)
    for number in range(100, 20_000):
        give(fan, opened(number), closed(number, Reason.EOF))
    depth, drops = figures()
    assert depth == slow.depth
    assert drops == slow.lost + screen.lost > 0
    slow.drain()
    assert figures()[1] == drops
    fan.remove(slow)
    assert figures()[1] == drops, "a counter never falls"
    late = fan.add(EventStream(traced=True))
    fan.hand_on(Drained([toggled(1)], [], None, 3))
    assert late.drain().dropped == 3, "what an observer lost is no detail that the server dropped"


def test_a_first_sample_that_has_only_begun_is_finished_soon() -> None:
    """CPU time is measured over a span: the first is short, so that a figure is there at once."""
    sample = ProcessStats(t=1.0, cpu_percent=1.0, rss=1, fds=1, threads=1)
    answers: list[ProcessStats | None] = [None, sample, sample]
    time = [100.0]
    fan = Fanout(EventStream(), Woken(), lambda: answers.pop(0), lambda: time[0])
    screen = fan.add(watching())
    for now, left in ((100.0, 2), (100.2, 2), (100.31, 1), (101.2, 1), (101.32, 0)):
        time[0] = now
        give(fan)
        assert len(answers) == left, now
    assert screen.drain().events == [sample, sample]
