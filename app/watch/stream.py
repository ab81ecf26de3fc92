"""The bounded queue between the loop and whoever watches it.

One producer (the loop thread, or a fan-out), one consumer (whoever shows, writes or sends). Three
kinds of events pass, because losing them costs differently:

- events that must arrive (lifecycle, results) are never dropped while somebody drains. Past
  `MOST_WAITING` events the queue is shortened: connections that opened and closed meanwhile are
  skipped, and a `Notice` in their place counts them. What is left gives the consumer's `State` the
  same open connections. Of figures of a process the latest stay, of notices, results and changed
  settings the latest `MOST_WORDS`. So the queue is bounded by the number of open connections,
  however many come and go;
- detail (state changes, toggles, system calls) has room for `journal_capacity` events; past that
  it is dropped, and the drops are counted. The producer asks for room *before* it builds an
  event, so that a full journal costs a comparison;
- snapshots and statistics are kept latest-wins, one for each connection: their number is bounded
  by the open connections, however long nobody drains.

No lock is held while an event is made or handled. `deque.append` and `popleft` are atomic under the
GIL. Of the two detail counters one has one writer; the other is written under the lock that keeps a
drain and a shortening apart.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Final, NamedTuple

from ..core.commands import ROUTINE
from ..core.events import (
    DETAIL,
    FIGURES,
    LAST_WORDS,
    Closed,
    CommandResult,
    Event,
    Notice,
    Opened,
    SettingChanged,
    Snapshot,
)
from ..core.habits import HostNote
from ..core.iteration import Iterations
from ..core.kept_bytes import KeptBytes
from ..core.statistics import (
    LoopStats,
    MeasuredRate,
    ProcessStats,
    WorkerStats,
    carry_longest,
)

MOST_WAITING: Final = 16_384
"""Events that may wait before the queue is shortened: 6 MB, as an `Opened` and its `Closed` take
0.7 kB; at 600 connections a second it is full after 13 s."""
MOST_ASKED: Final = 16
"""Requests for the bytes of a peer that are remembered, the latest ones."""
MOST_WORDS: Final = 1024
"""Notices, results and changed settings that outlive a shortening, the latest ones."""


class Drained(NamedTuple):
    """Everything that came since the last drain, in the order in which to apply it."""

    events: list[Event]
    snapshots: list[Snapshot]
    stats: LoopStats | None
    dropped: int
    """Detail events dropped since the server's start."""
    afresh: bool = False
    """Whether what was known before is void: the events tell of all that there is."""
    gone: str = ""
    """Why nothing comes from the server at present, in plain words; empty while all is well."""
    rates: Mapping[int, MeasuredRate] = {}
    """The measured rates of connections, by id, that go with snapshots told `afresh`."""
    host_notes: tuple[HostNote, ...] = ()
    """The notes about peer hosts that stand, told `afresh`."""


