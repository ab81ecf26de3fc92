"""Measures the CPU time of the dashboard: ``python -m benchmarks.screen``.

There is no server: a source makes up many connections, and every one has changed at each refresh,
which is the worst case. It prints the CPU time of a refresh (model and screen, 160 columns by 50
lines; what Textual's test driver takes to wait for nothing is subtracted) and the time from a key
press to the redrawn cursor.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from statistics import median
from typing import Final

import msgspec

from app.core.commands import Command
from app.core.events import (
    ConnectionState,
    Opened,
    Snapshot,
)
from app.ui.app import EchoApp
from app.ui.connection_table import ConnectionTable
from app.watch.stream import Drained
from tests.making import NOW, listening, loop_stats, snapshot

SIZE: Final = (160, 50)
TICK: Final = 0.1
"""Seconds of the source's clock between two refreshes."""


class Crowd:
    """A server with `count` connections, all of them busy; its clock goes when it is drained."""

    owns_server = False
    grace = 0.0
    keep_closed = 0

    def __init__(self, count: int) -> None:
        self._count = count
        self._ticks = 0
        self._ready = Drained([], [], None, 0)
        self._snapshots = [
            snapshot(number, ConnectionState.READ_BODY, body=(number % 64, 64), frames=number)
            for number in range(1, count + 1)
        ]

    def now(self) -> float:
        """The time of the latest tick."""
        return NOW + self._ticks * TICK

    def prepare(self) -> None:
        """Have a snapshot of everybody ready: what it costs to make is not the screen's."""
        self._ticks += 1
        opened = [
            Opened(t=NOW, id=number, fd=number + 8, peer=f"127.0.0.1:{10_000 + number}")
            for number in range(1, self._count + 1)
        ]
        self._ready = Drained(
            [listening(), *opened] if self._ticks == 1 else [],
            [self._later(known) for known in self._snapshots],
            loop_stats(self.now(), self._ticks * self._count, 64, self._count),
            0,
        )

    def drain(self) -> Drained:
        """Return the prepared events, once."""
        ready, self._ready = self._ready, Drained([], [], None, 0)
        return ready

    def _later(self, known: Snapshot) -> Snapshot:
        frames = known.frames_in + self._ticks
        return msgspec.structs.replace(
            known, t=self.now(), active_at=self.now(), frames_in=frames, frames_out=frames
        )

    def submit(self, command: Command) -> None:
        """Nobody obeys."""

    def failure(self) -> None:
        """Nothing fails."""


async def measure(count: int, rounds: int, sort_key: str) -> tuple[float, float]:
    """Median CPU milliseconds of a refresh, median milliseconds from a key press to its effect."""
    source = Crowd(count)
    app = EchoApp(source)
    refreshes, presses = [], []
    async with app.run_test(size=SIZE) as pilot:
        table = app.query_one(ConnectionTable)
        table.sort_by(sort_key)
        for number in range(rounds):
            source.prepare()
            started = time.thread_time()
            app.refresh_view()
            await pilot.pause()
            drawn = time.thread_time()
            await pilot.pause()  # with nothing to draw: the driver's own part
            refreshes.append(drawn - started - (time.thread_time() - drawn))
            before, pressed = table.selected_id, time.perf_counter()
            await pilot.press("up" if number % 2 else "down")
            presses.append(time.perf_counter() - pressed)
            assert table.selected_id != before
    return median(refreshes) * 1e3, median(presses) * 1e3


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, nargs="+", default=[100, 2_000, 10_000])
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print("connections  sorted by  refresh, ms of CPU  key press, ms")
    for count in options.connections:
        for sort_key in ("id", "frames"):
            refresh, press = asyncio.run(measure(count, options.rounds, sort_key))
            print(f"{count:>11,}  {sort_key:>9}  {refresh:>18.1f}  {press:>13.1f}")


if __name__ == "__main__":
    main()
