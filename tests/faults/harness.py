"""Runs the real program as a child process and observes it from outside.

Nothing here imports the server: the tests use only the port, the command line, the exit code, the
log lines and /proc. The constants at the top are the promises, in one place because a busy machine
may need other ones.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

KIB: Final = 1024
MIB: Final = 1024**2
ROOT: Final = Path(__file__).parents[2]
START: Final = 10.0
"""Seconds in which the program must say where it listens."""
RECOVERY: Final = 3.0
"""Seconds after a fault in which everything must be back where it was."""
LEFT_BEHIND: Final = 16 * MIB
"""Bytes of memory that a fault may leave behind."""
IDLE_SHARE: Final = 0.05
"""Share of a core that the idle process may use."""
IDLE_SPAN: Final = 0.5
"""Seconds over which that share is measured."""
LONGEST_ROUND_TRIP: Final = 0.25
"""Seconds that an echo of a well-behaved neighbour may take during a fault."""
NEIGHBOURS: Final = 20

FIGURES: dict[str, str] = {}
"""The measured figures by promise, printed at the end of the run (see conftest.py)."""

Event = dict[str, Any]


class Figures(NamedTuple):
    """Figures of the process at one time."""

    rss: int
    fds: int
    open: int


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Check `condition` every 10 ms; return whether it became true within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(0.01)
    return True


class Log:
    """The event lines, read by a thread so that a full pipe never blocks the server."""

    def __init__(self, pipe: int) -> None:
        self._changed = threading.Condition()
        self.events: list[Event] = []
        self._open = 0
        self._thread = threading.Thread(target=self._run, args=(pipe,), name="log reader")
        self._thread.start()

    def _run(self, pipe: int) -> None:
        with open(pipe, "rb") as lines:
            for line in lines:
                event: Event = json.loads(line)
                with self._changed:
                    self.events.append(event)
                    self._open += (event["event"] == "opened") - (event["event"] == "closed")
                    self._changed.notify_all()

    @property
    def open(self) -> int:
        """Connections that were opened and not closed, according to the log."""
        with self._changed:
            return self._open

    def since(self, mark: int, kind: str) -> list[Event]:
        """Return the events of one kind from line `mark` on."""
        with self._changed:
            return [event for event in self.events[mark:] if event["event"] == kind]

    def wait_for(self, mark: int, kind: str, count: int, seconds: float) -> list[Event]:
        """Wait for `count` events of that kind since `mark`; return those that came in time."""
        found: list[Event] = []
        seen = mark

        def enough() -> bool:
            nonlocal seen
            found.extend(event for event in self.events[seen:] if event["event"] == kind)
            seen = len(self.events)
            return len(found) >= count

        with self._changed:
            self._changed.wait_for(enough, seconds)
        return found

    def join(self) -> None:
        """Read the last line of a process that has ended."""
        self._thread.join(5)
        assert not self._thread.is_alive(), "somebody still holds the log pipe"


class Server:
    """One running program. Use `serving` to get one."""

    STOP: Final = signal.SIGSTOP
    CONTINUE: Final = signal.SIGCONT

    def __init__(self, process: subprocess.Popen[bytes], log: Log, stderr: Any) -> None:
        self.process = process
        self.log = log
        self._stderr = stderr
        first = log.wait_for(0, "listening", 1, START)
        assert first, f"no first line in {START} s; stderr: {self.complaints()!r}"
        self.listening = first[0]
        self.pid: int = first[0]["pid"]
        self.port: int = first[0]["port"]
        self.address: Final = ("127.0.0.1", self.port)

    # --- observations ---

    def rss(self) -> int:
        """Return the bytes of memory in use (VmRSS)."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * KIB

    def fds(self) -> int:
        """Return the number of open descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu(self) -> float:
        """Return the CPU seconds so far of all living threads."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(FileNotFoundError):
                total += int(
                    Path(f"/proc/{self.pid}/task/{task}/schedstat").read_text("ascii").split()[0]
                )
        return total / 1e9

    def cpu_share(self, seconds: float) -> float:
        """Measure the share of a core used over the next `seconds`."""
        began, before = time.monotonic(), self.cpu()
        time.sleep(seconds)
        return (self.cpu() - before) / (time.monotonic() - began)

    def figures(self) -> Figures:
        """Return memory, descriptors and open connections now."""
        return Figures(self.rss(), self.fds(), self.log.open)

    def mark(self) -> int:
        """Return the number of log lines so far."""
        return len(self.log.events)

    def reasons(self, mark: int) -> Counter[str]:
        """Count the connections closed since `mark`, by reason."""
        return Counter(event["reason"] for event in self.log.since(mark, "closed"))

    def closed(self, mark: int, count: int, seconds: float) -> dict[str, Event]:
        """Wait for `count` closes since `mark`; return the `closed` events by peer address."""
        events = self.log.wait_for(mark, "closed", count, seconds)
        assert len(events) == count, f"{len(events)} of {count} connections closed"
        by_peer = {event["peer"]: event for event in events}
        assert len(by_peer) == count, "a connection closed twice"
        return by_peer

    def complaints(self) -> str:
        """Return the whole of stderr so far."""
        self._stderr.seek(0)
        text: str = self._stderr.read()
        return text

    # --- promises ---

    def assert_recovers(self, before: Figures) -> None:
        """Check that descriptors, connections and memory recover, and that the process idles."""
        now = before

        def back() -> bool:
            nonlocal now
            now = self.figures()
            return now[1:] == before[1:] and now.rss - before.rss < LEFT_BEHIND

        assert wait_until(back, RECOVERY), f"before {before}, {RECOVERY} s after the fault {now}"
        share = self.cpu_share(IDLE_SPAN)
        if share >= IDLE_SHARE:  # a connection may still have been lingering
            share = self.cpu_share(IDLE_SPAN)
        assert share < IDLE_SHARE, f"idles at {share:.1%} of a core"
        assert not self.complaints()

    def signal(self, number: signal.Signals) -> None:
        """Send one signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        """Wait for the exit; return the exit code."""
        code = self.process.wait(seconds)
        self.log.join()
        return code


@contextlib.contextmanager
def serving(
    *options: str, descriptors: int | None = None, under: tuple[str, ...] = ()
) -> Iterator[Server]:
    """Run the program on a free port; at the end stop it and check that stderr is empty.

    `descriptors` is its limit of open files, soft and hard; `under` the program that runs it.
    """

    def limit() -> None:
        assert descriptors is not None
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    with tempfile.TemporaryFile("w+", encoding="utf-8") as stderr:
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [*under, *program(*options)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=stderr,
            preexec_fn=limit if descriptors else None,
        )
        os.close(writer)
        log = Log(reader)
        server: Server | None = None
        try:
            server = Server(process, log, stderr)
            yield server
            if process.poll() is None:
                server.signal(signal.SIGTERM)
                assert server.wait(10) == 0
            assert not server.complaints()
        finally:
            if process.poll() is None:
                if server is not None:
                    server.signal(signal.SIGKILL)
                process.kill()
                process.wait()
            log.join()


def program(*options: str) -> list[str]:
    """Return the command line of a headless server on a free port."""
    headless = [sys.executable, "-m", "app", "--no-ui", "--log-format", "json"]
    return [*headless, *options, "127.0.0.1", "0"]


class WellBehaved:
    """Neighbours that echo a 64-byte frame every 50 ms, in a process of their own.

    The exit of the context fails after a wrong byte, a lost connection or a round trip over
    `LONGEST_ROUND_TRIP`, of which the time does not count in which other programs had the CPU. They
    run in a process of their own so that they measure the server and not the GIL of this one.
    """

    def __init__(self, server: Server, promise: str = "", count: int = NEIGHBOURS) -> None:
        self._command = [sys.executable, "-m", "tests.faults.neighbours"]
        self._command += ["echo", str(server.port), str(count), str(server.process.pid)]
        self._promise = promise
        self._count = count
        self.report: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        with self._process as process:
            out, _err = process.communicate(timeout=10)
        self.report = json.loads(out)
        if kind is None:
            self._judge()

    def _judge(self) -> None:
        report = self.report
        assert report["wrong"] == 0, f"a neighbour got wrong bytes: {report}"
        assert report["lost"] == 0, f"a neighbour lost its connection: {report}"
        assert report["echoes"] >= self._count
        longest = report["longest"]
        if self._promise:
            FIGURES[f"{self._promise}: neighbours"] = f"longest round trip {longest * 1e3:.1f} ms"
        served_in = report["longest_without_waits"]
        waits = f"{longest * 1e3:.0f} ms, {served_in * 1e3:.0f} without waits for a CPU"
        assert served_in < LONGEST_ROUND_TRIP, f"a neighbour waited {waits}"
