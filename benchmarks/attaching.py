"""Measures the cost of dashboards that attach and detach: ``python -m benchmarks.attaching``.

One headless server, a native load of 500 connections x 64 B without a pause between frames. In
every other turn dashboards attach one after the other, each on a terminal of its own, and detach
after a moment. For each round it prints the number of attaches, the throughput relative to the
turns without dashboards, and the server's CPU time per frame. If load and server leave no core
free, the cost is mostly the start of Python and Textual. A wrong or lost echo, or a dashboard that
fails, ends it with exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import native
from benchmarks.measuring import Measurement, run_load
from benchmarks.running import Running, last_line, running, start
from benchmarks.scenarios import Scenario
from benchmarks.servers import HOST, ROOM, Server, app_command

LOAD = Scenario("500", "500 connections x 64 B", 500)
START_LIMIT = 20.0
"""Seconds that a dashboard may take until it shows the server: it waits for the others' cores."""
LOOK = 0.02
"""Seconds between two looks at what is on the screen."""


@dataclass(frozen=True, slots=True)
class Visits:
    """The dashboards of one turn."""

    count: int
    seconds_to_live: float
    """The median from the command to a screen with the server on it."""


class Visitors:
    """Dashboards that come and go in a thread of their own, until told to stop."""

    def __init__(self, control: str, stay: float, pause: float) -> None:
        self._control = control
        self._stay, self._pause = stay, pause
        self._ended = threading.Event()
        self._starts: list[float] = []
        self._failure = ""
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Visitors:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def told(self) -> Visits:
        """Return the visits so far. Raises `SystemExit` if a dashboard failed or none came."""
        if self._failure or not self._starts:
            sys.exit(f"a dashboard failed: {self._failure or 'none came in the time of a turn'}")
        return Visits(len(self._starts), median(self._starts))

    def _run(self) -> None:
        try:
            while not self._ended.wait(self._pause):
                self._visit()
        except Exception as error:  # whatever it is, the figures would be those of no visits
            self._failure = f"{type(error).__name__}: {error}"

    def _visit(self) -> None:
        command = app_command("attach", "--control", self._control)
        with contextlib.ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            began = time.monotonic()
            process = start(stack, scratch, command, "dashboard", 0, True)
            while not is_live(scratch / "dashboard.out"):
                if process.poll() is not None or time.monotonic() - began > START_LIMIT:
                    raise RuntimeError(f"it showed nothing: {last_line(scratch, 'dashboard')}")
                time.sleep(LOOK)
            self._starts.append(time.monotonic() - began)
            self._ended.wait(self._stay)
            process.send_signal(signal.SIGTERM)
            if process.wait(START_LIMIT) != 0:
                raise RuntimeError(f"exit {process.returncode}: {last_line(scratch, 'dashboard')}")


def is_live(screen: Path) -> bool:
    """Whether the server was seen on the screen."""
    return screen.exists() and b"LIVE" in screen.read_bytes()


def measure(target: Running, seconds: float) -> Measurement:
    found = run_load(target, LOAD, seconds)
    if found.failure:
        sys.exit(f"echoes were not all right: {found.failure}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=55.0, help="of each turn")
    parser.add_argument("--stay", type=float, default=1.0, help="seconds that each stays")
    parser.add_argument("--pause", type=float, default=3.5, help="seconds between two of them")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds must be 1 at least")
    native.build()
    with tempfile.TemporaryDirectory() as folder:
        control = f"{folder}/control"
        words = app_command("--no-ui", *ROOM, "--control", control, HOST, "0")
        with running(Server("echo-tui", words)) as target:
            print("round  visits  s to live  throughput  CPU/frame  p99")
            ratios: list[tuple[float, float, float]] = []
            total = 0
            for number in range(options.rounds):
                alone, visited, visits = turns(target, control, options, first=number % 2 == 0)
                total += visits.count
                ratio = (
                    visited.frames_per_s / alone.frames_per_s,
                    visited.server_us_per_frame / alone.server_us_per_frame,
                    visited.p99_us / alone.p99_us,
                )
                ratios.append(ratio)
                cells = "  ".join(f"{each:9.3f}" for each in ratio)
                print(f"{number + 1:>5}  {visits.count:>6}  {visits.seconds_to_live:9.2f}  {cells}")
    cells = "  ".join(f"{median(each):9.3f}" for each in zip(*ratios, strict=True))
    print(f"  all  {total:>6}     medians  {cells}")


def turns(
    target: Running, control: str, options: argparse.Namespace, first: bool
) -> tuple[Measurement, Measurement, Visits]:
    """One turn without and one with visits; the one without comes first if `first`."""
    alone = measure(target, options.seconds) if first else None
    with Visitors(control, options.stay, options.pause) as visitors:
        visited = measure(target, options.seconds)
    visits = visitors.told()
    return alone or measure(target, options.seconds), visited, visits


if __name__ == "__main__":
    main()
