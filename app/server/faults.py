"""Faults on purpose: which connections have one, and when their echoes may go on.

A faulty connection is not on the hot path. What its fault holds back is a deadline in the timing
wheel, never a sleep: meanwhile the connection is not registered with the poller, and the kernel is
asked whether its peer has gone. A kill, a stop and the CAP hold for it as for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from secrets import randbelow
from typing import TYPE_CHECKING, Final

from ..core.commands import Fault
from ..core.events import Reason
from ..core.fault_spec import MOST_SEED, FaultSpec, parse_fault
from ..core.settings import SettingError
from .broken_frame import Chunk
from .budgets import BYTE_BUDGET
from .closing import close_broken
from .connection import Connection
from .fault_tokens import MOST_NEXT, Tokens
from .faulty_echo import Act, FaultyEcho, pending_of
from .kernel import SocketQueues
from .machine import CLOSED, DRAINING, READ_LEN

if TYPE_CHECKING:
    from .lifecycle import Lifecycle

LOOK: Final = 0.5
"""Seconds between two looks at whether the peer of a held connection has gone."""
SOON: Final = 0.025
"""Seconds until the next look at what is soon over: a segment that is not sent, an acknowledgement
that has not come."""
AT_ONCE: Final = 0.002
"""Seconds for which a piece that would be read together with the one before is tried again in each
iteration: a peer that is at its recv takes it within a tenth of that."""
RECV_ENDS: Final = 0.00006
"""Seconds in which a recv returns whose bytes are counted as read."""
JOINED_AFTER: Final = 0.25
"""Seconds after which it is sent all the same: the peer does not read, or reads one byte at a
time."""


class Faults:
    """The faults of one loop's connections; in its thread only. Times are on the loop's clock."""

    def __init__(self, life: Lifecycle, queues: SocketQueues, tokens: Tokens) -> None:
        """`tokens` are for the next connections."""
        self._life = life
        self._queues = queues
        self._of_all: FaultSpec | None = None
        self._of_next: FaultSpec | None = None
        self._tokens = tokens
        self.resume: Callable[[Connection, float], None] = lambda _connection, _now: None
        """Serves a connection whose echo may go on; assigned by `app.server.serving`."""

    def put_on_all(self, spec: FaultSpec | None) -> None:
        """Give every connection that opens from now on a fault, or none."""
        self._of_all = spec

    def put_on_next(self, spec: FaultSpec | None, number: int) -> None:
        """Give a fault to exactly the next `number` connections that open, whatever others have."""
        self._of_next = spec if number else None
        self._tokens.put(number)

    @property
    def is_on(self) -> bool:
        """Whether a connection that opens may have a fault."""
        return self._of_all is not None or self._of_next is not None

    def begin(self, connection: Connection, now: float) -> None:
        """Give a connection that has just opened its fault, if it is to have one."""
        spec = self._of_all
        if self._of_next is not None:
            if self._tokens.take():
                spec = self._of_next
            else:
                self.put_on_next(None, 0)
        if spec is not None:
            self.put_on(connection, spec, now)

    def put_on(self, connection: Connection, spec: FaultSpec | None, now: float) -> None:
        """Give an open connection a fault, or take it away: what was held back is sent then."""
        machine, old = connection.machine, connection.faulty
        aside, frames = _take_aside(connection)
        if old is None:
            pending, begun = pending_of(b"".join(machine.out), machine.out_bytes_sent)
        else:
            (pending, begun), connection.past_fault = old.pending, old.receipt()
        connection.faulty, connection.held_until = None, 0.0
        if spec is not None:
            seed = randbelow(MOST_SEED) if spec.seed is None else spec.seed
            sent = connection.frames_in - len(pending) - frames
            past = connection.past_fault
            out = connection.bytes_out
            faulty = FaultyEcho(spec, seed, out, sent, pending, begun, past)
            connection.faulty = faulty
            self._life.quick.pop(connection.fd, None)
            if spec.noread:
                faulty.note("noread", connection.frames_in + 1, 0)
                self._hold(connection, inf, now)
            aside = faulty.prepare(aside) if aside else ()
        if aside:
            machine.set_echo(aside, frames)
        if not connection.changed:
            self._life.reporter.note_change(connection)
        if spec is not None and not (machine.out or spec.noread):
            self.allow(connection, 0, now)  # an end whose byte has gone by is due
        if machine.state is not CLOSED:
            self._life.apply_state(connection, now)

    # --- an echo ---

    def prepare(self, connection: Connection) -> bool:
        """Change the echo that has become pending; False if it waits for more frames."""
        machine, faulty = connection.machine, connection.faulty
        assert faulty is not None
        aside, frames = _take_aside(connection)
        frames += machine.out_frames
        together = [*aside, *machine.out]
        spec = faulty.spec
        may_wait = frames < spec.coalesce and machine.state is not DRAINING
        may_wait &= connection.frames_in > spec.after
        if spec.is_of_first and connection.frames_in > spec.after + spec.coalesce:
            may_wait = False
        if may_wait and sum(map(len, together)) <= (spec.most_aside or BYTE_BUDGET):
            faulty.note_once("coalesce", connection.frames_in - frames + 1, 0)
            faulty.aside, faulty.aside_frames = together, frames
            machine.set_echo((), frames)
            return False
        machine.set_echo(faulty.prepare(together), frames)
        return True

    def release(self, connection: Connection) -> bool:
        """Make pending what waits for more frames, since none will come; False if nothing does."""
        machine, faulty = connection.machine, connection.faulty
        if faulty is None or not faulty.aside or machine.state not in (READ_LEN, DRAINING):
            return False
        aside, frames = _take_aside(connection)
        machine.set_echo(faulty.prepare(aside), frames)
        return True

    def allow(self, connection: Connection, share: int, now: float) -> int:
        """Return how many bytes of the pending echo may be written with one call.

        0 if none: it is held back then, or has ended.
        """
        faulty = connection.faulty
        assert faulty is not None
        connection.held_until = 0.0
        step = faulty.next_step(now)
        if step.act is Act.WAIT:
            self._hold(connection, step.until, now)
        elif step.act is Act.RST:
            self._reset(connection, now)
        elif step.act is Act.FIN:
            self._end(connection, Reason.KILLED, f"fault eof@{faulty.spec.eof}")
        elif step.is_piece and (wait := self._reader_wait(connection, now)) is not None:
            if wait:
                self._hold(connection, now + wait, now)
        else:
            return min(step.size, share)
        return 0

    def _reader_wait(self, connection: Connection, now: float) -> float | None:
        """Return the seconds after which to try a piece again that would come to the peer together
        with the one before, 0 for the next iteration; None if it may be sent.

        Our kernel joins what it has not sent yet, and that of a peer what its program has not read.
        The second is known of peers on this machine; `gap` is for others.
        """
        faulty, fd = connection.faulty, connection.fd
        assert faulty is not None
        progress = self._queues.progress(fd)
        is_joined_here = progress is not None and bool(progress.unsent_bytes)
        may_wait = now - faulty.joined_at < JOINED_AFTER
        unread = self._queues.peer_unread(fd) if may_wait else None
        if is_joined_here or unread:
            faulty.joined_at, faulty.read_at = min(faulty.joined_at, now), inf
            return 0.0 if now - faulty.joined_at < AT_ONCE else SOON
        if unread is None:
            return None
        # The recv that takes a piece counts it as read before it returns, and takes on with it
        # what comes until then.
        faulty.read_at = min(faulty.read_at, now)
        return None if now >= faulty.read_at + RECV_ENDS else 0.0

    def _hold(self, connection: Connection, until: float, now: float) -> None:
        connection.held_until = until
        self._life.wheel.schedule(connection, min(until, now + LOOK))

    def _reset(self, connection: Connection, now: float) -> None:
        """End with RST once the peer has acknowledged all that was let out."""
        assert connection.faulty is not None
        if self._queues.unacked(connection.fd):
            self._hold(connection, now + SOON, now)
            return
        words = f"fault reset@{connection.faulty.spec.reset}"
        self._life.reset(connection, Reason.KILLED, words)

    def _end(self, connection: Connection, reason: Reason, words: str) -> None:
        """End in order, and give up the echo."""
        machine = connection.machine
        if machine.state is DRAINING:
            machine.overrule(reason, words)
        else:
            machine.begin_close(reason, words)
        machine.abandon_echo()

    def let_go(self, connection: Connection) -> None:
        """Hold nothing back any more of a connection whose echo is given up."""
        connection.held_until = 0.0

    # --- time ---

    def due(self, connection: Connection, now: float) -> float:
        """When `on_time` is to be called next for a connection that is held."""
        return min(connection.held_until, now + LOOK)

    def on_time(self, connection: Connection, now: float) -> None:
        """Go on with a connection that was held, or end it: its peer has gone, or it is idle."""
        machine, life = connection.machine, self._life
        progress = self._queues.progress(connection.fd)
        idle = life.settings.idle_timeout
        if progress is not None and progress.is_over:
            connection.held_until = 0.0
            close_broken(connection, self._queues.take_error(connection.fd))
        elif progress is not None and progress.has_ended:
            connection.held_until = 0.0
            machine.close(Reason.EOF, "its echo was held back by a fault")
        elif idle and now >= connection.rested_at + idle:
            connection.held_until = 0.0
            words = f"nothing for {now - connection.rested_at:.1f} s"
            self._end(connection, Reason.TIMEOUT_IDLE, f"{words}: its echo is held back by a fault")
        elif now >= connection.held_until:
            connection.held_until = 0.0
            self.resume(connection, now)
            return
        else:
            life.wheel.schedule(connection, self.due(connection, now))
            return
        life.apply_state(connection, now)


def check_fault(command: Fault) -> FaultSpec | None:
    """Read the SPEC of a command; None if it takes a fault away. Raises `SettingError`."""
    if not 0 <= command.next <= MOST_NEXT:
        raise SettingError(f"next {command.next:,}: it must be 0 to {MOST_NEXT:,}")
    if command.next and not command.spec:
        raise SettingError("the next connections have no fault: give a SPEC, or next 0")
    if command.next and command.ids:
        raise SettingError("ids and next exclude each other: leave one out")
    if command.spec and not (command.next or command.ids):
        raise SettingError("no connection is named: give ids, or next")
    return parse_fault(command.spec) if command.spec else None


def describe_next(command: Fault) -> str:
    """Say what a command without ids has changed."""
    if not command.next:
        return "the next connections get no fault"
    if command.next == 1:
        return f"the next connection gets the fault {command.spec}"
    return f"the next {command.next:,} connections get the fault {command.spec}"


def _take_aside(connection: Connection) -> tuple[Sequence[Chunk], int]:
    """Remove and return what waits for more frames, and how many it are."""
    faulty = connection.faulty
    if faulty is None:
        return (), 0
    aside, frames = faulty.aside, faulty.aside_frames
    faulty.aside, faulty.aside_frames = (), 0
    return aside, frames
