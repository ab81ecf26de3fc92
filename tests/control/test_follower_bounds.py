"""A client that does not take what it is told: what is kept for it, dropped and counted."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import count

from app.control.protocol import News
from app.control.server_side.follower import CAPACITY, DETAIL_CAPACITY, PAGE, memory_of
from app.core.events import Closed, Opened, Reason, Toggled
from tests.control.serving import Copy
from tests.control.test_follower import Watched, events_of, figures_of
from tests.making import closed, opened
from tests.watch.test_fanout import toggled


def overflow(watched: Watched) -> int:
    """Give one event more than is kept, in opens and closes; how many."""
    pair = memory_of(opened(1)) + memory_of(closed(1, Reason.EOF))
    pairs = CAPACITY // pair + 1
    for one in range(1, pairs + 1):
        watched.give(opened(one), closed(one, Reason.EOF))
    return 2 * pairs


def test_a_client_that_misses_events_is_told_how_many_and_gets_everything_anew() -> None:
    watched = Watched().settled()
    given = overflow(watched)
    watched.give(opened(1 << 20), opened(1 << 21))
    copy = Copy().apply(*watched.told())
    assert (copy.missed, set(copy.open)) == (given + 2, {1 << 20, 1 << 21})
    watched.give(closed(1 << 20, Reason.EOF))
    copy.apply(*watched.told())
    assert (copy.missed, set(copy.open)) == (given + 2, {1 << 21})


def test_an_overflow_between_two_pages_begins_anew() -> None:
    watched, copy = Watched(), Copy()
    many = range(1 << 20, (1 << 20) + 2 * PAGE)
    watched.give(*map(opened, many))
    watched.watch()
    watched.round(*many)
    message = watched.follower.next_message()
    assert message is not None
    copy.apply(message)
    given = overflow(watched)
    copy.apply(*watched.told())
    assert (copy.missed, set(copy.open)) == (given, set(many))
    assert copy.figures == figures_of(watched)


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


def test_who_never_reads_costs_under_six_mebibytes() -> None:
    """4 MiB of events as they are estimated, and what is kept beside them."""
    watched = Watched()
    watched.give(*map(opened, range(1, 501)))
    watched.settled()
    watched.give(*map(toggled, range(DETAIL_CAPACITY)))
    ids = count(1000)
    gc.collect()
    tracemalloc.start()
    try:
        worst = 0
        while not watched.follower._missed:
            first = next(ids)
            watched.give(
                Opened(t=float(first), id=first, fd=first, peer=f"192.0.2.1:{first}"),
                closed(first, Reason.EOF),
            )
            worst = max(worst, tracemalloc.get_traced_memory()[0])
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert CAPACITY / 2 < worst < 6 * 1024**2
    assert after < worst / 10
