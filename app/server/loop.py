"""The loop: polls, and serves the connections that are ready, within a budget.

One iteration is: poll; serve the connections that are ready; accept; apply commands; act on
deadlines; publish a round of snapshots if one is due. New connections come in after the batch, so
that a descriptor number freed and taken again within a batch cannot be hit by a stale readiness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Final

from ..core.addresses import format_address
from ..core.commands import Command, TraceLevel
from ..core.events import POLLIN, Reason, Stopping
from ..core.fault_spec import parse_fault
from ..core.printable import reason_of
from ..core.settings import Settings
from .acceptor import ACCEPT_BUDGET, Acceptor
from .closing import LINGER
from .command_queue import CommandQueue
from .connection import Connection
from .descriptors import connection_ceiling
from .lifecycle import Lifecycle
from .loop_observer import LoopObserver
from .machine import DRAINING
from .poller import MAX_EVENTS, Poller
from .reporter import Reporter
from .serving import Serving
from .shard import Shard
from .wall_clock import WallClock

EXIT_RESERVE: Final = 0.1
"""Seconds of the grace that are kept for the last log lines and the interpreter's end."""
QUIET: Final = 0.1
"""Seconds without a byte after which a stop ends a connection that waits for input."""
WIND_DOWN: Final = 1.0
"""Seconds of a stop for which `QUIET` is waited; then each connection ends at its first EAGAIN."""
STALL: Final = 0.25
"""Seconds of an iteration in which the process, or the machine, was probably stopped."""
COMMAND_BUDGET: Final = 64
"""Commands applied between two batches at most."""
SWITCH_INTERVAL: Final = 0.0002
"""Seconds that another thread of the process may keep the GIL while the loop waits for it
(`sys.setswitchinterval`). With the dashboard, p99.9 of an echo is 3 ms at 0.2 ms and 10 ms at the
default of 5 ms, at the same throughput. Headless, at 5 ms, 9,000 connects at once delayed an echo
by 350 ms."""


