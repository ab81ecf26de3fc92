"""The gate of a teaching loop: its calls are held and stepped, and noted while somebody looks.

It costs a loop nothing that anybody sees until then. A loop may have several threads.
"""

from __future__ import annotations

import errno
import linecache
import sys
import time
from collections import deque
from collections.abc import Callable
from threading import Condition
from types import FrameType
from typing import Final, NamedTuple, TypeVar

from ..core.commands import StepAction
from ..core.events import POLLIN, POLLOUT, ConnectionState
from ..core.iteration import Iteration
from ..core.stepping import Stepped
from ..core.turns import Turns
from ..server.calls import Note, StateNote
from ..server.loop_observer import lines_of
from .composing import LOADED
from .lab_channel import ITERATIONS_KEPT, STEPS_KEPT, LabLoop

T = TypeVar("T")
SLICE: Final = 0.2
"""Seconds that a poll may wait at a stretch, so that a loop that sleeps can be held."""
_MOST_NOTES: Final = 400
"""Calls of an iteration that are noted."""


class _LabPoll(NamedTuple):
    """The poll of an iteration; `cpu` is the time that it took on the CPU."""

    at: float
    cpu: float
    began: float
    """When it returned: its iteration began."""
    cpu_after: float
    ready: list[tuple[int, int]]


