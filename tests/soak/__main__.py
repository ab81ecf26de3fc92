"""`python -m tests.soak --minutes 30`: everything at once, and a table of what is out of place.

Two workers; clients that churn, read slowly, never read, are killed; dashboards that attach and
leave; settings, `ctl watch`, scrapes of the metrics; a recording that keeps its latest part. When
the clients have gone, descriptors, threads, memory and every counter must be where they belong.
Exit code 0 if they are, 1 if not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pty
import random
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from app.core.settings import parse_size
from tests.program import ROOT, environment, run
from tests.soak.crowd import Ledger, start
from tests.soak.observed import Faults, LogReader, Sample, Scraper, kept_bytes

SETTLE: Final = 20.0
"""Seconds after which everything must be back where it was."""
LEFT_BEHIND: Final = 16 * 1024**2
"""Bytes of memory that each process may keep."""
KEEP: Final = "8MiB"
"""How much of the recording is kept."""
OPTIONS: Final = ("--workers", "2", "--log-format", "json", "--metrics", "127.0.0.1:0")
LIMITS: Final = ("--write-timeout", "10", "--max-connections", "2000")
"""A steady reader acknowledges in steps up to 6.5 s apart, so the time-out is longer than that."""
SETTINGS: Final = (
    ("cap", "1MiB"),
    ("cap", "2MiB"),
    ("max-connections", "1500"),
    ("max-connections", "2000"),
    ("write-mode", "armed"),
    ("write-mode", "direct"),
    ("idle-timeout", "600"),
    ("idle-timeout", "0"),
)
DISTURBED_AFTER: Final = 1.0
"""Seconds from one thing done to the server to the next."""


class Soak:
    """One run; `report` tells what was found."""

    def __init__(self, folder: Path, minutes: float, seed: int) -> None:
        self.control = folder / "control.sock"
        self.recording = folder / "soak.rec"
        self.seconds = minutes * 60
        self.seed = seed
        self.chance = random.Random(seed)
        self.ledger = Ledger()
        self.faults = Faults()
        self.scraper = Scraper(self.faults)
        self.done: Counter[str] = Counter()
        self.rows: list[tuple[str, str, bool]] = []
        command = [sys.executable, "-m", "app", "--no-ui", *OPTIONS, *LIMITS]
        command += ["--control", str(self.control)]
        command += ["--record", str(self.recording), "--record-keep", KEEP]
        command += ["127.0.0.1", "0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        if not first:
            raise SystemExit("the server did not start")
        self.address = ("127.0.0.1", int(json.loads(first)["port"]))
        self.log = LogReader(self.process.stdout, self.ledger, self.faults)
        self.log.start()

    def run(self) -> None:
        """Warm up, disturb for the time asked, stop the clients, and judge."""
        began = time.monotonic()
        self.play(min(20.0, self.seconds / 4))  # all that is imported or allocated once is there
        self.wait_until_quiet()
        before = Sample(self.process.pid)
        left = self.seconds - (time.monotonic() - began)
        self.play(max(left, 5.0), say=True)
        self.wait_until_quiet()
        self.judge(before)

    def play(self, seconds: float, say: bool = False) -> None:
        """Have all clients talk, and disturb the server."""
        stop = threading.Event()
        threads = start(self.address, self.ledger, stop, self.chance.randrange(1 << 30))
        actions = self.actions()
        end = time.monotonic() + seconds
        told = time.monotonic()
        while time.monotonic() < end:
            action = next(actions)
            try:
                getattr(self, action)()
                self.done[action] += 1
            except (OSError, AssertionError, subprocess.TimeoutExpired) as error:
                self.faults.add(f"{action} failed", f"{type(error).__name__}: {error}"[:200])
            if self.process.poll() is not None:
                self.faults.add("the server has ended", f"exit code {self.process.returncode}")
                break
            if say and time.monotonic() - told > 60:
                told = time.monotonic()
                print(f"{end - told:6.0f} s left, {self.log.sums['opened']:,} connections")
            time.sleep(DISTURBED_AFTER)
        stop.set()
        for thread in threads:
            thread.join(60)
            if thread.is_alive():
                self.faults.add("a client hangs", thread.name)

    def actions(self) -> Iterator[str]:
        """Yield what is done next, for ever, in an order of the seed's."""
        while True:
            names = ["scrape", "change", "kill", "kill", "list_all", "watch", "attach"]
            self.chance.shuffle(names)
            yield from names

    # --- what is done to the server ---

    def ctl(self, *words: str) -> list[dict[str, Any]]:
        """Run `ctl`; return its lines. Exit code 1 (somebody had gone already) is no fault."""
        ended = run("ctl", *words, "--control", str(self.control), "--json")
        assert ended.returncode in {0, 1}, ended.stderr.decode()
        return [json.loads(line) for line in ended.stdout.splitlines()]

    def scrape(self) -> None:
        """Read the metrics page."""
        self.scraper.scrape(self.log.metrics_url)

    def change(self) -> None:
        """Change a setting, and see that it is in force."""
        name, value = self.chance.choice(SETTINGS)
        (told,) = [line for line in self.ctl("set", name, value) if "ok" in line][:1]
        assert told["ok"], told

    def kill(self) -> None:
        """Kill one of the connections that wait for it."""
        victims = [
            row["id"]
            for row in self.ctl("list")
            if self.ledger.kinds.get(row["peer"]) == "victim" and row["frames_out"] > 1
        ]
        if victims:
            self.ctl("kill", str(self.chance.choice(victims)))

    def list_all(self) -> None:
        """List the open connections, and look at one of them."""
        rows = self.ctl("list")
        if rows:
            self.ctl("show", str(self.chance.choice(rows)["id"]))

    def watch(self) -> None:
        """Watch the events for two seconds, and leave."""
        command = [sys.executable, "-m", "app", "ctl", "watch", "--control", str(self.control)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, cwd=ROOT, env=environment()
        ) as watcher:
            time.sleep(2.0)
            watcher.send_signal(signal.SIGTERM)
            watcher.communicate(timeout=10)

    def attach(self) -> None:
        """Open a dashboard on the server, press some keys, and leave."""
        reader, writer = pty.openpty()
        termios.tcsetwinsize(writer, (40, 120))
        drawn = bytearray()

        def draw() -> None:
            # EIO: the last process on the terminal has gone. Parsing what comes would take longer
            # than making it.
            with contextlib.suppress(OSError):
                while data := os.read(reader, 65536):
                    drawn.extend(data)

        command = [sys.executable, "-m", "app", "attach", "--control", str(self.control)]
        terminal = {**environment(), "TERM": "xterm-256color"}
        with subprocess.Popen(
            command, stdin=writer, stdout=writer, stderr=writer, cwd=ROOT, env=terminal
        ) as dashboard:
            os.close(writer)
            drawing = threading.Thread(target=draw, daemon=True)
            drawing.start()
            deadline = time.monotonic() + 20
            while b"peer" not in drawn and time.monotonic() < deadline:
                time.sleep(0.1)
            for keys in (b"\x1b[B", b"\x1b[B", b"w", b"w", b"q"):
                os.write(reader, keys)
                time.sleep(0.5)
            try:
                code = dashboard.wait(20)
            except subprocess.TimeoutExpired:
                dashboard.kill()
                raise
            finally:
                drawing.join(5)
                os.close(reader)
        assert code == 0, f"attach: exit code {code}, {bytes(drawn[-200:])!r}"
        assert b"peer" in drawn, "attach: no table"

    # --- the end ---

    def wait_until_quiet(self) -> None:
        """Wait until every connection has closed."""
        deadline = time.monotonic() + SETTLE
        while self.log.open and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(3.0)  # for the last round of figures, and for memory to be given back

    def judge(self, before: Sample) -> None:
        """Compare everything with everything."""
        (stats,) = self.ctl("stats")
        figures = self.scraper.scrape(self.log.metrics_url)
        after = Sample(self.process.pid)
        connects = sum(self.ledger.connects.values())
        log = self.log.sums
        closed = "echo_tui_connections_closed_total"
        reasons = {
            name.removeprefix(f'{closed}{{reason="').removesuffix('"}'): int(value)
            for name, value in figures.items()
            if name.startswith(closed) and value
        }
        self.row("connections: clients, log", connects, log["opened"])
        self.row("opened: log, ctl stats", log["opened"], stats["opened"])
        self.row(
            "opened: log, metrics", log["opened"], figures["echo_tui_connections_opened_total"]
        )
        self.row("closed: log, opened", log["closed"], log["opened"])
        self.row("closed by reason: log, metrics", dict(sorted(self.log.reasons.items())), reasons)
        for name in ("frames_in", "frames_out", "bytes_in", "bytes_out"):
            kind, direction = name.split("_")
            metric = figures[f'echo_tui_{kind}_total{{direction="{direction}"}}']
            self.row(f"{name}: log, ctl stats", log[name], stats[name])
            self.row(f"{name}: log, metrics", log[name], metric)
        frames = sum(self.ledger.frames.values())
        self.row(
            "frames: clients at most log", frames, log["frames_out"], frames <= log["frames_out"]
        )
        self.row("echoes that were wrong", 0, sum(self.ledger.wrong.values()))
        self.row("open: log, ctl stats", self.log.open, stats["open"])
        self.row("POLLOUT armed", 0, stats["armed"])
        self.row("processes", before.processes, after.processes)
        self.row("descriptors", before.fds, after.fds)
        self.row("threads", before.threads, after.threads)
        left = after.rss - before.rss
        bound = LEFT_BEHIND * after.processes
        self.row("memory left behind (bytes)", f"< {bound:,}", f"{left:,}", left < bound)
        self.process.send_signal(signal.SIGTERM)
        self.row("exit code", 0, self.process.wait(30))
        self.log.join(10)
        self.row("stopped tells frames_out", log["frames_out"], self.log.stopped.get("frames_out"))
        kept = kept_bytes(self.recording)
        most = parse_size(KEEP) * 5 // 4
        self.row("recording kept (bytes)", f"< {most:,}", f"{kept:,}", kept < most)
        played = run("replay", str(self.recording), "--json", "--at", "-0")
        self.row("replay's exit code", 0, played.returncode)

    def row(self, what: str, expected: object, found: object, right: bool | None = None) -> None:
        """Add a line to the table."""
        self.rows.append((what, str(expected), expected == found if right is None else right))
        self.rows[-1] = (what, f"{expected} | {found}", self.rows[-1][2])

    def report(self) -> bool:
        """Print the table; return whether nothing was out of place."""
        print(f"\nseed {self.seed}, {self.seconds / 60:.0f} minutes, {self.log.lines:,} log lines")
        print("done:", ", ".join(f"{name} {count}" for name, count in sorted(self.done.items())))
        print("clients:", dict(self.ledger.connects))
        print("ends:", dict(self.log.reasons))
        for text, count in self.log.notices.most_common(8):
            print(f"notice {count:>6} x {text}")
        for what, figures, right in self.rows:
            print(f"{'ok   ' if right else 'WRONG'} {what}: {figures}")
        for what, count in self.faults.counts.items():
            print(f"WRONG {what}: {count} times, such as {'; '.join(self.faults.examples[what])}")
        return all(right for *_, right in self.rows) and not self.faults.counts


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    words = parser.parse_args()
    if os.getpgrp() != os.getpid():
        os.setpgrp()  # so that all can be ended together
    with tempfile.TemporaryDirectory(prefix="echo-soak-") as folder:
        soak = Soak(Path(folder), words.minutes, words.seed)
        try:
            soak.run()
        finally:
            soak.process.kill()
        raise SystemExit(not soak.report())


if __name__ == "__main__":
    main()
