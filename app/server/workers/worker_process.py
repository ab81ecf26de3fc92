"""One worker process as its parent knows it: its channel, its end, and what it has told."""

from __future__ import annotations

import os
import socket
import subprocess
from collections import Counter
from math import inf
from typing import Final

import msgspec

from ...core.commands import Command, Fault, Kill, ReadBytes, Set, Trace, TraceLevel
from ...core.events import Closed, CommandResult, Opened, Reason, Snapshot
from ...core.framing import FrameDecoder
from ...core.spawn import helper_command, start_helper
from ...core.statistics import LoopStats
from ...watch.state import State
from ...watch.stream import Drained
from ..totals import COUNTED, NOTHING
from .channel import (
    RECEIVE_SIZE,
    Assignment,
    Order,
    WatchOrder,
    WorkerBatch,
    decode_batch,
    encode,
)

LAST_WORDS: Final = 4096
"""Bytes kept of what a worker wrote to stderr."""
FIGURES_PATIENCE: Final = 0.5
"""Seconds that the figures of all wait for this one's, when somebody begins to watch."""
PROBE_INTERVAL: Final = 1.0
"""Seconds between two probes. Silence is counted in probes, not by the clock, so that a suspended
machine blames nobody: after an hour's stop one probe has passed."""
SILENCE_TOLD: Final = 6.0
"""Seconds of silence after which a worker is said to hang."""
SILENCE_ENDED: Final = 30.0
"""Seconds of silence after which it is killed."""
START_ENDED: Final = 120.0
"""The same before its loop has begun: where many start at once, that may take long."""
SIGN_OF_LIFE: Final = Trace(request=-1, id=0, level=TraceLevel.OFF)
"""Health check: a Trace for the non-existent connection 0. The reply proves that both threads of
the worker run. With an idle worker it costs both processes 0.5 ms of CPU in all."""
END_PATIENCE: Final = 1.0
"""Seconds from the end of a channel to that of its process, before it is killed."""


