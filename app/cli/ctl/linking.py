"""The connection of a `ctl` command to its server, and the state that it asks for."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Final

import click

from ...control.address import choose_socket
from ...control.client_side.control_client import (
    ControlError,
    Link,
    NotInTime,
    hello,
    join_pages,
)
from ...control.protocol import News
from ...core.events import Event, Opened
from ...core.statistics import ProcessStats
from ...watch.filter import Filter
from ...watch.row import Row
from ...watch.state import State
from ...watch.stream import Drained
from ...watch.why import WORKER_SILENT, WhyCode, why_code

ROUND_WITHIN: Final = 1.5
"""Seconds to wait for the next news; an idle server tells its figures once a second."""

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
"""The option of every command that prints JSON on request."""


def linked(control: str | None, command: str) -> Link:
    """Connect to the server that ``--control`` means. Raises `AddressError`, `ControlError`."""
    link = Link.open(choose_socket(control), hello(f"ctl {command}"))
    link.on_wait = _say
    return link


def _say(text: str) -> None:
    print(f"echo-tui ctl: {text}", file=sys.stderr, flush=True)


def fetch_state(link: Link, closed: bool = False) -> tuple[State, float]:
    """Ask for everything that is known; also return when that was, in Unix seconds.

    With `closed`, the connections that closed last are in `State.kept`.

    A page may list a connection without figures: it has closed since, or has just opened. Its end
    or its first figures are in the news, which are read up to the end of the next round. What opens
    after the pages is left out: it has no figures yet. Where the loop tells no figures, the rows
    say since when. Raises `ControlError`.
    """
    pages = link.fetch_pages(closed)
    # The server has judged the hosts; of the closed ones we are told a part only.
    state = State(closed_limit=0, keep_closed=sys.maxsize if closed else 0, judges=False)
    now = pages[-1].t
    state.apply(join_pages(pages), now)
    if pages[0].silent_since:
        _mark_silent(state.live(), pages[0].silent_since)
        return state, now
    has_round = False
    while not has_round and (unknown := [row for row in state.live() if row.snapshot is None]):
        try:
            message = link.receive(within=WORKER_SILENT)
        except NotInTime:
            _mark_silent(unknown, now)
            return state, now + WORKER_SILENT
        except ControlError:
            break  # what is known is the answer
        if isinstance(message, News):
            now, has_round = message.t, message.stats is not None
            events: list[Event] = [e for e in message.events if not isinstance(e, Opened)]
            snapshots = list(message.snapshots)
            state.apply(Drained(events, snapshots, message.stats, message.dropped), now)
    return state, now


def _mark_silent(rows: Iterable[Row], since: float) -> None:
    """Have rows say that their loop tells nothing, unless their worker is known to."""
    for row in rows:
        row.silent_since = row.silent_since or since


def fetch_process(link: Link, state: State) -> None:
    """Wait for the figures of the process, which a server measures once somebody watches."""
    give_up_at = time.monotonic() + ROUND_WITHIN
    while state.process is None and (left := give_up_at - time.monotonic()) > 0:
        try:
            message = link.receive(within=left)
        except ControlError:
            break  # there are none: psutil cannot read them, or the server hangs
        if isinstance(message, News):
            figures: list[Event] = [e for e in message.events if isinstance(e, ProcessStats)]
            state.apply(Drained(figures, [], None, message.dropped), message.t)


def passing_rows(state: State, now: float, chosen: Filter) -> list[Row]:
    """Return the open connections that pass a filter, by id."""
    return sorted((row for row in state.live() if chosen.passes(row, now)), key=lambda row: row.id)


def judged_rows(state: State, now: float, chosen: Filter) -> tuple[list[Row], int]:
    """As `passing_rows`, without those whose loop tells nothing; also return how many those are.

    What is known of them is old, so nothing may be destroyed because of it.
    """
    rows = passing_rows(state, now, chosen)
    judged = [row for row in rows if why_code(row, now) is not WhyCode.WORKER_SILENT]
    return judged, len(rows) - len(judged)
