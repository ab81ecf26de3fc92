"""The iterations of a loop, kept while somebody looks at them.

On the hot path a call costs one tuple and one look at the clock more; everything else is made when
an iteration is told. `app.core.iteration` says what is told.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from math import inf
from time import thread_time
from typing import Final, NamedTuple

from ..core.events import POLLIN, ConnectionState
from ..core.iteration import MOST_KEPT, Iteration, KernelCall, Served
from .calls import CallNote, Calls, Note, PollNote, StateNote
from .connection import Connection
from .gate import Gate
from .machine import READ_LEN
from .poller import Poller, Ready
from .reporter import Reporter
from .transitions import passed

MOST_NOTES: Final = 32_768
"""Notes that are kept at most, of all iterations together: some 5 MB."""
MOST_LINES: Final = 256
"""Descriptors that are told of one iteration."""
MOST_ANSWERED: Final = 4096
"""Descriptors that one answer tells, of all its iterations: some 10 ms of the loop's time."""
PUBLISHED_EVERY: Final = 0.1
"""Seconds from an iteration until it is published, with those that came meanwhile."""
TOLD_AT_ONCE: Final = 32
"""Iterations that are published then, the latest ones; and `MOST_LINES` of them all."""


class _Poll(NamedTuple):
    """A poll as it was noted; times are on the loop's clock, CPU times of its thread."""

    number: int
    at: float
    began: float
    """When it returned: its iteration began."""
    cpu: float
    cpu_after: float
    telling: float
    """The time of telling so far."""
    woken: list[tuple[int, int, int]]
    """Descriptor, revents, and the number of the connection; 0 for what is none."""
    again: float = 0.0
    """The time of further polls within the iteration."""


_NO_POLL: Final = _Poll(0, 0.0, 0.0, 0.0, 0.0, 0.0, [])


class RawIteration(NamedTuple):
    """An iteration as it was noted."""

    poll: _Poll
    ended: float
    cpu: float
    telling: float
    watched: int
    notes: list[Note]

    def times(self) -> tuple[int, int, int, int]:
        """Return microseconds asleep, of CPU in the poll, of serving, and of telling."""
        poll_us, telling_us = _us(self.poll.cpu), _us(self.telling)
        poll = self.poll
        slept_us = max(0, _us(poll.began - poll.at + poll.again) - poll_us)
        serving_us = max(0, _us(self.ended - poll.began - poll.again) - telling_us)
        return slept_us, poll_us, serving_us, telling_us


