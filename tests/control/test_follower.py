"""What one client is told: all that there is in pages, then the news, and what it missed."""

from __future__ import annotations

from itertools import count
from random import Random

import msgspec
import pytest

from app.control.protocol import News, Page, Watch
from app.control.server_side.follower import (
    PAGE,
    Follower,
)
from app.core.events import Event, Notice, Opened, Reason, Snapshot
from app.watch.fanout import Fanout
from app.watch.stream import Drained, EventStream
from tests.control.serving import Copy
from tests.making import closed, listening, loop_stats, opened, snapshot, worker
from tests.watch.test_fanout import toggled


class Watched:
    """A fan-out, a follower of it, and a clock that a test sets."""

    def __init__(self, keep_closed: int = 0) -> None:
        self.time = 0.0
        self.woken = 0
        self.fanout = Fanout(
            EventStream(), lambda: None, now=lambda: 1000.0 + self.time, keep_closed=keep_closed
        )
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

    def watch(self, **wishes: bool) -> None:
        self.follower.watch(Watch(**wishes))

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


def figures_of(watched: Watched) -> dict[int, Snapshot]:
    rows = watched.fanout.state.rows.values()
    return {row.id: row.snapshot for row in rows if row.snapshot is not None}


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


def opened_at(connection_id: int, t: float) -> Opened:
    return msgspec.structs.replace(opened(connection_id), t=t)


@pytest.mark.parametrize("once", [True, False])
def test_what_opened_before_the_question_is_on_the_pages_though_the_fanout_hears_of_it_later(
    once: bool,
) -> None:
    watched = Watched()
    watched.give(listening(), opened_at(1, 990.0))
    watched.watch(once=once)
    early, late = opened_at(2, 999.999), opened_at(3, 1000.001)
    gone = opened_at(4, 999.998), closed(4, Reason.EOF)
    watched.give(early, late, *gone)
    watched.round(1, 2, 3)
    page, *news = watched.told()
    assert isinstance(page, Page)
    assert [known.opened for known in page.connections if known.snapshot] == (
        [opened_at(1, 990.0), early, late] if once else [opened_at(1, 990.0), early]
    )
    assert events_of(news) == ([gone[1]] if once else [late, gone[1]])
    copy = Copy().apply(page, *news)
    assert set(copy.figures) == {1, 2, 3}
    assert copy.closed == {4}


def test_the_last_closed_ones_are_on_the_pages_if_they_are_wanted() -> None:
    watched = Watched(keep_closed=10)
    watched.give(listening(), *map(opened, range(1, PAGE + 3)))
    watched.round(1, frames=7)
    watched.give(closed(1, Reason.EOF_MID_BODY), *(closed(one, Reason.EOF) for one in (3, 2)))
    watched.watch(closed=True)
    watched.give(closed(4, Reason.EOF))
    watched.round()
    messages = watched.told()
    pages = pages_of(messages)
    assert [page.last for page in pages] == [False, True]
    kept = [one for page in pages for one in page.closed]
    assert [(one.opened.id, one.closed.reason) for one in kept] == [
        (1, Reason.EOF_MID_BODY),
        (3, Reason.EOF),
        (2, Reason.EOF),
    ]
    assert kept[0].snapshot == snapshot(1, frames=7)
    assert events_of(messages) == [closed(4, Reason.EOF)]  # told once
    assert len([one for page in pages for one in page.connections]) == PAGE - 1
    again = Watched(keep_closed=10)
    again.give(listening(), opened(1), closed(1, Reason.EOF))
    assert not pages_of(again.settled().told())


def test_what_opens_as_soon_as_the_loop_is_asked_is_news() -> None:
    """The moment of `watch` is before the loop hears of it: whoever waits for that is told all."""
    watched = Watched()
    ids = count(1)

    def accept() -> None:
        watched.time += 0.001
        watched.give(opened_at(next(ids), watched.fanout.now()))
        watched.time += 0.001
        watched.round()

    watched.fanout = Fanout(EventStream(), accept, now=lambda: 1000.0 + watched.time)
    watched.follower = watched.fanout.add(
        Follower(watched.fanout, lambda: None, lambda: watched.time)
    )
    watched.watch()
    page, *news = watched.told()
    assert isinstance(page, Page)
    assert page.connections == ()
    assert [type(event) for event in events_of(news)] == [Opened, Opened]


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


def test_a_wall_clock_that_is_set_back_delays_no_page() -> None:
    watched = Watched()
    watched.give(listening())
    watched.watch()
    watched.time = -3600.0
    watched.give(Notice(t=watched.fanout.now(), level="warning", text="", clock_step=-3600.0))
    watched.round()
    watched.time = 0.0  # the service's clock stands still: its patience is not over
    assert len(pages_of(watched.told())) == 1


