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
from collections.abc import Callable
from math import inf
from typing import Final, Protocol, TypeVar, runtime_checkable
from weakref import WeakKeyDictionary

import msgspec

from ..core.events import Event, Notice
from ..core.printable import in_words, one_line_traceback, printable
from ..core.statistics import LoopStats, ProcessStats
from .state import State
from .stream import Drained, EventStream

GATHERING: Final = 0.02
"""Seconds to wait for more events after a drain that had some: under churn, each event would
otherwise wake every observer's thread."""
INTERVAL: Final = 0.1
"""Seconds between two drains while somebody watches: snapshots wake nobody."""
SAMPLE_INTERVAL: Final = 1.0
"""Seconds between two samples of the process's figures while somebody watches."""
FIRST_SPAN: Final = 0.3
"""Seconds over which the CPU time of the first sample is measured, when somebody begins to watch:
what was used while nobody did says nothing of now."""


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


@runtime_checkable
class Queueing(Protocol):
    """An observer that keeps what it has heard until somebody takes it."""

    depth: int
    """Events that wait."""
    lost: int
    """Events that were given up because nobody took them."""


O = TypeVar("O", bound=Observer)  # noqa: E741  as in Observer


class Fanout:
    """The only consumer of a server's stream; hands everything to any number of observers."""

    def __init__(
        self,
        stream: EventStream,
        watch: Callable[[], None],
        sample: Callable[[], ProcessStats | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        keep_closed: int = 0,
    ) -> None:
        """`watch` wakes the loop, which then makes figures. `sample` measures the process; it is
        called once a second while an observer is `watched`, and returns None if it only begins to
        measure. `now` is the clock of the events, in Unix seconds. `keep_closed` is how many
        closed connections the state keeps.
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
        """Hold it to read more of `state` than one figure: it changes in another thread."""
        self.state = State(closed_limit=0, keep_closed=keep_closed, tells_changes=True)
        """The state of the server; `rows` are its open connections, `kept` the last closed ones."""
        self._ready = threading.Event()
        self._after: threading.Event | None = None
        self._thread = threading.Thread(target=self._run, name="echo-tui fanout", daemon=True)
        self.failure = ""
        """The reason of the fan-out's own death, in one line; empty while it runs."""
        self._lost_before = 0  # by observers that are no longer told
        self._failures: WeakKeyDictionary[Observer, str] = WeakKeyDictionary()

    def start(self, after: threading.Event | None = None) -> None:
        """Begin to hand on; not before `after` is set, if it is given."""
        self._after = after
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the server's last event is handed on, at most `timeout` seconds."""
        self._thread.join(timeout)

    def add(self, observer: O, name: str = "") -> O:
        """Tell `observer` everything that is known now, and from then on what happens.

        `name` is how a notice calls it if it fails. From any thread; returns the observer.
        """
        name = name or type(observer).__name__
        fault = None
        with self.lock:
            self._observers[observer] = name
            try:
                observer.hear(self.state.everything())
            except BaseException as error:
                fault = self._take_out(observer, error)
        if fault is not None:
            self._publish_fault(*fault)
        self.update_watched()
        return observer

    def remove(self, observer: Observer) -> None:
        """Tell `observer` nothing any more; from any thread."""
        with self.lock:
            if self._observers.pop(observer, None) is not None:
                self._lost_before += _lost(observer)
        self.update_watched()

    def __contains__(self, observer: Observer) -> bool:
        """Whether `observer` is told what happens; one that has raised is not."""
        return observer in self._observers

    def failure_of(self, observer: Observer) -> str:
        """Return why `observer` is told nothing more, in one line; empty while it is. Any thread.

        The reason is its own fault, or the death of the fan-out.
        """
        return self.failure or self._failures.get(observer, "")

    def publish(self, event: Event) -> None:
        """Hand on an event that is not the server's; from any thread."""
        self.hand_on(Drained([event], [], None, self.state.detail_drops))

    def update_watched(self) -> None:
        """Have the loop make snapshots while some observer is `watched`; from any thread."""
        with self.lock:
            wanted = any(observer.watched for observer in self._observers)
            begins = wanted and not self._stream.watched
            self._stream.watched = wanted
        if begins:
            self.request_figures()

    def request_figures(self) -> None:
        """Have the loop tell its figures at once; from any thread.

        Figures from before may still come first: they were on their way. A caller that wants none
        of them takes `now()` before the call, as the new ones may come before it returns.
        """
        self._stream.asked_at = self.now()
        self._ready.set()
        self._watch()

    def hand_on(self, drained: Drained) -> None:
        """Apply what was drained to the state, and give it to every observer."""
        faults: list[tuple[str, BaseException]] = []
        with self.lock:
            if self._sample is not None and self._is_sample_due():
                try:
                    self._take_sample(drained.events)
                except BaseException as error:  # of psutil, /proc, too few descriptors, or ours
                    if self._can_sample:
                        faults.append(("the process's figures cannot be read", error))
                    self._can_sample = False
                    self.state.process = None
            if drained.stats is not None:
                drained = drained._replace(stats=self._with_queues(drained.stats))
            self.state.apply(drained, self.now())
            for observer in list(self._observers):
                try:
                    observer.hear(drained)
                except BaseException as error:
                    faults.append(self._take_out(observer, error))
        for what, fault in faults:
            self._publish_fault(what, fault)
        if faults:
            self.update_watched()

    def _with_queues(self, stats: LoopStats) -> LoopStats:
        """Return `stats` with what waits at, and was lost by, the observers."""
        depth = max(
            (each.depth for each in self._observers if isinstance(each, Queueing)), default=0
        )
        lost = self._lost_before + sum(map(_lost, self._observers))
        return msgspec.structs.replace(
            stats, queue_depth=stats.queue_depth + depth, drops=stats.drops + lost
        )

    def _take_out(self, observer: Observer, error: BaseException) -> tuple[str, BaseException]:
        """Tell `observer` nothing more; return what `_publish_fault` needs."""
        what = f"{self._observers.pop(observer)} has failed and is told nothing more"
        self._failures[observer] = _fault_text(what, error)
        self._lost_before += _lost(observer)
        return what, error

    def _publish_fault(self, what: str, error: BaseException) -> None:
        """Tell of a fault in one line, and of its traceback at level ``debug``."""
        text = _fault_text(what, error)
        self.publish(Notice(t=self.now(), level="error", text=text))
        self.publish(Notice(t=self.now(), level="debug", text=one_line_traceback(error)))

    def _run(self) -> None:
        try:
            if self._after is not None:
                self._after.wait()
            while not self.state.ended:
                self._ready.clear()
                self._stream.notify_once(self._ready.set)
                self._ready.wait(INTERVAL if self._stream.watched else None)
                drained = self._stream.drain()
                self.hand_on(drained)
                if drained.events and not self.state.ended:
                    time.sleep(GATHERING)
        except BaseException as error:  # whatever it is, it must be seen and not lost with a thread
            self.failure = _fault_text("events are no longer handed on", error)
            self._stream.watched = False  # nobody needs figures
            raise

    def _take_sample(self, events: list[Event]) -> None:
        assert self._sample is not None
        sample = self._sample()
        self._can_sample = True
        if sample is None:
            self.state.process = None  # it is old
            self._sampled_at += FIRST_SPAN - SAMPLE_INTERVAL
        else:
            events.append(sample)

    def _is_sample_due(self) -> bool:
        if not self._stream.watched:
            return False
        now = self._clock()
        if now - self._sampled_at < SAMPLE_INTERVAL:
            return False
        self._sampled_at = now
        return True


def _lost(observer: Observer) -> int:
    return observer.lost if isinstance(observer, Queueing) else 0


def _fault_text(what: str, error: BaseException) -> str:
    return printable(f"{what}: {in_words(error)}", 500)
