"""Judges the bytes of connections that end with a fault, or stand still on what does not fit.

The judgement itself is a pure function (`app.doctor.diagnose`); here is decided whose bytes are
judged, when, and how much of the loop's time that may take. A connection is judged at its end, and
while it stands still: in the middle of a frame, or between its first frames, where a client of
another framing may wait for more than we know of.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, inf
from time import thread_time
from typing import Final, NamedTuple

from ..core.diagnosis import Diagnosis
from ..core.events import Reason
from ..core.framing import HEADER_SIZE
from ..doctor.diagnose import diagnose
from ..doctor.words import told_of_a_part
from .connection import Connection, Judgement
from .machine import CLOSED, READ_BODY, READ_LEN
from .reporter import Reporter

HANGS: Final = 2.0
"""Seconds without a byte after which a connection is judged."""
PASS_INTERVAL: Final = 0.05
"""Seconds between two passes over the connections that may come to stand still."""
SHARE: Final = 0.1
"""Share of the loop's time that judging may take, after `AT_ONCE`."""
AT_ONCE: Final = 0.25
"""Seconds of CPU time that judging may take in a row of iterations: some hundred streams."""
IN_ONE: Final = 0.02
"""Seconds of CPU time that it may take in one iteration: all others wait meanwhile."""
SHARE_BETWEEN: Final = 0.01
"""The same for connections that stand still between frames: nearly all of them are right."""
AT_ONCE_BETWEEN: Final = 0.05
"""The same at once."""
MOST_BETWEEN: Final = 4096
"""Connections that wait for that share; of more the oldest are not judged."""
MOST_KNOWN: Final = 64
"""Streams of which the judgement is remembered: many clients begin with the same bytes."""
MOST_ALIKE: Final = 1024
"""Bytes of such a stream at the most."""
_OURS: Final = frozenset({Reason.KILLED, Reason.SHUTDOWN, Reason.LIMIT, Reason.ERROR})
"""Reasons of a close that says nothing of the peer's bytes."""
_BY_PEER: Final = frozenset({Reason.EOF_MID_HEADER, Reason.EOF_MID_BODY, Reason.RESET})
"""Reasons of a close after which the peer sends no more. A peer whose header is refused ends
because of that, so its end says nothing of its bytes."""


class _Evidence(NamedTuple):
    """The bytes that are judged."""

    data: bytes
    origin: int
    """Offset of the first of them in the connection."""
    before: int
    """Frames that were read whole; 0 where `data` begins with the connection's first byte."""


class _Share:
    """A share of the loop's time, on the loop's clock; what is spent is CPU time."""

    def __init__(self, share: float, at_once: float) -> None:
        self._share = share
        self._at_once = self._left = at_once
        self._left_in_one = IN_ONE
        self._at = 0.0

    def has_time(self, now: float) -> bool:
        """Whether some of it is left."""
        if now != self._at:
            self._left = min(self._at_once, self._left + (now - self._at) * self._share)
            self._left_in_one = IN_ONE
            self._at = now
        return self._left > 0 and self._left_in_one > 0

    def spend(self, seconds: float) -> None:
        """Take some of it."""
        self._left -= seconds
        self._left_in_one -= seconds


