"""Starts the processes of a run, lets them go together, and collects what they tell."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ..core.printable import printable
from ..core.settings import SettingError
from ..core.spawn import helper_command, start_helper
from .findings import counted
from .load_plan import LoadPlan, LoadShare
from .load_process import GO, STOP
from .outcome import Message, Opening, Outcome, Progress, Ready

_DECODER: Final = msgspec.json.Decoder(Message)
_READ: Final = 1 << 18


class LoadError(Exception):
    """Why there is nothing to report; the text is one line for a person."""


class Worker:
    """One process, and what it has told so far."""

    def __init__(self, share: LoadShare) -> None:
        self.share = share
        self.opening: Opening | None = None
        self.ready: Ready | None = None
        self.progress: Progress | None = None
        self.outcome: Outcome | None = None
        self._rest = b""
        self.process = start_helper(
            helper_command("load.load_process", msgspec.json.encode(share).decode()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdin
        assert self.process.stdout
        self._stdin, self.stdout = self.process.stdin, self.process.stdout

    def take(self) -> bool:
        """Take what it has written; whether there may be more."""
        data = os.read(self.stdout.fileno(), _READ)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            message = _DECODER.decode(line)
            if isinstance(message, Opening):
                self.opening = message
            elif isinstance(message, Ready):
                self.ready = message
            elif isinstance(message, Progress):
                self.progress = message
            else:
                self.outcome = message
        return bool(data)

    def say(self, word: bytes) -> None:
        """Tell it to go or to stop; one that has ended needs no telling."""
        try:
            os.write(self._stdin.fileno(), word)
        except BrokenPipeError:
            return

    def end(self) -> None:
        """See the process out; the end of its stdin tells it to end."""
        self._stdin.close()
        while self.take():
            continue
        self.stdout.close()
        self.process.wait()


class Conductor:
    """Runs a plan; `stop` may be called from a signal handler.

    `show` is called with the workers at the start, and whenever one of them has told something.
    """

    def __init__(self, plan: LoadPlan, show: Callable[[Sequence[Worker]], None]) -> None:
        self.plan = plan
        self.stopped = False
        """Whether the run was ended early."""
        self._show = show
        self._workers: list[Worker] = []

    def stop(self) -> None:
        """Ask for the end in order; a second time end at once."""
        for worker in self._workers:
            if self.stopped:
                worker.process.kill()
            else:
                worker.say(STOP)
        self.stopped = True

    def run(self) -> list[Worker]:
        """The workers with their outcomes.

        Raises `LoadError` if there is no connection at all, `SettingError` for what cannot be.
        """
        self._show(())
        shares = self.plan.shares(*find_address(self.plan))
        with selectors.DefaultSelector() as selector:
            try:
                for share in shares:
                    self._workers.append(Worker(share))
                    selector.register(self._workers[-1].stdout, selectors.EVENT_READ)
                if self.stopped:  # before there was a process to be told
                    raise self._interrupted()
                self._conduct(selector)
            finally:
                for worker in self._workers:
                    worker.end()
        return self._workers

    def _conduct(self, selector: selectors.BaseSelector) -> None:
        reading = {worker.stdout: worker for worker in self._workers}
        gone = False
        while reading:
            for key, _ in selector.select():
                worker = reading[key.fileobj]  # type: ignore[index]
                if not worker.take():
                    selector.unregister(worker.stdout)
                    del reading[worker.stdout]
            if not gone and all(worker.ready for worker in reading.values()):
                gone = True
                self._let_go()
            self._show(self._workers)

    def _let_go(self) -> None:
        """All have connected as far as they could: start, if that is worth it."""
        readies = [worker.ready for worker in self._workers if worker.ready]
        refusal = next((ready.refusal for ready in readies if ready.refusal), "")
        if refusal:
            raise SettingError(refusal)
        if self.stopped:
            raise self._interrupted()
        if not any(ready.connected for ready in readies):
            raise LoadError(f"no connection to {self.plan.where}: {why_not(failures(readies))}")
        for worker in self._workers:
            worker.say(GO)

    def _interrupted(self) -> LoadError:
        readies = [worker.ready for worker in self._workers if not worker.share.profiles]
        opened = sum(ready.connected for ready in readies if ready)
        asked = counted(self.plan.connections, "connection")
        how_far = f"{opened:,} of {asked} open, " if self.plan.connections else ""
        return LoadError(
            f"interrupted while connecting to {self.plan.where}: {how_far}nothing was sent"
        )


def failures(readies: Sequence[Ready]) -> Counter[str]:
    """The connections that could not be opened, by the words of the error."""
    total: Counter[str] = Counter()
    for ready in readies:
        total.update(ready.failures)
    return total


def why_not(failed: Counter[str]) -> str:
    """The failures in words."""
    told = [f"{text} ({times:,} times)" for text, times in failed.most_common()]
    return ", ".join(told) or "the processes of the load generator ended early"


def find_address(plan: LoadPlan) -> tuple[int, tuple[str | int, ...]]:
    """The address family and the address of the server.

    Of several addresses the first that accepts a connection. Raises `LoadError`.
    """
    host = printable(plan.host, 100)
    try:
        found = socket.getaddrinfo(plan.host, plan.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise LoadError(f"unknown host {host!r}: {error.strerror}") from None
    except UnicodeError:
        raise LoadError(f"unknown host {host!r}: not a valid name") from None
    addresses: list[tuple[int, tuple[str | int, ...]]]
    # An address that Python was built without is told as bytes, which no socket takes.
    addresses = [(family, to[0:]) for family, _, _, _, to in found if isinstance(to[0], str)]
    if len(addresses) == 1:
        return addresses[0]
    problem = ""
    for family, address in addresses:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(plan.timeout)
            try:
                sock.connect(address)
            except OSError as error:
                problem = error.strerror or "timed out"
                continue
            return family, address
    raise LoadError(f"no connection to {plan.where}: {problem}")