class WorkerProcess:
    """A process that the constructor starts. Raises `OSError` if that cannot be."""

    def __init__(self, assignment: Assignment, inherited: tuple[int, ...], now: float) -> None:
        """`inherited` are the descriptors that the process gets besides its channel."""
        self.worker = assignment.worker
        self.started_at = now
        self.state = State(closed_limit=0, judges=False)
        """The state of the worker; `rows` are its open connections."""
        self.ended = False
        """Whether the channel has come to its end."""
        self.watched = assignment.watched
        self.asked_at = 0.0
        """When its figures of now were last asked for, in Unix seconds."""
        self.awaited_until = 0.0
        """Until when they are waited for, in Unix seconds; 0 when they have come."""
        self.unanswered: dict[tuple[int, int | None], tuple[Command, float]] = {}
        """Commands without an answer yet, by request and connection, with the time until which
        we wait.
        """
        self._given_up: set[tuple[int, int | None]] = set()
        self.silence = 0.0
        """Seconds without a sign of life, counted in probes."""
        self.was_heard = False
        """Whether it has given one since the last probe."""
        self.heard_at = 0.0
        """When it last gave one, in Unix seconds."""
        self._killed_for = ""
        self._was_dismissed = False
        self._dropped = 0
        self._longest_us = 0
        self._sums: Counter[str] = Counter()  # of what its closed connections had counted
        self._decoder = FrameDecoder()
        self._unsent = b""
        self._written = b""
        self.channel, theirs = socket.socketpair()
        with theirs:
            self.channel.setblocking(False)
            try:
                self._process = _start(theirs.fileno(), inherited)
            except OSError:
                self.channel.close()
                raise
        assert self._process.stderr is not None
        self.errors = self._process.stderr
        os.set_blocking(self.errors.fileno(), False)
        self.pid = self._process.pid
        self.send(assignment)

    # --- the channel ---

    @property
    def has_unsent(self) -> bool:
        """Whether `flush` is to be called when the channel is writable."""
        return bool(self._unsent)

    def send(self, order: Order) -> None:
        """Send an order; a worker that does not read delays it and nobody else."""
        self._unsent += encode(order)
        self.flush()

    def probe(self) -> None:
        """Add `PROBE_INTERVAL` to its silence if it has sent nothing since the last probe, and send
        the next one.
        """
        if not self.was_heard:
            self.silence += PROBE_INTERVAL
        self.was_heard = False
        self.send(SIGN_OF_LIFE)

    @property
    def hangs(self) -> bool:
        """Whether it serves and has been silent for too long."""
        return self.ready and self.silence >= SILENCE_TOLD

    @property
    def silent_since(self) -> float:
        """When it last gave a sign of life (Unix seconds), if a probe is unanswered; else 0."""
        return self.heard_at if self.ready and self.silence else 0.0

    @property
    def is_hopeless(self) -> bool:
        """Whether it has been silent for so long that it is not waited for."""
        return self.silence >= (SILENCE_ENDED if self.ready else START_ENDED)

    def send_watched(self, watched: bool, asked_at: float, now: float) -> None:
        """Send whether somebody watches; figures of before `asked_at` are old (Unix seconds)."""
        self.watched, self.asked_at = watched, asked_at
        self.awaited_until = now + FIGURES_PATIENCE if watched else 0.0
        self.send(WatchOrder(watched, asked_at))

    def send_command(self, command: Command, until: float) -> None:
        """Send a command; its answers are awaited until `until`, on the supervisor's clock."""
        asked = command, until
        match command:
            case Kill() | Fault():
                for connection_id in command.ids:
                    self.unanswered[command.request, connection_id] = asked
            case Trace() | ReadBytes():
                self.unanswered[command.request, command.id] = asked
            case Set():
                self.unanswered[command.request, None] = asked
            case _:
                pass  # a stop has no answer but its events
        self.send(command)

    @property
    def answer_due(self) -> float:
        """The time until which the next answer is awaited; ``inf`` if none is."""
        return min((until for _, until in self.unanswered.values()), default=inf)

    def take_overdue(self, now: float) -> list[tuple[Command, int | None]]:
        """Return command and connection id of the answers that are awaited no longer."""
        if now < self.answer_due:
            return []
        late = [key for key, (_, until) in self.unanswered.items() if until <= now]
        self._given_up.update(late)
        return [(self.unanswered.pop(key)[0], key[1]) for key in late]

    def take_given_up(self, result: CommandResult) -> bool:
        """Whether this answer came too late: the command was answered in its place already."""
        key = result.request, result.id
        was_given_up = key in self._given_up
        self._given_up.discard(key)
        return was_given_up

    def flush(self) -> None:
        """Send what the channel has room for."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self.channel.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            # It is ending; its channel tells so too, after its last batches.
            self._unsent = b""

    def receive(self) -> list[WorkerBatch]:
        """Return the batches that have arrived; set `ended` at the end of the channel."""
        try:
            data = self.channel.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if data:
            self.was_heard, self.silence = True, 0.0
        else:
            self.ended = True
        self._decoder.feed(data)
        return [decode_batch(body) for body in iter(self._decoder.next_body, None)]

    def read_errors(self) -> bool:
        """Keep the end of its stderr; return False at the end of it."""
        try:
            while data := os.read(self.errors.fileno(), RECEIVE_SIZE):
                self._written = (self._written + data)[-LAST_WORDS:]
        except BlockingIOError:
            return True
        return False

    # --- what it tells ---

    @property
    def ready(self) -> bool:
        """Whether its loop has begun."""
        return self.state.listening is not None

    @property
    def has_stopped(self) -> bool:
        """Whether its loop has ended in order, and everything was told."""
        return self.state.stopped is not None or self._was_dismissed

    @property
    def stats(self) -> LoopStats:
        """Its latest figures; zeros of the time at which it began, before it has told any."""
        if self.state.stats is not None:
            return self.state.stats
        listening = self.state.listening
        return NOTHING if listening is None else msgspec.structs.replace(NOTHING, t=listening.t)

    @property
    def snapshots(self) -> list[Snapshot]:
        """The latest snapshots of its open connections."""
        return [row.snapshot for row in self.state.rows.values() if row.snapshot is not None]

    def apply(self, drained: Drained, now: float) -> list[Snapshot]:
        """Apply what it has told; return the snapshots of connections that are still open.

        `now` is on the clock of the events, in Unix seconds.
        """
        for result in self.state.apply(drained, now):
            self._count_answer(result)
        for event in drained.events:
            if type(event) is Closed:
                for name in COUNTED:
                    self._sums[name] += getattr(event, name)
        if drained.stats is not None:
            self._longest_us = max(self._longest_us, drained.stats.longest_us)
        # Figures that were on their way when new ones were asked for are still old.
        if drained.stats is not None and drained.stats.t >= self.asked_at:
            self.awaited_until = 0.0
        return [snapshot for snapshot in drained.snapshots if snapshot.id in self.state.rows]

    def _count_answer(self, result: CommandResult) -> None:
        if result.id is not None:
            self.unanswered.pop((result.request, result.id), None)
            return
        # One answer for the whole command, whatever connections it named.
        self.unanswered = {
            key: asked for key, asked in self.unanswered.items() if key[0] != result.request
        }

    def new_longest_us(self) -> int:
        """Return the longest iteration since the last call, in microseconds."""
        longest, self._longest_us = self._longest_us, 0
        return longest

    def new_drops(self, dropped: int) -> int:
        """Return how many more than at the last call `dropped` detail events are."""
        new, self._dropped = dropped - self._dropped, dropped
        return new

    def make_closed(self, t: float, reason: Reason, detail: str) -> list[Closed]:
        """Return the close of each open connection of a process that has died, at `t`.

        The totals are those of the last snapshot; there is none if nobody watched.
        """
        rows = self.state.rows.values()
        return [_closed(row.opened, row.snapshot, t, reason, detail) for row in rows]

    def final_figures(self) -> LoopStats:
        """Return the last figures of a dead worker, with its connections counted as closed."""
        stats, state = self.stats, self.state
        counts = {"opened": state.opened, "closed": state.closed, **self._sums}
        counts["refused"] = state.reasons[Reason.LIMIT]
        sums = {name: max(getattr(stats, name), count) for name, count in counts.items()}
        momentary = {"longest_us": 0, "open": 0, "armed": 0, "queue_depth": 0}
        return msgspec.structs.replace(stats, **{**momentary, **sums})

    # --- the end ---

    def kill(self, why: str = "") -> None:
        """Kill it at once; `why` then stands for the signal in `reap`."""
        self._killed_for = why
        self._process.kill()

    def dismiss(self) -> None:
        """Kill it before it has begun to serve: nothing is lost."""
        self._was_dismissed = True
        self.kill()

    def reap(self) -> str:
        """Close everything once the channel has ended; return how the process ended, as
        ``died: signal 9``.
        """
        try:
            code = self._process.wait(END_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self.read_errors()
        self.errors.close()
        self.channel.close()
        if self._killed_for:
            return f"was killed: {self._killed_for}"
        return f"died: signal {-code}" if code < 0 else f"died: exit status {code}"

    @property
    def last_words(self) -> str:
        """Return the reason of its loop's death, or else its last line on stderr; one line."""
        crash = self.state.crashed
        if crash is not None:
            return f"{crash.error} ({_innermost(crash.traceback)})"
        lines = self._written.decode(errors="backslashreplace").splitlines()
        return next((line for line in reversed(lines) if line.strip()), "").strip()


def worker_command(channel: int) -> list[str]:
    """Return the command line of a worker that has the descriptor `channel`."""
    return helper_command("server.workers.worker", str(channel))


def _start(channel: int, inherited: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return start_helper(
        worker_command(channel),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,
        pass_fds=(channel, *inherited),
    )


def _innermost(traceback: str) -> str:
    places = [line.strip() for line in traceback.splitlines() if line.startswith("  File ")]
    return places[-1] if places else "no traceback"


def _closed(opened: Opened, last: Snapshot | None, t: float, reason: Reason, detail: str) -> Closed:
    return Closed(
        t=t,
        id=opened.id,
        peer=opened.peer,
        reason=reason,
        detail=detail,
        opened_at=opened.t,
        diagnosis=None if last is None else last.diagnosis,
        habits=None if last is None else last.habits,
        fault=None,
        **{name: getattr(last, name, 0) for name in COUNTED},
    )
