"""Bytes that the peer has not acknowledged: the kernel is asked about connections that have some.

That the kernel has taken an echo says nothing about the peer: a send queue holds megabytes. So the
write time-out, the idle time-out and the words of why a connection waits are judged by what is
acknowledged (`app.server.kernel` has the words). A connection that moved bytes is asked about once
a second at most, and again only as long as bytes of it stand in the send queue. One that is idle
costs nothing, nor does a frame.

Facts that surprise:

- A peer's kernel acknowledges what the peer has not read, until its receive buffer is full: 128,000
  bytes at first, all of 1 MiB of a peer that has read fast. Below that nobody outside can know.
- A steady reader acknowledges in steps: with the default buffer at 17 kB/s 4 to 8 s apart, on the
  loopback interface and between network namespaces. In between `app.server.peer_queue` knows what
  the program of a peer on this machine reads.
- A closed window is probed, and each answer is an acknowledgement that acknowledges nothing.
- After SHUT_WR the FIN counts as one byte of the send queue until it is acknowledged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

from .connection import READ_SIZE, Connection
from .kernel import SocketQueues
from .machine import CLOSED, DRAINING, READ_BODY, READ_LEN, WRITE_BODY
from .noting import note_stop
from .outstanding import Outstanding
from .reporter import LOOK_AFTER, Reporter

LOOK_AGAIN: Final = 0.5
"""Seconds between two looks at a connection with bytes that stay unacknowledged."""
LOOKS: Final = 256
"""Connections looked at in one iteration, about 0.3 ms of work; all that are left once `LOOK_AGAIN`
seconds have passed since the first of them."""
QUIET: Final = 0.2
"""Seconds without a byte after which bytes in the send queue are no longer those of brisk traffic,
which an acknowledgement will take within the peer's delay (40 ms on Linux)."""


