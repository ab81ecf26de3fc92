"""Measures what the dashboard sends to its terminal: ``python -m benchmarks.terminal``.

It prints the bytes a second on a bare terminal, beside those of tmux around it and of htop, and
the time from a key press to its answer over links of a bounded rate with a delay each way. Between
the program and the link stands a buffer without a bound, as ssh has one. The terminal behind the
link is pyte; it answers status requests.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pty
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pyte

from benchmarks.running import free_port, stop
from benchmarks.servers import HOST, ROOT, app_command

CONNECTIONS = 500
BODIES = "64:80,4KiB:15,100KiB:5"
"""Sizes of the bodies with their weights; the next frame follows as soon as an echo is back."""
SIZES = ((120, 40), (200, 60))
RATES = (40_000, 8_000, 2_000, 960)
DELAY = 0.05
"""Seconds that everything is under way, each way."""
SLICE = 64
"""Bytes that arrive together."""
REQUEST, ANSWER = b"\x1b[5n", b"\x1b[0n"
CURSOR = "▌"
KITTY = (b"\x1b[>25u", b"\x1b[<u")
"""Sequences that pyte would print."""
ANSWER_LIMIT = 60.0
"""Seconds after which a key counts as lost."""


class Relay:
    """A program on a terminal at the other end of a link; `rate` in bytes a second."""

    def __init__(
        self, command: Sequence[str], size: tuple[int, int], rate: float = 1e9, delay: float = 0.0
    ) -> None:
        """Start the program. Only a link with a delay has a screen: pyte takes time."""
        self.received = 0
        self._rate, self._delay = rate, delay
        self._arriving: deque[tuple[float, bytes]] = deque()
        self._leaving: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self._seen = b""
        self.cursor_line = -1
        """The line of the dashboard's cursor when the latest piece had arrived; -1 for none."""
        self.screen: Any = pyte.Screen(*size)
        self._stream: Any = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        overruling = {"NO_COLOR", "COLUMNS", "LINES", "TMUX"}
        kept = {name: value for name, value in os.environ.items() if name not in overruling}
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            start_new_session=True,
        )
        os.close(slave)

    def press(self, keys: bytes) -> None:
        """Send keys; they arrive after the delay."""
        self._leaving.append((time.monotonic() + self._delay, keys))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Carry bytes for so long, or until something holds; return whether it does."""
        end = time.monotonic() + seconds
        while not until():
            now = time.monotonic()
            if now >= end:
                return False
            if select.select([self._master], [], [], 0.002)[0]:
                with contextlib.suppress(OSError):
                    self._accept(os.read(self._master, 65536))
            self._deliver(time.monotonic())
        return True

    def _accept(self, data: bytes) -> None:
        self.received += len(data)
        if not self._delay:
            self._seen = self._seen[-3:] + data
            count = self._seen.count(REQUEST)
            self._seen = b"" if count else self._seen
            os.write(self._master, ANSWER * count)
            return
        for at in range(0, len(data), SLICE):
            piece = data[at : at + SLICE]
            self._free_at = max(self._free_at, time.monotonic()) + len(piece) / self._rate
            self._arriving.append((self._free_at + self._delay, piece))

    def _deliver(self, now: float) -> None:
        while self._arriving and self._arriving[0][0] <= now:
            at, data = self._arriving.popleft()
            self._seen += data
            count = self._seen.count(REQUEST)
            self._seen = self._seen.rsplit(REQUEST, 1)[-1][-3:] if count else self._seen[-3:]
            self._leaving.extend([(at + self._delay, ANSWER)] * count)
            for each in KITTY:
                data = data.replace(each, b"")
            self._stream.feed(data)
            if count:
                lines = enumerate(self.screen.display)
                self.cursor_line = next((y for y, text in lines if text[1:2] == CURSOR), -1)
        while self._leaving and self._leaving[0][0] <= now:
            os.write(self._master, self._leaving.popleft()[1])

    def has_moved(self, before: int) -> bool:
        """Whether the dashboard's cursor has left a line."""
        return self.cursor_line not in (-1, before)

    def close(self) -> None:
        """End the program."""
        stop(self.process)
        os.close(self._master)


