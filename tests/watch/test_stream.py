"""The stream: what must arrive arrives, detail is bounded, figures are the latest."""

from __future__ import annotations

import threading

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import (
    ConnectionState,
    Event,
    Io,
    Notice,
    Reason,
    SettingChanged,
    Snapshot,
    Stopped,
)
from app.core.statistics import LoopStats, ProcessStats
from app.watch.state import State
from app.watch.stream import MOST_WAITING, Drained, EventStream, shorten
from tests.making import NOW, closed, loop_stats, opened


def notice(number: int) -> Notice:
    return Notice(t=float(number), level="info", text=str(number))


def snapshot(connection_id: int, bytes_in: int) -> Snapshot:
    whole = dict.fromkeys(Snapshot.__struct_fields__, 0)
    whole |= {"id": connection_id, "bytes_in": bytes_in}
    return Snapshot(**{**whole, "state": ConnectionState.READ_LEN, "header": b"", "closing": None})  # type: ignore[arg-type]


def stats(polls: int) -> LoopStats:
    return msgspec.structs.replace(loop_stats(0.0, 0, 0, 0), polls=polls)


def process(t: float) -> ProcessStats:
    return ProcessStats(t=t, cpu_percent=1.0, rss=1, fds=1, threads=1)


def publish_detail(stream: EventStream, number: int) -> None:
    if stream.room_for_detail():
        call = Io(t=float(number), id=1, call="read", asked=1, result=1, error="")
        stream.publish_detail(call)


def test_nothing_that_must_arrive_is_lost_while_nobody_drains_for_a_while() -> None:
    stream = EventStream(journal_capacity=1)
    for number in range(10_000):
        stream.publish(notice(number))
    assert stream.depth == 10_000
    drained = stream.drain()
    assert [event.t for event in drained.events] == list(map(float, range(10_000)))
    assert (drained.dropped, stream.depth) == (0, 0)


def test_detail_is_bounded_and_what_is_dropped_is_counted() -> None:
    stream = EventStream(journal_capacity=3)
    for number in range(10):
        publish_detail(stream, number)
    assert stream.dropped == 7
    drained = stream.drain()
    assert [event.t for event in drained.events] == [0.0, 1.0, 2.0]
    assert drained.dropped == 7
    publish_detail(stream, 11)
    drained = stream.drain()
    assert ([event.t for event in drained.events], drained.dropped) == ([11.0], 7)


def test_a_full_journal_does_not_hold_back_what_must_arrive() -> None:
    stream = EventStream(journal_capacity=1)
    publish_detail(stream, 0)
    publish_detail(stream, 1)
    stream.publish(notice(2))
    assert [event.t for event in stream.drain().events] == [0.0, 2.0]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60), st.integers(0, 5))
def test_order_is_kept_and_every_event_is_told_or_counted(
    steps: list[tuple[bool, bool]], capacity: int
) -> None:
    stream = EventStream(capacity)
    told: list[float] = []
    must = set()
    for number, (is_detail, drain) in enumerate(steps):
        if is_detail:
            publish_detail(stream, number)
        else:
            stream.publish(notice(number))
            must.add(float(number))
        if drain:
            told += [event.t for event in stream.drain().events]
    told += [event.t for event in stream.drain().events]
    assert told == sorted(told)
    assert must <= set(told)
    assert len(told) + stream.dropped == len(steps)


def test_of_figures_the_latest_wins() -> None:
    stream = EventStream()
    stream.publish_latest([snapshot(1, 10), snapshot(2, 20)], stats(1))
    stream.publish_latest([snapshot(1, 11)], stats(2))
    drained = stream.drain()
    assert {one.id: one.bytes_in for one in drained.snapshots} == {1: 11, 2: 20}
    assert drained.stats is not None
    assert drained.stats.polls == 2
    assert stream.drain() == Drained([], [], None, 0)


def test_a_closed_connection_leaves_no_snapshot() -> None:
    stream = EventStream()
    stream.forget(1)
    stream.publish_latest([snapshot(1, 10), snapshot(2, 20)], stats(1))
    stream.forget(1)
    stream.forget(99)
    assert [one.id for one in stream.drain().snapshots] == [2]


