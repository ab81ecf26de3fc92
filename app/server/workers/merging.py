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
from ...core.iteration import Iterations
from ...watch.stream import Drained, EventStream
from ..totals import make_stopped, sum_statistics
from .channel import WorkerBatch
from .routing import Routing
from .slot import WorkerSlot, running_in
from .worker_process import WorkerProcess


class Merging:
    """Publishes what the workers tell."""

    def __init__(
        self,
        stream: EventStream,
        slots: Sequence[WorkerSlot],
        routing: Routing,
        now: Callable[[], float],
    ) -> None:
        self._stream = stream
        self._slots = slots
        self._routing = routing
        self._now = now
        self._longest_us = 0  # of all workers, since the figures that were published last
        self._held_back = False  # figures and snapshots, until all workers have told theirs

    def publish(self, slot: WorkerSlot, process: WorkerProcess, batch: WorkerBatch) -> None:
        """Apply a batch to the process's state, and publish it; its statistics as those of all."""
        told = Drained(batch.events, batch.snapshots, batch.stats, batch.dropped)
        snapshots = process.apply(told, self._now())
        for event in batch.events:
            self._publish_event(slot, process, event)
        self._stream.count_drops(process.new_drops(batch.dropped))
        if batch.stats is not None:
            self._longest_us = max(self._longest_us, batch.stats.longest_us)
        if self._awaits_figures():
            self._held_back = True
        elif self._held_back:
            self._held_back = False
            snapshots = [one for process in running_in(self._slots) for one in process.snapshots]
        if not self._held_back and (snapshots or batch.stats):
            figures = sum_statistics(slot.totals for slot in self._slots)
            depth = figures.queue_depth + self._stream.depth
            drops = self._stream.dropped
            bodies = batch.stats.bodies if batch.stats else ()
            told_at = [process.stats.t for process in running_in(self._slots) if process.ready]
            figures = msgspec.structs.replace(
                figures,
                t=min(figures.t, self._now()),  # not of before the wall clock was set back
                queue_depth=depth,
                drops=drops,
                bodies=bodies,
                oldest_at=min(told_at, default=0.0),
                longest_us=self._longest_us,
            )
            self._longest_us = 0
            self._stream.publish_latest(snapshots, figures)

    def _awaits_figures(self) -> bool:
        """Whether a sum would be of figures of now and of figures from before anybody watched."""
        latest = max((process.awaited_until for process in running_in(self._slots)), default=0.0)
        return latest > 0 and self._now() < latest

    def publish_closed(
        self, slot: WorkerSlot, process: WorkerProcess, closed: list[Closed]
    ) -> None:
        """Publish the close of connections of a process that has died."""
        process.apply(Drained([*closed], [], None, 0), self._now())
        for event in closed:
            self._publish_event(slot, process, event)

    def _publish_event(self, slot: WorkerSlot, process: WorkerProcess, event: Event) -> None:
        """Publish an event, unless it is this process that tells of such a thing, for all."""
        match event:
            case Opened():
                slot.next_id = event.id + len(self._slots)
                self._stream.publish(event)
            case Closed():
                self._stream.publish(event)
                self._stream.forget(event.id)
            case Listening():
                slot.has_served = True
                if slot.restarts:
                    self.notice("info", f"worker {slot.number} serves again (pid {process.pid})")
            case Stopping() | Stopped() | Crashed() | SettingChanged():
                pass
            case CommandResult():
                self._routing.pass_answer(slot, event)
            case Iterations():
                self._routing.pass_iterations(event)
            case Notice() if event.clock_step:
                self._stream.publish(event)
            case Notice():
                text = f"worker {slot.number}: {event.text}"
                self._stream.publish(msgspec.structs.replace(event, t=self._now(), text=text))
            case _ if type(event) in DETAIL:
                if self._stream.room_for_detail():
                    self._stream.publish_detail(event)
            case _:
                self._stream.publish(event)

    def notice(self, level: str, text: str) -> None:
        """Publish a notice."""
        self._stream.publish(Notice(t=self._now(), level=level, text=text))

    def make_stopped(self, cause: str) -> Stopped:
        """Return the last event of all."""
        figures = sum_statistics(slot.totals for slot in self._slots)
        return make_stopped(self._now(), cause, figures)
