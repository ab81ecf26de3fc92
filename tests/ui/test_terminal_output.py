"""Writes to a terminal that is lost, or that takes nothing."""

from __future__ import annotations

import errno
import os
import pty
import select
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ui.terminal import CANCEL, Output
from tests.waiting import until


class Slow:
    """A terminal that takes nothing until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.taken = b""

    def write(self, _fd: int, data: bytes) -> int:
        self.opened.wait(10)
        self.taken += data
        return len(data)


def never() -> None:
    raise AssertionError("the terminal is not lost")


def test_nobody_waits_for_a_terminal_that_has_gone() -> None:
    losses: list[str] = []

    def gone(_fd: int, _data: bytes) -> int:
        raise OSError(errno.EIO, "gone")

    output = Output(-1, "utf-8", lambda: losses.append("lost"), gone)
    for _ in range(1000):
        output.write("x")
    until(lambda: losses)
    output.write("x" * 40_000)
    assert output.is_empty
    output.end()
    assert losses == ["lost"]


def test_what_is_written_arrives_in_order_and_in_the_terminals_encoding() -> None:
    terminal = Slow()
    terminal.opened.set()
    output = Output(-1, "ascii", never, terminal.write)
    output.write("seen ")
    output.write("\N{BLACK CIRCLE}\udcff" + "y" * 5000)
    output.end()
    assert terminal.taken == b"seen \\u25cf\\udcff" + b"y" * 5000


def test_nobody_waits_for_a_terminal_that_takes_nothing() -> None:
    terminal = Slow()
    output = Output(-1, "utf-8", never, terminal.write)
    for _ in range(20):
        output.write("z" * 3000)
    assert not output.is_empty
    terminal.opened.set()
    until(lambda: output.is_empty)
    output.end()
    assert len(terminal.taken) == 60_000


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, slave
    os.close(master)
    os.close(slave)


def test_a_terminal_that_nobody_reads_finds_what_restores_it(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    output = Output(slave, "utf-8", never)
    output.write("a drawing " * 100_000)
    output.begin_end()
    output.write("\x1b[?1049l")
    output.write("\x1b[?25h")
    output.end()
    found = b""
    os.set_blocking(master, False)
    while select.select([master], [], [], 0)[0]:  # now, as the program may have ended
        found += os.read(master, 1 << 20)
    assert found.endswith(CANCEL + b"\x1b[?1049l\x1b[?25h")
    assert len(found) < 20_000


DATABASES = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/share/lib/terminfo")


@pytest.mark.parametrize(
    ("term", "erases"), [("xterm-256color", True), ("screen", False), ("not-a-terminal", False)]
)
def test_cells_are_erased_where_the_database_says_that_it_has_the_grounds_colour(
    term: str, erases: bool
) -> None:
    if erases and not any(Path(each, term[0], term).exists() for each in DATABASES):
        pytest.skip("this machine has no terminfo database")
    asks = "import sys; from app.ui.terminal import erases_to_ground; print(erases_to_ground(0))"
    # A process of its own: curses asks the database once.
    asked = subprocess.run(
        [sys.executable, "-c", asks],
        env={**os.environ, "TERM": term},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.stdout, asked.stderr) == (f"{erases}\n", "")
