"""The open connections: their sockets, registrations and deadlines, from accept to close.

`Lifecycle.apply_state` applies a change of a connection's state to the poller, the timing wheel
and the reporter.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from itertools import count
from math import inf

from ..core.addresses import host_of
from ..core.commands import CLOSE_BOUND
from ..core.events import POLLIN, POLLOUT, Reason
from ..core.printable import in_words, printable
from ..core.settings import Settings
from . import deadlines
from .calls import Calls
from .captures import Captures
from .closing import (
    LONGEST_STEP,
    Verdict,
    begin_linger,
    check_linger,
    close_broken,
    describe_loss,
    discard_input,
    note_break,
    refuse_socket,
    reset_socket,
)
from .connection import Connection
from .descriptors import limit_reached_at
from .fault_tokens import OwnTokens
from .faults import Faults
from .inspecting import Inspecting
from .judging import Judging
from .kernel import SocketQueues
from .machine import CLOSED, DRAINING, READ_BODY, READ_LEN, WRITE_BODY
from .memory import SMALL, FreedMemory
from .noting import ENDS_BY_PEER, note_end
from .poller import Poller
from .reporter import Reporter
from .shard import Shard
from .unacknowledged import Unacknowledged


class Lifecycle:
    """Opens and closes connections, and registers what they wait for; in the loop's thread only."""

    def __init__(
        self,
        settings: Settings,
        poller: Poller,
        reporter: Reporter,
        shard: Shard,
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        """The settings in force."""
        self.reporter = reporter
        self.poller = poller
        self.calls = Calls(poller, clock, reporter.calls)
        """The loop's system calls; the poller's, too, but for the poll itself."""
        self.by_id: dict[int, Connection] = {}
        """The open connections by id."""
        self.by_fd: dict[int, Connection] = {}
        """The open connections by descriptor."""
        self.may_be_quick = False  # assigned by `app.server.serving`
        self.quick: dict[int, Connection] = {}
        """The open connections, by descriptor, that the hot path may serve."""
        self.wheel = deadlines.TimingWheel()
        self.ceiling = inf
        """The first descriptor that no connection may have: the rest is kept for operators."""
        self.quiet = inf
        """Seconds without a byte after which a stop ends a connection that waits for input."""
        self.freed = FreedMemory()
        self.captures = Captures(settings, reporter)
        self.judging = Judging(reporter)
        self._sockets: dict[int, socket.socket] = {}  # by descriptor
        self._queues = SocketQueues(self._sockets)
        told = self.schedule, self.fail, self.judging.watch
        self.unacknowledged = Unacknowledged(self._queues, reporter, *told, settings.write_timeout)
        self.inspecting = Inspecting(reporter, self._sockets, self.quick)
        self.faults = Faults(self, self._queues, shard.tokens or OwnTokens())
        self._arrived: dict[Connection, int] = {}  # the bytes received, once all that had is read
        self._resetting: set[int] = set()  # ids to be closed with RST
        self._ids, self._limit = count(shard.first_id, shard.workers), shard.limit
        self._on_closed: dict[Connection, list[Callable[[Connection], None]]] = {}

    def open(self, sock: socket.socket, peer: str, now: float) -> None:
        """Register an accepted socket and own it from here on, or close it at once.

        The reason is `limit`, or `error` if the poller fails: epoll_ctl(2) has ENOSPC at its limit.
        """
        fd = sock.fileno()
        connection = Connection(next(self._ids), fd, peer, now)
        limit = limit_reached_at(fd, self.ceiling, self.poller) or self._limit.admit(
            peer, self.settings
        )
        if limit:
            self.reporter.refused += 1
            self._refuse(connection, sock, Reason.LIMIT, limit)
            return
        try:
            self.calls.add(fd, POLLIN)
        except Exception as error:
            self._limit.leave(connection.peer, self.settings)
            words = getattr(error, "strerror", None) or in_words(error)
            what = f"{self.poller.name} cannot watch it: {words}"
            self._refuse(connection, sock, Reason.ERROR, what)
            return
        self.by_fd[fd] = self.by_id[connection.id] = connection
        self._sockets[fd] = sock
        if self.may_be_quick:
            self.quick[fd] = connection
        self.reporter.publish_opened(connection)
        self.schedule(connection)
        if self.faults.is_on:
            self.faults.begin(connection, now)

    def _refuse(
        self, connection: Connection, sock: socket.socket, reason: Reason, detail: str
    ) -> None:
        self.reporter.publish_opened(connection)
        connection.machine.close(reason, detail)
        refuse_socket(sock, self.calls)
        self.reporter.publish_closed(connection)

    def schedule(self, connection: Connection) -> None:
        """Have `on_deadline` called when the connection's deadline comes."""
        self.wheel.schedule(connection, self._deadline(connection)[0])

    def _deadline(self, connection: Connection) -> tuple[float, Reason]:
        if connection.held_until:
            return self.faults.due(connection, self.reporter.now), Reason.KILLED
        when, reason = deadlines.deadline(connection, self.settings)
        quiet_at = connection.active_at + self.quiet
        if quiet_at < when and connection.machine.state in (READ_LEN, READ_BODY):
            return quiet_at, Reason.SHUTDOWN
        return when, reason

    def apply_state(self, connection: Connection, now: float) -> None:
        """Apply a connection's state to the poller, the timing wheel and the reporter.

        To be called after each wake-up or command that changed the state; the last call, in
        CLOSED, removes the connection.
        """
        machine = connection.machine
        state, seen = machine.state, connection.seen_state
        if state is not seen:
            connection.seen_state = state
            if self.calls.note is not None:
                self.calls.note_state(connection, seen, state)
            self.reporter.publish_state(connection, seen)
            if machine.out and seen is not WRITE_BODY:
                connection.begin_stall(now)
        if state is DRAINING:
            # Between frames a connection may be in `quick`; a time-out or a kill ends it there.
            self.quick.pop(connection.fd, None)
            if not machine.out and self._is_drained(connection, now):
                machine.close()
                connection.seen_state = state = CLOSED
                if self.calls.note is not None:
                    self.calls.note_state(connection, DRAINING, CLOSED)
        if state is CLOSED:
            self._remove(connection)
            return
        wanted = machine.wanted_interest if not connection.held_until else 0
        if wanted != connection.interest:
            if not connection.interest:
                self.calls.add(connection.fd, wanted)
            elif wanted:
                self.calls.modify(connection.fd, wanted)
            else:
                # Only time is waited for, and POLLHUP would be reported for no interest too.
                self.calls.remove(connection.fd)
            if (wanted ^ connection.interest) & POLLOUT:
                connection.toggles += 1
                connection.toggled_at = now
                self.reporter.publish_toggle(connection, wanted == POLLOUT)
            connection.interest = wanted
        self.schedule(connection)

    def _is_drained(self, connection: Connection, now: float) -> bool:
        """Whether a connection without a pending echo can be closed; if not, it lingers."""
        machine = connection.machine
        if connection.linger is not None and not machine.input_ended:
            return False
        may_be_done = machine.input_ended and connection.outstanding is None
        if may_be_done and not self._queues.unacked(connection.fd):
            return True  # nearly every connection: one question to the kernel is enough
        self.unacknowledged.examine(connection, now)
        if machine.input_ended and connection.outstanding is None:
            return True
        if connection.linger is None:
            try:
                begin_linger(connection, self._sockets[connection.fd], self.calls, now)
            except OSError:
                note_break(connection, self._queues.take_error(connection.fd))
                return True
        return check_linger(connection, now, self.settings.write_timeout) is Verdict.DONE

    def _remove(self, connection: Connection) -> None:
        fd, machine, reporter = connection.fd, connection.machine, self.reporter
        if self._on_closed and connection in self._on_closed:
            # Who waits for the close wants to know what was lost.
            self.unacknowledged.examine(connection, reporter.now)
        if connection.interest:
            self.calls.remove(fd)
        if machine.closing in ENDS_BY_PEER:
            note_end(connection, self._queues.unacked(fd))
        sock = self._sockets[fd]  # the loop may be held before the close, and its queues told
        if connection.id in self._resetting:
            self._resetting.discard(connection.id)
            reset_socket(sock, self.calls)
        else:
            self.calls.close(sock)
        del self._sockets[fd], self.by_fd[fd], self.by_id[connection.id]
        self._limit.leave(connection.peer, self.settings)
        self.quick.pop(fd, None)
        self.wheel.cancel(connection)
        self.unacknowledged.forget(connection)
        self._arrived.pop(connection, None)
        self.judging.forget(connection)
        if reporter.inspected:
            reporter.inspected.pop(connection, None)
        if connection.interest & POLLOUT:
            reporter.armed -= 1
        if machine.broken is not None:
            self.judging.judge_end(connection, self.settings.cap)
        closed = reporter.publish_closed(connection)
        if closed.bytes_in > SMALL:
            self.freed.note_close(closed.bytes_in, reporter.now)
        if connection.tail or connection.capture is not None:
            self.captures.end(connection, closed)
        for call in self._on_closed.pop(connection, ()) if self._on_closed else ():
            call(connection)

    def on_deadline(self, connection: Connection, now: float) -> None:
        """Act on a connection's deadline if it has come, or schedule the next check."""
        if connection.held_until:
            self.faults.on_time(connection, now)
            return
        machine = connection.machine
        when, reason = self._deadline(connection)
        if when <= now and reason in deadlines.BY_ACKNOWLEDGED:
            # The last look may be half a second old.
            self.unacknowledged.examine(connection, now)
            when, reason = self._deadline(connection)
        if when > now:
            self._arrived.pop(connection, None)
            self.wheel.schedule(connection, when)
        elif reason in deadlines.BY_INPUT and self._must_read_first(connection):
            self.wheel.schedule(connection, now)
        elif machine.state is DRAINING and not machine.out:
            self._check_linger(connection, now)
        elif reason is Reason.TIMEOUT_WRITE:
            if connection.outstanding is None:
                # Everything is acknowledged, so the peer is not to blame: POLLOUT must come.
                self.wheel.schedule(connection, now + LONGEST_STEP)
            else:
                self._time_out_write(connection, now)
        else:
            stopping = reason is Reason.SHUTDOWN
            self.begin_close(
                connection, reason, "" if stopping else deadlines.describe_wait(connection, now)
            )

    def _must_read_first(self, connection: Connection) -> bool:
        """Whether bytes are still to be read that had arrived when a time-out was first judged.

        After a stall more may wait than the loop reads in one wake-up. What arrives later does not
        help, or else a peer that never pauses would have no time-out.
        """
        until = self._arrived.get(connection)
        if until is None:
            until = connection.bytes_in + (self._queues.unread(connection.fd) or 0)
            self._arrived[connection] = until
        if connection.bytes_in < until or connection.machine.backlog:
            return True
        del self._arrived[connection]
        return False

    def _check_linger(self, connection: Connection, now: float) -> None:
        """Act on the time of a connection that lingers."""
        self.unacknowledged.examine(connection, now)
        machine = connection.machine
        match check_linger(connection, now, self.settings.write_timeout):
            case Verdict.WAIT:
                self.schedule(connection)
                return
            case Verdict.TOO_SLOW:
                self._time_out_write(connection, now)
                return
            case Verdict.DONE:
                machine.close()
            case Verdict.OUT_OF_TIME:
                self._resetting.add(connection.id)
                lost = f"{connection.unacked_bytes:,} of {connection.bytes_out:,} bytes"
                lost += " lost, not acknowledged in time"
                if machine.closing is Reason.KILLED:
                    machine.add_detail(lost)
                else:  # the peer sees an RST, and not the end that was decided
                    machine.overrule(Reason.KILLED, f"mode close: {lost}")
                machine.close()
            case Verdict.RESET:
                close_broken(connection, self._queues.take_error(connection.fd))
        self.apply_state(connection, now)

    def _time_out_write(self, connection: Connection, now: float) -> None:
        """End a connection whose peer has acknowledged too little, with RST.

        Without RST its send queue would hold its memory for minutes after close
        (tcp_orphan_retries, tcp(7)).
        """
        detail = deadlines.describe_unacknowledged(connection, now, self.settings.write_timeout)
        self._resetting.add(connection.id)
        connection.machine.overrule(Reason.TIMEOUT_WRITE, detail)
        connection.machine.close()
        self.apply_state(connection, now)

    def begin_close(self, connection: Connection, reason: Reason, detail: str = "") -> None:
        """End in order, the pending echo first. Raises `IllegalTransition` if it ends already."""
        connection.machine.begin_close(reason, detail)
        self.faults.release(connection)
        self.apply_state(connection, self.reporter.now)

    def close(self, connection: Connection, reason: Reason, detail: str = "") -> None:
        """End at once, with FIN: the kernel still delivers what it has accepted."""
        # Also in DRAINING: close(2) with unread input would destroy what the kernel has accepted.
        with contextlib.suppress(OSError):
            discard_input(connection, self.calls, self.reporter.now)
        connection.machine.close(reason, detail)
        self.apply_state(connection, self.reporter.now)

    def reset(self, connection: Connection, reason: Reason, words: str) -> None:
        """End at once, with RST, for the cause `words`; the detail says what that destroys."""
        self.unacknowledged.examine(connection, self.reporter.now)
        self._resetting.add(connection.id)
        connection.machine.overrule(reason, describe_loss(connection, words))
        connection.machine.close()
        self.apply_state(connection, self.reporter.now)

    def cut_off(self, connection: Connection, words: str) -> None:
        """End at once, for a stop whose time is over; with RST if the peer loses an echo.

        After a FIN inside an echo the peer could not tell that there was more.
        """
        self.unacknowledged.examine(connection, self.reporter.now)
        known = connection.outstanding
        if connection.machine.out or (known is not None and not known.is_brisk):
            self.reset(connection, Reason.SHUTDOWN, words)
        else:
            self.close(connection, Reason.SHUTDOWN, words)

    def close_delivering(
        self, connection: Connection, detail: str, on_closed: Callable[[Connection], None]
    ) -> None:
        """Kill: give up the pending echo, and close once what was written is acknowledged.

        That is waited for `CLOSE_BOUND` seconds at most, while input is read and thrown away.
        `on_closed` is called after the close is published.
        """
        machine, now = connection.machine, self.reporter.now
        self._on_closed.setdefault(connection, []).append(on_closed)
        if machine.state is not DRAINING:
            machine.begin_close(Reason.KILLED, detail)
        elif machine.out:
            machine.overrule(Reason.KILLED, describe_loss(connection, detail))
        machine.abandon_echo()
        self.faults.let_go(connection)
        if not connection.changed:
            self.reporter.note_change(connection)
        self.apply_state(connection, now)
        if connection.linger is not None:
            connection.linger.bound(now + CLOSE_BOUND)
            if machine.state is not CLOSED:
                self._check_linger(connection, now)

    def fail(self, connection: Connection, error: Exception) -> None:
        """End one connection that could not be served as `error`, and tell of the fault."""
        if connection.id in self.by_id:
            if connection.machine.state is not CLOSED:
                connection.machine.overrule(Reason.ERROR, printable(in_words(error), 200))
                connection.machine.close()
            connection.seen_state = CLOSED
            self._remove(connection)
        self.reporter.publish_fault(f"connection {connection.id}", error)

    def fail_to_open(self, sock: socket.socket, error: Exception) -> None:
        """End one accepted connection of which `open` has raised `error`."""
        connection = self.by_fd.get(sock.fileno())
        if connection is not None:
            self.fail(connection, error)
            return
        sock.close()
        self.reporter.publish_fault("a connection that was just accepted", error)

    def change_settings(self, settings: Settings) -> None:
        """Put settings into force, for the limits and for the deadlines from now on."""
        before, self.settings = self.settings, settings
        if bool(before.max_per_peer) is not bool(settings.max_per_peer):
            counted = self.by_id.values() if settings.max_per_peer else ()
            self._limit.peers.recount(host_of(connection.peer) for connection in counted)
        self.unacknowledged.patience = settings.write_timeout
        for connection in self.by_id.values():
            self.schedule(connection)

    def abandon(self) -> None:
        """Give every descriptor back after a crash; nothing is published of the connections."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
