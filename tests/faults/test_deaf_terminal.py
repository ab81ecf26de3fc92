"""A terminal that takes nothing delays no signal, and is restored once it takes something again."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.serving import Controlled
from tests.faults.harness import FIGURES, wait_until
from tests.terminal import Terminal

pytestmark = pytest.mark.slow
GRACE = 2.0
DEAF_FOR = 3.0
"""Seconds that nobody reads the terminal: its buffers and Textual's queue are full long before."""


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The control socket of a server to attach to."""
    with Controlled(tmp_path_factory.mktemp("control") / "s") as running:
        yield running.path


def leave_unread(terminal: Terminal) -> None:
    """Wait for the screen, then read nothing; a smaller screen is drawn anew meanwhile."""
    terminal.wait_for(lambda screen: "Help" in screen)
    for columns in (100, 130, 90, 120) * 2:
        terminal.resize(columns, 40)
        terminal.process.send_signal(signal.SIGWINCH)
        time.sleep(DEAF_FOR / 8)


COMMANDS = {
    "server": ("127.0.0.1", "0"),
    "worker": ("--workers", "1", "127.0.0.1", "0"),
    "demo": ("demo",),
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("command", [*COMMANDS, "attach"])
def test_a_terminal_that_nobody_reads_delays_no_signal(
    command: str, number: signal.Signals, control: Path
) -> None:
    arguments = (
        ("attach", "--control", str(control))
        if command == "attach"
        else (*COMMANDS[command], "--grace", f"{GRACE:g}")
    )
    with Terminal(*arguments) as terminal:
        leave_unread(terminal)
        began = time.monotonic()
        terminal.process.send_signal(number)
        assert terminal.process.wait(GRACE + 5) == 0
        took = time.monotonic() - began
        FIGURES[f"unread terminal: {command}"] = f"{number.name} ends it in {took:.2f} s"
        assert took < GRACE
        terminal.wait_until_restored()


def is_pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal that was sent to a process is still to be delivered (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    (mask,) = re.findall(r"^ShdPnd:\s*(\w+)", status, re.MULTILINE)
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_a_second_signal_ends_it_at_once() -> None:
    with Terminal("demo", "--grace", "60") as terminal:
        leave_unread(terminal)
        began = time.monotonic()
        terminal.process.send_signal(signal.SIGTERM)
        # Until it is delivered, another one is the same one.
        assert wait_until(lambda: not is_pending(terminal.process.pid, signal.SIGTERM), 10)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(10) == 0
        assert time.monotonic() - began < GRACE


def test_the_screen_is_right_again_once_somebody_reads() -> None:
    with Terminal("demo", columns=120, lines=40) as terminal:
        leave_unread(terminal)
        terminal.press("?")  # what it draws stands still, and is drawn while nobody reads
        time.sleep(1.0)
        terminal.wait_for(lambda screen: "─ help ─" in screen)


def test_headless_in_a_terminal_that_was_stopped() -> None:
    with Terminal("--no-ui", "--trace", "io", "127.0.0.1", "0", "--grace", "2") as terminal:
        terminal.wait_for(lambda screen: "listening on" in screen)
        terminal.press("\x13")  # Ctrl-S
        time.sleep(0.3)
        port = int(terminal.text.split("127.0.0.1:")[1].split()[0])
        for _ in range(30):
            _visit(port)
        began = time.monotonic()
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(10) in (0, 2)
        assert time.monotonic() - began < GRACE + 0.5


def _visit(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(b"\0\0\0\1x")
        assert peer.recv(5)
