"""The commands that a user has sent to the server, and their outcome. It imports no Textual."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, NamedTuple

import msgspec

from ..core.commands import (
    Command,
    Fault,
    Kill,
    KillMode,
    Look,
    ReadBytes,
    Set,
    Step,
    Trace,
    TraceLevel,
    results_left,
)
from ..core.events import CommandResult

FAILURES_NAMED: Final = 3
"""Failures of one command that are told one by one."""


class RequestOutcome(NamedTuple):
    """The outcome of a command; the text may contain text of a peer."""

    command: str
    text: str
    ok: bool


class Requests:
    """Numbers commands, sends them, and knows whose results to report."""

    def __init__(self, submit: Callable[[Command], None]) -> None:
        self._submit = submit
        self._numbers = count(1)
        self._waiting: dict[int, tuple[int, list[CommandResult]]] = {}
        """By request: how many results are to come, and those that came."""

    def kill(self, ids: Sequence[int], mode: KillMode, instance: str = "") -> None:
        """End connections of the server `instance`; one outcome tells of all of them."""
        request = self._expect(len(ids))
        self._submit(Kill(request=request, instance=instance, ids=tuple(ids), mode=mode))

    def set(self, name: str, value: float | str, instance: str = "") -> None:
        """Change a setting of the server `instance`."""
        self._submit(Set(request=self._expect(1), instance=instance, name=name, value=value))

    def fault(self, connection_id: int, spec: str, instance: str = "") -> None:
        """Give a connection of `instance` a fault on purpose; an empty `spec` takes it away."""
        request = self._expect(1)
        self._submit(Fault(request=request, instance=instance, ids=(connection_id,), spec=spec))

    def trace(self, connection_id: int, level: TraceLevel, instance: str = "") -> None:
        """Choose the trace level of one connection of `instance`; its result is not reported."""
        request = next(self._numbers)
        self._submit(Trace(request=request, instance=instance, id=connection_id, level=level))

    def read_bytes(self, connection_id: int, instance: str = "") -> int:
        """Ask for the bytes that are kept of a connection; return the number of the request.

        Its result is not reported: the page that shows the bytes tells it.
        """
        request = next(self._numbers)
        self._submit(ReadBytes(request=request, instance=instance, id=connection_id))
        return request

    def look(self, seconds: float, instance: str = "") -> None:
        """Have the loop of `instance` told for so many seconds; its result is not reported."""
        request = next(self._numbers)
        self._submit(Look(request=request, instance=instance, seconds=seconds))

    def step(self, command: Step, is_reported: bool, instance: str = "") -> int:
        """Send a command to the gate of the loop of `instance`; number and server are filled in.

        Return the number of the request.
        """
        request = self._expect(1) if is_reported else next(self._numbers)
        self._submit(msgspec.structs.replace(command, request=request, instance=instance))
        return request

    def _expect(self, results: int) -> int:
        request = next(self._numbers)
        self._waiting[request] = results, []
        return request

    def outcome(self, result: CommandResult) -> RequestOutcome | None:
        """Return the outcome once the last result has come; None for another client's command."""
        expected, results = self._waiting.get(result.request, (0, []))
        if not expected:
            return None
        results.append(result)
        if left := results_left(expected, result):
            self._waiting[result.request] = left, results
            return None
        del self._waiting[result.request]
        if len(results) > 1:
            return _summary(results)
        subject = "" if result.id is None else f"#{result.id}: "
        return RequestOutcome(result.command, subject + result.message, result.ok)


def _summary(results: Sequence[CommandResult]) -> RequestOutcome:
    """As ``12 closed, 1 failed: #7 no such connection``."""
    done = Counter(result.message.partition(":")[0] for result in results if result.ok)
    failed = [result for result in results if not result.ok]
    parts = [f"{number:,} {message}" for message, number in done.most_common()]
    if failed:
        named = [
            result.message if result.id is None else f"#{result.id} {result.message}"
            for result in failed[:FAILURES_NAMED]
        ]
        if len(failed) > FAILURES_NAMED:
            named.append(f"and {len(failed) - FAILURES_NAMED:,} more")
        parts.append(f"{len(failed):,} failed: {', '.join(named)}")
    return RequestOutcome(results[0].command, ", ".join(parts), not failed)
