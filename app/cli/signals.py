"""The signals that ask for a stop, and which thread hears of them."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Final

from ..core.spawn import STOP_SIGNALS

LOOK_INTERVAL: Final = 0.5
"""Seconds after which the main thread looks for a signal. One that comes just before a join without
a time-out, while the handler of another ends, would wait for the next one."""


@contextlib.contextmanager
def stop_signals(
    stop: Callable[[str, bool], None], reload: Callable[[], None] | None = None
) -> Iterator[None]:
    """The first SIGTERM, SIGINT or SIGHUP asks for a stop in order, the next for one at once.

    Where there is something to `reload`, SIGHUP asks for that instead.
    """
    asked = False

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
