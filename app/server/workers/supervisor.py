"""The server as several worker processes behind one port, supervised by this one.

Outside, `Workers` is what `Server` is: the same calls, and the same events on the same stream, as
if one loop had made them. A worker's number and the ids that it gives belong together, so a command
for a connection finds its worker without a table: see `app.server.workers.routing`.

This process keeps every listening socket open. So connections that the kernel has queued outlive
the death of their worker, and the process that replaces it accepts them.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Final

import msgspec

from ...core.commands import Command, Stop
from ...core.events import Crashed, Notice, Reason, Stopping
from ...core.printable import printable, reason_of
from ...core.selector import make_selector
from ...core.settings import Settings
from ...watch.stream import EventStream
from ..command_queue import CommandQueue
from ..connection_limit import make_counts, map_counts
from ..descriptors import fit_descriptors
from ..handle import ServerHandle, new_instance
from ..listener import adopt_listener, close_all, make_listeners
from ..loop import COMMAND_BUDGET, EXIT_RESERVE
from ..poller import make_poller
from ..server import make_listening
from ..wall_clock import WallClock, describe_step
from .beginning import Beginning
from .channel import Assignment
from .merging import Merging
from .routing import TOO_LATE, Routing, answer_patience
from .slot import WorkerSlot, running_in
from .worker_process import PROBE_INTERVAL, SILENCE_ENDED, WorkerProcess

STATS_INTERVAL: Final = 1.0
"""Seconds between two `WorkerStats` of each worker while somebody watches."""
GRACE_RESERVE: Final = 0.15
"""Seconds of the grace that are kept for the workers' last events to come in and be told."""
KILL_AFTER: Final = 0.5
"""Seconds that a worker has for its end at least, however short the grace."""


class NoWorker(Exception):
    """Not one worker could be started: the server has never served."""