class Judging:
    """Decides whose bytes are judged, and when; in the loop's thread only."""

    def __init__(self, reporter: Reporter, cpu_clock: Callable[[], float] = thread_time) -> None:
        """`cpu_clock` gives the seconds of CPU time that the thread has used."""
        self.due = inf
        """When `judge_hanging` is to be called next, on the loop's clock."""
        self._reporter = reporter
        self._cpu_clock = cpu_clock
        # Those that may come to stand still, and the number of the pass in which each is looked at:
        # once in `HANGS`, not in each pass. Those that wait for a share stand in `_between`.
        self._watched: dict[Connection, int] = {}
        self._passes: dict[int, dict[Connection, None]] = {}
        self._between: dict[Connection, None] = {}
        self._share = _Share(SHARE, AT_ONCE)
        self._share_between = _Share(SHARE_BETWEEN, AT_ONCE_BETWEEN)
        self._known: dict[tuple[bytes, int, bool, int, int], Diagnosis | None] = {}

    def watch(self, connection: Connection) -> None:
        """Judge a connection that waits for input, once no byte has come for `HANGS` seconds."""
        if connection not in self._watched and _may_be_judged(connection):
            self._plan(connection, connection.active_at + HANGS)

    def forget(self, connection: Connection) -> None:
        """Hold a connection that has closed no longer."""
        number = self._watched.pop(connection, None)
        if number is not None:
            self._passes.get(number, self._between).pop(connection, None)

    def _plan(self, connection: Connection, when: float) -> None:
        number = self._watched[connection] = ceil(when / PASS_INTERVAL)
        self._passes.setdefault(number, {})[connection] = None
        self.due = min(self.due, number * PASS_INTERVAL)

    def judge_hanging(self, now: float, cap: int) -> None:
        """Judge the connections that stand still, and plan the next pass; `cap` is in force."""
        for number in sorted(number for number in self._passes if number * PASS_INTERVAL <= now):
            for connection in self._passes.pop(number):
                if not self._stands_still(connection, now):
                    continue
                if _is_between_frames(connection):
                    self._between[connection] = None
                elif self._share.has_time(now):
                    self._judge_hanging(connection, cap, self._share)
                else:
                    self._plan(connection, now + PASS_INTERVAL)
        while len(self._between) > MOST_BETWEEN:
            self._watched.pop(self._take_between())
        while self._between and self._share_between.has_time(now):
            connection = self._take_between()
            if self._stands_still(connection, now):
                self._judge_hanging(connection, cap, self._share_between)
        self.due = min(self._passes, default=inf) * PASS_INTERVAL
        if self._between:
            self.due = min(self.due, now + PASS_INTERVAL)

    def _take_between(self) -> Connection:
        connection = next(iter(self._between))
        del self._between[connection]
        return connection

    def _stands_still(self, connection: Connection, now: float) -> bool:
        """Whether a watched connection is to be judged now; else it is planned or forgotten."""
        if connection.machine.state is CLOSED or not _may_be_judged(connection):
            self._watched.pop(connection, None)
            return False
        if (stands_at := connection.active_at + HANGS) > now:
            self._plan(connection, stands_at)
            return False
        return True

    def _judge_hanging(self, connection: Connection, cap: int, share: _Share) -> None:
        self._watched.pop(connection, None)
        before = connection.judgement
        is_known = before is not None and before.diagnosis is not None
        found = self._judge(connection, cap, False, share)
        if found is None:
            return
        if not connection.changed:
            self._reporter.note_change(connection)
        if not is_known:
            text = f"#{connection.id} {connection.peer} has sent nothing for {HANGS:g} s"
            self._reporter.publish_notice("warning", f"{text}: {found.text} ({found.code})")

    def judge_end(self, connection: Connection, cap: int) -> None:
        """Judge a connection that has ended, unless it ended in order or by our will."""
        machine = connection.machine
        if machine.broken is None or machine.closing in _OURS:
            return
        if self._share.has_time(self._reporter.now):
            ended = machine.closing in _BY_PEER
            self._judge(connection, machine.broken.cap or cap, ended, self._share)

    def _judge(
        self, connection: Connection, cap: int, ended: bool, share: _Share
    ) -> Diagnosis | None:
        evidence = _evidence(connection)
        if evidence is None:
            return None
        data, origin, before = evidence
        received, found = connection.bytes_in, None
        is_whole = origin + len(data) == received
        if not is_whole and connection.machine.closing is not Reason.FRAME_TOO_LARGE:
            # Nothing was refused, and bytes that are not kept may say that all is well.
            connection.judgement = Judgement(None, received)
            return None
        began = self._cpu_clock()
        try:
            found = self._diagnose(data, before, ended and is_whole, cap, origin)
            if found is not None and found.code == "zeros" and _came_as_frames(connection):
                found = None
            elif found is not None and not is_whole:
                found = told_of_a_part(found, len(data), received)
        except Exception as error:  # a fault of ours, and the connection is none the worse
            self._reporter.publish_fault(f"the diagnosis of connection {connection.id}", error)
        connection.judgement = Judgement(found, received)
        share.spend(self._cpu_clock() - began)
        return found

    def _diagnose(self, *stream: *tuple[bytes, int, bool, int, int]) -> Diagnosis | None:
        """Return what the doctor says, or has said of the same bytes."""
        if len(stream[0]) > MOST_ALIKE:
            return diagnose(*stream)
        if stream not in self._known:
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[stream] = diagnose(*stream)
        return self._known[stream]


def _may_be_judged(connection: Connection) -> bool:
    """Whether a connection waits for input, and has sent what could be judged, and was not."""
    machine, judgement = connection.machine, connection.judgement
    judged = 0 if judgement is None else judgement.received
    if machine.state is READ_BODY or machine.len_buf:
        return judged != connection.bytes_in
    if machine.state is not READ_LEN or not connection.has_room:
        return False
    # Between frames all may be well: judged at twice the bytes, a ping costs nothing.
    return connection.bytes_in >= 2 * judged


def _came_as_frames(connection: Connection) -> bool:
    """Whether the first reads gave 4 bytes each: empty frames one by one, as heartbeats are."""
    reads = connection.capture.reads()[:16] if connection.capture is not None else ()
    return len(reads) > 1 and all(size == HEADER_SIZE for size, _ in reads)


def _is_between_frames(connection: Connection) -> bool:
    machine = connection.machine
    return machine.state is READ_LEN and not machine.len_buf


def _evidence(connection: Connection) -> _Evidence | None:
    """Choose the bytes that say most: all of them, else those around the frame that is not whole.

    Bytes that do not begin at the boundary of a frame are never judged.
    """
    capture, machine = connection.capture, connection.machine
    first = connection.tail if capture is None else bytes(capture.first)
    broken = machine.broken or machine.frame_in_flight()
    if broken is None:
        return _Evidence(first, 0, 0) if first else None
    origin = connection.hot_bytes + broken.at - broken.lead
    data = broken.data
    if capture is not None and not broken.is_cut:
        data += capture.behind
    if origin > len(first):
        return _Evidence(data, origin, connection.frames_in)
    return _Evidence(max(first, first[:origin] + data, key=len), 0, 0)
