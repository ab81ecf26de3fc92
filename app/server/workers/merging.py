"""The events of all workers as those of one server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ...core.events import (
    DETAIL,
    Closed,
    CommandResult,
    Crashed,
    Event,
    Listening,
    Notice,
    Opened,
    SettingChanged,
    Stopped,
    Stopping,
)
from ...watch.stream import EventStream
from ..totals import make_stopped, sum_statistics
from .channel import WorkerBatch
from .routing import Routing
from .slot import WorkerPlace
from .worker_process import WorkerProcess


class Merging:
    """Takes what the workers tell, and publishes it."""

    def __init__(
        self,
        stream: EventStream,
        places: Sequence[WorkerPlace],
        routing: Routing,
        now: Callable[[], float],
    ) -> None:
        self._stream = stream
        self._places = places
        self._routing = routing
        self._now = now
        self._held_back = False  # figures and snapshots, until all workers have told theirs

    def take(self, place: WorkerPlace, process: WorkerProcess, batch: WorkerBatch) -> None:
        """Publish a batch; its statistics as those of all together."""
        for event in batch.events:
            self.take_event(place, process, event)
        self._stream.count_drops(process.new_drops(batch.dropped))
        snapshots = process.take_snapshots(batch.snapshots)
        if batch.stats:
            process.take_stats(batch.stats)
        if self._awaits_figures():
            self._held_back = True
        elif self._held_back:
            self._held_back = False
            snapshots = [one for process in self._processes() for one in process.snapshots.values()]
        if not self._held_back and (snapshots or batch.stats):
            figures = sum_statistics(place.totals for place in self._places)
            depth = figures.queue_depth + self._stream.depth
            drops = self._stream.dropped
            bodies = batch.stats.bodies if batch.stats else ()
            told_at = [process.stats.t for process in self._processes() if process.ready]
            figures = msgspec.structs.replace(
                figures,
                queue_depth=depth,
                drops=drops,
                bodies=bodies,
                oldest_at=min(told_at, default=0.0),
            )
            self._stream.publish_latest(snapshots, figures)

    def _processes(self) -> list[WorkerProcess]:
        return [place.process for place in self._places if place.process is not None]

    def _awaits_figures(self) -> bool:
        """Whether a sum would be of figures of now and of figures from before anybody watched."""
        latest = max((process.awaited_until for process in self._processes()), default=0.0)
        return latest > 0 and self._now() < latest

    def take_event(self, place: WorkerPlace, process: WorkerProcess, event: Event) -> None:
        """Pass an event on, unless it is this process that tells of such a thing, for all."""
        process.take(event)
        match event:
            case Opened():
                place.next_id = event.id + len(self._places)
                self._stream.publish(event)
            case Closed():
                self._stream.publish(event)
                self._stream.forget(event.id)
            case Listening():
                place.has_served = True
                if place.restarts:
                    self.notice("info", f"worker {place.number} serves again (pid {process.pid})")
            case Stopping() | Stopped() | Crashed() | SettingChanged():
                pass
            case CommandResult():
                self._routing.answered(place, event)
            case Notice():
                self.notice(event.level, f"worker {place.number}: {event.text}")
            case _ if type(event) in DETAIL:
                if self._stream.room_for_detail():
                    self._stream.publish_detail(event)
            case _:
                self._stream.publish(event)

    def notice(self, level: str, text: str) -> None:
        """Tell an operator."""
        self._stream.publish(Notice(t=self._now(), level=level, text=text))

    def stopped(self, cause: str) -> Stopped:
        """The last event of all."""
        figures = sum_statistics(place.totals for place in self._places)
        return make_stopped(self._now(), cause, figures)
