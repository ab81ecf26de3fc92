"""The lab's end of a server: its process, its port, its figures, and what it is told to do."""

from __future__ import annotations

import contextlib
import select
import subprocess
import threading
from typing import IO, Final, Self, TypeVar

import msgspec
import psutil

from ..core.printable import printable
from ..core.settings import Settings
from ..core.spawn import helper_command, start_helper
from .lab_channel import (
    FEED,
    FIGURES,
    HEAL,
    LEAVE,
    LOOK,
    LOOP,
    STARVE,
    LabFigures,
    LabLoop,
    LabReady,
)

_END_WITHIN: Final = 5.0
"""Seconds that a process may take to end once its orders have ended."""
_ANSWER_WITHIN: Final = 15.0
"""Seconds for an answer, on a busy machine too."""

Message = TypeVar("Message", LabReady, LabFigures, LabLoop)


class LabError(Exception):
    """A scenario cannot be played; the text says why, in one line."""


class LabServer:
    """A server in a process of its own. Any thread gives orders; each waits for its answer."""

    def __init__(self, command: list[str]) -> None:
        """Start the process; `wait_until_serving` waits for it. Raises `LabError`."""
        pipe = subprocess.PIPE
        try:
            self._process = start_helper(command, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            raise LabError(f"no process for a server: {error.strerror}") from None
        pipes = self._process.stdin, self._process.stdout, self._process.stderr
        self._orders, self._answers, self._errors = map(_existing, pipes)
        self._lock = threading.Lock()
        self.port = 0

    @classmethod
    def right(cls, settings: Settings, *words: str) -> Self:
        """Start the product's server; the `words` are those of `app.lab.right_server`."""
        encoded = msgspec.json.encode(settings).decode()
        return cls(helper_command("lab.right_server", encoded, *words))

    @classmethod
    def wrong(cls, name: str, host: str) -> Self:
        """Start the teaching loop with the mistake of this name; empty for none."""
        return cls(helper_command("lab.wrong_server", name, host))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def wait_until_serving(self) -> None:
        """Wait until its port is known. Raises `LabError` if it ends instead."""
        self.port = self._receive(LabReady).port

    def figures(self) -> LabFigures:
        """Return its counts at this moment. Raises `LabError`."""
        return self._order(FIGURES)

    def heal(self) -> None:
        """Have a wrong loop serve as the right one, and wait until it does. Raises `LabError`."""
        self._order(HEAL)

    def starve(self) -> None:
        """Have no descriptor free in it, until `feed`. Raises `LabError`."""
        self._order(STARVE)

    def feed(self) -> None:
        """Allow it as many descriptors as before. Raises `LabError`."""
        self._order(FEED)

    def step(self, order: str, pace: float = 0.0) -> None:
        """Give one of the orders of `lab_channel.STEPS`. Raises `LabError`."""
        self._order(f"{order} {pace:g}")

    def look(self, looks: bool) -> None:
        """Have its calls noted, or no more. Raises `LabError`."""
        self._order(LOOK if looks else LEAVE)

    def loop(self) -> LabLoop:
        """Return where its loop stands, and what it has done last. Raises `LabError`."""
        return self._ask(LOOP, LabLoop)

    @property
    def threads(self) -> int:
        """The number of its threads."""
        return psutil.Process(self.pid).num_threads()

    @property
    def resident(self) -> int:
        """The bytes of memory that it has in use."""
        return psutil.Process(self.pid).memory_info().rss

    def close(self) -> None:
        """End the process, and wait for its end."""
        with contextlib.suppress(OSError):  # it has ended already
            self._orders.close()
        try:
            self._process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()
        self._errors.close()

    def _order(self, word: str) -> LabFigures:
        return self._ask(word, LabFigures)

    def _ask(self, word: str, kind: type[Message]) -> Message:
        with self._lock:
            try:
                self._orders.write(word.encode() + b"\n")
                self._orders.flush()
                return self._receive(kind)
            except OSError:
                raise LabError(self._last_words()) from None
            except ValueError:  # another thread has closed the pipes
                raise LabError("a server was ended") from None

    def _receive(self, kind: type[Message]) -> Message:
        waiting = select.poll()  # not select(2): this process may have thousands of descriptors
        waiting.register(self._answers, select.POLLIN)
        if not waiting.poll(_ANSWER_WITHIN * 1000):
            raise LabError(f"a server does not answer within {_ANSWER_WITHIN:g} s")
        line = self._answers.readline()
        if not line:
            raise LabError(self._last_words())
        return msgspec.json.decode(line, type=kind)

    def _last_words(self) -> str:
        """Say why the process has ended."""
        self._process.wait(_END_WITHIN)
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        return printable(f"a server has ended with {self._process.returncode}: {last}", 300)


def _existing(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # it was asked for
    return pipe
