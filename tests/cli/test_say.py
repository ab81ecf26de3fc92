"""`attach --say` as a program: on a real server, without a terminal and in one."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.framing import frame, header
from tests.control.serving import Controlled
from tests.peers import PATIENCE, connect, exchange
from tests.program import ROOT, Headless, environment
from tests.terminal import Terminal

pytestmark = pytest.mark.slow


class Saying:
    """`attach --say` on pipes."""

    def __init__(self, control: Path | str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "attach", "--say", "--control", str(control), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=ROOT,
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hears(self, words: str) -> str:
        """Wait for a line with these words; return it."""
        deadline = time.monotonic() + PATIENCE
        heard: list[str] = []
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{words!r} was not among {heard}") from None
            text = line.decode()
            assert text.rstrip("\n").isprintable()
            heard.append(text)
            if words in text:
                return text

    def end(self) -> tuple[int, str]:
        """Close stdin and wait; the exit code and stderr."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        errors = self.process.stderr.read().decode()
        return self.process.wait(PATIENCE), errors

    def __enter__(self) -> Saying:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


def test_a_conversation(controlled: Controlled) -> None:
    port = controlled.server.port
    with connect(port) as hung, connect(port) as other, Saying(controlled.path) as saying:
        exchange(other, [frame(b"x")], 5)
        hung.sendall(header(100) + b"abc")
        saying.hears("attached to 127.0.0.1:")
        saying.hears("#1 stopped sending in a body, 97 bytes missing")
        saying.say("list stuck")
        saying.hears("#1 127.0.0.1:")
        saying.say("why 2")
        saying.hears("#2 127.0.0.1:")
        hung.sendall(b"y" * 97)
        saying.hears("#1 goes on")
        with connect(port) as hostile:
            hostile.sendall(b"\x1b[2J" * 3)
            saying.hears("#3 closed")
        saying.say("kill 1 drain")
        saying.hears("kill: #1: ")
        saying.say("kill where id>0")
        saying.hears("kill: #2: ")
        other.sendall(b"")
        assert saying.end() == (0, "")


def test_commands_from_a_pipe_are_carried_out_before_its_end_counts(
    controlled: Controlled,
) -> None:
    with connect(controlled.server.port) as client, Saying(controlled.path) as saying:
        exchange(client, [frame(b"x")], 5)
        saying.say("list\nkill 1")
        assert saying.end() == (0, "")
        saying.hears("#1 127.0.0.1:")
        saying.hears("kill: #1: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it(controlled: Controlled, number: signal.Signals) -> None:
    with Saying(controlled.path) as saying:
        saying.hears("attached to")
        saying.process.send_signal(number)
        assert saying.end() == (0, "")


def test_it_ends_with_the_server_with_0_after_a_stop_and_1_after_a_crash(tmp_path: Path) -> None:
    for number, code in ((signal.SIGTERM, 0), (signal.SIGKILL, 1)):
        control = tmp_path / number.name
        with Headless("--control", str(control)) as server:
            with Saying(control) as saying:
                saying.hears("attached to")
                server.process.send_signal(number)
                saying.hears("the server has ")
                assert saying.process.wait(PATIENCE) == code
            server.process.wait(PATIENCE)


def test_nobody_there_is_one_line(tmp_path: Path) -> None:
    with Saying(tmp_path / "none") as saying:
        code, errors = saying.end()
        assert code == 2
        assert errors.startswith(f"echo-tui: {tmp_path / 'none'}: no server listens there")
        assert errors.count("\n") == 1


def start_on(controlled: Controlled, stdout: int) -> subprocess.Popen[bytes]:
    """Start it with an output that the test reads, or does not."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "attach", "--say", "--control", str(controlled.path)],
        stdin=subprocess.PIPE,
        stdout=stdout,
        env=environment(),
        cwd=ROOT,
    )
    os.close(stdout)
    return process


def test_a_reader_that_goes_away_ends_it(controlled: Controlled) -> None:
    read, write = os.pipe()
    with start_on(controlled, write) as process:
        assert os.read(read, 11) == b"attached to"
        os.close(read)
        assert process.wait(PATIENCE) == 0


def test_an_output_that_takes_nothing_does_not_hold_a_signal_back(controlled: Controlled) -> None:
    read, write = os.pipe()
    with start_on(controlled, write) as process:
        assert process.stdin is not None
        assert os.read(read, 11) == b"attached to"
        os.set_blocking(process.stdin.fileno(), False)
        refused_since = None
        while refused_since is None or time.monotonic() - refused_since < 0.5:
            try:
                os.write(process.stdin.fileno(), b"help\n" * 100)
                refused_since = None
            except BlockingIOError:  # it waits for its output, and reads nothing
                refused_since = refused_since or time.monotonic()
                time.sleep(0.01)
        process.terminate()
        assert process.wait(PATIENCE) == 0
        os.close(read)


def test_in_a_terminal_a_person_is_asked_before_several_are_ended(controlled: Controlled) -> None:
    port = controlled.server.port
    with (
        connect(port) as one,
        connect(port) as two,
        Terminal("attach", "--say", "--control", str(controlled.path)) as terminal,
    ):
        for client in (one, two):
            exchange(client, [frame(b"x")], 5)
        terminal.wait_for(lambda text: "attached to" in text)
        terminal.press("kill 1 2\r")
        terminal.wait_for(lambda text: "end 2 connections, #1 #2" in text)
        terminal.press("yes\r")
        terminal.wait_for(lambda text: "kill: 2 " in text)
        terminal.press("\x04")
        assert terminal.exit_code() == 0
        assert b"\x1b" not in terminal.output
