"""The moment from which several workers are said to listen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

from ...core.events import Listening
from ...watch.stream import EventStream
from .slot import WorkerSlot

PATIENCE: Final = 10.0
"""Seconds from the first worker that serves until `Listening` is published in any case."""


class Beginning:
    """Publishes `Listening` once every worker serves or has failed to; in the supervisor's thread.

    One that serves is not enough: with SO_REUSEPORT the kernel also gives connections to workers
    that have not begun, where they wait.
    """

    def __init__(
        self,
        stream: EventStream,
        slots: Sequence[WorkerSlot],
        listening: Listening,
        notice: Callable[[str, str], None],
    ) -> None:
        """`notice` publishes a notice, given its level and text."""
        self.settled = threading.Event()
        """Set once `Listening` is published, and by the supervisor at its end."""
        self.due = inf
        """When to call `check` though nothing has come in, on the supervisor's clock."""
        self._stream = stream
        self._slots = slots
        self._listening = listening
        self._notice = notice

    def check(self, now: float, stops: bool) -> None:
        """Publish `Listening` if it is time; `now` is on the supervisor's clock.

        While the server `stops`, no worker is waited for.
        """
        if self.settled.is_set() or not any(slot.has_served for slot in self._slots):
            return
        late = [slot.number for slot in self._slots if not (slot.has_served or slot.failures)]
        self.due = min(self.due, now + PATIENCE)
        if late and now < self.due and not stops:
            return
        self.due = inf
        if late and not stops:
            numbers = ", ".join(map(str, late))
            text = f"{PATIENCE:.0f} s after the first, not yet serving: worker {numbers}"
            self._notice("warning", text)
        self._stream.publish_first(self._listening)
        self.settled.set()