class EventStream:
    """A queue that a stalled consumer can neither fill without bound nor block.

    It is an observer of a fan-out too: `hear` queues what another stream gave.
    """

    def __init__(self, journal_capacity: int = 4096, traced: bool = False) -> None:
        """With `traced`, `hear` queues detail also while nobody watches."""
        self.watched = False
        """Whether the consumer needs snapshots, statistics and detail; if not, none are made."""
        self.wants_bytes = False
        """Whether the consumer needs the bytes that are kept of connections, as they close."""
        self.asked_at = 0.0
        """When figures were last requested, in Unix seconds. The producer, once woken, publishes a
        round at once if it has published none since."""
        self._capacity = journal_capacity
        self._traced = traced
        self._events: deque[Event] = deque()
        self._detail_in = 0  # written by the producer only
        self._detail_out = 0  # written under `_events_lock` only
        self._bound = MOST_WAITING
        self._events_lock = Lock()
        self._asked: deque[int] = deque(maxlen=MOST_ASKED)
        self.dropped = 0
        """Detail events dropped since the server's start."""
        self.lost = 0
        """Events that must arrive and did not, because nobody drained: opens, closes, notices."""
        self._heard_dropped = 0  # drops before this stream that `hear` knows of
        self._latest: dict[int, Snapshot] = {}
        self._stats: LoopStats | None = None
        self._latest_lock = Lock()
        self._notify: Callable[[], None] | None = None

    # --- producer ---

    def publish(self, event: Event) -> None:
        """Append an event that must arrive; from any thread."""
        self._events.append(event)
        if len(self._events) > self._bound:
            self._shorten()
        if self._notify is not None:
            self._call_notify()

    def publish_first(self, event: Event) -> None:
        """Put an event before all that wait, for a consumer yet to begin; from any thread."""
        with self._events_lock:
            self._events.appendleft(event)
        if self._notify is not None:
            self._call_notify()

    def room_for_detail(self) -> bool:
        """Whether a detail event would be kept; counts a drop where it would not."""
        if self._detail_in - self._detail_out < self._capacity:
            return True
        self.dropped += 1
        return False

    def publish_detail(self, event: Event) -> None:
        """Append an event of a type in `DETAIL`; the caller has asked `room_for_detail` first.

        Who watches drains on a timer. Where nobody does, all is traced for a log, which sleeps.
        """
        self._detail_in += 1
        self._events.append(event)
        if not self.watched and self._notify is not None:
            self._call_notify()

    def count_drops(self, count: int) -> None:
        """Count detail that was dropped on its way here."""
        self.dropped += count

    def publish_latest(self, snapshots: Iterable[Snapshot], stats: LoopStats) -> None:
        """Replace what is known of these connections and of the loop."""
        with self._latest_lock:
            latest = self._latest
            for snapshot in snapshots:
                latest[snapshot.id] = snapshot
            self._stats = carry_longest(stats, self._stats)

    def forget(self, connection_id: int) -> None:
        """Drop the snapshot of a closed connection: its `Closed` event says more."""
        if self._latest:
            with self._latest_lock:
                self._latest.pop(connection_id, None)

    def hear(self, drained: Drained) -> None:
        """Queue what a fan-out hands on; figures and detail only while `watched`.

        Called in the fan-out's thread, which is then the producer.
        """
        watched = self.watched
        with_detail = watched or self._traced
        if with_detail and not drained.afresh:
            self.count_drops(max(0, drained.dropped - self._heard_dropped))
        self._heard_dropped = max(self._heard_dropped, drained.dropped)
        if not self._latest and _LIFE.issuperset(map(type, drained.events)):
            self._publish_all(drained.events)  # without a step for each: under churn it is most
        else:
            self._hear_each(drained.events, with_detail)
        if drained.stats is not None and watched:
            self.publish_latest(drained.snapshots, drained.stats)

    def _hear_each(self, events: list[Event], with_detail: bool) -> None:
        watched = self.watched
        for event in events:
            kind = type(event)
            if isinstance(event, KeptBytes | Iterations):
                if not self._takes_answer(event.request):
                    continue  # the bytes of a peer are for whoever has asked alone
            elif not watched and kind in _FOR_WATCHERS and _is_for_watchers(event):
                continue
            if kind not in DETAIL:
                self.publish(event)
                if type(event) is Closed and self._latest:
                    self.forget(event.id)
            elif with_detail and self.room_for_detail():
                self.publish_detail(event)

    def _publish_all(self, events: list[Event]) -> None:
        self._events.extend(events)
        if len(self._events) > self._bound:
            self._shorten()
        if events and self._notify is not None:
            self._call_notify()

    def _shorten(self) -> None:
        """Drop detail, old notices, and connections that have opened and closed meanwhile."""
        with self._events_lock:
            waiting = self._take(len(self._events))
            lasting = [event for event in waiting if type(event) not in DETAIL]
            detail = len(waiting) - len(lasting)
            kept = shorten(lasting)
            self._detail_out += detail
            self.dropped += detail
            self.lost += _count_published(lasting) - _count_published(kept)
            self._events.extendleft(reversed(kept))
            self._bound = max(MOST_WAITING, 2 * len(kept))

    @property
    def depth(self) -> int:
        """Events that wait to be drained."""
        return len(self._events)

    # --- consumer ---

    def _takes_answer(self, request: int) -> bool:
        """Whether the consumer is told what answers a command; 0 is a close."""
        return request in self._asked if request else self.wants_bytes

    def expect_answer(self, request: int) -> None:
        """Let what the command `request` of this consumer asks for pass: bytes or iterations."""
        self._asked.append(request)

    def drain(self, limit: int | None = None) -> Drained:
        """Take everything that has gathered; or at most `limit` events, and no figures.

        The snapshots are taken first: every event that was published before one of them is then
        among the events, so a consumer that applies events, then snapshots, never meets a
        snapshot of a connection it has not seen open.
        """
        latest: dict[int, Snapshot] = {}
        stats = None
        if limit is None:
            latest, stats = self._take_latest()
        with self._events_lock:
            waiting = len(self._events)
            events = self._take(waiting if limit is None else min(waiting, limit))
            if self._detail_out != self._detail_in:
                self._detail_out += sum(map(DETAIL.__contains__, map(type, events)))
            if len(self._events) < MOST_WAITING // 2:
                self._bound = MOST_WAITING
        if limit is None and events and type(events[-1]) in LAST_WORDS:
            # The last figures came before the last word, perhaps after those above were taken.
            later, last_stats = self._take_latest()
            latest |= later
            stats = last_stats or stats
        return Drained(events, list(latest.values()), stats, self.dropped)

    def _take(self, count: int) -> list[Event]:
        take = self._events.popleft  # the producer may append meanwhile
        return [take() for _ in range(count)]

    def _take_latest(self) -> tuple[dict[int, Snapshot], LoopStats | None]:
        with self._latest_lock:
            latest, self._latest = self._latest, {}
            stats, self._stats = self._stats, None
        return latest, stats

    def notify_once(self, notify: Callable[[], None]) -> None:
        """Call `notify`, from the producer's thread, when the next event is there; not for detail
        while this stream is `watched`.

        It is called at once if one already is. For a consumer that sleeps until there is work;
        one that drains on a timer needs none of this.
        """
        self._notify = notify
        if self._events:
            self._call_notify()

    def _call_notify(self) -> None:
        notify, self._notify = self._notify, None
        if notify is not None:
            notify()