def test_nor_does_one_of_which_another_stream_gave() -> None:
    """A fan-out gives; the consumer drains after the close."""
    stream = EventStream()
    stream.watched = True
    figures = loop_stats(NOW, 0, 64, 1)
    stream.hear(Drained([opened(1), opened(2)], [snapshot(1, 10), snapshot(2, 20)], figures, 0))
    stream.hear(Drained([closed(1, Reason.EOF)], [], None, 0))
    assert [one.id for one in stream.drain().snapshots] == [2]


def test_a_sleeping_consumer_is_woken_once() -> None:
    stream = EventStream()
    calls: list[int] = []
    stream.notify_once(lambda: calls.append(1))
    assert calls == []
    stream.publish(notice(1))
    stream.publish(notice(2))
    assert calls == [1]
    stream.notify_once(lambda: calls.append(2))
    assert calls == [1, 2]
    stream.drain()
    stream.notify_once(lambda: calls.append(3))
    assert calls == [1, 2]
    stream.publish(notice(3))
    assert calls == [1, 2, 3]


def test_a_fan_out_wakes_a_sleeping_consumer_too() -> None:
    stream = EventStream()
    calls: list[int] = []
    stream.notify_once(lambda: calls.append(1))
    stream.hear(Drained([], [], None, 0))
    assert calls == []
    stream.hear(Drained([opened(1), closed(1, Reason.EOF)], [], None, 0))
    assert calls == [1]


def test_detail_and_figures_do_not_wake_who_watches() -> None:
    stream = EventStream()
    stream.watched = True
    calls: list[int] = []
    stream.notify_once(lambda: calls.append(1))
    publish_detail(stream, 1)
    stream.publish_latest([snapshot(1, 1)], stats(1))
    assert calls == []


def test_a_producer_in_another_thread_loses_nothing() -> None:
    stream = EventStream(journal_capacity=50)
    count = 5000

    def produce() -> None:
        for number in range(count):
            stream.publish(notice(2 * number))
            publish_detail(stream, 2 * number + 1)

    producer = threading.Thread(target=produce)
    producer.start()
    told: list[float] = []
    while producer.is_alive():
        told += [event.t for event in stream.drain().events]
    producer.join()
    told += [event.t for event in stream.drain().events]
    assert told == sorted(told)
    assert len([t for t in told if not t % 2]) == count
    assert len(told) + stream.dropped == 2 * count


def come_and_go(stream: EventStream, first: int, count: int, reason: Reason = Reason.EOF) -> None:
    for number in range(first, first + count):
        stream.publish(opened(number))
        stream.publish(closed(number, reason))


def test_connections_that_come_and_go_while_nobody_drains_are_skipped_and_counted() -> None:
    stream = EventStream()
    for number in (1, 2, 3):
        stream.publish(opened(number))
    told = State(closed_limit=0)
    told.apply(stream.drain(), NOW)  # and then it stalls
    stream.publish(closed(1, Reason.RESET))
    come_and_go(stream, 10, 30_000)
    stream.publish(SettingChanged(t=NOW, name="cap", old=1, new=2))
    come_and_go(stream, 50_000, 30_000, Reason.LIMIT)
    stream.publish(opened(90_000))
    come_and_go(stream, 90_001, 100)
    assert stream.depth <= MOST_WAITING
    assert stream.lost > 80_000
    drained = stream.drain()
    told.apply(drained, NOW)
    assert set(told.rows) == {2, 3, 90_000}
    assert (told.opened, told.closed) == (3 + 60_101, 60_101)
    assert (told.reasons["eof"], told.reasons["limit"], told.reasons["reset"]) == (
        30_100,
        30_000,
        1,
    )
    assert any(type(event) is SettingChanged for event in drained.events)
    skips = [event for event in drained.events if isinstance(event, Notice)]
    assert len(skips) == 1
    assert skips[0].skipped is not None
    count = sum(skips[0].skipped.values())
    assert stream.lost == 2 * count
    assert skips[0].text.startswith(f"skipped: {count:,} opens and {count:,} closes (30,000 eof, ")
    assert 2 * count + len(drained.events) - 1 == 2 * 60_100 + 3


