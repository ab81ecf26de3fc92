"""What one client is told: all that there is in pages, then the news, and what it missed."""

from __future__ import annotations

import gc
import tracemalloc

from app.control.protocol import News, Page, Watch
from app.control.server_side.follower import CAPACITY, DETAIL_CAPACITY, PAGE, Follower
from app.core.events import Closed, CommandResult, Event, Opened, Reason, Toggled
from app.watch.fanout import Fanout
from app.watch.stream import Drained, EventStream
from tests.making import closed, listening, loop_stats, opened, snapshot, worker
from tests.watch.test_fanout import toggled


class Watched:
    """A fan-out, a follower of it, and a clock that a test sets."""

    def __init__(self) -> None:
        self.time = 0.0
        self.woken = 0
        self.fanout = Fanout(EventStream(), lambda: None, now=lambda: 1000.0 + self.time)
        self.follower = Follower(self.fanout, self._wake, lambda: self.time)
        self.fanout.add(self.follower)

    def _wake(self) -> None:
        self.woken += 1

    def give(self, *events: Event) -> None:
        self.fanout.hand_on(Drained(list(events), [], None, 0))

    def round(self, *ids: int, frames: int = 1) -> None:
        stats = loop_stats(self.fanout.now(), 10, 64, 2)
        snapshots = [snapshot(one, frames=frames) for one in ids]
        self.fanout.hand_on(Drained([], snapshots, stats, 0))

    def watch(self, *, detail: bool = True, figures: bool = True) -> None:
        self.follower.watch(Watch(detail=detail, figures=figures))

    def told(self) -> list[Page | News]:
        messages = []
        while (message := self.follower.next_message()) is not None:
            messages.append(message)
        return messages

    def settled(self) -> Watched:
        """Past the first pages."""
        self.watch()
        self.round()
        self.told()
        return self


def events_of(messages: list[Page | News]) -> list[Event]:
    return [event for one in messages if isinstance(one, News) for event in one.events]


def pages_of(messages: list[Page | News]) -> list[Page]:
    return [one for one in messages if isinstance(one, Page)]


def test_all_that_there_is_comes_in_pages_and_then_the_news() -> None:
    watched = Watched()
    many = 2 * PAGE + 1
    watched.give(listening(), *map(opened, range(1, many + 1)))
    watched.watch()
    assert watched.told() == []  # figures of now are waited for
    watched.round(*range(1, many + 1))
    pages = watched.told()
    assert all(isinstance(page, Page) for page in pages)
    assert [(page.number, page.last) for page in pages_of(pages)] == [
        (1, False),
        (2, False),
        (3, True),
    ]
    known = [one for page in pages_of(pages) for one in page.connections]
    assert [one.opened for one in known] == [opened(one) for one in range(1, many + 1)]
    assert all(one.snapshot == snapshot(one.opened.id, frames=1) for one in known)
    first = pages_of(pages)[0]
    assert (first.listening, first.stats is not None, first.missed) == (listening(), True, 0)
    watched.give(opened(many + 1))
    assert events_of(watched.told()) == [opened(many + 1)]


def test_figures_that_do_not_come_are_not_waited_for_without_end() -> None:
    watched = Watched()
    watched.watch()
    assert watched.told() == []
    watched.time = 1.0
    assert len(pages_of(watched.told())) == 1


def test_figures_that_were_on_their_way_are_not_those_of_now() -> None:
    """Also where somebody watches already: beside a busy loop the latest figures are old."""
    watched = Watched()
    watched.give(listening(), opened(1))
    watched.time = -0.4
    watched.round(1, frames=1)
    late = Drained([], [snapshot(1, frames=2)], loop_stats(watched.fanout.now(), 10, 64, 2), 0)
    watched.time = 0.0
    watched.watch()
    watched.fanout.hand_on(late)
    assert watched.told() == []
    watched.round(1, frames=3)
    (page,) = pages_of(watched.told())
    (known,) = page.connections
    assert known.snapshot is not None
    assert known.snapshot.frames_in == 3


def test_nothing_between_two_pages_is_lost() -> None:
    watched = Watched()
    watched.give(listening(), *map(opened, range(1, 2 * PAGE + 1)))
    watched.watch()
    watched.round()
    first = watched.follower.next_message()
    gone, new = 2 * PAGE, 2 * PAGE + 1
    watched.give(closed(gone, Reason.EOF), opened(new))
    second, *news = watched.told()
    assert isinstance(first, Page)
    assert isinstance(second, Page)
    known = [one.opened.id for page in (first, second) for one in page.connections]
    assert known == list(range(1, 2 * PAGE))  # what has closed is not told as open
    assert events_of(news) == [closed(gone, Reason.EOF), opened(new)]