class Unacknowledged:
    """Looks at connections with unacknowledged bytes; in the loop's thread only."""

    def __init__(
        self,
        queues: SocketQueues,
        reporter: Reporter,
        schedule: Callable[[Connection], None],
        fail: Callable[[Connection, Exception], None],
        seen: Callable[[Connection], None],
        patience: float,
    ) -> None:
        """`schedule` is called when a connection's deadline may have come nearer, `fail` to end
        one that `look` cannot look at, `seen` for each that it has looked at. `patience` is the
        write time-out, in seconds.
        """
        self.patience = patience
        self._queues = queues
        self._reporter = reporter
        self._schedule = schedule
        self._fail = fail
        self._seen = seen
        self._kept: dict[Connection, Outstanding] = {}
        self._unread: set[Connection] = set()  # those with input in the receive queue
        self._waiting: deque[Connection] = deque()  # to be looked at, `LOOKS` in an iteration
        self._begun_at = -inf  # when the first of them was
        self._moved_at = -inf  # when those that moved were last looked at

    def look(self, now: float) -> None:
        """Ask about the connections that are due, `LOOKS` of them, and plan the next look."""
        if not self._waiting:
            self._waiting.extend(self._due(now))
            self._begun_at = now
        waiting = self._waiting
        # Where an iteration takes so long, a look at all makes it hardly longer.
        most = LOOKS if now - self._begun_at < LOOK_AGAIN else len(waiting)
        for _ in range(min(most, len(waiting))):
            connection = waiting.popleft()
            if connection.machine.state is not CLOSED:
                try:
                    self.examine(connection, now)
                    self._seen(connection)
                except Exception as error:
                    self._fail(connection, error)
        reporter = self._reporter
        if waiting:
            reporter.next_look = now
        elif self._kept or self._unread:
            reporter.next_look = now + LOOK_AGAIN
        else:
            reporter.next_look = now + LOOK_AFTER if reporter.moved else inf
            self._queues.close()  # no descriptor stays that a lowered limit may need

    def _due(self, now: float) -> list[Connection]:
        """The connections whose look has come, by id."""
        brisk_until = now - (LOOK_AFTER - LOOK_AGAIN / 2)
        due = {
            connection
            for connection, known in self._kept.items()
            if not known.is_brisk or known.looked_at <= brisk_until
        }
        due |= self._unread
        if self._moved_at <= brisk_until:
            self._moved_at = now
            due |= self._reporter.take_moved()
        # Sorted, so that what happens does not depend on the order of a set.
        return sorted(due, key=lambda connection: connection.id)

    def examine(self, connection: Connection, now: float) -> None:
        """Ask the kernel about one connection now, and keep what it says."""
        unacked = self._queues.unacked(connection.fd)
        pending = connection.machine.pending
        if unacked is None:
            acked, waiting = connection.bytes_out, pending
        else:
            if unacked and connection.linger is not None:
                unacked -= 1  # our FIN
            acked, waiting = connection.bytes_out - unacked, unacked
        # Whether the peer takes what it gets: all that was written by the last look.
        keeps_up = acked >= connection.seen.bytes_out
        is_news = connection.bytes_out > connection.seen.bytes_out
        self._read_input(connection, keeps_up, unacked == 0, now)
        known = connection.outstanding
        if not waiting:
            if known is not None:
                self._end(connection, known, now)
            elif is_news and now - connection.active_at > 2 * LOOK_AFTER:
                self._note_late(connection, now)
            return
        if known is None or acked >= known.owed:
            known = self._begin(connection, acked, now)
        else:
            known.is_brisk = False
            self._read_progress(connection, known, now)
            if acked > known.acked_bytes:
                when = connection.progress_at if unacked is None else known.last_ack_at(now)
                known.note_acked(acked, when, self.patience)
        is_over = known.progress is not None and known.progress.is_over
        if is_over and not (pending or self._queues.unacked(connection.fd)):
            # The last acknowledgement came between the two questions, and ends it in order. (After
            # an RST the queue keeps what was not acknowledged.)
            self._end(connection, known, now)
            return
        if keeps_up and unacked:
            known.note_caught_up(connection.progress_at, now)
        if known.wants_unread(now):
            known.note_unread(self._queues.peer_unread(connection.fd), now)
        known.unacked_bytes = unacked
        known.owed = connection.bytes_out + pending
        known.looked_at = now
        self._note_stop(connection, known)
        if known.is_brisk:
            return
        if known.figures != known.published:
            known.published = known.figures
            self._reporter.changed.add(connection)

    def _note_stop(self, connection: Connection, known: Outstanding) -> None:
        """Note since when the peer takes nothing, and the input that waits behind its echo."""
        since, waiting, machine = 0.0, 0, connection.machine
        if known.has_stopped:
            since = known.moved_at
            if machine.state is WRITE_BODY:
                waiting = len(machine.backlog) + (self._queues.unread(connection.fd) or 0)
        if note_stop(connection, since, waiting):
            self._reporter.changed.add(connection)

    def close(self) -> None:
        """Give back what asking the kernel took."""
        self._queues.close()

    def forget(self, connection: Connection) -> None:
        """Forget a connection that has closed."""
        if connection.outstanding is not None:
            self._kept.pop(connection, None)
        if connection.unread:
            self._unread.discard(connection)

    def _begin(self, connection: Connection, acked: int, now: float) -> Outstanding:
        """Bytes of the connection are unacknowledged from here on, or anew."""
        before = connection.outstanding
        if before is not None and not before.is_brisk:
            connection.acked_all_at = now  # all that a snapshot has told of
            self._reporter.changed.add(connection)
        pending = connection.machine.pending
        since = connection.stalled_at if pending else connection.active_at
        known = Outstanding(since, now, acked, before)
        is_draining = connection.machine.state is DRAINING
        known.is_brisk = not pending and not is_draining and now - since < QUIET
        if not known.is_brisk:
            self._read_progress(connection, known, now)
            if known.progress is not None:
                # Nothing was acknowledged after that; whether anything was before, nobody knows.
                known.acked_at = max(since, now - known.progress.last_ack_ago)
                known.moved_at = known.acked_at
        connection.outstanding = self._kept[connection] = known
        self._schedule(connection)
        return known

    def _note_late(self, connection: Connection, now: float) -> None:
        """Keep when all was acknowledged that no look has found in time: the process was stopped,
        and meanwhile the peer has fetched its echo."""
        progress = self._queues.progress(connection.fd)
        if progress is not None:
            connection.acked_all_at = max(connection.active_at, now - progress.last_ack_ago)

    def _end(self, connection: Connection, known: Outstanding, now: float) -> None:
        """All is acknowledged."""
        self._read_progress(connection, known, now)
        connection.acked_all_at = known.last_ack_at(now)
        connection.outstanding = None
        del self._kept[connection]
        self._schedule(connection)
        if not known.is_brisk:
            self._reporter.changed.add(connection)

    def _read_progress(self, connection: Connection, known: Outstanding, now: float) -> None:
        known.note_progress(self._queues.progress(connection.fd), now)

    def _read_input(
        self, connection: Connection, keeps_up: bool, has_taken_all: bool, now: float
    ) -> None:
        """Note whether input waits that the loop wants to read, and whether the budget holds it.

        It holds none whose peer takes less than it gets.
        """
        machine, before = connection.machine, connection.seen
        connection.seen = seen = connection.progress_so_far()
        wants_input = machine.state is READ_LEN or machine.state is READ_BODY
        # An echo that the kernel has not refused waits for its turn, and the input behind it too;
        # and one that it has refused, once the peer has acknowledged all that was before it.
        is_refused = connection.offered and seen.refused != before.refused
        has_turns = keeps_up and (not is_refused or has_taken_all)
        is_asked = wants_input or (machine.pending > 0 and has_turns)
        unread = (self._queues.unread(connection.fd) or 0) if is_asked else 0
        is_held = False
        if is_asked and keeps_up:
            waiting = unread + len(machine.backlog)
            # At the moment of one look all input may have been read.
            more = waiting > 0 or not wants_input or connection.is_held
            is_held = waiting >= READ_SIZE or (more and seen.hits > before.hits)
        if not wants_input:
            unread = 0
        told = connection.unread, connection.unread_at, connection.is_held
        if not unread:
            connection.unread_at = 0.0
            self._unread.discard(connection)
        elif not connection.unread or seen.bytes_in != before.bytes_in:
            connection.unread_at = now
            self._unread.add(connection)
        connection.unread, connection.is_held = unread, is_held
        if told != (unread, connection.unread_at, is_held):
            self._reporter.changed.add(connection)
