"""What `ctl` knows of a server after its pages, and after the news where pages lack figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from app.cli.ctl.linking import fetch_state
from app.control.client_side.control_client import ControlError, Link
from app.control.protocol import FromServer, KnownConnection, News, Page
from app.core.events import Reason
from tests.making import NOW, closed, loop_stats, opened, snapshot


class CannedLink:
    """A link on which one page comes, and then the given news; after them the server is silent."""

    def __init__(self, *connections: KnownConnection, news: tuple[News, ...] = ()) -> None:
        self._page = Page(t=NOW, number=1, last=True, connections=connections)
        self._news: Iterator[News] = iter(news)
        self.received = 0

    def fetch_pages(self, _closed: bool) -> list[Page]:
        return [self._page]

    def receive(self, within: float) -> FromServer:
        self.received += 1
        for message in self._news:
            return message
        raise ControlError(f"no answer within {within:g} s")


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
    assert known(CannedLink(KnownConnection(opened=opened(1)))) == {1: False}
