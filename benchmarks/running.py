"""Starts one server and makes sure that it ends: pipes, terminals and the wait for its port."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.servers import HOST, PORT, ROOT, SCRATCH, Server

START_LIMIT = 10.0
"""Seconds that a server may take until it listens."""

STOP_LIMIT = 5.0
"""Seconds that it may take to stop before it is killed."""

COLUMNS, LINES = 160, 50
SETTLE = 1.0
"""Seconds for a dashboard to draw its first screens, which are not what is measured."""

LISTENING = re.compile(rb"^listening on .*:(\d+)\s*$", re.MULTILINE)

ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\\\)|.)")
"""Escape sequences, which are for the terminal and not for a reader."""


class ServerFailedError(Exception):
    """A server did not start; the message is the last line it left behind."""


@dataclass(slots=True)
class Running:
    """A server that accepts connections."""

    port: int
    started_s: float  # seconds from the command to listening
    root: psutil.Process

    @property
    def processes(self) -> list[psutil.Process]:
        """The server's own and those that it has started by now: workers may come a moment later
        than the line that says where it listens."""
        return [self.root, *self.root.children(recursive=True)]

    def pids(self) -> str:
        """Its processes as the load generator's `--cpu-of` takes them."""
        return ",".join(str(process.pid) for process in self.processes)

    def memory(self) -> int:
        """Bytes that are its own and resident (what would be freed if it ended now)."""
        return sum(process.memory_full_info().uss for process in self.processes)


@contextlib.contextmanager
def running(server: Server) -> Iterator[Running]:
    """The server, started for the length of a `with`, and never left behind."""
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="echo-bench-")))
        port = free_port() if server.on_terminal else 0
        started = time.monotonic()
        process = start(
            stack, scratch, server.command, "server", port, server.on_terminal, server.folder
        )
        if server.on_terminal:
            wait_for_accept(process, port, scratch)
        else:
            port = wait_for_line(process, scratch)
        started_s = time.monotonic() - started
        if server.watcher:
            watcher = start(stack, scratch, server.watcher, "watcher", port, True)
        if server.watcher or server.on_terminal:
            time.sleep(SETTLE)
        if server.watcher and watcher.poll() is not None:
            raise ServerFailedError(last_line(scratch, "watcher"))
        yield Running(port, started_s, psutil.Process(process.pid))


def start(
    stack: contextlib.ExitStack,
    scratch: Path,
    command: tuple[str, ...],
    name: str,
    port: int,
    on_terminal: bool,
    folder: Path = ROOT,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that Ctrl-C reaches the harness alone."""
    words = [word.replace(PORT, str(port)).replace(SCRATCH, str(scratch)) for word in command]
    # A file rather than a pipe: nobody has to keep reading it, so reading costs no CPU.
    errors = stack.enter_context((scratch / f"{name}.err").open("wb"))
    if on_terminal:
        output = terminal(stack, scratch / f"{name}.out")
    else:
        output = stack.enter_context((scratch / f"{name}.out").open("wb")).fileno()
    process = subprocess.Popen(
        words,
        cwd=folder,
        stdin=output if on_terminal else subprocess.DEVNULL,
        stdout=output,
        stderr=output if on_terminal else errors,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    stack.callback(stop, process)
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it started."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def terminal(stack: contextlib.ExitStack, screen: Path) -> int:
    """A new terminal whose output is read as it comes and kept in the file `screen`."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))

    def drain() -> None:
        # EIO: the last process on the terminal has gone.
        with contextlib.suppress(OSError), screen.open("wb", buffering=0) as kept:
            while data := os.read(reader, 65536):
                kept.write(data)
        os.close(reader)

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    stack.callback(thread.join, STOP_LIMIT)
    stack.callback(os.close, writer)
    return writer


def wait_for_line(process: subprocess.Popen[bytes], scratch: Path) -> int:
    """Wait for `listening on HOST:PORT`, and give the port."""
    output = scratch / "server.out"
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if found := LISTENING.search(output.read_bytes()):
            return int(found[1])
        if process.poll() is not None:
            raise ServerFailedError(last_line(scratch, "server"))
        time.sleep(0.002)
    raise ServerFailedError(f"not listening after {START_LIMIT:.0f} s")


def wait_for_accept(process: subprocess.Popen[bytes], port: int, scratch: Path) -> None:
    """Wait until a connection is accepted, where the screen hides the line that says so."""
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1.0):
            return
        if process.poll() is not None:
            time.sleep(0.1)  # for the last words to come through the terminal
            raise ServerFailedError(last_line(scratch, "server"))
        time.sleep(0.01)
    raise ServerFailedError(f"not listening after {START_LIMIT:.0f} s")


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def last_line(scratch: Path, name: str) -> str:
    """Return the last output of a program, on stderr or on its terminal."""
    for file in (scratch / f"{name}.err", scratch / f"{name}.out"):
        text = file.read_text("utf-8", "replace") if file.exists() else ""
        text = ESCAPES.sub("", text)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-1].replace(str(scratch), "…")[:200]
    return "ended without a word"
