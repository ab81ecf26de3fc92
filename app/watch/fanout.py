"""One server's events for several who watch: each has a bounded stream of its own.

An `EventStream` has one consumer. Where a log, a recorder, a metrics page and attached dashboards
watch the same server, a `Fanout` is that consumer: it drains the server's stream in a thread of its
own and hands everything on. Who comes late is first told all that there is to know now: the server
as it is set at present, every open connection, the latest snapshot of each.

A subscriber that stalls fills only its own stream; the others and the loop do not notice. A
`Observer` keeps even less: it is told what happens and looks up here what is.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable
from math import inf
from typing import Final, Protocol, TypeVar

import msgspec

from ..core.events import (
    DETAIL,
    LAST_WORDS,
    Closed,
    CommandResult,
    Crashed,
    Event,
    Listening,
    Opened,
    SettingChanged,
    Snapshot,
    Stopped,
)
from ..core.statistics import LoopStats, ProcessStats, WorkerStats
from .stream import Drained, EventStream

GATHERING: Final = 0.02
"""Seconds after events in which more are left to gather: under churn, each event would wake every
subscriber's thread."""
INTERVAL: Final = 0.1
"""Seconds between two looks for snapshots while somebody watches."""
SAMPLE_INTERVAL: Final = 1.0
"""Seconds between two looks at the process while somebody watches."""

_OF_FIGURES: Final = frozenset({ProcessStats, WorkerStats})

S = TypeVar("S", bound=EventStream)


class Observer(Protocol):
    """A subscriber that keeps a queue of its own and is bounded by itself."""

    watched: bool
    """Whether it looks at snapshots, statistics and detail."""

    def hear(self, drained: Drained, new_drops: int) -> None:
        """Take note of what happened; called with the fan-out's lock held, and must be quick."""
        ...


