"""Those who watch a simulated server: a screen, a control client, and one that fails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from app.control.protocol import News, Page, Watch
from app.control.server_side.follower import Follower
from app.core.events import Closed, CommandResult, Event, Opened, SettingChanged, Snapshot
from app.watch.fanout import Fanout, Observer
from app.watch.state import State
from app.watch.stream import Drained, EventStream

from .sockets import Violation

KILLED_AT_ONCE: Final = ("closed", "reset")
"""Answers to a kill that say that the connection has ended."""


class Watcher(ABC):
    """Somebody who is told what the server does, and takes it when the simulation says so."""

    observer: Observer

    @abstractmethod
    def take(self) -> None:
        """Take everything that waits."""

    @abstractmethod
    def known(self) -> dict[int, Snapshot | None]:
        """Return the open connections that it knows, with their latest snapshots."""


def check_order(event: Event, is_open: Callable[[int], bool], told: set[str]) -> None:
    """Check that what an answer tells of has been told before: a close, or a changed setting."""
    if type(event) is SettingChanged:
        told.add(f"{event.name}: {event.old} → {event.new}")
    if type(event) is not CommandResult or not event.ok:
        return
    if event.command == "set" and event.message not in told:
        raise Violation(f"the answer {event.message!r} came before the change")
    if event.command == "kill" and event.message in KILLED_AT_ONCE and is_open(event.id or 0):
        raise Violation(f"the answer {event.message!r} came before the close of #{event.id}")


class ScreenWatcher(Watcher):
    """A dashboard in the server's process: a stream of its own, and a `State`."""

    def __init__(self, journal: int) -> None:
        """Have room for `journal` events of detail."""
        self.observer = self._stream = EventStream(journal_capacity=journal)
        self._stream.watched = True
        self._state = State()
        self._told: set[str] = set()

    def take(self) -> None:
        """Apply what waits, as a dashboard does ten times a second."""
        drained = self._stream.drain()
        closed = {event.id for event in drained.events if type(event) is Closed}
        kept = closed & {snapshot.id for snapshot in drained.snapshots}
        if kept:
            raise Violation(f"snapshots of closed connections were kept: {sorted(kept)}")
        rows = self._state.rows
        if drained.afresh:
            rows = {}
        is_open = {row.id for row in rows.values() if row.closed is None}
        for event in drained.events:
            if type(event) is Opened:
                is_open.add(event.id)
            elif type(event) is Closed:
                is_open.discard(event.id)
            check_order(event, is_open.__contains__, self._told)
        stray = {snapshot.id for snapshot in drained.snapshots} - is_open
        if stray:
            raise Violation(f"snapshots before `opened`: {sorted(stray)}")
        self._state.apply(drained, 0.0)

    def known(self) -> dict[int, Snapshot | None]:
        """Return the rows of open connections."""
        return {row.id: row.snapshot for row in self._state.live()}


class ControlWatcher(Watcher):
    """A client of the control socket: pages, then news."""

    def __init__(self, fanout: Fanout, clock: Callable[[], float], wishes: Watch) -> None:
        """Attach to `fanout`; `begin` asks for the pages."""
        self.observer = self._follower = Follower(fanout, lambda: None, clock)
        self._wishes = wishes
        self._open: dict[int, Snapshot | None] = {}
        self._told: set[str] = set()

    def begin(self) -> None:
        """Send `Watch`."""
        self._follower.watch(self._wishes)

    @property
    def has_figures(self) -> bool:
        """Whether it wants snapshots after the pages."""
        return self._wishes.figures

    def take(self) -> None:
        """Apply all messages that wait."""
        while (message := self._follower.next_message()) is not None:
            if isinstance(message, Page):
                self._apply_page(message)
            else:
                self._apply_news(message)

    def _apply_page(self, page: Page) -> None:
        if page.number == 1:
            self._open.clear()
        for known in page.connections:
            self._open[known.opened.id] = known.snapshot

    def _apply_news(self, news: News) -> None:
        for event in news.events:
            if type(event) is Opened:
                if event.id in self._open:
                    raise Violation(f"a client is told twice of #{event.id}")
                self._open[event.id] = None
            elif type(event) is Closed and self._open.pop(event.id, self) is self:
                raise Violation(f"a client is told of the close of #{event.id}, not of it")
            check_order(event, self._open.__contains__, self._told)
        for snapshot in news.snapshots:
            if snapshot.id not in self._open:
                raise Violation(f"a client is told a snapshot of #{snapshot.id} before `opened`")
            self._open[snapshot.id] = snapshot

    def known(self) -> dict[int, Snapshot | None]:
        """Return the connections that the client shows."""
        return self._open


class Failing:
    """An observer that raises at one of its next calls."""

    def __init__(self, after: int) -> None:
        """Raise at the call number `after`, counted from 0."""
        self.watched = True
        self.calls_left = after

    def hear(self, drained: Drained) -> None:
        """Fail sooner or later."""
        if not self.calls_left:
            raise RuntimeError("this observer fails on purpose")
        self.calls_left -= 1
