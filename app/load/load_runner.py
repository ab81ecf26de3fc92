"""Starts the processes of a run, has them begin together, and collects their messages."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from ..core.printable import printable, reason_of
from ..core.selector import make_selector
from ..core.settings import SettingError
from ..core.spawn import helper_command, start_helper
from .findings import counted
from .load_plan import LoadPlan, LoadShare
from .load_process import GO, STOP
from .outcome import Message, Opening, Outcome, Progress

_DECODER: Final = msgspec.json.Decoder(Message)
_READ: Final = 1 << 18


class LoadError(Exception):
    """A run that gave no result; the text is one line for a person."""


class LoadWorker:
    """One process of the run, with its latest messages."""

    def __init__(self, share: LoadShare) -> None:
        self.share = share
        self.opening = Opening()
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

    def read_messages(self) -> bool:
        """Read what the process has written; return False at the end of its output."""
        data = os.read(self.stdout.fileno(), _READ)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            message = _DECODER.decode(line)
            if isinstance(message, Opening):
                self.opening = message
            elif isinstance(message, Progress):
                self.progress = message
            else:
                self.outcome = message
        return bool(data)

    def send(self, word: bytes) -> None:
        """Send `GO` or `STOP`; one that has ended, or was closed, is ignored."""
        if self._stdin.closed:  # a signal may come while the workers are closed one by one
            return
        try:
            os.write(self._stdin.fileno(), word)
        except BrokenPipeError:
            return

    def close(self) -> None:
        """Close its stdin, which makes it end; read the rest of its output and wait for it."""
        self._stdin.close()
        while self.read_messages():
            continue
        self.stdout.close()
        self.process.wait()


class LoadRunner:
    """Runs a plan; `stop` may be called from a signal handler.

    `on_progress` is called with the workers at the start and after each message of one of them.
    """

    def __init__(self, plan: LoadPlan, on_progress: Callable[[Sequence[LoadWorker]], None]) -> None:
        self.plan = plan
        self.stopped = False
        """True once `stop` was called."""
        self._on_progress = on_progress
        self._workers: list[LoadWorker] = []

    def stop(self) -> None:
        """Stop in order, after the echoes in flight; a second call kills the processes."""
        for worker in self._workers:
            if self.stopped:
                worker.process.kill()
            else:
                worker.send(STOP)
        self.stopped = True

    def run(self) -> list[LoadWorker]:
        """Run to the end and return the workers with their outcomes.

        Raises `LoadError` without a connection, `SettingError` if this machine has not the means.
        """
        self._on_progress(())
        shares = self.plan.shares(*find_address(self.plan))
        with make_selector() as selector:
            try:
                for share in shares:
                    self._workers.append(LoadWorker(share))
                    selector.register(self._workers[-1].stdout, selectors.EVENT_READ)
                if self.stopped:  # before there was a process to stop
                    raise self._interrupted()
                self._wait_for_outcomes(selector)
            finally:
                for worker in self._workers:
                    worker.close()
        return self._workers

    def _wait_for_outcomes(self, selector: selectors.BaseSelector) -> None:
        reading = {worker.stdout: worker for worker in self._workers}
        gone = False
        while reading:
            for key, _ in selector.select():
                worker = reading[key.fileobj]  # type: ignore[index]
                if not worker.read_messages():
                    selector.unregister(worker.stdout)
                    del reading[worker.stdout]
            if not gone and all(worker.opening.is_ready for worker in reading.values()):
                gone = True
                self._start_workers()
            self._on_progress(self._workers)

    def _start_workers(self) -> None:
        """Start the measurement once every process has connected; raise if it cannot start."""
        openings = [worker.opening for worker in self._workers]
        for opening in openings:
            if opening.refusal:
                raise SettingError(opening.refusal)
        if self.stopped:
            raise self._interrupted()
        if not any(opening.connected for opening in openings):
            failed = failures_in_words(add_up_failures(openings))
            raise LoadError(f"no connection to {self.plan.where}: {failed}")
        for worker in self._workers:
            worker.send(GO)

    def _interrupted(self) -> LoadError:
        measuring = (worker for worker in self._workers if not worker.share.profiles)
        opened = sum(worker.opening.connected for worker in measuring)
        asked = counted(self.plan.connections, "connection")
        how_far = f"{opened:,} of {asked} open, " if self.plan.connections else ""
        return LoadError(
            f"interrupted while connecting to {self.plan.where}: {how_far}nothing was sent"
        )


def add_up_failures(openings: Iterable[Opening]) -> Counter[str]:
    """Count the connections that could not be opened, by the words of the error."""
    return sum((Counter(opening.failures) for opening in openings), Counter())


def failures_in_words(failed: Counter[str]) -> str:
    """Describe the failures to connect, the most frequent first."""
    parts = [f"{text} ({times:,} times)" for text, times in failed.most_common()]
    return ", ".join(parts) or "the processes of the load generator ended early"


def find_address(plan: LoadPlan) -> tuple[int, tuple[str | int, ...]]:
    """Find the server's family and address, of several the first that accepts; or `LoadError`."""
    host = printable(plan.host, 100)
    try:
        found = socket.getaddrinfo(plan.host, plan.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise LoadError(f"unknown host {host!r}: {reason_of(error)}") from None
    except UnicodeError:
        raise LoadError(f"unknown host {host!r}: not a valid name") from None
    addresses: list[tuple[int, tuple[str | int, ...]]]
    # For a family that Python was built without, the address is bytes, which no socket takes.
    addresses = [(family, to[0:]) for family, _, _, _, to in found if isinstance(to[0], str)]
    if len(addresses) == 1:
        return addresses[0]
    try:
        with socket.create_connection((plan.host, plan.port), plan.timeout) as sock:
            return sock.family, sock.getpeername()
    except OSError as error:
        raise LoadError(f"no connection to {plan.where}: {reason_of(error)}") from None