def test_a_connection_that_closes_between_two_pages_is_told_and_so_is_its_close() -> None:
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
    assert known == list(range(1, 2 * PAGE + 1))
    assert events_of(news) == [closed(gone, Reason.EOF), opened(new)]


@pytest.mark.parametrize("seed", range(30))
def test_rows_figures_and_closes_are_all_there_whenever_a_client_attaches(seed: int) -> None:
    """Connections open, echo and close before, during and after the first pages."""
    choose, watched, copy = Random(seed), Watched(), Copy()
    watched.give(listening())
    ids, attaches_at, reads_from = count(1), choose.randrange(40), choose.randrange(40, 120)
    open_now: list[int] = []
    after: set[int] = set()
    for step in range(160):
        if step == attaches_at:
            watched.watch()
            after = set(open_now)
        new = [next(ids) for _ in range(choose.randrange(12))]
        gone = [open_now.pop(choose.randrange(len(open_now))) for _ in new[::2] if open_now]
        open_now += new
        after |= set(new) if step >= attaches_at else set()
        watched.give(*map(opened, new), *(closed(one, Reason.EOF) for one in gone))
        if choose.random() < 0.3:
            # Each connection echoes once, and is quiet from then on.
            quiet = figures_of(watched).keys()
            watched.round(*(one for one in open_now if one not in quiet))
        if step > reads_from and choose.random() < 0.5:
            message = watched.follower.next_message()
            copy.apply(*([] if message is None else [message]))
    watched.round(*open_now)
    copy.apply(*watched.told())
    assert copy.missed == 0
    assert copy.open.keys() == set(open_now)
    assert copy.closed == after - set(open_now)
    assert copy.figures == figures_of(watched)


def test_figures_of_rounds_during_an_attach_are_told_though_nothing_changes_any_more() -> None:
    watched = Watched()
    watched.give(listening(), opened(1))
    watched.watch()
    watched.give(opened(2))
    watched.round(1, 2)
    copy = Copy().apply(*watched.told())
    assert copy.figures == figures_of(watched)
    assert copy.figures.keys() == {1, 2}


def test_a_client_that_reads_nothing_for_five_seconds_misses_nothing() -> None:
    """At 200 connections a second; the snapshots wait for the `opened` that wait before them."""
    watched, copy = Watched(), Copy()
    watched.give(listening(), opened(1))
    watched.watch()
    ids = count(2)
    for _ in range(50):
        new = [next(ids) for _ in range(20)]
        watched.give(*map(opened, new))
        watched.round(*new)
        watched.give(*(closed(one, Reason.EOF) for one in new[:-1]))
    copy.apply(*watched.told())
    assert (copy.missed, len(copy.closed), len(copy.open)) == (0, 50 * 19, 51)
    assert copy.figures == figures_of(watched)


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


def test_who_wants_no_figures_gets_a_sign_of_life_each_second_while_the_loop_lives() -> None:
    watched = Watched()
    watched.watch(figures=False)
    watched.round()
    watched.told()
    signs = []
    for tick in range(1, 101):  # 10 s; the loop makes a round each second
        watched.time = tick / 10
        if tick % 10 == 0:
            watched.round()
        signs += [watched.time for _ in watched.told()]
    assert signs == [float(second) for second in range(1, 11)]
    watched.time = 20.0
    assert watched.told() == []  # the loop hangs
    watched.round()
    (sign,) = watched.told()
    assert isinstance(sign, News)
    assert (sign.events, sign.snapshots, sign.stats) == ((), (), None)
    watched.round()
    watched.give(opened(1))
    assert len(watched.told()) == 1  # news are a sign too


@pytest.mark.parametrize(("once", "patience"), [(True, 3.0), (False, 0.9)])
def test_a_page_waits_for_a_busy_loop_and_then_says_since_when_it_tells_nothing(
    once: bool, patience: float
) -> None:
    watched = Watched()
    watched.give(listening(), opened(1))
    watched.round(1)
    watched.time = 10.0
    watched.watch(once=once)
    watched.time = 10.0 + patience
    assert watched.told() == []
    watched.time += 0.2
    (page,) = pages_of(watched.told())
    assert page.silent_since == 1010.0
    busy = Watched()
    busy.give(listening(), opened(1))
    busy.watch(once=once)
    busy.time = patience
    busy.round(1)
    (page,) = pages_of(busy.told())
    assert page.silent_since == 0.0


def test_haste_wakes_the_service_once() -> None:
    watched = Watched().settled()
    before = watched.woken
    watched.give(opened(1))
    assert watched.woken == before
    watched.give(*map(opened, range(2, 500)))
    watched.give(opened(500))
    assert watched.woken == before + 1
