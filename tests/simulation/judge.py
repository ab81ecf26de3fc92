"""The invariants of a simulation: what must hold after each iteration, and of each close."""

from __future__ import annotations

import errno
import sys
from collections import Counter
from itertools import pairwise
from math import inf

from app.core.commands import CLOSE_BOUND
from app.core.events import (
    POLLIN,
    POLLOUT,
    Closed,
    ConnectionState,
    Notice,
    Opened,
    Reason,
    Stopped,
)
from app.core.framing import HEADER_SIZE, read_length
from app.core.settings import TIMEOUTS, Settings
from app.server.connection import READ_SIZE, Connection
from app.server.server import Server
from app.watch.stream import Drained

from .kernel import BUDGET, COMMANDS_FD, LISTENER_FDS, SimulatedKernel
from .sockets import Socket, Violation
from .watchers import check_order

EARLY = 0.001
"""Seconds by which a time-out may seem early, because a clock is read more than once."""
LATE = 0.2
"""Seconds by which a stop may be late."""
MOST_OVERDUE = 8
"""Polls for which a connection may be overdue: the loop judges it once it has looked."""
LOOKS_WITHIN = 2.5
"""Seconds within which the loop asks the kernel about a connection that may be overdue."""
FOLLOWS_WITHIN = 1.001
"""Seconds within which the loop follows a step of the wall clock."""
RATE_FLOOR = 1024
"""Bytes a second that a peer must acknowledge on average."""
DISCARDED_AT_ONCE = 4 * READ_SIZE
"""Bytes of input that one close discards at the most; behind more of them it resets."""
REASON_OF = {
    errno.ECONNRESET: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ETIMEDOUT: Reason.TIMEOUT_PEER,
    errno.EHOSTUNREACH: Reason.UNREACHABLE,
    errno.ENETUNREACH: Reason.UNREACHABLE,
    errno.EHOSTDOWN: Reason.UNREACHABLE,
    errno.ENETDOWN: Reason.UNREACHABLE,
    errno.EACCES: Reason.UNREACHABLE,
}