def shorten(events: list[Event]) -> list[Event]:
    """Return what leads a `State` to the same open connections, with a notice of the rest.

    The notice counts the connections that opened and closed in `events`, by close reason, those
    that an earlier notice counts too. The latest `Opened` stays, and its `Closed`: it tells which
    ids are used. The bytes of peers that nobody has asked for go. Of the notices, the results of
    commands and the changed settings the latest `MOST_WORDS` stay, and the latest of each setting;
    of the figures of a process the latest.
    """
    opened = {event.id for event in events if isinstance(event, Opened)}
    passing = opened.intersection(event.id for event in events if isinstance(event, Closed))
    passing.discard(max(opened, default=0))
    reasons: Counter[str] = Counter()
    kept: list[Event] = []
    settings: set[str] = set()
    has_process = False
    words = 0
    for event in reversed(events):
        match event:
            case Closed() if event.id in passing:
                reasons[event.reason] += 1
            case Opened() if event.id in passing:
                pass
            case Notice(skipped=dict(earlier)):
                reasons.update(earlier)
            case KeptBytes(request=0):
                pass
            case ProcessStats() if has_process:
                pass
            case ProcessStats():
                has_process = True
                kept.append(event)
            case SettingChanged() if event.name not in settings:
                settings.add(event.name)
                words += 1
                kept.append(event)
            case Notice() | CommandResult() | SettingChanged() if words >= MOST_WORDS:
                pass
            case _:
                words += isinstance(event, Notice | CommandResult | SettingChanged)
                kept.append(event)
    kept.reverse()
    if reasons:
        kept.append(_skip_notice(events[-1].t, reasons))
    return kept


def _count_published(events: list[Event]) -> int:
    """Count the events, but neither figures nor what only tells how many others were skipped."""
    return sum(
        type(event) not in FIGURES and not (type(event) is Notice and event.skipped)
        for event in events
    )


def _skip_notice(t: float, reasons: Counter[str]) -> Notice:
    by_reason = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    count = f"{reasons.total():,}"
    text = f"skipped: {count} opens and {count} closes ({by_reason}): nobody took them in time"
    return Notice(t=t, level="warning", text=text, skipped=dict(reasons))


_LIFE: Final = frozenset({Opened, Closed})
"""The kinds that every consumer is told."""
_FOR_WATCHERS: Final = frozenset({CommandResult, ProcessStats, WorkerStats})
"""The kinds of which `_is_for_watchers` has to be asked."""


def _is_for_watchers(event: Event) -> bool:
    """Whether only a `watched` observer needs an event of these: a figure, or the answer to a
    trace, which a dashboard sends for each connection that its cursor comes to.
    """
    return not isinstance(event, CommandResult) or event.command in ROUTINE
