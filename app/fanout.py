"""One server's events for several who watch: each has a bounded stream of its own.

An `EventStream` has one consumer. Where a log, a recorder, a metrics page and attached dashboards
watch the same server, a `Fanout` is that consumer: it drains the server's stream in a thread of its
own and hands everything on. Who comes late is first told all that there is to know now: the server
as it is set at present, every open connection, the latest snapshot of each.

A subscriber that stalls fills only its own stream; the others and the loop do not notice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf
from typing import Final, TypeVar

import msgspec

from app.events import (
    Closed,
    Crashed,
    Event,
    Io,
    Listening,
    LoopStats,
    Opened,
    ProcessStats,
    SettingChanged,
    Snapshot,
    StateChanged,
    Stopped,
    Toggled,
)
from app.stream import Drained, EventStream

INTERVAL: Final = 0.1
"""Seconds between two looks for snapshots while somebody watches."""
SAMPLE_INTERVAL: Final = 1.0
"""Seconds between two looks at the process while somebody watches."""
DETAIL: Final = (StateChanged, Toggled, Io)
"""What a stream may drop when nobody drains it."""

S = TypeVar("S", bound=EventStream)


class Fanout:
    """The only consumer of a server's stream, and the producer of any number of others."""

    def __init__(
        self,
        stream: EventStream,
        watch: Callable[[], None],
        sample: Callable[[], ProcessStats] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`watch` tells the loop that somebody has begun to look; `sample` is called once a second
        while somebody does.
        """
        self._stream = stream
        self._watch = watch
        self._sample = sample
        self._clock = clock
        self._sampled_at = -inf
        self._subscribers: dict[EventStream, bool] = {}  # and whether detail is for it in any case
        self._dropped = 0
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo-tui fanout", daemon=True)
        self.listening: Listening | None = None
        """The first event, with the settings as they are now."""
        self.opened: dict[int, Opened] = {}
        """The open connections, by id."""
        self.snapshots: dict[int, Snapshot] = {}
        self.stats: LoopStats | None = None
        self.process: ProcessStats | None = None
        self.ended = False

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
        with self._lock:
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
        with self._lock:
            self._subscribers.pop(stream, None)
        self.attention()

    def announce(self, event: Event) -> None:
        """Tell every subscriber something that the server did not say; from any thread."""
        self.hand_on(Drained([event], [], None, self._dropped))

    def attention(self) -> None:
        """Let the loop make snapshots exactly while a subscriber wants them."""
        with self._lock:
            wanted = any(subscriber.watched for subscriber in self._subscribers)
            begins = wanted and not self._stream.watched
            self._stream.watched = wanted
        if begins:
            self._ready.set()
            self._watch()

    def _run(self) -> None:
        while not self.ended:
            self._ready.clear()
            self._stream.notify_once(self._ready.set)
            self._ready.wait(INTERVAL if self._stream.watched else None)
            self.hand_on(self._stream.drain())

    def hand_on(self, drained: Drained) -> None:
        """Take in what was drained, and give it to every subscriber."""
        with self._lock:
            events = drained.events
            for event in events:
                self._take(event)
            if self._sample is not None and self._is_sample_due():
                self.process = self._sample()
                events.append(self.process)
            for snapshot in drained.snapshots:
                if snapshot.id in self.opened:
                    self.snapshots[snapshot.id] = snapshot
            if drained.stats is not None:
                self.stats = drained.stats
            new_drops, self._dropped = drained.dropped - self._dropped, drained.dropped
            for subscriber, traced in self._subscribers.items():
                _give(subscriber, drained, new_drops, traced or subscriber.watched)

    def _take(self, event: Event) -> None:
        match event:
            case Opened():
                self.opened[event.id] = event
            case Closed():
                self.opened.pop(event.id, None)
                self.snapshots.pop(event.id, None)
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


def _give(subscriber: EventStream, drained: Drained, new_drops: int, with_detail: bool) -> None:
    if with_detail:
        subscriber.count_drops(new_drops)
    for event in drained.events:
        if not isinstance(event, DETAIL):
            subscriber.publish(event)
            if isinstance(event, Closed):
                subscriber.forget(event.id)
        elif with_detail and subscriber.room_for_detail():
            subscriber.publish_detail(event)
    if drained.stats is not None and subscriber.watched:
        subscriber.publish_latest(drained.snapshots, drained.stats)
