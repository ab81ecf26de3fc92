"""The events that `ctl watch` prints, and the connections that its filter is about."""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping
from typing import Final

import click

from ...control.client_side.control_client import Link, join_pages
from ...control.protocol import News, Page
from ...core.commands import ROUTINE
from ...core.events import FIGURES, CommandResult, Event, Notice
from ...watch.filter import Filter
from ...watch.state import State
from ...watch.stream import Drained
from .printing import encode

KINDS: Final[Mapping[str, type]] = {kind.__struct_config__.tag: kind for kind in Event.__args__}


class Watcher:
    """Chooses the events to print; keeps a `State`, because a filter is about connections."""

    def __init__(self, kinds: tuple[type, ...], chosen: Filter | None) -> None:
        """Print events of these types; with a filter, only those of connections that pass it."""
        self._kinds = kinds
        self._chosen = chosen
        self._state = State()
        self._pages: list[Page] = []
        self._dropped: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the server has told its last event."""
        return self._state.ended

    def lines(self, message: object) -> Iterator[bytes]:
        """Apply one message of the server, and return its JSON lines."""
        if isinstance(message, Page):
            if message.missed:
                yield encode({"event": "missed", "t": message.t, "count": message.missed})
            self._pages = [message] if message.number == 1 else [*self._pages, message]
            if message.last:
                self._state.apply(join_pages(self._pages), message.t)
                self._pages = []
        elif isinstance(message, News):
            stats = () if message.stats is None else (message.stats,)
            for event in (*message.events, *message.snapshots, *stats):
                # One at a time: whether it passes is judged as things are at this event.
                self._state.apply(Drained([event], [], None, 0), event.t)
                is_repeated = isinstance(event, Notice) and event.is_repeated
                if isinstance(event, CommandResult) and event.command in ROUTINE:
                    continue
                if self._is_chosen(event, message.t) and not is_repeated:
                    yield encode(event)
            yield from self._drops(message)

    def _drops(self, news: News) -> Iterator[bytes]:
        """Count the detail that was dropped since the news before."""
        before, self._dropped = self._dropped, news.dropped
        if before is not None and news.dropped > before:
            yield encode({"event": "dropped", "t": news.t, "count": news.dropped - before})

    def _is_chosen(self, event: Event, now: float) -> bool:
        if not isinstance(event, self._kinds):
            return False
        if self._chosen is None:
            return True
        row = self._state.rows.get(getattr(event, "id", None) or 0)
        return row is not None and self._chosen.passes(row, now)


LOOKED: Final = 20.0
"""Seconds for which the loop is observed with each `Look`."""
LOOK_EVERY: Final = 5.0
"""Seconds between two of them."""


def wait_for_news(link: Link, output: int, within: float | None = None) -> bool:
    """Wait until something comes on `link`, or `within` seconds; False if the reader of the
    descriptor `output` is gone.

    Without events to wait for, poll(2) still tells of POLLERR: nobody has the other end of a pipe.
    """
    poller = select.poll()
    poller.register(output, 0)
    poller.register(link.fileno(), select.POLLIN)
    return output not in dict(poller.poll(None if within is None else within * 1000))


def parse_kinds(events: str) -> tuple[type, ...]:
    """Read ``opened,closed``; raises `click.UsageError`."""
    if events == "all":
        return tuple(KINDS.values())
    if not events:
        return tuple(kind for kind in KINDS.values() if kind not in FIGURES)
    unknown = [name for name in events.split(",") if name not in KINDS]
    if unknown:
        known = ", ".join(KINDS)
        raise click.UsageError(f"--events: no event is called {unknown[0]!r}; there are {known}")
    return tuple(KINDS[name] for name in events.split(","))