class LoopObserver:
    """Notes what a loop does; in its thread only."""

    def __init__(
        self,
        calls: Calls,
        poller: Poller,
        connections: Mapping[int, Connection],
        reporter: Reporter,
        clock: Callable[[], float],
        cpu_clock: Callable[[], float] = thread_time,
    ) -> None:
        """`connections` are the open ones by descriptor."""
        self._calls = calls
        self._poller = poller
        self._connections = connections
        self._reporter = reporter
        self._clock = clock
        self._cpu_clock = cpu_clock
        self.listeners: Sequence[int] = ()
        """The descriptors of the listeners."""
        self.wakeup = -1
        """The descriptor of the wakeup."""
        self.gate: Gate | None = None
        """The gate before each call; None without `--step`."""
        self.is_on = False
        self._until = -inf
        self._kept: deque[RawIteration] = deque(maxlen=MOST_KEPT)
        self._notes: list[Note] = []
        self._kept_notes = 0
        self._told = 0  # the number of the last iteration that was published
        self._due = inf  # when the new ones are to be published, on the loop's clock
        self._poll = _NO_POLL

    def look(self, until: float) -> None:
        """Observe until that time on the loop's clock, at least."""
        self._until = max(self._until, until)
        if not self.is_on:
            self.is_on = True
            if self.gate is None:
                self._calls.watch(self._notes.append)
            else:
                self._calls.watch(self._note_stepped, self.gate.before)

    def _note_stepped(self, note: Note) -> None:
        assert self.gate is not None
        self._notes.append(note)
        self.gate.after(note)

    def poll(self, timeout: float | None, number: int, telling: float) -> Ready:
        """Poll, for the iteration of that `number`. `telling` is the time of telling so far."""
        if self.gate is not None:
            self.gate.before("poll", -1)
            timeout = self.gate.bound(timeout)
        cpu, at = self._cpu_clock(), self._clock()
        if self._due < inf:
            rest = max(0.0, self._due - at)
            timeout = rest if timeout is None else min(timeout, rest)
        ready = self._polled(timeout)
        began, cpu_after = self._clock(), self._cpu_clock()
        woken = self._woken(ready)
        self._poll = _Poll(number, at, began, cpu_after - cpu, cpu_after, telling, woken)
        return ready

    def poll_again(self) -> Ready:
        """Poll without a wait, within an iteration."""
        if self.gate is not None:
            self.gate.before("poll", -1, is_within=True)
        cpu, at = self._cpu_clock(), self._clock()
        ready = self._polled(0)
        ended, poll = self._clock(), self._poll
        spent = self._cpu_clock() - cpu
        self._notes.append(PollNote(self._woken(ready), ended))
        self._poll = poll._replace(
            cpu=poll.cpu + spent, cpu_after=poll.cpu_after + spent, again=poll.again + ended - at
        )
        return ready

    def _woken(self, ready: Ready) -> list[tuple[int, int, int]]:
        get = self._connections.get
        return [(fd, bits, 0 if (one := get(fd)) is None else one.id) for fd, bits in ready]

    def _polled(self, timeout: float | None) -> Ready:
        ready = self._poller.poll(timeout)
        if self.gate is not None:
            self.gate.after(CallNote("poll", -1, 0, len(ready), self._clock()))
        return ready

    def end(self, now: float, telling: float) -> None:
        """Keep the iteration that ends at `now`; `telling` is the time of telling so far."""
        poll, self._poll = self._poll, _NO_POLL
        if not poll.number:
            return  # it had begun before somebody looked
        cpu = self._cpu_clock() - poll.cpu_after
        watched = len(self._connections) + len(self.listeners) + 1
        notes = self._notes[:]
        self._notes.clear()
        self._keep(RawIteration(poll, now, cpu, telling - poll.telling, watched, notes))
        if self._due == inf and (poll.woken or notes):  # an empty one alone is not worth a wake-up
            self._due = now + PUBLISHED_EVERY
        is_over = now >= self._until
        if is_over or now >= self._due:
            self._publish_new()
        if is_over:
            self.is_on = False
            self._calls.unwatch()

    def _keep(self, raw: RawIteration) -> None:
        kept, reporter = self._kept, self._reporter
        slept_us, poll_us, serving_us, telling_us = raw.times()
        reporter.observed += 1
        reporter.asleep_us += slept_us
        reporter.polling_us += poll_us
        reporter.serving_us += serving_us
        reporter.telling_us += telling_us
        kept.append(raw)
        self._kept_notes += len(raw.notes)
        while len(kept) > MOST_KEPT or (self._kept_notes > MOST_NOTES and len(kept) > 1):
            self._kept_notes -= len(kept.popleft().notes)

    # --- what is told ---

    def latest(self, number: int) -> tuple[Iteration, ...]:
        """Return at most `number` iterations that are kept, the oldest first.

        So many are told as have `MOST_ANSWERED` lines.
        """
        return self._tell(islice(reversed(self._kept), number), MOST_ANSWERED)

    def _publish_new(self) -> None:
        """Publish the latest iterations that were not published before."""
        self._due = inf
        new = takewhile(lambda raw: raw.poll.number > self._told, reversed(self._kept))
        for told in self._tell(islice(new, TOLD_AT_ONCE), MOST_LINES):
            self._told = told.number
            if self._reporter.stream.room_for_detail():
                self._reporter.stream.publish_detail(told)

    def _tell(self, newest_first: Iterable[RawIteration], lines: int) -> tuple[Iteration, ...]:
        told: list[Iteration] = []
        for raw in newest_first:
            if told and lines <= 0:
                break
            told.append(self._told_of(raw))
            lines -= len(told[-1].ready)
        return tuple(reversed(told))

    def _told_of(self, raw: RawIteration) -> Iteration:
        slept_us, poll_us, serving_us, telling_us = raw.times()
        poll = raw.poll
        lines = list(lines_of(poll.woken, raw.notes, poll.began, self.listeners, self.wakeup))
        return Iteration(
            t=raw.poll.began + self._reporter.epoch,
            number=raw.poll.number,
            slept_us=slept_us,
            poll_us=poll_us,
            serving_us=serving_us,
            telling_us=telling_us,
            cpu_us=_us(raw.cpu),
            watched=raw.watched,
            ready=tuple(lines[:MOST_LINES]),
            left_out=len(lines[MOST_LINES:]),
            worker=self._reporter.worker,
        )


