"""`attach --say` with a source and a clock of the test's own: answers that come late or never."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import cast

import pytest

from app.cli.exit_codes import EXIT_FAILED
from app.cli.say import ANSWERED_WITHIN, say
from app.control.client_side.attached_source import AttachedSource
from app.core.commands import CLOSE_BOUND, Command, Kill
from app.core.events import CommandResult, Event
from app.core.spawn import STOP_SIGNALS
from app.watch.stream import Drained
from tests.making import NOW, FixedSource, listening, opened


class Scripted(FixedSource):
    """A server that answers `answers_after` seconds after a kill, and is lost at `lost_at`.

    It says nothing between `silent_from` and `heard_again_at`.
    """

    def __init__(self, answers_after: float = 1e9, lost_at: float = 1e9) -> None:
        super().__init__()
        self.seconds = 0.0
        self.seconds_of_a_drain = 0.0
        self.silent_from = self.heard_again_at = 1e9
        self._answers_after, self._lost_at = answers_after, lost_at
        self._due: list[tuple[float, CommandResult]] = []
        self._has_begun = False

    @property
    def is_linked(self) -> bool:
        return self.seconds < self._lost_at

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def submit(self, command: Command) -> None:
        assert isinstance(command, Kill)
        for one in command.ids:
            result = CommandResult(
                t=NOW, request=command.request, command="kill", ok=True, message="closed", id=one
            )
            self._due.append((self.seconds + self._answers_after, result))

    def drain(self) -> Drained:
        self.seconds += self.seconds_of_a_drain
        afresh, self._has_begun = not self._has_begun, True
        if afresh:
            return Drained([listening(), opened(9), opened(10)], [], None, 0, afresh=True)
        told: list[Event] = [result for at, result in self._due if at <= self.seconds]
        self._due = [each for each in self._due if each[0] > self.seconds]
        return Drained(told, [], None, 0, gone=self._absence())

    def _absence(self) -> str:
        if not self.is_linked:
            return "the server has closed the connection"
        if self.silent_from <= self.seconds < self.heard_again_at:
            return f"the server has said nothing for {self.seconds - self.silent_from:.0f} s"
        return ""


class Pipes:
    """stdin and stdout of the conversation, as files on pipes."""

    def __init__(self) -> None:
        read, self.typing = os.pipe()
        self.hearing, write = os.pipe()
        self.stdin, self.stdout = os.fdopen(read), os.fdopen(write, "w", encoding="utf-8")

    def close(self) -> None:
        self.stdin.close()
        self.stdout.close()
        os.close(self.hearing)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    pipes = Pipes()
    yield pipes
    pipes.close()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def converse(pipes: Pipes, source: Scripted, typed: bytes) -> tuple[int, list[str]]:
    """Say these lines, then end stdin; return the exit code and the lines that were heard."""
    os.write(pipes.typing, typed)
    os.close(pipes.typing)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.stdin", pipes.stdin)
        patched.setattr("sys.stdout", pipes.stdout)
        code = say(cast("AttachedSource", source), clock=lambda: source.seconds, sleep=source.sleep)
    return code, os.read(pipes.hearing, 1 << 16).decode().splitlines()[1:]


def test_a_kill_in_mode_close_has_its_time(pipes: Pipes) -> None:
    source = Scripted(answers_after=CLOSE_BOUND + 0.5)
    assert converse(pipes, source, b"kill 9\n") == (0, ["kill: #9: closed"])


def test_a_command_without_an_answer_is_a_failure(pipes: Pipes) -> None:
    code, heard = converse(pipes, Scripted(), b"kill 9\n")
    assert code == EXIT_FAILED
    assert heard == [f"no answer within {ANSWERED_WITHIN:g} s: it may still be carried out"]


def test_a_server_that_goes_before_it_has_answered_is_told_and_a_failure(pipes: Pipes) -> None:
    code, heard = converse(pipes, Scripted(lost_at=3), b"kill 9\n")
    assert (code, heard) == (EXIT_FAILED, ["the server has closed the connection"])


def test_a_server_that_says_nothing_is_told_once_and_so_is_its_return(pipes: Pipes) -> None:
    source = Scripted()
    source.seconds_of_a_drain = 1.0
    source.silent_from, source.heard_again_at = 3.0, 9.0
    code, heard = converse(pipes, source, b"\n" * 4096 * 14)  # each drain follows one read
    assert (code, heard) == (
        0,
        ["the server has said nothing for 0 s", "the server is heard again"],
    )


def test_an_output_that_is_full_and_does_not_block_is_waited_for(
    pipes: Pipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor, heard = pipes.stdout.fileno(), bytearray()
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, bytes(1 << 16))

    def read_now(*_waited_for: object) -> None:
        heard.extend(os.read(pipes.hearing, 1 << 20))

    monkeypatch.setattr("select.select", read_now)
    code, lines = converse(pipes, Scripted(), b"help\n")
    assert (code, lines[-1]) == (0, "help, quit")
    assert heard