class Loop:
    """Polls and serves; after construction all of it runs in one thread, the loop's."""

    def __init__(
        self,
        settings: Settings,
        poller: Poller,
        shard: Shard,
        commands: CommandQueue,
        reporter: Reporter,
        clock: Callable[[], float],
        wall_clock: WallClock,
    ) -> None:
        self.reporter = reporter
        self.life = Lifecycle(settings, poller, reporter, shard, clock)
        self._serving = Serving(self.life, clock)
        self.life.faults.put_on_all(parse_fault(settings.fault) if settings.fault else None)
        self._poller = poller
        self._acceptors = [Acceptor(listener) for listener in shard.listeners]
        reporter.accepts = [0] * len(self._acceptors)
        self.observer = LoopObserver(self.life.calls, poller, self.life.by_fd, reporter, clock)
        self._commands = commands
        self._clock = clock
        self._wall_clock = wall_clock
        self._more_to_accept = False  # the budget ended the last accept of one listener
        self._resume_at = inf  # when a listener that pauses accepts again
        self._stopping: str | None = None  # the cause, once a stop was asked for
        self._due = inf  # when `_keep_time` next has something to do
        self._hurry_at = inf  # from here on, the first EAGAIN ends a connection
        self._force_at = inf  # from here on, no connection's input is waited for
        self._stop_at = inf  # the end of the grace
        self._cut_off = ""  # why what is left then is ended

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.life.settings

    def run(self, apply: Callable[[Command], None]) -> str:
        """Serve until a stop is complete; return its cause. `apply` carries out one command."""
        clock, poll, reporter = self._clock, self._poller.poll, self.reporter
        record_iteration = reporter.record_iteration
        serving, wall_clock = self._serving, self._wall_clock
        commands_fd, observer = self._commands.fd, self.observer
        observer.wakeup, observer.listeners = commands_fd, [each.fd for each in self._acceptors]
        for acceptor in self._acceptors:
            self.life.calls.add(acceptor.fd, POLLIN)
        self.life.calls.add(commands_fd, POLLIN)
        if reporter.trace_all is TraceLevel.LOOP or observer.gate is not None:
            observer.look(inf)
        now = clock()
        while True:
            timeout = self._patience(now)
            if observer.is_on:
                ready = observer.poll(timeout, reporter.polls + 1, reporter.telling)
            else:
                ready = poll(timeout)
            began = now = reporter.now = clock()
            if now >= wall_clock.compare_at:
                self._follow_wall_clock()
            reporter.polls += 1
            if ready:
                reporter.wakeups += 1
                reporter.ready += len(ready)
            others = serving.batch(ready, now)
            if self._due <= now:
                others += self._poll_again(now)
            if serving.unfinished:
                serving.continue_unfinished(now)
            if (others or self._more_to_accept) and self._stopping is None:
                self._accept(others)
            if commands_fd in others:
                reporter.now = clock()
                self.life.calls.gate("read", commands_fd)
                commands = self._commands.take(COMMAND_BUDGET)
                self.life.calls.note_wakeup(commands_fd, self._commands.woken)
                for command in commands:
                    apply(command)
            if self._due <= now:
                self._keep_time(now)
            if self._stopping is not None and not self.life.by_id:
                return self._stopping
            now = clock()
            record_iteration(now - began)
            if observer.is_on:
                observer.end(now, reporter.telling)
            if now - began >= STALL:
                # Stopped at a point that nobody knows: what has the iteration's time may be of now.
                for connection in self.life.by_id.values():
                    connection.restamp(began, now)

    def _patience(self, now: float) -> float | None:
        """The seconds that the poller may wait; None is for ever."""
        self._due = due = min(
            self.life.wheel.next_due,
            self.reporter.next_round,
            self._resume_at,
            self.reporter.next_look,
            self.life.judging.due,
            self._wall_clock.due,
            self.life.freed.due,
        )
        if self._stopping is not None:
            self._due = due = min(due, self._hurry_at, self._force_at, self._stop_at)
        if self._serving.unfinished or self._more_to_accept or due <= now:
            return 0
        return None if due == inf else due - now

    def _poll_again(self, now: float) -> list[int]:
        """Serve what is ready at `now`, without waiting; return the descriptors of no connection.

        After SIGSTOP and SIGCONT, or a suspend, the poller returns nothing first (EINTR), however
        much has arrived. So a deadline at `now` is judged only after a poll that began later.
        """
        others: list[int] = []
        for _ in range(len(self.life.by_fd) // MAX_EVENTS + 1):
            ready = self.observer.poll_again() if self.observer.is_on else self._poller.poll(0)
            self.life.calls.counts.repolls += 1
            others += self._serving.batch(ready, now)
            if len(ready) < MAX_EVENTS:
                break
        return others

    def _follow_wall_clock(self) -> None:
        """Stamp events with the wall clock's time from here on."""
        step = self._wall_clock.compare()
        self.reporter.epoch = self._wall_clock.epoch
        if step:
            self.reporter.publish_step(step, self.life.by_id.values())

    def _keep_time(self, now: float) -> None:
        """Do what is due at `now`."""
        life = self.life
        self._for_each(life.wheel.due(now), lambda each: life.on_deadline(each, now))
        if self._resume_at <= now:
            self._resume_accepting(now)
        if self.life.freed.due <= now:
            self.life.freed.give_back(now)
        if self._hurry_at <= now:
            self._hurry_at = inf
            self._serving.wind_down(0)
        if self._stop_at <= now:
            self._for_each(life.by_id.values(), lambda each: life.cut_off(each, self._cut_off))
        elif self._force_at <= now:
            self._force_at = inf
            self._for_each(life.by_id.values(), self._begin_close)
        if self.life.judging.due <= now:
            self.life.judging.judge_hanging(now, self.settings.cap)
        if self.reporter.next_look <= now:
            self.life.unacknowledged.look(now)
        if self.reporter.next_round <= now:
            self.life.inspecting.publish_round()

    def _for_each(
        self, connections: Iterable[Connection], act: Callable[[Connection], None]
    ) -> None:
        """Call `act` for each connection; one that cannot be acted on ends as `error`."""
        for connection in list(connections):
            try:
                act(connection)
            except Exception as error:
                self.life.fail(connection, error)

    def _begin_close(self, connection: Connection) -> None:
        """End a connection in order whose input a stop has waited for long enough."""
        machine = connection.machine
        if machine.state is not DRAINING:
            detail = "while its echo was pending" if machine.out else "was still sending"
            self.life.begin_close(connection, Reason.SHUTDOWN, detail)

    def change_settings(self, settings: Settings) -> None:
        """Put new settings into force."""
        self.life.change_settings(settings)
        self._serving.change_settings(settings)

    def stop(self, cause: str, grace: float, at_once: bool = False) -> None:
        """Accept no more, echo the frames that have arrived whole, end within `grace` seconds.

        `at_once`: the stop was asked for without a grace. A connection that it cuts off is told so;
        otherwise that the grace was over.
        """
        now = self.reporter.now
        if not self._cut_off or (at_once and now < self._stop_at):
            self._cut_off = "stopped at once" if at_once else "the grace time was over"
        # What comes after the loop, the last log lines and the interpreter's end, takes time too.
        self._stop_at = min(self._stop_at, now + max(grace - EXIT_RESERVE, 0))
        if self._stopping is not None:
            return
        self._stopping = cause
        # A peer that waits to be accepted may have sent a whole frame already.
        for _ in range(self.life.settings.backlog // ACCEPT_BUDGET + 1):
            self._accept([acceptor.fd for acceptor in self._acceptors])
            if not self._more_to_accept:
                break
        self._more_to_accept = False
        self._resume_at = inf
        for acceptor in self._acceptors:
            if acceptor.resume_at == inf:
                self.life.calls.remove(acceptor.fd)
            acceptor.close()
        self._force_at = now + max(grace / 2, grace - LINGER - 0.5)
        self.reporter.publish(
            Stopping(t=self.reporter.time(), cause=cause, grace=grace, open=len(self.life.by_id))
        )
        self._hurry_at = now + min(WIND_DOWN, grace / 3)
        self._serving.wind_down(QUIET)

    def abandon(self) -> None:
        """Give every descriptor back after a crash."""
        self.life.abandon()
        for acceptor in self._acceptors:
            acceptor.close()

    def _accept(self, ready: list[int]) -> None:
        """Accept where a listener is `ready`, or where the budget ended the last accept."""
        self._more_to_accept = False
        errors = 0
        for index, acceptor in enumerate(self._acceptors):
            if acceptor.more or acceptor.fd in ready:
                self.life.ceiling = connection_ceiling()
                for sock, address in acceptor.accept(self.life.calls):
                    now = self.reporter.now = self._clock()
                    try:
                        self.life.open(sock, format_address(address), now)
                    except Exception as error:
                        self.life.fail_to_open(sock, error)
                self.reporter.accepts[index] = acceptor.accepted
                self._more_to_accept |= acceptor.more
                if acceptor.failure and self._stopping is None:
                    self._pause_accepting(acceptor, self._clock())
            errors += acceptor.errors
        self.reporter.accept_errors = errors

    def _pause_accepting(self, acceptor: Acceptor, now: float) -> None:
        self.life.calls.remove(acceptor.fd)
        self._begin_pause(acceptor, now)

    def _begin_pause(self, acceptor: Acceptor, now: float) -> None:
        text = acceptor.pause(now)
        self._resume_at = min(self._resume_at, acceptor.resume_at)
        if text:
            self.reporter.publish_notice("warning", text)

    def _resume_accepting(self, now: float) -> None:
        for acceptor in self._acceptors:
            if acceptor.resume_at <= now:
                acceptor.resume_at = inf
                try:
                    self.life.calls.add(acceptor.fd, POLLIN)
                except OSError as error:
                    # epoll_ctl(2) may have no memory yet, or another process the last watch.
                    acceptor.failure = reason_of(error)
                    self._begin_pause(acceptor, now)
        self._resume_at = min(acceptor.resume_at for acceptor in self._acceptors)
