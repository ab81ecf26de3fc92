"""Connections in groups: by state, host of the peer, why, or reason. No Textual.

Ten thousand connections take some 40 ms, so a screen groups them a part at a time (`Grouper.work`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Final, NamedTuple

from .filter import Predicate
from .filter_completion import pattern_of_host
from .row import Row
from .why import is_stuck, why_code


class Grouping(NamedTuple):
    """One way to group."""

    title: str
    name_of: Callable[[Row, float], str]
    """Returns the name of a row's group at a time."""
    filter_of: Callable[[str], str]
    """Returns the filter that the rows of the group with a name pass, and no others."""
    with_closed: bool = False
    """Whether the connections that have just closed are counted too."""


GROUPINGS: Final[Mapping[str, Grouping]] = {
    "state": Grouping("state", lambda row, _: row.state.value, lambda name: f"state={name}"),
    "host": Grouping(
        "peer host",
        lambda row, _: row.peer.rpartition(":")[0],
        lambda name: f"peer={pattern_of_host(name)}",
    ),
    "why": Grouping(
        "why", lambda row, now: why_code(row, now).value, lambda name: f"why_code={name}"
    ),
    "reason": Grouping(
        "reason",
        lambda row, _: row.reason,
        lambda name: f"reason={name}" if name else 'reason=""',
        with_closed=True,  # an open connection has a reason only while it is closing
    ),
}
"""Each grouping by its name, in the order in which they are offered."""


class Group:
    """The connections of one group, in figures."""

    __slots__ = ("_badness", "count", "name", "pending", "rate", "stuck", "unacked", "worst")

    def __init__(self, name: str, first: Row) -> None:
        self.name = name
        """Empty for the connections that have no reason."""
        self.count = self.stuck = 0
        self.pending = 0
        """Bytes of echo that are not yet written, of all together."""
        self.unacked = 0
        """Bytes written and not acknowledged, of all together."""
        self.rate = 0.0
        """Frames echoed per second, of all together."""
        self.worst = first
        """A stuck one before others, then the one with the most bytes outstanding, then the
        quietest."""
        self._badness = (False, -1, -1.0)

    def add(self, row: Row, now: float) -> None:
        """Count one connection more."""
        self.count += 1
        stuck, outstanding, snapshot = False, 0, row.snapshot
        if row.closed is None and snapshot is not None:
            self.pending += snapshot.pending
            self.unacked += snapshot.unacked_bytes
            outstanding = snapshot.pending + snapshot.unacked_bytes
            self.rate += row.rate(now)
            stuck = is_stuck(row, now)
            self.stuck += stuck
        badness = (stuck, outstanding, row.idle(now))
        if badness > self._badness:
            self.worst, self._badness = row, badness

    @property
    def order(self) -> tuple[int, int, int, str]:
        """The worst group is first: the most stuck ones, then bytes outstanding, then count."""
        return -self.stuck, -self.pending - self.unacked, -self.count, self.name


class Grouper:
    """Groups connections as they are at one moment, a part at a time. For one thread."""

    def __init__(
        self, rows: Iterable[Row], grouping: Grouping, now: float, passes: Predicate | None = None
    ) -> None:
        """Group `rows` at `now`, or those of them that pass a filter."""
        self._rows = iter(list(rows))
        self._grouping = grouping
        self._now = now
        self._passes = passes
        self._groups: dict[str, Group] = {}

    def work(self, count: int) -> bool:
        """Look at up to `count` connections more; return whether there are none left."""
        groups, now, passes = self._groups, self._now, self._passes
        name_of, with_closed = self._grouping.name_of, self._grouping.with_closed
        seen = 0
        for row in islice(self._rows, count):
            seen += 1
            if (row.closed is None or with_closed) and (passes is None or passes(row, now)):
                name = name_of(row, now)
                if (group := groups.get(name)) is None:
                    group = groups[name] = Group(name, row)
                group.add(row, now)
        return seen < count

    def groups(self) -> list[Group]:
        """Return the groups of the connections that were looked at, the worst first."""
        return sorted(self._groups.values(), key=lambda group: group.order)