class LabGate:
    """`make` is for the threads of the loop, the rest for any."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.is_used = False
        """Whether the calls of the loop are to be made by `make`."""
        self.on_use: list[Callable[[bool], None]] = []
        """Told of each change of `is_used`."""
        self.state_of: Callable[[int], ConnectionState | None] = lambda _fd: None
        """The state of a connection, by its descriptor; None if that is none."""
        self.listener = -1
        """The descriptor of the listener."""
        self._real_clock = clock
        self._stood = 0.0  # seconds for which the loop was held, or waited for its turn
        self._changed = Condition()
        self._turns = Turns()
        self._looks = False
        self._held = self._where = ""
        self._doing: dict[str, float] = {}  # calls that are being made, and since when
        self._steps: deque[Stepped] = deque(maxlen=STEPS_KEPT)
        self._made = self._polls = 0
        self._iterations: deque[Iteration] = deque(maxlen=ITERATIONS_KEPT)
        self._poll: _LabPoll | None = None
        self._notes: list[Note] = []
        self._interests: dict[int, int] = {}
        self._served: tuple[int, ConnectionState] | None = None  # the one that is served, as it was

    def now(self) -> float:
        """Seconds on the loop's clock, which stands while it is held. Any thread."""
        return self._real_clock() - self._stood

    # --- commands, in any thread ---

    def step(self, action: StepAction, count: int = 0, pace: float = 0.0) -> None:
        """Hold the loop, let it make so many calls or iterations, or let it go on."""
        with self._changed:
            self._turns.change(action, count, pace)
            if action is StepAction.GO:
                self._steps.clear()  # what is made from here on is not known
            self._tell_use()
            self._changed.notify_all()

    def look(self, looks: bool) -> None:
        """Note the calls from here on, or no more."""
        with self._changed:
            self._looks = looks
            self._poll, self._served = None, None
            self._tell_use()

    def _tell_use(self) -> None:
        self.is_used = self._looks or bool(self._turns.cause or self._turns.pace)
        for tell in self.on_use:
            tell(self.is_used)

    @property
    def is_wanted(self) -> bool:
        """Whether it is to be held, so that a poll which sleeps is to return."""
        return bool(self._turns.cause)

    def loop(self) -> LabLoop:
        """Return where the loop stands, and what it has done last."""
        with self._changed:
            now = self.now()
            doing = [f"{call}, {now - since:.1f} s" for call, since in self._doing.items()]
            return LabLoop(
                held=self._held,
                doing="" if self._held or not doing else doing[0],
                where=self._where if self._held else "",
                steps=tuple(self._steps),
                iterations=tuple(self._iterations),
            )

    # --- the loop's threads ---

    def make(self, call: str, fd: int, asked: int, make: Callable[[], T]) -> T:
        """Make a system call of the loop when it may be made, and note it. Raises OSError."""
        name = call if fd < 0 else f"{call} of fd {fd}"
        self._pass(call, name)
        began, cpu = self.now(), time.thread_time()
        with self._changed:
            self._doing[name] = began
        try:
            result = make()
        except OSError as error:
            self._note(call, fd, asked, -(error.errno or errno.EIO), began)
            raise
        finally:
            with self._changed:
                self._doing.pop(name, None)
        self._note(call, fd, asked, _number(result), began)
        if call == "poll" and isinstance(result, list):
            self._begin_iteration(result, began, time.thread_time() - cpu)
        return result

    def _pass(self, call: str, name: str) -> None:
        with self._changed:
            if call == "poll":
                self._end_iteration()
            turns = self._turns
            is_free = turns.passes(call == "poll")
            began = self._real_clock()
            if is_free and turns.pace:
                is_free = not self._changed.wait_for(lambda: bool(turns.cause), turns.pace)
            if not is_free:
                self._held, self._where = name, _line_of_the_loop()
                self._changed.wait_for(lambda: turns.goes_on)
                self._held = ""
                turns.take()
            self._stood += self._real_clock() - began

    def _note(self, call: str, fd: int, asked: int, result: int, began: float) -> None:
        ended = self.now()
        with self._changed:
            self._made += 1
            if call in ("watch", "arm", "disarm"):
                self._interests[fd] = asked
            error = errno.errorcode.get(-result, "error") if result < 0 else ""
            us = int((ended - began) * 1e6)
            told = -1 if error else result
            self._steps.append(Stepped(ended, self._made, call, fd, 0, asked, told, error, us, 0))
            if self._poll is not None and call != "poll" and len(self._notes) < _MOST_NOTES:
                if call != "watch":  # which belongs to the accept before
                    self._note_state(fd)
                self._notes.append((call, fd, asked, result, ended))

    def _note_state(self, fd: int) -> None:
        """Note the states of the connection before, once another descriptor is served."""
        if self._served is not None and self._served[0] == fd:
            return
        if self._served is not None:
            before_fd, before = self._served
            after = self.state_of(before_fd) or ConnectionState.CLOSED
            interest = self._interests.get(before_fd, POLLIN)
            self._notes.append(StateNote(before_fd, 0, interest, before, after))
        state = self.state_of(fd)
        self._served = None if state is None else (fd, state)

    def _begin_iteration(self, ready: list[tuple[int, int]], at: float, cpu: float) -> None:
        with self._changed:
            self._polls += 1
            self._poll = _LabPoll(at, cpu, self.now(), time.thread_time(), ready)
            self._notes.clear()

    def _end_iteration(self) -> None:
        if self._poll is None:
            return
        self._note_state(-1)
        poll, began = self._poll, self._poll.began
        notes, self._notes, self._poll, self._served = self._notes, [], None, None
        pairs = [(fd, revents, 0) for fd, revents in poll.ready]
        poll_us = int(poll.cpu * 1e6)
        self._iterations.append(
            Iteration(
                t=began,
                number=self._polls,
                slept_us=max(0, int((began - poll.at) * 1e6) - poll_us),
                poll_us=poll_us,
                serving_us=int((self.now() - began) * 1e6),
                telling_us=0,
                cpu_us=int((time.thread_time() - poll.cpu_after) * 1e6),
                watched=len(self._interests),
                ready=tuple(lines_of(pairs, notes, began, [self.listener], -2)),
            )
        )


def ctl_name(interest: int) -> str:
    """Return the name of a change of interest."""
    return "arm" if interest & POLLOUT else "disarm"


def _number(result: object) -> int:
    if isinstance(result, int):
        return result
    if isinstance(result, list):
        return len(result)
    if isinstance(result, tuple):
        return int(result[0].fileno())
    return 0


def _line_of_the_loop() -> str:
    """Return the line of the teaching loop that makes the call which is held."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and not frame.f_code.co_filename.endswith(LOADED):
        frame = frame.f_back
    if frame is None:
        return ""
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
