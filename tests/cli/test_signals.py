"""The first signal asks for a stop in order, the next for one at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from app.cli.signals import stop_signals
from app.core.spawn import STOP_SIGNALS


@pytest.fixture(autouse=True)
def handlers_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_that_interrupts_the_first_is_the_second() -> None:
    asked: list[tuple[str, bool]] = []

    def stop(name: str, at_once: bool) -> None:
        asked.append((name, at_once))
        if len(asked) == 1:
            os.kill(os.getpid(), signal.SIGINT)  # while the first is still being handled

    with stop_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
    assert asked == [("SIGTERM", False), ("SIGINT", True)]


def test_where_there_is_something_to_reload_a_hangup_asks_for_that() -> None:
    asked: list[tuple[str, bool]] = []
    reloads: list[None] = []
    with stop_signals(
        lambda name, at_once: asked.append((name, at_once)), lambda: reloads.append(None)
    ):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
    assert (len(reloads), asked) == (1, [("SIGTERM", False)])


def test_on_the_way_out_a_signal_does_nothing() -> None:
    with stop_signals(lambda name, at_once: None):
        pass
    for number in STOP_SIGNALS:
        os.kill(os.getpid(), number)
