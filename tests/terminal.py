"""Runs the real program in a pseudo-terminal and reads its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import pyte

_NOT_RESET = {b"7", b"2026", b"2048"}
"""Private modes that need no reset: line wrap, synchronized output (set and reset for each frame),
in-band resize (set only if the terminal reports that it has it)."""


class Terminal:
    """Runs ``python -m app ARGUMENTS`` in a terminal of `columns` by `lines`."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 120,
        lines: int = 40,
        program: tuple[str, ...] = ("-m", "app"),
        environment: Mapping[str, str] | None = None,
        controlling: bool = True,
        answers: tuple[str, ...] = ("\x1b[0n",),
        glyph_width: int = 0,
        width_after: float = 0.0,
    ) -> None:
        """Start the program; only the loss of a `controlling` terminal sends SIGHUP.

        The terminal writes `answers` to each status request, each in a write of its own. To the
        question where its cursor is behind a glyph it answers after `width_after` seconds that the
        glyph takes `glyph_width` cells, or not at all.
        """
        self._width_answer = f"\x1b[1;{1 + glyph_width}R" if glyph_width else ""
        self._width_after = width_after
        self._width_due = float("inf")
        self._answers = answers
        self.asked = 0
        """The number of status requests that were read."""
        self.screen: Any = pyte.Screen(columns, lines)
        self._parser: Any = pyte.ByteStream(self.screen)
        self.output = bytearray()
        self._master, slave = pty.openpty()
        self._slave = slave
        self.resize(columns, lines)
        self.modes_before = termios.tcgetattr(slave)
        # These would override the colours and the size of the terminal.
        overruling = {"NO_COLOR", "COLUMNS", "LINES"}
        inherited = {key: value for key, value in os.environ.items() if key not in overruling}
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**inherited, "TERM": "xterm-256color", **(environment or {})},
            preexec_fn=self._own_terminal if controlling else self._own_session,
        )

    @staticmethod
    def _own_session() -> None:
        os.setsid()
        # A shell ignores SIGINT in its background jobs, and children inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    @classmethod
    def _own_terminal(cls) -> None:
        cls._own_session()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size; the kernel sends SIGWINCH."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    @property
    def text(self) -> str:
        """The text on the screen."""
        return "\n".join(self.screen.display)

    def wait_for(self, seen: Callable[[str], bool], seconds: float = 15) -> None:
        """Read output until the screen satisfies `seen`."""
        deadline = time.monotonic() + seconds
        while not seen(self.text):
            rest = deadline - time.monotonic()
            assert rest > 0, f"not seen within {seconds} s on:\n{self.text}"
            self._take(rest)

    def _take(self, timeout: float) -> bool:
        if time.monotonic() >= self._width_due:
            self._width_due = float("inf")
            self.press(self._width_answer)
        timeout = max(0.0, min(timeout, self._width_due - time.monotonic()))
        if not select.select([self._master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False  # Linux: EIO once the last slave is closed
        self.output += data
        if self._width_answer and b"\x1b[6n" in data:
            self._width_due = time.monotonic() + self._width_after
        while self.output.count(b"\x1b[5n") > self.asked:
            self.asked += 1
            for answer in self._answers:
                self.press(answer)
        # pyte would print the private sequences of kitty's key protocol.
        for sequence in (b"\x1b[>25u", b"\x1b[>1u", b"\x1b[<u"):
            data = data.replace(sequence, b"")
        self._parser.feed(data)
        return bool(data)

    def press(self, keys: str) -> None:
        """Send keys."""
        os.write(self._master, keys.encode())

    def left_for_the_shell(self) -> bytes:
        """Return the input that the program has left, which a shell would read as keys."""
        modes = termios.tcgetattr(self._slave)
        modes[3] &= ~termios.ICANON
        termios.tcsetattr(self._slave, termios.TCSANOW, modes)
        ready = select.select([self._slave], [], [], 0.2)[0]
        return os.read(self._slave, 4096) if ready else b""

    def exit_code(self, seconds: float = 15) -> int:
        """Wait for the program's exit, reading its remaining output; return the exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still running after {seconds} s:\n{self.text}"
            self._take(0.05)
        while self._take(0.05):
            continue
        return self.process.returncode

    def restored(self) -> bool:
        """Return whether the line discipline is as before and each private mode was reset.

        Modes (xterm): 25 cursor, 1000 to 1006 mouse, 1004 focus, 1049 alternate screen, 2004
        bracketed paste.
        """
        if termios.tcgetattr(self._slave) != self.modes_before:
            return False
        last = dict(re.findall(rb"\x1b\[\?(\d+)([hl])", self.output))
        wanted = {mode: b"h" if mode == b"25" else b"l" for mode in last if mode not in _NOT_RESET}
        return b"1049" in last and {mode: last[mode] for mode in wanted} == wanted

    def wait_until_restored(self, seconds: float = 15) -> None:
        """Read output until the terminal is restored."""
        deadline = time.monotonic() + seconds
        while not self.restored():
            rest = deadline - time.monotonic()
            assert rest > 0, f"the terminal is not restored within {seconds} s"
            self._take(min(rest, 0.1))

    def hang_up(self) -> None:
        """Close the terminal, as a closed window does."""
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self._master >= 0:
            os.close(self._master)
            os.close(self._slave)
