"""Which worker a command goes to, and one answer to the outside where several have answered.

Worker k of N gives the ids k, k + N, k + 2N and so on: an id names its worker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, NamedTuple

import msgspec

from ...core.commands import Command, Fault, Kill, ReadBytes, Set, Trace, answer_bound
from ...core.events import CommandResult, Event, Notice
from ...core.settings import SettingError, Settings
from ..descriptors import replace_setting
from ..fault_tokens import TokenPipe
from ..faults import check_fault, describe_next
from ..poller import Poller
from .slot import WorkerSlot
from .worker_process import SIGN_OF_LIFE

TOO_LATE: Final = "the server has stopped"
ANSWER_PATIENCE: Final = 5.0
"""Seconds that a worker has for an answer, beside `answer_bound`; `ctl` waits 10 s for that of
the server."""


def answer_patience(command: Command) -> float:
    """Return the seconds that a worker has for the answer to `command`."""
    return ANSWER_PATIENCE + answer_bound(command)


class _Change(NamedTuple):
    """A setting on its way to all workers."""

    command: Set
    old: int | float | str
    new: int | float | str
    notes: tuple[str, ...]
    """What was lowered to fit, in words."""
    waiting: set[int]
    """The workers that have not answered yet."""
    silent: list[int]
    """The workers that did not answer within `ANSWER_PATIENCE`."""
    refused: list[str]
    """The workers that have refused it, with what they say."""


class Routing:
    """Takes commands apart for the workers, and their answers together."""

    def __init__(
        self,
        settings: Settings,
        poller: Poller,
        slots: Sequence[WorkerSlot],
        send: Callable[[WorkerSlot, Command], None],
        publish: Callable[[Event], None],
        now: Callable[[], float],
    ) -> None:
        self.settings = settings
        """The settings in force, with which a process that starts later begins."""
        self._poller = poller  # its limit; it may be closed
        self._slots = slots
        self._send = send
        self._publish = publish
        self._now = now
        self.tokens = TokenPipe()
        """What the workers take for the faults of the next connections; to be closed."""
        self.of_next = ""
        """The SPEC of the fault that the next connections get; mostly empty."""
        self._changes: dict[int, _Change] = {}
        # Requests of our own are negative: no answer to them goes out.
        self._own_requests = count(SIGN_OF_LIFE.request - 1, -1)

    def apply(self, command: Command) -> None:
        """Send a command to the workers that it concerns."""
        match command:
            case Fault() if not command.ids:
                self._fault_next(command)
            case Kill() | Fault():
                by_worker: dict[int, list[int]] = defaultdict(list)
                for connection_id in command.ids:
                    by_worker[self._slot_index_of(connection_id)].append(connection_id)
                for index, ids in by_worker.items():
                    part = msgspec.structs.replace(command, ids=tuple(ids))
                    self._send_to(self._slots[index], part, part.ids)
            case Trace() | ReadBytes():
                self._send_to(self._slots[self._slot_index_of(command.id)], command, (command.id,))
            case Set():
                self._set(command)
            case _:
                self.refuse(command)

    def _slot_index_of(self, connection_id: int) -> int:
        return (connection_id - 1) % len(self._slots)

    def _send_to(self, slot: WorkerSlot, command: Command, ids: tuple[int, ...]) -> None:
        if slot.process is not None:
            self._send(slot, command)
            return
        for connection_id in ids:
            self._answer(command, False, "no such connection", connection_id)

    def _set(self, command: Set) -> None:
        try:
            changed, notes = replace_setting(
                self.settings, command.name, command.value, self._poller
            )
        except SettingError as error:
            self._answer(command, False, str(error))
            return
        old, new = getattr(self.settings, command.name), getattr(changed, command.name)
        self.settings = changed
        request = next(self._own_requests)
        alive = [slot for slot in self._slots if slot.process is not None]
        change = _Change(command, old, new, notes, {slot.number for slot in alive}, [], [])
        self._changes[request] = change
        for slot in alive:
            self._send(slot, Set(request=request, name=command.name, value=new))
        self._settle(request)

    def _fault_next(self, command: Fault) -> None:
        """Give a fault to exactly the next connections, whichever worker accepts them."""
        try:
            check_fault(command)
        except SettingError as error:
            self._answer(command, False, str(error))
            return
        self.of_next = command.spec if command.next else ""
        self.tokens.put(command.next)
        for slot in self._slots:
            if slot.process is not None:
                self._send(slot, msgspec.structs.replace(command, request=next(self._own_requests)))
        self._answer(command, True, describe_next(command))

    def _settle(self, request: int) -> None:
        """Publish a setting once it is in force at every worker that answers."""
        change = self._changes[request]
        if change.waiting:
            return
        del self._changes[request]
        command, old, new = change.command, change.old, change.new
        self._publish(command.changed(self._now(), old, new))
        for note in change.notes:
            self._publish(Notice(t=self._now(), level="warning", text=note))
        message = "; ".join((f"{command.name}: {old} → {new}", *change.notes))
        if change.silent:
            who = ", ".join(f"worker {number}" for number in change.silent)
            message += (
                f", but not at {who} (no answer within {ANSWER_PATIENCE:g} s)"
                " before it answers again or is replaced"
            )
        if change.refused:
            message += f", but not at {'; '.join(change.refused)}"
        self._answer(command, not (change.silent or change.refused), message)

    def pass_answer(self, slot: WorkerSlot, result: CommandResult) -> None:
        """Publish an answer, or count it where all workers have to answer first."""
        change = self._changes.get(result.request)
        if change is not None:
            change.waiting.discard(slot.number)
            if not result.ok:
                change.refused.append(f"worker {slot.number} ({result.message})")
            self._settle(result.request)
            return
        is_late = slot.process is not None and slot.process.take_given_up(result)
        if result.request >= 0 and not is_late:
            self._publish(result)

    def answer_overdue(self, now: float) -> None:
        """Answer for the workers the commands that they should have answered before `now`."""
        for slot in self._slots:
            overdue = slot.process.take_overdue(now) if slot.process else ()
            for command, connection_id in overdue:
                change = self._changes.get(command.request)
                if change is not None:
                    change.waiting.discard(slot.number)
                    change.silent.append(slot.number)
                    self._settle(command.request)
                else:
                    patience = answer_patience(command)
                    message = (
                        f"worker {slot.number} did not answer within {patience:g} s:"
                        " it may still be carried out"
                    )
                    self._answer(command, False, message, connection_id)

    def answer_for_dead(self, slot: WorkerSlot, detail: str) -> None:
        """Answer the commands sent to a worker that died."""
        if slot.process is None:
            return
        for (request, connection_id), (command, _) in slot.process.unanswered.items():
            if request in self._changes:
                self._changes[request].waiting.discard(slot.number)
                self._settle(request)
            else:
                self._answer(command, False, detail, connection_id)

    def refuse(self, command: Command) -> None:
        """Answer a command that came too late."""
        self._answer(command, False, TOO_LATE)

    def _answer(
        self, command: Command, ok: bool, message: str, connection_id: int | None = None
    ) -> None:
        self._publish(command.answer(self._now(), ok, message, connection_id))
