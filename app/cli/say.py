"""`echo-tui attach --say`: lines instead of a screen, for people who hear them.

It tells unasked what changes, at most a line a second (`app.watch.narrator`); each line
on stdin is a command. Nothing but printable text is written, whatever a peer has sent.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from ..control.client_side.attached_source import AttachedSource
from ..control.client_side.control_client import ANSWER_WITHIN
from ..core.commands import CLOSE_BOUND
from ..core.printable import printable
from ..core.spawn import STOP_SIGNALS
from ..watch.narrator import Narrator
from ..watch.state import State
from ..watch.why import is_stuck
from .exit_codes import EXIT_FAILED
from .spoken_commands import SpokenCommands

DRAINED_EVERY: Final = 0.1
"""Seconds between two looks at what the server has told."""
JUDGED_EVERY: Final = 0.5
"""Seconds between two judgements of all connections: of ten thousand one takes some 20 ms."""
ANSWERED_WITHIN: Final = ANSWER_WITHIN + CLOSE_BOUND
"""Seconds to wait for the next answer at the end; a kill in mode close may take `CLOSE_BOUND`."""
KEPT: Final = 200
"""Closed connections that `why` still knows."""
LONGEST_LINE: Final = 500
"""Characters of a command; a longer one is refused."""
LONGEST_ANSWER: Final = 2000


class _StopRequested(BaseException):
    """A signal asks for the end; it also interrupts an output that takes nothing."""


@contextlib.contextmanager
def _stop_signals_raised() -> Iterator[None]:
    """Raise `_StopRequested` at a stop signal; after the block they are ignored."""

    def stop(_number: int, _frame: object) -> None:
        raise _StopRequested

    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def say(
    source: AttachedSource,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Tell of the server until stdin ends, a signal comes, or the server goes; the exit code.

    It is 0, or 1 if the server has crashed, its connection was lost, or a command had no answer.
    To be called in the main thread.
    """
    with contextlib.suppress(_StopRequested, BrokenPipeError), _stop_signals_raised():
        return _Conversation(source, clock, sleep).run()
    return 0


class _Conversation:
    """The state of one run of `say`."""

    def __init__(
        self,
        source: AttachedSource,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._source = source
        self._clock, self._sleep = clock, sleep
        self._state = State(keep_closed=KEPT)
        self._narrator = Narrator(clock)
        asks = sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())
        self._commands = SpokenCommands(self._state, source.submit, source.now, asks)
        self._typed = b""
        self._has_input = True
        self._has_begun = False
        self._gone = ""
        self._judged_at = float("-inf")
        self._poller = select.poll()
        self._poller.register(sys.stdin.fileno(), select.POLLIN)
        self._poller.register(sys.stdout.fileno(), 0)  # POLLERR: nobody reads any more

    def run(self) -> int:
        """Run to the end, and return the exit code."""
        while not self._commands.has_quit:
            self._wait()
            self._hear()
            if self._has_begun:
                self._carry_out()
            if self._is_gone:
                return self._server_gone()
            if (line := self._narrator.next_line()) is not None:
                self._write(line)
            if self._has_begun and not self._has_input:
                return self._wait_for_answers()
        return 0

    @property
    def _is_gone(self) -> bool:
        return self._state.ended or not self._source.is_linked

    def _wait(self) -> None:
        # Until the server has told what there is, no command can be carried out.
        found = dict(self._poller.poll(DRAINED_EVERY * 1000))
        if found.get(sys.stdout.fileno(), 0) & (select.POLLERR | select.POLLNVAL):
            raise BrokenPipeError
        if found.get(sys.stdin.fileno()) and self._has_input:
            data = os.read(sys.stdin.fileno(), 4096)
            self._typed += data
            if not data:
                self._has_input = False
                self._typed += b"\n"
                self._poller.unregister(sys.stdin.fileno())

    def _carry_out(self) -> None:
        """Carry out the whole lines that were typed."""
        *lines, self._typed = self._typed.split(b"\n")
        for line in lines:
            if len(line) > LONGEST_LINE:
                self._write(f"a line of more than {LONGEST_LINE} characters is no command")
                continue
            for answer in self._commands.answer(line.decode("utf-8", "replace")):
                self._write(answer)
            if self._commands.has_quit:
                return
        if len(self._typed) > LONGEST_LINE:
            self._typed = self._typed[: LONGEST_LINE + 1]  # its end is still to come

    def _hear(self) -> None:
        """Apply what the server has told, and judge."""
        drained, now = self._source.drain(), self._source.now()
        for result in self._state.apply(drained, now):
            if (outcome := self._commands.outcome(result)) is not None:
                self._write(outcome)
        # While it says nothing the text counts the seconds: that it does is told once.
        if bool(drained.gone) != bool(self._gone) and self._source.is_linked:
            self._narrator.note_server(drained.gone or "the server is heard again")
        self._gone = drained.gone
        if drained.afresh and not self._has_begun:
            self._has_begun = True
            self._greet(now)
            return
        self._narrator.note(drained.events)
        if self._has_begun and self._clock() - self._judged_at >= JUDGED_EVERY:
            self._narrator.judge(self._state, now)
            self._judged_at = self._clock()

    def _greet(self, now: float) -> None:
        listening = self._state.listening
        where = "" if listening is None else f" {listening.host}:{listening.port}"
        stuck = sum(is_stuck(row, now) for row in self._state.live())
        self._write(f"attached to{where}: {self._state.open:,} open, {stuck:,} stuck; say help")

    def _wait_for_answers(self) -> int:
        """Nothing more will be said: wait for what was asked; return the exit code."""
        under_way, give_up_at = 0, 0.0
        while self._commands.under_way and not self._is_gone:
            if self._commands.under_way != under_way:
                under_way = self._commands.under_way
                give_up_at = self._clock() + ANSWERED_WITHIN
            if self._clock() > give_up_at:
                self._write(f"no answer within {ANSWERED_WITHIN:g} s: it may still be carried out")
                return EXIT_FAILED
            self._sleep(DRAINED_EVERY)
            self._hear()
        return self._server_gone() if self._is_gone else 0

    def _server_gone(self) -> int:
        self._sleep(self._narrator.seconds_left)
        self._write(self._gone or "the server is gone")
        is_well = self._state.stopped is not None and self._state.crashed is None
        return 0 if is_well else EXIT_FAILED

    def _write(self, text: str) -> None:
        """Write one line, past Python's buffer: what the output does not take must not stay there.

        Waits for an output that takes nothing now. Raises `OSError` if it cannot be written.
        """
        line = printable(text, LONGEST_ANSWER)
        left = f"{line}\n".encode(sys.stdout.encoding or "utf-8", "backslashreplace")
        while left:
            try:
                left = left[os.write(sys.stdout.fileno(), left) :]
            except BlockingIOError:  # whoever gave us the descriptor made it non-blocking
                select.select([], [sys.stdout.fileno()], [])
