"""One run of a client against one server: its process, its output, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Self

from ..core.printable import printable, reason_of
from ..core.words.language import compose
from .watched_server import SeenConnection, WatchedServer

_STEP: Final = 0.01
"""Seconds between two looks at a client."""
_SETTLES: Final = 1.5
"""Seconds for its connections to be closed once it has ended."""
MOST_OUTPUT: Final = 1 << 20
"""Bytes of its output that are kept."""


class CannotCheck(Exception):
    """A client that cannot be started, or evidence that cannot be kept; its text is one line."""


class ClientRun(NamedTuple):
    """The run of a client in one case."""

    exit_code: int | None
    """None if it had not ended in time; negative for a signal, as in `subprocess`."""
    seconds: float
    output: bytes
    """Its stdout and stderr, the last `MOST_OUTPUT` bytes."""
    connections: tuple[SeenConnection, ...]


class ClientCommand(NamedTuple):
    """A client as it is to be started; ``{host}`` and ``{port}`` stand for the server's."""

    words: tuple[str, ...]
    env: Mapping[str, str] = {}

    def fill(self, port: int) -> tuple[list[str], dict[str, str]]:
        """Return the command line and the environment for a server at `port`."""

        def filled(text: str) -> str:
            return text.replace("{host}", "127.0.0.1").replace("{port}", str(port))

        own = {name: filled(value) for name, value in self.env.items()}
        return [filled(word) for word in self.words], {**os.environ, **own}


def run_client(
    command: ClientCommand,
    server: WatchedServer | None,
    timeout: float,
    is_over: Callable[[WatchedServer], bool] = lambda _server: False,
) -> ClientRun:
    """Run a client once, `timeout` seconds at most, or until `is_over`.

    Without a server it gets a port at which nobody listens. Raises `CannotCheck` if it cannot be
    started.
    """
    port = free_port() if server is None else server.port
    words, env = command.fill(port)
    with _Output() as output:
        began = time.monotonic()
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output.writer,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
            )
        except OSError as error:
            raise CannotCheck(f"{printable(words[0]) or repr('')}: {reason_of(error)}") from None
        try:
            while process.poll() is None and time.monotonic() < began + timeout:
                time.sleep(_STEP)
                if server is not None:
                    server.look()
                    if is_over(server):
                        break
            code, seconds = process.poll(), time.monotonic() - began
        finally:
            _end(process)
        connections = () if server is None else _settled(server)
        return ClientRun(code, seconds, output.taken(), connections)


class _Output:
    """The end of a pipe for a client's output; a thread keeps the last bytes of it."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        self._last = bytearray()
        self._thread = threading.Thread(target=self._read, name="echo-tui output", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close_writer()

    def _read(self) -> None:
        # A process that has left the client's session may hold the pipe for longer than this runs.
        with open(self._reader, "rb", buffering=0) as pipe:
            while data := pipe.read(1 << 16):
                self._last += data
                del self._last[:-MOST_OUTPUT]

    def _close_writer(self) -> None:
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def taken(self) -> bytes:
        """Return the last bytes, once the client has ended."""
        self._close_writer()
        self._thread.join(_SETTLES)
        return bytes(self._last)


def free_port() -> int:
    """Return a port of 127.0.0.1 at which nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _settled(server: WatchedServer) -> tuple[SeenConnection, ...]:
    until = time.monotonic() + _SETTLES
    server.look()
    while server.open and time.monotonic() < until:
        time.sleep(_STEP)
        server.look()
    return tuple(server.seen())


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a client with all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def describe_exit(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return compose("exit code {code}", code=code)
    with contextlib.suppress(ValueError):
        return compose("a crash ({name})", name=signal.Signals(-code).name)
    return compose("signal {number}", number=-code)


def shown_words(words: Sequence[str]) -> str:
    """The command line as it was given, for a report."""
    return printable(" ".join(words), 1000)