class Judge:
    """Compares the server with what really happened. It is an observer of the fan-out too."""

    def __init__(self, server: Server, kernel: SimulatedKernel, settings: Settings) -> None:
        self.watched = False
        self._loop = server._loop
        self._kernel = kernel
        self._told: set[str] = set()
        self.values: dict[str, set[float]] = {
            name: {getattr(settings, name)} for name in ("cap", *TIMEOUTS, "max_connections")
        }
        """Every value that a setting has had."""
        self.killed: dict[int, float] = {}
        """Ids that a kill has named, and when the first did."""
        self.reset: set[int] = set()
        """Those of a kill of mode `reset`."""
        self.stop_asked = False
        self.stop_by = inf
        """When the server must have stopped, by the earliest of all stops."""
        self.stalled_at = 0.0
        """When the loop went on after it had been stopped: it had not looked for a while."""
        self.clock_set_at = 0.0
        """When the wall clock was last set, on the loop's clock."""
        self._told_at = 0.0  # the time of the last event about a connection, in Unix seconds
        self._told_epoch = kernel.epoch  # the wall clock minus the loop's, as far as told
        self.faults = 0
        """Failures of the system that end one connection as `error`."""
        self.violation: Violation | None = None
        """What an event violated; the fan-out takes an observer that raises out."""
        self.opened: dict[int, Socket] = {}
        """Every connection that was told of, by id."""
        self.closed: dict[int, Closed] = {}
        self.stopped: Stopped | None = None

    def open_ids(self) -> list[int]:
        """Return the connections that have opened and not closed, as far as told."""
        return [each for each in self.opened if each not in self.closed]

    # --- after each iteration ---

    def check(self) -> None:
        """Check what must hold between two iterations."""
        now = self._loop.reporter.now
        if now > max(self.stop_by, self.stalled_at + LATE):
            raise Violation(f"it has not stopped: it is {now:.3f}, and due was {self.stop_by:.3f}")
        self._check_wall_clock(now)
        life, kernel, poller = self._loop.life, self._kernel, self._kernel.poller
        if life.by_fd.keys() != kernel.sockets.keys():
            raise Violation(f"open {sorted(kernel.sockets)}, but it knows {sorted(life.by_fd)}")
        watched = poller.interest.keys() - {*LISTENER_FDS, COMMANDS_FD}
        # Of a peer that has half-closed nothing is waited for but its acknowledgements.
        unwatched = {each.fd for each in life.by_id.values() if each.machine.input_ended}
        if watched != kernel.sockets.keys() - unwatched:
            raise Violation(f"open {sorted(kernel.sockets)}, but it watches {sorted(watched)}")
        armed = sum(bool(mask & POLLOUT) for mask in poller.interest.values())
        if self._loop.reporter.armed != armed:
            raise Violation(f"{armed} are armed, but it counts {self._loop.reporter.armed}")
        if sum(life._limit._counts) != len(life.by_id):
            raise Violation(
                f"{len(life.by_id)} are open, the limit has {list(life._limit._counts)}"
            )
        is_counted = life.settings.max_per_peer > 0
        hosts = Counter(each.host for each in kernel.sockets.values() if is_counted)
        if life._limit.peers._open != hosts:
            raise Violation(f"open by address: {hosts}, the limit has {life._limit.peers._open}")
        if not life._resetting <= life.by_id.keys():
            raise Violation(f"to be reset, but not open: {life._resetting - life.by_id.keys()}")
        for connection in life.by_id.values():
            self._check_connection(connection, kernel.sockets[connection.fd])

    def _check_wall_clock(self, now: float) -> None:
        """Check that events are stamped with the wall clock's time within a second of its step."""
        told, true = self._loop.reporter.epoch, self._kernel.epoch
        if told != true and now > max(self.clock_set_at, self.stalled_at) + FOLLOWS_WITHIN:
            raise Violation(f"the wall clock was set, and events are {true - told} s behind")

    def _check_connection(self, connection: Connection, sock: Socket) -> None:
        machine, poller = connection.machine, self._kernel.poller
        wanted = POLLOUT if machine.pending else 0 if machine.input_ended else POLLIN
        if not wanted == machine.wanted_interest == poller.interest.get(connection.fd, 0):
            raise Violation(f"{sock}: {machine.state} with the interest {connection.interest}")
        counted = {
            "bytes_in": (connection.bytes_in, sock.consumed),
            "bytes_out": (connection.bytes_out, sock.written),
            "partial_writes": (connection.partial_writes, sock.partial_writes),
            "toggles": (connection.toggles, poller.modified.get(connection.fd, sock.toggles)),
        }
        for name, (told, true) in counted.items():
            if told != true:
                raise Violation(f"{sock}: {name} is {told}, not {true}")
        # The frames of one echo are counted as echoed together, when the last has left.
        echoed = sock.frames_until(sock.written)
        if connection.frames_out > echoed or (connection.frames_out < echoed and not machine.out):
            raise Violation(f"{sock}: frames_out is {connection.frames_out}, not {echoed}")
        if not echoed <= connection.frames_in <= sock.frames_until(sock.consumed):
            raise Violation(f"{sock}: frames_in is {connection.frames_in}")
        if not sock.eagains - sock.uncounted <= connection.eagains <= sock.eagains:
            raise Violation(f"{sock}: {connection.eagains} EAGAIN, not {sock.eagains}")
        if sock.largest_until(sock.written) > max(self.values["cap"]):
            raise Violation(f"{sock}: a frame over every CAP was echoed")
        if sock.wrote_bytes > 3 * BUDGET:
            raise Violation(f"{sock}: {sock.wrote_bytes} bytes were written in one iteration")
        kept = sum(map(len, machine.held)) + machine.pending + len(machine.backlog)
        if kept > max(self.values["cap"]) + HEADER_SIZE + READ_SIZE:
            raise Violation(f"{sock}: {kept} bytes are kept")
        self._check_deadline(connection, sock)
        self._check_write_deadline(sock)

    def _check_write_deadline(self, sock: Socket) -> None:
        """Check that a peer that acknowledges nothing is ended in time, in every state."""
        values = self.values["write_timeout"]
        if not min(values) or sock.broken:
            return
        acked_at = sock.acks[-1][0] if sock.acks else 0.0
        since = max(sock.owed_since, acked_at, self.stalled_at)
        if self._loop.reporter.now <= since + max(values) + LOOKS_WITHIN:
            sock.overdue_write = 0
            return
        sock.overdue_write += 1
        if sock.overdue_write > MOST_OVERDUE:
            raise Violation(f"{sock}: nothing acknowledged for too long, and not ended")

    def _check_deadline(self, connection: Connection, sock: Socket) -> None:
        if connection.machine.state is ConnectionState.DRAINING or self.stop_asked:
            return
        # What was read behind a pending echo is parsed, and timed, once that has left.
        begun = max(frame_begun(sock), sock.wrote_at)
        missing = sock.judged_until - sock.whole_until(sock.judged_until)
        if not missing or connection.machine.pending or connection.machine.backlog:
            return
        name = "header_timeout" if missing < HEADER_SIZE else "body_timeout"
        patience = max(self.values[name]) if min(self.values[name]) else inf
        # What had arrived before is read first; after a stop the deadline is in the next slot.
        due = max(begun + patience, self.stalled_at) + 0.1
        if self._loop.reporter.now <= due or sock.unread:
            sock.overdue = 0
            return
        sock.overdue += 1
        if sock.overdue > MOST_OVERDUE:
            raise Violation(f"{sock}: {name} has not ended it")

    # --- the events ---

    def hear(self, drained: Drained) -> None:
        """Take each event into account, and judge each close."""
        try:
            self._hear(drained)
        except Violation as violation:
            self.violation = violation

    def _hear(self, drained: Drained) -> None:
        for event in drained.events:
            if type(event) is Opened:
                self._judge_time(event)
                self._note_opened(event)
            elif type(event) is Closed:
                self._judge_time(event)
                self._judge_closed(event)
            elif type(event) is Notice and event.clock_step:
                self._told_epoch += event.clock_step
                self._told_at += event.clock_step
            elif type(event) is Stopped:
                self.stopped = event
            elif type(event) is Notice and event.level == "error":
                self._judge_error(event)
            elif drained.afresh:
                continue
            check_order(event, self._is_open, self._told)

    def _is_open(self, connection_id: int) -> bool:
        return connection_id in self.opened and connection_id not in self.closed

    def _judge_time(self, event: Opened | Closed) -> None:
        """Check that times are in order, but for the steps that were told, and durations true."""
        if event.t < self._told_at:
            raise Violation(f"#{event.id} is told at {event.t}, after {self._told_at}")
        self._told_at = event.t
        if type(event) is Closed and event.id in self.opened:
            sock = self.opened[event.id]
            told, true = event.t - event.opened_at, sock.closed_at - sock.opened_at
            if abs(told - true) > EARLY:
                raise Violation(f"{sock}: it was open for {true} s, and {told} s are told")
            if abs(event.t - self._told_epoch - sock.closed_at) > EARLY:
                raise Violation(f"{sock}: closed by the wall clock at a time that was not told")

    def _judge_error(self, event: Notice) -> None:
        # The other errors are those of observers that fail on purpose.
        if event.text.startswith("a fault ended") and not self.faults:
            raise Violation(event.text)

    def _note_opened(self, event: Opened) -> None:
        number = int(event.peer.rpartition(":")[2])
        (sock,) = (each for each in self._kernel.all if each.number == number)
        if event.id in self.opened or sock in self.opened.values():
            raise Violation(f"{sock}: opened twice")
        self.opened[event.id] = sock

    def _judge_closed(self, event: Closed) -> None:
        if event.id in self.closed or event.id not in self.opened:
            raise Violation(f"#{event.id} closed twice, or never opened")
        self.closed[event.id] = event
        sock = self.opened[event.id]
        told = (event.bytes_in, event.bytes_out, event.partial_writes, event.toggles)
        true = (sock.consumed, sock.written, sock.partial_writes, sock.toggles)
        if told != true:
            raise Violation(f"{sock}: closed with {told}, not {true}")
        if event.frames_out != sock.frames_until(sock.written):
            raise Violation(f"{sock}: closed with {event.frames_out} frames echoed")
        if not sock.eagains - sock.uncounted <= event.eagains <= sock.eagains:
            raise Violation(f"{sock}: closed with {event.eagains} EAGAIN, not {sock.eagains}")
        if not sock.is_closed:
            raise Violation(f"{sock}: its descriptor is open after its close was told")
        why_not = self._objection(event, sock)
        if why_not:
            raise Violation(f"{sock}: closed as {event.reason} ({event.detail}): {why_not}")
        destroys = sock.unacked_at_close and sock.unread_at_close and not sock.resets_at_close
        is_within = sock.consumed - sock.judged_until < DISCARDED_AT_ONCE
        if destroys and is_within and event.reason is not Reason.ERROR:
            raise Violation(f"{sock}: closed as {event.reason} with unread input, which resets it")
        if sock.unacked_at_close and not self._may_lose(event):
            lost = f"{sock.unacked_at_close} bytes that were not acknowledged"
            raise Violation(f"{sock}: closed as {event.reason} ({event.detail}) with {lost}")

    def _may_lose(self, event: Closed) -> bool:
        """Whether a close may destroy what the kernel has accepted."""
        if event.reason in (Reason.TIMEOUT_WRITE, Reason.ERROR) or event.id in self.reset:
            return True
        if self.stop_asked:
            return True  # the grace may be over
        waited = self.opened[event.id].closed_at - self.killed.get(event.id, inf)
        return waited >= CLOSE_BOUND

    def _objection(self, event: Closed, sock: Socket) -> str:
        """Say what in the history does not allow this reason; empty if it is allowed."""
        reason = event.reason
        behind = sock.judged_until - sock.whole_until(sock.judged_until)
        match reason:
            case Reason.EOF:
                return "" if sock.fin_read and not behind else "no EOF, or not between frames"
            case Reason.EOF_MID_HEADER:
                return "" if sock.fin_read and 0 < behind < HEADER_SIZE else "no EOF in a header"
            case Reason.EOF_MID_BODY:
                return "" if sock.fin_read and behind >= HEADER_SIZE else "no EOF in a body"
            case Reason.RESET | Reason.UNREACHABLE | Reason.TIMEOUT_PEER:
                return "" if REASON_OF.get(sock.broken) is reason else f"errno {sock.broken}"
            case Reason.FRAME_TOO_LARGE:
                return "" if self._has_too_large(sock) else "no header over the CAP"
            case Reason.KILLED:
                return "" if event.id in self.killed else "nobody killed it"
            case Reason.SHUTDOWN:
                return "" if self.stop_asked else "nobody stops"
            case Reason.LIMIT:
                return "" if not sock.consumed else "it was served"
            case Reason.ERROR:
                return "" if self.faults else "nothing of ours failed"
            case _:
                return self._objection_to_timeout(reason, sock)

    def _objection_to_timeout(self, reason: Reason, sock: Socket) -> str:
        values = [value for value in self.values[f"{reason.split('_')[1]}_timeout"] if value]
        if not values:
            return "that time-out is off"
        patience = min(values) - EARLY
        if reason is Reason.TIMEOUT_WRITE:
            return objection_to_write_timeout(sock, patience)
        if reason is Reason.TIMEOUT_IDLE:
            moves = [sock.opened_at, *sock.moves, sock.closed_at]
            waited = max(after - before for before, after in pairwise(moves))
        else:
            waited = sock.closed_at - frame_begun(sock)
            start = sock.whole_until(sock.judged_until)
            needed = start + HEADER_SIZE
            if reason is Reason.TIMEOUT_BODY:
                needed = next((end for end in sock.ends if end > start), sys.maxsize)
            if arrival_of(sock, needed) < frame_begun(sock) + patience:
                return "it had arrived in time, and nobody looked"
        return "" if waited >= patience else f"after {waited:.3f} s"

    def _has_too_large(self, sock: Socket) -> bool:
        starts = [start for start in (0, *sock.ends) if start + HEADER_SIZE <= sock.judged_until]
        lengths = (read_length(sock.stream, start)[0] for start in starts)
        return any(length > min(self.values["cap"]) for length in lengths)


def frame_begun(sock: Socket) -> float:
    """Return the time at which the server read the first byte of the frame in flight."""
    start = sock.whole_until(sock.judged_until)
    return next((when for offset, when in sock.reads if offset > start), inf)


def objection_to_write_timeout(sock: Socket, patience: float) -> str:
    """Say what does not allow `timeout_write` by a time-out of `patience` seconds; else empty.

    It is allowed where some echo has been owed for so long, and in that time nothing of it was
    acknowledged, or less than the floor.
    """
    since = sock.closed_at - patience
    if sock.owed_at_close > since:
        return f"an echo was owed for {sock.closed_at - sock.owed_at_close:.3f} s only"
    before = max((acked for when, acked in sock.acks if when <= since), default=0)
    acked = sock.acked_at_close - before
    if acked >= RATE_FLOOR * patience:
        return f"{acked} bytes were acknowledged in {patience:.1f} s"
    return ""


def arrival_of(sock: Socket, offset: int) -> float:
    """Return the time at which the bytes up to `offset` had arrived; ``inf`` if they have not."""
    return next((when for arrived, when in sock.arrivals if arrived >= offset), inf)