class Fanout:
    """The only consumer of a server's stream, and the producer of any number of others."""

    def __init__(
        self,
        stream: EventStream,
        watch: Callable[[], None],
        sample: Callable[[], ProcessStats] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`watch` tells the loop that somebody has begun to look; `sample` is called once a second
        while somebody does. `now` is the clock of the events.
        """
        self._stream = stream
        self._watch = watch
        self._sample = sample
        self._clock = clock
        self.now = now
        self._sampled_at = -inf
        self._followers: set[Observer] = set()
        self._subscribers: dict[EventStream, bool] = {}  # and whether detail is for it in any case
        self.lock = threading.Lock()
        """Hold it to read several of the attributes below as they belong together."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo-tui fanout", daemon=True)
        self.listening: Listening | None = None
        """The first event, with the settings as they are now."""
        self.opened: dict[int, Opened] = {}
        """The open connections, by id."""
        self.snapshots: dict[int, Snapshot] = {}
        self.round = 0
        """How often snapshots and statistics have come."""
        self.dropped = 0
        """Detail events that were dropped on their way here."""
        self._changed_in: dict[int, int] = {}  # the round of each snapshot, the latest at the end
        self.stats: LoopStats | None = None
        self.process: ProcessStats | None = None
        self.ended = False
        self.failure = ""
        """What handing on died of, in one line; empty while it is well."""

    def start(self) -> None:
        """Begin to hand on."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the server's last event is handed on."""
        self._thread.join(timeout)

    def subscribe(self, stream: S, traced: bool = False) -> S:
        """Hand everything on to `stream` from now on, after all that there is to know already.

        Whether it wants snapshots and detail, its `watched` says; who changes that later calls
        `attention`. With `traced` it gets the detail of a server that traces all, watched or not.
        """
        with self.lock:
            if self.listening is not None:
                stream.publish(self.listening)
            for opened in self.opened.values():
                stream.publish(opened)
            if self.stats is not None:
                stream.publish_latest(self.snapshots.values(), self.stats)
            if self.process is not None:
                stream.publish(self.process)
            self._subscribers[stream] = traced
        self.attention()
        return stream

    def unsubscribe(self, stream: EventStream) -> None:
        """Hand nothing on to `stream` any more."""
        with self.lock:
            self._subscribers.pop(stream, None)
        self.attention()

    def follow(self, follower: Observer) -> None:
        """Let `follower` hear of everything from now on."""
        with self.lock:
            self._followers.add(follower)
        self.attention()

    def unfollow(self, follower: Observer) -> None:
        """Let `follower` hear of nothing any more."""
        with self.lock:
            self._followers.discard(follower)
        self.attention()

    def tell(self, event: Event) -> None:
        """Hand on an event that is not the server's; from any thread."""
        self.hand_on(Drained([event], [], None, self.dropped))

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at snapshots, statistics and detail."""
        return self._stream.watched

    def changed_since(self, seen: int) -> array[int]:
        """The connections of which a snapshot came in a later round than `seen`."""
        changed: array[int] = array("Q")
        for connection_id, round_number in reversed(self._changed_in.items()):
            if round_number <= seen:
                break
            changed.append(connection_id)
        return changed

    def attention(self) -> None:
        """Let the loop make snapshots exactly while somebody wants them."""
        with self.lock:
            wanted = any(subscriber.watched for subscriber in self._subscribers)
            wanted = wanted or any(follower.watched for follower in self._followers)
            begins = wanted and not self._stream.watched
            self._stream.watched = wanted
        if begins:
            self.ask()

    def ask(self) -> float:
        """Have figures of now told at once; those are fresh of which `t` is not before the answer.

        What is told next may be older: it may have been on its way already.
        """
        asked_at = self._stream.asked_at = self.now()
        self._ready.set()
        self._watch()
        return asked_at

    def _run(self) -> None:
        try:
            while not self.ended:
                self._ready.clear()
                self._stream.notify_once(self._ready.set)
                self._ready.wait(INTERVAL if self._stream.watched else None)
                drained = self._stream.drain()
                for part in _end_apart(drained):
                    self.hand_on(part)
                if drained.events and not self.ended:
                    time.sleep(GATHERING)
        except Exception as error:
            self.failure = f"events are no longer handed on: {type(error).__name__}: {error}"
            raise

    def hand_on(self, drained: Drained) -> None:
        """Take in what was drained, and give it to every subscriber."""
        with self.lock:
            events = drained.events
            for event in events:
                self._take(event)
            if self._sample is not None and self._is_sample_due():
                self.process = self._sample()
                events.append(self.process)
            self._take_latest(drained)
            new_drops = max(0, drained.dropped - self.dropped)
            self.dropped += new_drops
            for subscriber, traced in self._subscribers.items():
                _give(subscriber, drained, new_drops, traced or subscriber.watched)
            for follower in self._followers:
                follower.hear(drained, new_drops)

    def _take_latest(self, drained: Drained) -> None:
        if drained.stats is not None:
            self.stats = drained.stats
            self.round += 1
        for snapshot in drained.snapshots:
            if snapshot.id in self.opened:
                self.snapshots[snapshot.id] = snapshot
                self._changed_in.pop(snapshot.id, None)
                self._changed_in[snapshot.id] = self.round

    def _take(self, event: Event) -> None:
        match event:
            case Opened():
                self.opened[event.id] = event
            case Closed():
                self.opened.pop(event.id, None)
                self.snapshots.pop(event.id, None)
                self._changed_in.pop(event.id, None)
            case Listening():
                self.listening = event
            case SettingChanged() if self.listening is not None:
                self.listening = msgspec.structs.replace(self.listening, **{event.name: event.new})
            case Stopped() | Crashed():
                self.ended = True
            case _:
                pass

    def _is_sample_due(self) -> bool:
        if not self._stream.watched:
            return False
        now = self._clock()
        if now - self._sampled_at < SAMPLE_INTERVAL:
            return False
        self._sampled_at = now
        return True


def _end_apart(drained: Drained) -> list[Drained]:
    """The server's last event after all else: who ends with it has the last figures by then."""
    events = drained.events
    for place, event in enumerate(events):
        if type(event) in LAST_WORDS:
            before = drained._replace(events=events[:place])
            return [before, Drained(events[place:], [], None, drained.dropped)]
    return [drained]


def _give(subscriber: EventStream, drained: Drained, new_drops: int, with_detail: bool) -> None:
    if with_detail:
        subscriber.count_drops(new_drops)
    for event in drained.events:
        if not subscriber.watched and _is_for_watchers(event):
            continue
        if type(event) not in DETAIL:
            subscriber.publish(event)
            if isinstance(event, Closed):
                subscriber.forget(event.id)
        elif with_detail and subscriber.room_for_detail():
            subscriber.publish_detail(event)
    if drained.stats is not None and subscriber.watched:
        subscriber.publish_latest(drained.snapshots, drained.stats)


def _is_for_watchers(event: Event) -> bool:
    """Figures; and answers to traces, which a dashboard asks for wherever its cursor is."""
    if type(event) in _OF_FIGURES:
        return True
    return isinstance(event, CommandResult) and event.command == "trace"
