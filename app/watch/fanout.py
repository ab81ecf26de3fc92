"""One server's events for several observers.

An `EventStream` has one consumer. For a log, a recorder, a metrics page and attached dashboards of
the same server, a `Fanout` is that consumer: it drains the server's stream in a thread of its own,
applies the events to its `State`, and passes them to every observer.

An observer that comes late is first told everything that is known at that moment, events and
snapshots together. An observer that may be slow must bound its queue (an `EventStream` does), or
read `Fanout.state` when it needs a figure. An observer that raises is taken out; the others and the
loop go on.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from math import inf
from typing import Final, Protocol, TypeVar

from ..core.events import LAST_WORDS, Event, Notice
from ..core.printable import printable
from ..core.statistics import ProcessStats
from .state import State
from .stream import Drained, EventStream

GATHERING: Final = 0.02
"""Seconds to wait for more events after a drain that had some: under churn, each event would
otherwise wake every observer's thread."""
INTERVAL: Final = 0.1
"""Seconds between two drains while somebody watches: snapshots wake nobody."""
SAMPLE_INTERVAL: Final = 1.0
"""Seconds between two samples of the process's figures while somebody watches."""
LONGEST_TRACE: Final = 8000
"""Characters of a traceback in the log."""


class Observer(Protocol):
    """Something that is told what a server does."""

    watched: bool
    """Whether it wants snapshots, statistics and detail. After a change call
    `Fanout.update_watched`."""

    def hear(self, drained: Drained) -> None:
        """Handle what happened; the first call tells everything that is known (`afresh`).

        Called with the fan-out's lock held: it must be quick, and must not call the fan-out. If it
        raises, the observer is taken out.
        """


O = TypeVar("O", bound=Observer)  # noqa: E741  as in Observer


class Fanout:
    """The only consumer of a server's stream; hands everything to any number of observers."""

    def __init__(
        self,
        stream: EventStream,
        watch: Callable[[], None],
        sample: Callable[[], ProcessStats] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`watch` wakes the loop, which then makes figures. `sample` measures the process; it is
        called once a second while an observer is `watched`. `now` is the clock of the events, in
        Unix seconds.
        """
        self._stream = stream
        self._watch = watch
        self._sample = sample
        self._can_sample = True
        self._clock = clock
        self.now = now
        self._sampled_at = -inf
        self._observers: dict[Observer, str] = {}  # and how a notice calls it
        self.lock = threading.Lock()
        """Hold it to read `state`: it changes in another thread."""
        self.state = State(closed_limit=0)
        """The state of the server; `rows` are its open connections."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo-tui fanout", daemon=True)
        self.failure = ""
        """The reason of the fan-out's own death, in one line; empty while it runs."""

    def start(self) -> None:
        """Begin to hand on."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the server's last event is handed on, at most `timeout` seconds."""
        self._thread.join(timeout)

    def add(self, observer: O, name: str = "") -> O:
        """Tell `observer` everything that is known now, and from then on what happens.

        `name` is how a notice calls it if it fails. From any thread; returns the observer.
        """
        with self.lock:
            observer.hear(self.state.everything())
            self._observers[observer] = name or type(observer).__name__
        self.update_watched()
        return observer

    def remove(self, observer: Observer) -> None:
        """Tell `observer` nothing any more; from any thread."""
        with self.lock:
            self._observers.pop(observer, None)
        self.update_watched()

    def __contains__(self, observer: Observer) -> bool:
        """Whether `observer` is told what happens; one that has raised is not."""
        return observer in self._observers

    def publish(self, event: Event) -> None:
        """Hand on an event that is not the server's; from any thread."""
        self.hand_on(Drained([event], [], None, self.state.drops))

    def update_watched(self) -> None:
        """Have the loop make snapshots while some observer is `watched`; from any thread."""
        with self.lock:
            wanted = any(observer.watched for observer in self._observers)
            begins = wanted and not self._stream.watched
            self._stream.watched = wanted
        if begins:
            self.request_figures()

    def request_figures(self) -> float:
        """Have the loop tell its figures at once; from any thread.

        Return the time of the request, in Unix seconds. Figures with an earlier `t` may still come
        first: they were on their way.
        """
        asked_at = self._stream.asked_at = self.now()
        self._ready.set()
        self._watch()
        return asked_at

    def hand_on(self, drained: Drained) -> None:
        """Apply what was drained to the state, and give it to every observer."""
        faults: list[tuple[str, Exception]] = []
        with self.lock:
            if self._sample is not None and self._is_sample_due():
                try:
                    drained.events.append(self._sample())
                    self._can_sample = True
                except Exception as error:  # of psutil, /proc, too few descriptors, or ours
                    if self._can_sample:
                        faults.append(("the process's figures cannot be read", error))
                    self._can_sample = False
                    self.state.process = None
            self.state.apply(drained, self.now())
            for observer, name in list(self._observers.items()):
                try:
                    observer.hear(drained)
                except Exception as error:
                    del self._observers[observer]
                    faults.append((f"{name} has failed and is told nothing more", error))
        for what, fault in faults:
            self._publish_fault(what, fault)
        if faults:
            self.update_watched()

    def _publish_fault(self, what: str, error: Exception) -> None:
        """Tell of a fault in one line, and of its traceback at level ``debug``."""
        text = printable(f"{what}: {type(error).__name__}: {error}", 500)
        self.publish(Notice(t=self.now(), level="error", text=text))
        lines = "".join(traceback.format_exception(error)).splitlines()
        trace = printable(" | ".join(line.strip() for line in lines), LONGEST_TRACE)
        self.publish(Notice(t=self.now(), level="debug", text=trace))

    def _run(self) -> None:
        try:
            while not self.state.ended:
                self._ready.clear()
                self._stream.notify_once(self._ready.set)
                self._ready.wait(INTERVAL if self._stream.watched else None)
                drained = self._stream.drain()
                for part in _split_off_last_words(drained):
                    self.hand_on(part)
                if drained.events and not self.state.ended:
                    time.sleep(GATHERING)
        except Exception as error:
            self.failure = f"events are no longer handed on: {type(error).__name__}: {error}"
            raise

    def _is_sample_due(self) -> bool:
        if not self._stream.watched:
            return False
        now = self._clock()
        if now - self._sampled_at < SAMPLE_INTERVAL:
            return False
        self._sampled_at = now
        return True


def _split_off_last_words(drained: Drained) -> list[Drained]:
    """Put the server's last event after all else: an observer that ends with it needs the rest."""
    events = drained.events
    for place, event in enumerate(events):
        if type(event) in LAST_WORDS:
            before = drained._replace(events=events[:place])
            return [before, Drained(events[place:], [], None, drained.dropped)]
    return [drained]
