"""The gate that the loop's thread passes before each system call, in a server with `--step`.

Held, the thread waits there, and its clock stands: no time-out fires. The kernel goes on. Commands
to the gate are carried out by the thread that sends them; commands to the loop wait until it goes
on, and a stop opens the gate for good.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from threading import Condition
from typing import TYPE_CHECKING, Final

from ..core.commands import Step, StepAction
from ..core.events import ConnectionState, Opened
from ..core.iteration import KernelCall
from ..core.settings import SettingError
from ..core.stepping import FASTEST, MOST_STEPS, SLOWEST, LoopHeld, LoopResumed, Stepped
from ..core.turns import Turns
from ..watch.breakpoints import Breakpoints
from ..watch.row import Row, update_rows
from ..watch.stream import EventStream
from .calls import Note, PollNote, StateNote
from .machine import DRAINING, WRITE_BODY
from .transitions import passed

if TYPE_CHECKING:
    from .lifecycle import Lifecycle

POLL_AT_MOST: Final = 0.5
"""Seconds that a poll may wait while the loop is stepped, so that each step ends."""
_LINE_OF: Final = {"poll": 1, "accept": 3, "watch": 3, "arm": 7, "disarm": 7, "unwatch": 8}
_LINE_OF_END: Final = 8


class Gate:
    """Holds the loop. `before` and `after` are for its thread, the rest for any."""

    def __init__(
        self, stream: EventStream, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        """`clock` gives monotonic seconds, `wall` Unix time."""
        self._stream = stream
        self._real_clock = clock
        self._real_wall = wall
        self._changed = Condition()
        self._breakpoints = Breakpoints()
        # Seconds for which the loop was held, and since when it is: one value, as other threads
        # read both.
        self._standing: tuple[float, float | None] = 0.0, None
        self._stands = False  # whether a command is awaited, and not only the next turn of a pace
        self._turns = Turns()
        self._asked: list[Step] = []  # steps and holds that are to be answered
        self._calls = 0
        self._at = self._real_clock()  # when the call before had ended
        self._echoed = -1  # the descriptor of the last write, until its connection's state is noted
        self._life: Lifecycle | None = None

    def attach(self, life: Lifecycle) -> None:
        """Have the loop whose connections these are pass the gate."""
        self._life = life

    # --- its clocks ---

    def clock(self) -> float:
        """Monotonic seconds without those for which the loop was held."""
        stood, since = self._standing
        return (self._real_clock() if since is None else since) - stood

    def wall(self) -> float:
        """Unix time without them, so that it goes with `clock`."""
        stood, since = self._standing
        held = stood + (0.0 if since is None else self._real_clock() - since)
        return self._real_wall() - held

    @property
    def is_held(self) -> bool:
        """Whether the loop stands now."""
        return self._stands

    def bound(self, timeout: float | None) -> float | None:
        """Return the seconds that a poll may wait."""
        if not (self._turns.cause or self._turns.pace):
            return timeout
        return POLL_AT_MOST if timeout is None else min(timeout, POLL_AT_MOST)

    # --- the loop's thread ---

    def before(self, call: str, fd: int, is_within: bool = False) -> None:
        """Wait here as long as the loop is held; a poll that `is_within` begins no iteration."""
        with self._changed:
            if self._turns.is_open:
                return
            connection_id = self._id_of(fd)
            if met := self._breakpoints.before(call, connection_id):
                self._turns.stop(met)
            if not self._turns.passes(call == "poll" and not is_within) or (
                self._turns.pace and self._stand(self._is_wanted, self._turns.pace)
            ):
                self._hold(call, fd, connection_id)

    def _hold(self, call: str, fd: int, connection_id: int) -> None:
        """Say where the loop stands, and wait until a command lets it go on."""
        assert self._life is not None
        now = self.clock()
        self._life.reporter.now = now
        connection = self._life.by_fd.get(fd)
        if connection is not None and not connection.changed:
            self._life.reporter.note_change(connection)
        self._life.inspecting.publish_round()
        if connection is not None:
            self._life.inspecting.publish_queues(connection)
        t, line = now + self._life.reporter.epoch, self._line_of(call, fd)
        cause = self._turns.cause
        held = LoopHeld(t, call, fd, connection_id, cause, self._calls, line)
        self._stream.publish(held)
        for command in self._asked:
            self._stream.publish(command.answer(t, True, f"{held.where}, {cause}"))
        self._asked.clear()
        if cause != "hold":
            self._turns.cause = "step"
        self._stands = True
        self._stand(self._goes_on, None)
        self._stands = False
        why = "stop" if self._turns.is_open else "step" if self._turns.cause else "go"
        self._stream.publish(LoopResumed(t, why))
        self._turns.take()

    def _is_wanted(self) -> bool:
        """Whether it is to be held, while it goes at a pace."""
        return bool(self._turns.cause)

    def _goes_on(self) -> bool:
        return self._turns.goes_on

    def _stand(self, until: Callable[[], bool], seconds: float | None) -> bool:
        """Wait, with the clocks standing; return what `until` says then."""
        stood, since = self._standing[0], self._real_clock()
        self._standing = stood, since
        try:
            return self._changed.wait_for(until, seconds)
        finally:
            self._standing = stood + self._real_clock() - since, None

    def after(self, note: Note) -> None:
        """Note a call that was made, or the end of a wake-up."""
        assert not isinstance(note, PollNote)
        with self._changed:
            if self._turns.is_open:
                return
            result = ""
            states: tuple[ConnectionState, ...] = ()
            if isinstance(note, StateNote):
                fd = note.fd
                states = passed(note.before, note.after, self._echoed == fd)
                self._echoed = -1
            else:
                fd = note[1]
                result = self._told(KernelCall(note[0], note[2], note[3]), fd, note[4])
                if note[0] == "write" and note[3] > 0:
                    self._echoed = fd
            met = self._breakpoints.after(result, states, lambda: self._row_of(fd), self._time())
            if met:
                self._turns.stop(met)

    def _told(self, call: KernelCall, fd: int, at: float) -> str:
        """Publish a call if the loop is stepped or goes at a pace; return what is special of it."""
        self._calls += 1
        us, self._at = int((at - self._at) * 1e6), at
        error = errno.errorcode.get(-call.result, "error") if call.result < 0 else ""
        if self._turns.cause or self._turns.pace:
            self._stream.publish(
                Stepped(
                    self._time(),
                    self._calls,
                    call.call,
                    fd,
                    self._id_of(fd),
                    call.asked,
                    -1 if error else call.result,
                    error,
                    us,
                    self._line_of(call.call, fd),
                )
            )
        is_partial = call.call == "write" and 0 <= call.result < call.asked
        return error or ("partial" if is_partial else "")

    def _time(self) -> float:
        assert self._life is not None
        return self.clock() + self._life.reporter.epoch

    def _id_of(self, fd: int) -> int:
        assert self._life is not None
        connection = self._life.by_fd.get(fd)
        return 0 if connection is None else connection.id

    def _row_of(self, fd: int) -> Row | None:
        assert self._life is not None
        connection = self._life.by_fd.get(fd)
        if connection is None:
            return None
        opened = Opened(connection.opened_at, connection.id, fd, connection.peer)
        row = Row(opened)
        update_rows({row.id: row}, [connection.snapshot(self._life.reporter.epoch)])
        return row

    def _line_of(self, call: str, fd: int) -> int:
        """Return the line of the loop (`app.core.stepping.LINES`) in which a call stands."""
        assert self._life is not None
        connection = self._life.by_fd.get(fd)
        if call == "read":
            return 9 if connection is None else 5
        if call == "write" and connection is not None:
            return 4 if connection.seen_state in (WRITE_BODY, DRAINING) else 6
        return _LINE_OF.get(call, _LINE_OF_END)

    # --- commands, in any thread ---

    def carry_out(self, command: Step) -> None:
        """Carry out a command to the gate; the answer comes through the stream."""
        with self._changed:
            try:
                message = self._apply(command)
            except SettingError as error:
                self._answer(command, False, str(error))
                return
            if message:
                self._answer(command, True, message)
            else:
                self._asked.append(command)
            self._changed.notify_all()

    def while_held(self, act: Callable[[], None]) -> bool:
        """Do what needs the loop's state, if the loop stands; return whether it does."""
        with self._changed:
            if self._stands:
                act()
            return self._stands

    def _apply(self, command: Step) -> str:
        """Carry out a command; return its answer, or nothing if that comes with the next hold."""
        match command.action:
            case StepAction.HOLD:
                if self.is_held:
                    return "it is held already"
                self._turns.change(StepAction.HOLD)
                return ""
            case StepAction.CALL | StepAction.ITERATION:
                if not 1 <= command.count <= MOST_STEPS:
                    raise SettingError(f"{command.count:,} steps: there may be 1 to {MOST_STEPS:,}")
                self._turns.change(command.action, command.count)
                return ""
            case StepAction.GO | StepAction.PACE:
                pace = command.pace if command.action is StepAction.PACE else 0.0
                if pace and not FASTEST <= pace <= SLOWEST:
                    raise SettingError(f"{pace:g} s a call: it may be {FASTEST:g} to {SLOWEST:g}")
                self._turns.change(command.action, pace=pace)
                for asked in self._asked:  # they would wait until somebody holds it again
                    self._answer(asked, False, "somebody has let the loop go on before")
                self._asked.clear()
                return f"it goes on, {pace:g} s a call" if pace else "it goes on"
            case StepAction.ADD:
                return f"breakpoint {self._breakpoints.add(command.text)}: {command.text}"
            case StepAction.LIST:
                return self._breakpoints.describe()
            case StepAction.REMOVE:
                self._breakpoints.remove(command.count)
                return f"breakpoint {command.count} is removed"

    def _answer(self, command: Step, ok: bool, message: str) -> None:
        self._stream.publish(command.answer(self._time(), ok, message))

    def open(self) -> None:
        """Let the loop pass for good: it is to stop."""
        with self._changed:
            self._turns.open()
            for command in self._asked:
                self._answer(command, False, "the server stops")
            self._asked.clear()
            self._changed.notify_all()
