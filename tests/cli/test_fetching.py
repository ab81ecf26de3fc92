"""What `ctl` knows of a server after its pages, and after the news where pages lack figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from app.cli.ctl.linking import fetch_state, judged_rows
from app.control.client_side.control_client import Link, NotInTime
from app.control.protocol import FromServer, KnownConnection, News, Page
from app.core.events import Reason
from app.watch.filter import parse_filter
from app.watch.why import WhyCode, why_code, why_waiting
from tests.making import NOW, closed, loop_stats, opened, snapshot


class CannedLink:
    """A link on which one page comes, and then the given news; after them the server is silent."""

    def __init__(
        self, *connections: KnownConnection, news: tuple[News, ...] = (), silent_since: float = 0.0
    ) -> None:
        self._page = Page(
            t=NOW, number=1, last=True, connections=connections, silent_since=silent_since
        )
        self._news: Iterator[News] = iter(news)
        self.received = 0

    def fetch_pages(self, _closed: bool) -> list[Page]:
        return [self._page]

    def receive(self, within: float) -> FromServer:
        self.received += 1
        for message in self._news:
            return message
        raise NotInTime(f"no answer within {within:g} s")


def known(link: CannedLink) -> dict[int, bool]:
    """Fetch the state: the open connections, and whether each has figures."""
    state, _ = fetch_state(cast(Link, link))
    return {row.id: row.snapshot is not None for row in state.live()}


def test_what_has_closed_before_its_page_is_not_listed_as_open_and_new_rows_have_figures() -> None:
    pages = [KnownConnection(opened=opened(number)) for number in (1, 2)]
    events = News(t=NOW + 0.1, events=(closed(1, Reason.EOF), opened(3)))
    figures = News(t=NOW + 0.2, snapshots=(snapshot(2),), stats=loop_stats(NOW, 0, 64, 1))
    assert known(CannedLink(*pages, news=(events, figures))) == {2: True}


def test_pages_with_all_figures_are_the_answer_at_once() -> None:
    link = CannedLink(KnownConnection(opened=opened(1), snapshot=snapshot(1)))
    assert known(link) == {1: True}
    assert link.received == 0


def test_a_loop_that_hangs_tells_no_figures_and_what_is_known_is_the_answer() -> None:
    known_before = KnownConnection(opened=opened(2), snapshot=snapshot(2))
    state, now = fetch_state(
        cast(Link, CannedLink(KnownConnection(opened=opened(1)), known_before))
    )
    words = {row.id: why_waiting(row, now) for row in state.live()}
    assert words == {
        1: "the server's loop has given no sign of life for 3 s",
        2: "no frame yet for 3 s",
    }


def test_figures_that_have_not_come_are_told_as_old_and_nothing_is_destroyed_by_them() -> None:
    link = CannedLink(
        *(KnownConnection(opened=opened(one), snapshot=snapshot(one)) for one in (1, 2)),
        silent_since=NOW - 3.1,
    )
    state, now = fetch_state(cast(Link, link))
    assert link.received == 0
    assert {why_code(row, now) for row in state.live()} == {WhyCode.WORKER_SILENT}
    assert judged_rows(state, now, parse_filter("id>0")) == ([], 2)