class Workers(ServerHandle):
    """Starts the workers, restarts those that die, and passes everything on in both directions.

    Binding happens in the constructor, so that what is wrong at start-up is raised there as
    `SettingError`, in the caller's thread. Everything else happens in one thread.
    """

    def __init__(
        self,
        settings: Settings,
        stream: EventStream,
        clock: Callable[[], float] = time.monotonic,
        passed: socket.socket | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`passed` is a socket that listens already: host, port and backlog do not count then."""
        self._clock = clock
        self._wall_clock = WallClock(wall() - clock(), clock, wall)
        poller = make_poller(settings.poller)
        try:
            settings, notes = fit_descriptors(settings, poller)
        finally:
            poller.close()
        bound = (
            make_listeners(settings.addresses, settings.backlog, settings.workers)
            if passed is None
            else adopt_listener(passed, settings.workers)
        )
        self.addresses = bound.addresses
        self.instance = new_instance()
        self.failure = ""
        self._stream = stream
        self._commands = CommandQueue()
        self._counts_fd = make_counts(settings.workers)
        self._counts = map_counts(self._counts_fd)
        self._slots = [
            WorkerSlot(number, listeners) for number, listeners in enumerate(bound.loops, start=1)
        ]
        self._routing = Routing(settings, poller, self._slots, self._send, stream.publish, self.now)
        self._merging = Merging(stream, self._slots, self._routing, self.now)
        self._selector = make_selector()
        self._selector.register(self._commands.fd, selectors.EVENT_READ, self._apply_commands)
        self._polls = 0
        self._stopping: str | None = None  # the cause, once a stop was asked for
        self._kill_at = inf  # when who has not ended is killed
        self._is_late = False  # that time has come
        self._cut_off = "in the grace time"  # or when a second signal left that out
        self._stats_at = 0.0
        self._probe_at = 0.0
        self._thread = threading.Thread(target=self._run, name="echo-tui workers", daemon=True)
        notes = (*bound.notes, *notes)
        listening = make_listening(settings, self, poller, notes)
        self._beginning = Beginning(stream, self._slots, listening, self._merging.notice)
        self.settled = self._beginning.settled

    # --- what the rest of the program sees, from any thread ---

    def close(self) -> None:
        """Close sockets and descriptors; any thread may call it before the start."""
        self._close_listeners()
        self._counts.release()
        os.close(self._counts_fd)
        self._routing.tokens.close()
        self._selector.close()
        self._commands.close()

    @property
    def polls(self) -> int:
        """The number of polls of the parent."""
        return self._polls

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The processes that run now."""
        return tuple(process.pid for process in running_in(self._slots))

    # --- the thread ---

    def _run(self) -> None:
        try:
            cause = self._supervise()
            self._refuse_the_rest()
            self._stream.publish(self._merging.make_stopped(cause))
        except BaseException as error:  # whatever it is, it must be seen and not lost with a thread
            expected = isinstance(error, NoWorker)
            words = str(error) if expected else f"{type(error).__name__}: {error}"
            self.failure = printable(words, 500)
            self.has_served = not expected
            self._kill_all()
            self._refuse_the_rest()
            trace = "" if expected else traceback.format_exc()
            self._stream.publish(Crashed(t=self.now(), error=self.failure, traceback=trace))
        finally:
            self._beginning.settled.set()
            self.close()

    def _supervise(self) -> str:
        """Supervise until a stop is complete; return its cause."""
        while True:
            now = self._clock()
            if now >= self._wall_clock.compare_at:
                self._follow_wall_clock()
            if self._polls and self._next_due() <= now:
                # After a stop of this process answers wait that must be read before it is judged
                # who has given none.
                self._read(0)
            self._keep_time(now)
            if self._stopping is not None and not self.worker_pids:
                return self._stopping
            due = self._next_due()
            patience = None if due == inf else max(due - now, 0)
            self._read(patience)
            self._polls += 1

    def _read(self, patience: float | None) -> None:
        """Handle what comes in; wait for it `patience` seconds (None: for ever)."""
        for key, mask in self._selector.select(patience):
            key.data(mask)

    def _follow_wall_clock(self) -> None:
        """Stamp events with the wall clock's time from here on; each worker does so by itself."""
        step = self._wall_clock.compare()
        if not step:
            return
        now = self.now()
        self._stream.asked_at = min(self._stream.asked_at, now)
        for process in running_in(self._slots):
            process.asked_at = min(process.asked_at, now)
            process.awaited_until = min(process.awaited_until, now)
            process.heard_at += step
        text = describe_step(step)
        self._stream.publish(Notice(t=now, level="warning", text=text, clock_step=step))

    def _next_due(self) -> float:
        stats_at = self._stats_at if self._stream.watched else inf
        answers = (process.answer_due for process in running_in(self._slots))
        due = min(self._kill_at, self._probe_at, stats_at, self._beginning.due, *answers)
        if self._stopping is not None:
            return due
        return min(due, *(slot.start_at for slot in self._slots))

    def _keep_time(self, now: float) -> None:
        """Do what the clock says is due."""
        self._beginning.check(now, self._stopping is not None)
        watched, asked_at = self._stream.watched, self._stream.asked_at
        for process in running_in(self._slots):
            if process.watched is not watched or process.asked_at < asked_at:
                process.send_watched(watched, asked_at, self.now())
                self._update_interest(process)
        # One at a time: between two of many a stop must not wait.
        due = next((slot for slot in self._slots if slot.start_at <= now), None)
        if due and self._stopping is None:
            self._start(due, now)
        if self._kill_at <= now:
            self._kill_at = inf
            self._is_late = True
            for process in running_in(self._slots):
                process.kill()
        self._routing.answer_overdue(now)
        if self._probe_at <= now:
            if now - self._probe_at > PROBE_INTERVAL:
                # This process or the machine was stopped, so nobody could answer in that time.
                for process in running_in(self._slots):
                    process.heard_at = self.now()
            self._probe_at = now + PROBE_INTERVAL
            self._probe_processes(now)
        if watched and self._stats_at <= now:
            self._stats_at = now + STATS_INTERVAL
            for slot in self._slots:
                if self._stream.room_for_detail():
                    self._stream.publish_detail(slot.make_worker_stats(self.now()))

    # --- processes ---

    def _start(self, slot: WorkerSlot, now: float) -> None:
        settings = self._routing.settings
        grace = max(settings.grace - GRACE_RESERVE, 0)
        assignment = Assignment(
            settings=msgspec.structs.replace(settings, grace=grace),
            addresses=self.addresses,
            listeners=tuple(listener.sock.fileno() for listener in slot.listeners),
            counts=self._counts_fd,
            tokens=self._routing.tokens.reader,
            of_next=self._routing.of_next,
            worker=slot.number,
            first_id=slot.next_id,
            epoch=self._epoch,
            watched=self._stream.watched,
            wants_bytes=self._stream.wants_bytes,
        )
        try:
            process = WorkerProcess(assignment, assignment.inherited, now)
        except OSError as error:
            self._try_again(slot, now, now, f"could not be started: {error}")
            return
        process.asked_at = self._stream.asked_at  # the others' figures need not wait for its first
        slot.assign(process)
        try:
            on_channel = partial(self._on_channel, slot, process)
            self._selector.register(process.channel, selectors.EVENT_READ, on_channel)
            on_errors = partial(self._on_errors, process)
            self._selector.register(process.errors, selectors.EVENT_READ, on_errors)
        except OSError as error:  # epoll's limit of watches, or no memory
            process.kill(f"it could not be watched: {reason_of(error)}")
            self._end_process(slot, process)
            return
        self._update_interest(process)

    def _try_again(self, slot: WorkerSlot, started_at: float, now: float, how: str) -> None:
        """Plan the next start after a death, and publish a notice."""
        slot.plan_restart(started_at, now)
        if all(slot.failures and not slot.has_served for slot in self._slots):
            raise NoWorker(f"no worker could be started: worker {slot.number} {how}")
        wait = slot.start_at - now
        when = f"again in {wait:.1f} s" if wait else "again at once"
        self._merging.notice("error", f"worker {slot.number} {how}; it is started {when}")
        self._stats_at = now

    def _end_process(self, slot: WorkerSlot, process: WorkerProcess) -> None:
        """Free what a process held that has stopped in order, or died; close its connections."""
        for source in (process.channel, process.errors):
            if source in self._selector.get_map():
                self._selector.unregister(source)
        how = process.reap()
        self._counts.clear(slot.number - 1)
        lost = _connections(len(process.state.rows))
        detail = f"worker {slot.number} {how}"
        if self._is_late:
            detail = f"worker {slot.number} had not ended {self._cut_off}"
        reason = Reason.SHUTDOWN if self._is_late else Reason.ERROR
        closed = process.make_closed(self.now(), reason, detail)
        self._merging.publish_closed(slot, process, closed)
        self._routing.answer_for_dead(slot, TOO_LATE if process.has_stopped else detail)
        slot.release(process)
        if self._stopping is not None:
            if not process.has_stopped:
                self._merging.notice("error", f"{detail}; {lost} lost")
            return
        words = f": {process.last_words}" if process.last_words else ""
        text = f"(pid {process.pid}) {how}{words}; {lost} lost"
        self._try_again(slot, process.started_at, self._clock(), text)

    def _probe_processes(self, now: float) -> None:
        """Probe every process; publish a notice of one that hangs, and kill it in the end."""
        for process in running_in(self._slots):
            hung_before = process.hangs
            process.probe()
            self._update_interest(process)
            silence = f"no sign of life for {process.silence:.0f} s"
            if process.is_hopeless:
                process.kill(silence)
            elif process.hangs and not hung_before:
                left = SILENCE_ENDED - process.silence
                self._merging.notice(
                    "warning",
                    f"worker {process.worker} (pid {process.pid}) has given {silence};"
                    f" it is killed in {left:.0f} s unless it does",
                )
                self._stats_at = now

    def _kill_all(self) -> None:
        for slot in self._slots:
            if slot.process is not None:
                slot.process.kill()
                slot.process.reap()
                slot.process = None

    def _send(self, slot: WorkerSlot, command: Command) -> None:
        if slot.process is not None:
            slot.process.send_command(command, self._clock() + answer_patience(command))
            self._update_interest(slot.process)

    def _update_interest(self, process: WorkerProcess) -> None:
        key = self._selector.get_key(process.channel)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if process.has_unsent else 0)
        if key.events != wanted:
            self._selector.modify(process.channel, wanted, key.data)

    # --- what comes in ---

    def _on_channel(self, slot: WorkerSlot, process: WorkerProcess, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            process.flush()
            self._update_interest(process)
        if mask & selectors.EVENT_READ:
            hung_before = process.hangs
            batches = process.receive()
            process.heard_at = self.now()
            if hung_before and not process.hangs:
                self._merging.notice(
                    "info", f"worker {slot.number} (pid {process.pid}) gives signs of life again"
                )
                self._stats_at = self._clock()
            for batch in batches:
                self._merging.publish(slot, process, batch)
            if process.ended:
                self._end_process(slot, process)

    def _on_errors(self, process: WorkerProcess, _mask: int) -> None:
        # The process may have been reaped a moment ago, in the same batch of readiness.
        if not process.errors.closed and not process.read_errors():
            self._selector.unregister(process.errors)

    # --- commands ---

    def _apply_commands(self, _mask: int) -> None:
        for command in self._commands.take(COMMAND_BUDGET):
            if isinstance(command, Stop):
                self._stop(command)
            else:
                self._routing.apply(command)

    def _stop(self, command: Stop) -> None:
        now = self._clock()
        grace = 0.0 if command.now else self._routing.settings.grace
        kill_at = now + max(grace - EXIT_RESERVE, KILL_AFTER)
        if command.now and kill_at < self._kill_at:
            self._cut_off = "when it was stopped at once"
        self._kill_at = min(self._kill_at, kill_at)
        if self._stopping is None:
            self._stopping = command.cause
            self._dismiss_beginners()
            self._close_listeners()
            self._stream.publish(
                Stopping(
                    t=self.now(),
                    cause=command.cause,
                    grace=grace,
                    open=sum(process.state.open for process in running_in(self._slots)),
                )
            )
        for slot in self._slots:
            self._send(slot, command)

    def _dismiss_beginners(self) -> None:
        """End those that have not begun to serve, unless somebody waits in their queue."""
        try:
            with make_selector() as queues:
                for slot in self._slots:
                    for listener in slot.listeners:
                        queues.register(listener.sock, selectors.EVENT_READ, slot)
                awaited = {key.data for key, _ in queues.select(0)}
        except OSError:  # no descriptor is left for the question: all may have somebody waiting
            awaited = set(self._slots)
        for slot in self._slots:
            is_idle = slot not in awaited and not self._counts.open[slot.number - 1]
            if slot.process is not None and not slot.process.ready and is_idle:
                slot.process.dismiss()

    def _refuse_the_rest(self) -> None:
        for command in self._commands.take_all():
            self._routing.refuse(command)

    def _close_listeners(self) -> None:
        for slot in self._slots:
            close_all(slot.listeners)


def _connections(count: int) -> str:
    return "1 connection" if count == 1 else f"{count:,} connections"
