"""A server told in lines, for a person who hears the screen: one line when a verdict changes.

A verdict is what `app.watch.why` calls stuck, the end of that, or a close that was no good end. A
verdict is told once. At most one line a second is told: the worst change in full, and how many
others there are of each kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from ..core.events import Closed, Crashed, Event, Notice, SettingChanged, Stopped, Stopping
from ..core.framing import HEADER_SIZE
from .figures import words_size
from .journal import Level, entry, level_of
from .row import Row
from .state import State
from .why import WhyCode, is_stuck, why_code

PACE: Final = 1.0
"""Seconds between two lines at the least."""
FINE_FOR: Final = 3.0
"""Seconds for which a connection must go on before that is told: a slow one stops now and then."""
KINDS_AT_MOST: Final = 5
"""Kinds of changes that a line counts."""
_GOES_ON: Final = "go on"
_OF_SERVER: Final = "of the server"


class Remark(NamedTuple):
    """Something to be told."""

    rank: int
    """The smallest is the worst."""
    size: int
    """Bytes outstanding: of two of one rank the larger one is told first."""
    kind: str
    """The words for several of them, behind a number."""
    text: str
    """All about this one."""


class _Words(NamedTuple):
    rank: int
    one: str
    many: str


_VERDICTS: Final = {
    code: _Words(rank, one, many)
    for rank, (code, one, many) in enumerate(
        (
            (WhyCode.WORKER_SILENT, "has a loop that says nothing", "have a loop that is silent"),
            (WhyCode.DOES_NOT_ANSWER, "does not answer", "do not answer"),
            (WhyCode.WINDOW_CLOSED, "stopped reading", "stopped reading"),
            (WhyCode.NOT_FETCHED, "does not fetch its echo", "do not fetch their echo"),
            (WhyCode.READS_SLOWLY, "takes nothing of its echo", "take nothing of their echo"),
            (WhyCode.ARMED_FIRST, "waits for POLLOUT", "wait for POLLOUT"),
            (WhyCode.SERVER_BEHIND, "waits for the server", "wait for the server"),
            (
                WhyCode.DRAINING_UNACKNOWLEDGED,
                "is closing and has not acknowledged the rest",
                "are closing and have not acknowledged the rest",
            ),
            (WhyCode.NEEDS_BODY, "stopped sending in a body", "stopped sending in a body"),
            (WhyCode.NEEDS_HEADER, "stopped sending in a header", "stopped sending in a header"),
        ),
        start=1,
    )
}
"""The words for each code that can be stuck, the worst first. Rank 0 is the server itself."""
_CLOSED: Final = len(_VERDICTS) + 1
_GOES_ON_RANK: Final = _CLOSED + 1


def verdict_of(row: Row, now: float) -> Remark | None:
    """Return the verdict on an open connection; None for one that is well."""
    if row.closed is not None or not is_stuck(row, now):
        return None
    code = why_code(row, now)
    words = _VERDICTS.get(code) or _Words(_CLOSED - 1, f"is stuck, {code}", f"stuck, {code}")
    snapshot = row.snapshot
    parts = [f"#{row.id} {words.one}"]
    if snapshot is None:
        return Remark(words.rank, 0, words.many, parts[0])
    if snapshot.unacked_bytes:
        parts.append(f"{words_size(snapshot.unacked_bytes)} unacknowledged")
    if snapshot.pending:
        parts.append(f"{words_size(snapshot.pending)} pending")
    if code is WhyCode.SERVER_BEHIND:
        parts.append(f"{words_size(snapshot.unread)} not read")
    elif code is WhyCode.NEEDS_BODY:
        parts.append(f"{snapshot.body_length - snapshot.body_read:,} bytes missing")
    elif code is WhyCode.NEEDS_HEADER:
        parts.append(f"{HEADER_SIZE - snapshot.header_read} bytes missing")
    outstanding = snapshot.unacked_bytes + snapshot.pending
    return Remark(words.rank, outstanding, words.many, ", ".join(parts))


class Narrator:
    """Finds what has changed since it was told, and tells it at its pace. For one thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns seconds that only grow; the pace is kept by it."""
        self._clock = clock
        self._told: dict[int, str] = {}
        """By connection, the kind of its verdict that was told; none for one that is well."""
        self._fine_since: dict[int, float] = {}
        self._waiting: dict[int | str, Remark] = {}
        """Changes to be told, by connection, or by text where they are about the server."""
        self._next_at = float("-inf")

    def note(self, events: Iterable[Event]) -> None:
        """Note what events tell: closes, and what is about the server."""
        for event in events:
            if isinstance(event, Closed):
                self._note_close(event)
            elif isinstance(event, Stopping | Stopped | Crashed) or (
                isinstance(event, Notice | SettingChanged) and level_of(event) >= Level.WARNING
            ):
                self.note_server(" ".join(entry(event).line.split()))

    def judge(self, state: State, now: float) -> None:
        """Note the verdicts on all connections at `now`, which is on the clock of the events."""
        for row in state.rows.values():
            if row.closed is None:
                self._note_verdict(row, now)
        for known in (self._told, self._fine_since):
            for each in [each for each in known if each not in state.rows]:
                del known[each]

    def note_server(self, text: str) -> None:
        """Note something about the server itself: it is told before all else."""
        self._waiting[text] = Remark(0, 0, _OF_SERVER, text)

    def _note_verdict(self, row: Row, now: float) -> None:
        told, verdict = self._told.get(row.id), verdict_of(row, now)
        if verdict is not None:
            self._fine_since.pop(row.id, None)
        if verdict is None and told is not None:
            # The wall clock may be set back.
            since = self._fine_since[row.id] = min(now, self._fine_since.get(row.id, now))
            if now - since < FINE_FOR:
                self._waiting.pop(row.id, None)
                return
            verdict = Remark(_GOES_ON_RANK, 0, _GOES_ON, f"#{row.id} goes on")
        if verdict is None or verdict.kind == told:
            self._waiting.pop(row.id, None)
        else:
            self._waiting[row.id] = verdict

    def _note_close(self, event: Closed) -> None:
        was_told = self._told.pop(event.id, None) is not None
        self._fine_since.pop(event.id, None)
        self._waiting.pop(event.id, None)
        if was_told or level_of(event) >= Level.WARNING:
            text = f"#{event.id} {' '.join(entry(event).brief.split())}"
            kind = f"closed as {event.reason.value}"
            self._waiting[event.id] = Remark(_CLOSED, 0, kind, text)

    @property
    def seconds_left(self) -> float:
        """Seconds until the next line may be told."""
        return max(0.0, self._next_at - self._clock())

    def next_line(self) -> str | None:
        """Return the line to be told now; None if there is none, or if it is too early for one."""
        if not self._waiting or self._clock() < self._next_at:
            return None
        order = sorted(self._waiting.items(), key=lambda each: (each[1].rank, -each[1].size))
        for key, change in order:
            if isinstance(key, int) and change.rank < _CLOSED:
                self._told[key] = change.kind
            elif isinstance(key, int):
                self._told.pop(key, None)
                self._fine_since.pop(key, None)
        self._waiting.clear()
        self._next_at = self._clock() + PACE
        (_, worst), *others = order
        of_server = [change.text for _, change in others if change.kind == _OF_SERVER]
        rest = [change for _, change in others if change.kind != _OF_SERVER]
        return "; ".join([worst.text, *of_server]) + _summed_up(rest)


def _summed_up(others: list[Remark]) -> str:
    """Return how many others there are of each kind, the worst first; one alone is told in full."""
    if len(others) < 2:
        return "".join(f"; {change.text}" for change in others)
    counted = Counter(change.kind for change in others)  # in the order of `others`
    if len(counted) == 1:
        return f"; {len(others):,} more {others[0].kind}"
    parts = [f"{number:,} {kind}" for kind, number in list(counted.items())[:KINDS_AT_MOST]]
    if len(counted) > KINDS_AT_MOST:
        parts.append("and others")
    return f"; {len(others):,} more: {', '.join(parts)}"