def test_of_what_changes_the_latest_is_told_and_only_what_changed() -> None:
    watched = Watched()
    watched.give(*map(opened, (1, 2, 3)))
    watched.settled()
    watched.round(1, 2, frames=5)
    watched.round(2, frames=6)
    (news,) = watched.told()
    assert isinstance(news, News)
    assert {one.id: one.frames_out for one in news.snapshots} == {1: 5, 2: 6}
    assert news.stats is not None
    assert watched.told() == []


def test_many_changes_come_in_several_pieces() -> None:
    watched = Watched()
    ids = range(1, 2 * PAGE + 2)
    watched.give(*map(opened, ids))
    watched.settled()
    watched.round(*ids)
    pieces = [len(one.snapshots) for one in watched.told() if isinstance(one, News)]
    assert pieces == [PAGE, PAGE, 1]


def test_who_misses_events_is_told_how_many_and_gets_everything_anew() -> None:
    watched = Watched().settled()
    watched.give(*map(opened, range(1, CAPACITY + 11)))
    watched.give(*(closed(one, Reason.EOF) for one in range(1, CAPACITY + 1)))
    page, *rest = watched.told()
    assert isinstance(page, Page)
    assert (page.number, page.last, page.missed) == (1, True, 2 * CAPACITY + 10)
    assert [one.opened.id for one in page.connections] == list(range(CAPACITY + 1, CAPACITY + 11))
    assert rest == []
    watched.give(closed(CAPACITY + 1, Reason.EOF))
    assert events_of(watched.told()) == [closed(CAPACITY + 1, Reason.EOF)]


def test_detail_that_is_too_much_is_dropped_and_counted() -> None:
    watched = Watched()
    watched.give(opened(1))
    watched.settled()
    watched.give(*map(toggled, range(DETAIL_CAPACITY + 7)), closed(1, Reason.EOF))
    news = watched.told()
    events = events_of(news)
    assert sum(isinstance(event, Toggled) for event in events) == DETAIL_CAPACITY
    assert isinstance(events[-1], Closed)
    assert isinstance(news[-1], News)
    assert news[-1].dropped == 7
    watched.give(toggled(1))
    assert len(events_of(watched.told())) == 1


def test_who_wants_no_detail_and_no_figures_gets_none() -> None:
    watched = Watched()
    watched.watch(detail=False, figures=False)
    watched.round()
    watched.told()
    watched.give(opened(1), toggled(1), worker(1))
    watched.round(1)
    (news,) = watched.told()
    assert isinstance(news, News)
    assert (news.events, news.snapshots, news.stats) == ((opened(1),), (), None)


def result(request: int, connection_id: int | None = None) -> CommandResult:
    return CommandResult(
        t=1.0, request=request, command="kill", ok=True, message="closed", id=connection_id
    )


def test_results_carry_the_clients_own_number_and_of_others_none() -> None:
    watched = Watched()
    watched.follower.requests = {1 << 32: 7}
    watched.give(result(1 << 32), result(7), result(8))
    assert events_of(watched.told()) == [result(7)]
    watched.settled()
    watched.give(result(7), result(1 << 32))
    assert events_of(watched.told()) == [result(0), result(7)]


def test_results_survive_what_makes_a_client_miss_everything_else() -> None:
    watched = Watched().settled()
    watched.follower.requests = {1 << 32: 7}
    watched.give(*map(opened, range(1, CAPACITY + 2)), result(1 << 32))
    told = watched.told()
    assert pages_of(told)[0].missed == CAPACITY + 1
    assert events_of(told) == [result(7)]


def test_haste_wakes_the_service_once() -> None:
    watched = Watched().settled()
    before = watched.woken
    watched.give(opened(1))
    assert watched.woken == before
    watched.give(*map(opened, range(2, 500)))
    watched.give(opened(500))
    assert watched.woken == before + 1


def test_who_never_reads_costs_under_two_mebibytes() -> None:
    watched = Watched()
    watched.give(*map(opened, range(1, 501)))
    watched.settled()
    watched.fanout.remove(watched.follower)
    followers = [Follower(watched.fanout, lambda: None, lambda: 0.0) for _ in range(4)]
    for follower in followers:
        watched.fanout.add(follower)
        follower.watch(Watch())
        follower.next_message()
    gc.collect()
    tracemalloc.start()
    try:
        worst = 0
        for turn in range(15):
            first = 1000 + 200 * turn
            events: list[Event] = [
                Opened(t=float(turn), id=first + n, fd=n, peer=f"192.0.2.{n}:{first}")
                for n in range(200)
            ]
            events += [toggled(first + n) for n in range(200)]
            watched.give(*events)
            watched.round(*range(1, 501), frames=turn)
            watched.give(*(closed(first + n, Reason.EOF) for n in range(200)))
            worst = max(worst, tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # What all of them hold together is shared, so this is a bound for one.
    assert worst < 2 * 1024**2