class _Line:
    """One descriptor while its line is put together."""

    def __init__(self, fd: int, connection_id: int, revents: int) -> None:
        self.fd = fd
        self.id = connection_id
        self.accepted = -1
        """The descriptor that its last accept gave."""
        self._revents = revents
        self._calls: list[KernelCall] = []
        self._states: list[ConnectionState] = []
        self._has_read = self._has_echoed = False  # since its last state was noted
        self._interest: int | None = None
        self._us = 0

    def add_state(self, note: StateNote) -> None:
        """Go on along the drawing, from the last state to that of the note."""
        self.id = note.id
        if self._interest is None:
            self._interest = note.interest
        states = passed(note.before, note.after, self._has_echoed)
        self._has_read = self._has_echoed = False
        goes_on = self._states[-1:] == [states[0]]
        self._states += states[goes_on:]

    def add_call(self, call: str, asked: int, result: int, us: int) -> None:
        """Add a call; `result` is negative for an errno."""
        error = errno.errorcode.get(-result, str(-result)) if result < 0 else ""
        self._calls.append(KernelCall(call, asked, -1 if error else result, error, us))
        self._us += us
        self._has_read |= call == "read" and result > 0
        self._has_echoed |= call == "write" and result > 0
        if call == "accept" and not error:
            self.accepted = result

    def served(self, kind: str) -> Served:
        """Return the line."""
        if kind == "connection" and not self._states and self._has_read and self._has_echoed:
            self._states += passed(READ_LEN, READ_LEN, True)  # the hot path notes no states
        moved = any(call.result > 0 for call in self._calls)
        ends = any(call.call in ("close", "shutdown", "accept") for call in self._calls)
        return Served(
            kind,
            self.fd,
            self.id,
            POLLIN if self._interest is None else self._interest,
            self._revents,
            tuple(self._calls),
            self._us,
            tuple(state.value for state in self._states),
            moved or ends or len(self._states) > 1,
        )


def lines_of(
    woken: Iterable[tuple[int, int, int]],
    notes: Iterable[Note],
    began: float,
    listeners: Sequence[int],
    wakeup: int,
) -> Iterator[Served]:
    """Put the notes of an iteration together, a line for each descriptor that was served.

    `woken` is what the poll returned at `began`: descriptor, revents, and the connection's number.
    """
    ready = {fd: (one, revents) for fd, revents, one in woken}
    line: _Line | None = None
    at = began

    def kind_of(fd: int) -> str:
        return "wakeup" if fd == wakeup else "listener" if fd in listeners else "connection"

    for note in notes:
        fd = -1
        if isinstance(note, PollNote):
            ready |= {fd: (one, revents) for fd, revents, one in note.woken}
            at = note.ended_at
        else:
            fd = note.fd if isinstance(note, StateNote) else note[1]
        # What an accept gave, or what is refused, belongs to the listener.
        if line is not None and fd != line.fd and (fd < 0 or fd != line.accepted):
            yield line.served(kind_of(line.fd))
            line = None
        if isinstance(note, PollNote):
            continue
        if line is None:
            line = _Line(fd, *ready.pop(fd, (0, 0)))
        if isinstance(note, StateNote):
            line.add_state(note)
        else:
            call, _, asked, result, ended = note
            line.add_call(call, asked, result, _us(ended - at))
            at = ended
    if line is not None:
        yield line.served(kind_of(line.fd))
    for fd, (one, revents) in ready.items():  # woken, and nothing was called
        yield _Line(fd, one, revents).served(kind_of(fd))


def _us(seconds: float) -> int:
    return int(seconds * 1e6)
