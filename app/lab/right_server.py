"""The process of a right server: the product's own, headless.

Its command line gives the settings as JSON, and the word ``callback`` if an observer is to work
for each frame, as the callback of `slow-callback` does in the loop.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from itertools import count
from typing import Final

import msgspec

from ..core.commands import Step, StepAction
from ..core.iteration import Iteration
from ..core.settings import Settings
from ..core.statistics import LoopStats
from ..core.stepping import LINES, LoopHeld, LoopResumed, Stepped
from ..server.server import Server
from ..watch.stream import EventStream
from .lab_channel import ITERATIONS_KEPT, STEPS_KEPT, LabFigures, LabLoop, LabReady, obey, send

CALLBACK: Final = "callback"
SECONDS_A_BYTE: Final = 1e-5
"""Time of a callback for a byte of a body."""
_STEP: Final = 0.002
"""Seconds between two looks for figures that were asked for."""


class RightServer:
    """The product's server, whose statistics are asked for; one thread asks."""

    def __init__(self, settings: Settings) -> None:
        """Begin to serve. Raises `SettingError`."""
        self._stream = EventStream()
        self._stream.watched = True
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._held: LoopHeld | None = None
        self._steps: deque[Stepped] = deque(maxlen=STEPS_KEPT)
        self._iterations: deque[Iteration] = deque(maxlen=ITERATIONS_KEPT)
        self._last: LoopStats | None = None
        self._server = Server(settings, self._stream)
        self._server.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port

    def observe(self) -> None:
        """Work for each frame that is told of, for ever; in a thread of its own."""
        while True:
            stats = self._take()
            for _, length in stats.bodies if stats else ():
                time.sleep(length * SECONDS_A_BYTE)
            time.sleep(_STEP)

    def figures(self) -> LabFigures:
        """Return the counts since the start; while the loop is held, those of its last call."""
        self._take()
        self._stream.asked_at = self._server.now()
        self._server.wake()
        while (stats := self._take()) is None:
            if self._server.is_held and self._last is not None:
                stats = self._last
                break
            time.sleep(_STEP)
        return LabFigures(
            stats.polls, stats.accept_errors, stats.partial_writes, time.process_time()
        )

    def step(self, action: StepAction, count: int, pace: float) -> None:
        """Hold the loop, let it make so many calls or iterations, or let it go on."""
        step = Step(request=next(self._numbers), action=action, count=count, pace=pace)
        self._server.submit(step)

    def look(self, looks: bool) -> None:
        """Note its calls: where the loop can be held, it does so anyway."""

    def loop(self) -> LabLoop:
        """Return where it stands, and what it has done last."""
        self._take()
        held = self._held
        with self._lock:
            return LabLoop(
                held="" if held is None else held.next_call,
                where="" if held is None else LINES[held.line].strip(),
                steps=tuple(self._steps),
                iterations=tuple(self._iterations),
            )

    def _take(self) -> LoopStats | None:
        """Take what was told; keep what `loop` tells, and return the statistics."""
        with self._lock:
            drained = self._stream.drain()
            for event in drained.events:
                match event:
                    case Iteration():
                        self._iterations.append(event)
                    case Stepped():
                        self._steps.append(event)
                    case LoopHeld():
                        self._held = event
                    case LoopResumed():
                        self._held = None
                        if event.cause == "go":
                            self._steps.clear()
            self._last = drained.stats or self._last
            return drained.stats


def main() -> None:
    """Serve until the orders end."""
    server = RightServer(msgspec.json.decode(sys.argv[1], type=Settings))
    if CALLBACK in sys.argv[2:]:
        threading.Thread(target=server.observe, daemon=True).start()
    send(LabReady(server.port))
    obey(server)
