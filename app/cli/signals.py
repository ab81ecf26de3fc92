"""Stop signals: the first one stops in order, the next one at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Final

from ..core.spawn import STOP_SIGNALS

JOIN_INTERVAL: Final = 0.5
"""Seconds of one join of a thread. Python handles a signal between two joins also where the signal
came just before a join, which it does not interrupt."""


@contextlib.contextmanager
def stop_signals(
    stop: Callable[[str, bool], None],
    reload: Callable[[], None] | None = None,
    asked: bool = False,
) -> Iterator[None]:
    """Call ``stop(name, at_once)`` for each SIGTERM, SIGINT or SIGHUP in the block.

    `at_once` is false for the first one, unless a stop is `asked` for already. SIGHUP calls
    `reload` where there is one. After the block the signals are ignored until the process ends.
    """

    def handle(number: int, _frame: object) -> None:
        nonlocal asked
        if reload is not None and number == signal.SIGHUP:
            reload()
            return
        # Before the call: the next signal may interrupt it.
        at_once, asked = asked, True
        stop(signal.Signals(number).name, at_once)

    for number in STOP_SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        # On the way out one more signal must not turn the exit code into a death by signal.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def stop_signals_delivered() -> Iterator[None]:
    """Unblock the stop signals in this thread: those that have waited are handled now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the block, as Ctrl-C does: what it has started is ended.

    The exit code is that of a process which the signal has ended.
    """

    def handle(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