@given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=40), st.integers(0, 40))
def test_a_shortened_queue_leads_to_the_same_state(steps: list[tuple[int, bool]], at: int) -> None:
    events: list[Event] = []
    open_now: set[int] = set()
    number = 100
    for slot, opens in steps:
        if opens:
            number += 1
            open_now.add(number)
            events.append(opened(number))
        elif open_now:
            gone = sorted(open_now)[slot % len(open_now)]
            open_now.remove(gone)
            events.append(closed(gone, list(Reason)[slot]))
    whole, shortened = State(closed_limit=0), State(closed_limit=0)
    whole.apply(Drained(events, [], None, 0), NOW)
    early = [*shorten(events[:at]), *events[at:]]
    shortened.apply(Drained(shorten(early), [], None, 0), NOW)
    for state in (whole, shortened):
        state.apply(Drained([], [], None, 0), NOW + 60)
    assert list(whole.rows) == list(shortened.rows)
    assert (whole.opened, whole.closed, whole.reasons) == (
        shortened.opened,
        shortened.closed,
        shortened.reasons,
    )


def test_the_queue_of_one_who_takes_nothing_is_bounded_at_each_moment() -> None:
    stream, deepest = EventStream(), 0
    for number in range(1, 80_000):
        come_and_go(stream, number, 1)
        deepest = max(deepest, stream.depth)
    assert deepest <= MOST_WAITING


def test_notices_that_nobody_takes_are_bounded_too() -> None:
    stream = EventStream()
    for number in range(50_000):
        stream.publish(notice(number))
    assert stream.depth <= MOST_WAITING
    events = stream.drain().events
    assert events[-1].t == 49_999.0
    assert len(events) + stream.lost == 50_000


def test_figures_and_settings_that_nobody_takes_are_bounded_too() -> None:
    stream = EventStream()
    first = SettingChanged(t=0.0, name="cap", old=2, new=1)
    stream.publish(first)
    for number in range(30_000):
        stream.publish(process(float(number)))
        stream.publish(SettingChanged(t=float(number), name="max_per_peer", old=0, new=number))
    assert stream.depth <= MOST_WAITING
    events = stream.drain().events
    settings = [event for event in events if isinstance(event, SettingChanged)]
    assert settings[0] == first, "the latest of its name"
    assert settings[-1].new == 29_999
    assert len(settings) + stream.lost == 30_001
    assert process(29_999.0) in events


def test_a_drain_in_parts_takes_no_figures() -> None:
    stream = EventStream()
    stream.publish_latest([snapshot(1, 10)], stats(1))
    for number in range(5):
        stream.publish(notice(number))
    assert [event.t for event in stream.drain(3).events] == [0.0, 1.0, 2.0]
    rest = stream.drain()
    assert ([event.t for event in rest.events], len(rest.snapshots)) == ([3.0, 4.0], 1)


def test_a_producer_in_another_thread_loses_nothing_uncounted_past_the_bound() -> None:
    stream, told = EventStream(), State(closed_limit=0)
    count = 30_000
    producer = threading.Thread(target=come_and_go, args=(stream, 1, count))
    producer.start()
    while producer.is_alive():
        told.apply(stream.drain(7), NOW)
    producer.join()
    told.apply(stream.drain(), NOW)
    assert (told.opened, told.closed, told.open) == (count, count, 0)


def test_the_last_figures_come_with_the_last_word_even_if_both_come_during_the_drain() -> None:
    stream = EventStream()
    stream.watched = True
    lock, last = stream._events_lock, loop_stats(NOW, 3, 64, 1)
    words = dict.fromkeys(Stopped.__struct_fields__, 0)
    stopped = msgspec.convert({**words, "t": NOW, "cause": "a test"}, Stopped)

    class Late:
        """The lock of the events; the loop ends before it is taken, after the figures were."""

        def __enter__(self) -> None:
            stream.publish_latest((), last)
            stream.publish(stopped)
            lock.acquire()

        def __exit__(self, *_error: object) -> None:
            lock.release()

    stream._events_lock = Late()  # type: ignore[assignment]
    drained = stream.drain()
    assert drained.events == [stopped]
    assert drained.stats == last


def test_of_those_that_came_and_went_the_latest_is_told() -> None:
    """Its id says which ids are used."""
    events: list[Event] = []
    for number in range(1, 6):
        events += [opened(number), closed(number, Reason.EOF)]
    *rest, notice = shorten(events)
    assert rest == events[-2:]
    assert isinstance(notice, Notice)
    assert notice.skipped == {"eof": 4}