@contextlib.contextmanager
def relay(
    command: Sequence[str], size: tuple[int, int], rate: float = 1e9, delay: float = 0.0
) -> Iterator[Relay]:
    made = Relay(command, size, rate, delay)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def load(port: int) -> Iterator[None]:
    """The busy connections, as long as a `with` lasts."""
    words = ["load", "--connections", str(CONNECTIONS), "--size", BODIES]
    process = subprocess.Popen(
        app_command(*words, "--duration", "3600", HOST, str(port)),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        stop(process)


def bytes_a_second(command: Sequence[str], size: tuple[int, int], seconds: float) -> float:
    """Return what a program sends once it has drawn its first screens."""
    with relay(command, size) as terminal:
        terminal.run(5.0)
        before = terminal.received
        terminal.run(seconds)
        return (terminal.received - before) / seconds


def busy_bytes(size: tuple[int, int], seconds: float, around: Sequence[str] = ()) -> float:
    port = free_port()
    command = [*around, *app_command(HOST, str(port))]
    with relay(command, size) as terminal:
        terminal.run(2.0)
        with load(port):
            terminal.run(6.0)
            before = terminal.received
            terminal.run(seconds)
            return (terminal.received - before) / seconds


@contextlib.contextmanager
def tmux() -> Iterator[list[str]]:
    """The words that run a command in a tmux of its own."""
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/tmux"
        try:
            yield ["tmux", "-S", socket, "-f", "/dev/null", "new-session"]
        finally:
            subprocess.run(["tmux", "-S", socket, "kill-server"], capture_output=True, check=False)


def answer_times(rate: float, presses: int) -> list[float]:
    """Return the seconds from each key press to the whole picture with the moved cursor."""
    port, chance = free_port(), random.Random(1)
    with relay(app_command(HOST, str(port)), (120, 40), rate, DELAY) as terminal:
        terminal.run(2.0)
        with load(port):
            terminal.run(ANSWER_LIMIT, lambda: terminal.cursor_line > 0)
            terminal.run(15.0)
            times = []
            for number in range(presses):
                terminal.run(chance.uniform(0.5, 3.0))
                before, pressed = terminal.cursor_line, time.monotonic()
                terminal.press(b"\x1b[A" if number % 10 > 4 else b"\x1b[B")
                moved = terminal.run(ANSWER_LIMIT, partial(terminal.has_moved, before))
                times.append(time.monotonic() - pressed if moved else ANSWER_LIMIT)
            return sorted(times)


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement of bytes")
    parser.add_argument("--presses", type=int, default=20, help="keys over each link")
    parser.add_argument("--rates", type=float, nargs="*", default=RATES, help="bytes a second")
    parser.add_argument("--no-bytes", action="store_true", help="measure the keys alone")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    if not options.no_bytes:
        print_bytes(options.seconds)
    if options.rates:
        print(f"{CONNECTIONS} busy connections, 120x40, {DELAY * 1e3:.0f} ms each way: seconds")
        print("    link, B/s  median     p95     max")
    for rate in options.rates:
        times = answer_times(rate, options.presses)
        p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
        print(f"{rate:>13,.0f}  {times[len(times) // 2]:6.2f}  {p95:6.2f}  {times[-1]:6.2f}")


def print_bytes(seconds: float) -> None:
    """Print the bytes a second of each kind of screen."""
    print("                       bytes a second")

    def row(name: str, found: float) -> None:
        print(f"{name:>28}  {found:8,.0f}", flush=True)

    row("idle 120x40", bytes_a_second(app_command(HOST, "0"), SIZES[0], seconds))
    for size in SIZES:
        row(f"busy {size[0]}x{size[1]}", busy_bytes(size, seconds))
    row("demo 120x40", bytes_a_second(app_command("demo"), SIZES[0], seconds))
    if shutil.which("tmux"):
        with tmux() as around:
            row("busy 120x40 in tmux", busy_bytes(SIZES[0], seconds, around))
    if shutil.which("htop"):
        row("htop 120x40", bytes_a_second(["htop"], SIZES[0], seconds))


if __name__ == "__main__":
    main()
