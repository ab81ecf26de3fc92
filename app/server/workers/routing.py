"""Which worker a command goes to, and one answer to the outside where several have answered.

Worker k of N gives the ids k, k + N, k + 2N and so on: an id names its worker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, NamedTuple

from ...core.commands import Command, Kill, Set, Trace
from ...core.events import (
    CommandResult,
    Event,
    SettingChanged,
)
from ...core.settings import SettingError, Settings
from .slot import WorkerPlace
from .worker_process import SIGN_OF_LIFE

TOO_LATE: Final = "the server has stopped"
ANSWER_PATIENCE: Final = 5.0
"""Seconds that a worker has for an answer; `ctl` waits 10 s for that of the server."""


class _Change(NamedTuple):
    """A setting on its way to all workers."""

    command: Set
    old: int | float | str
    new: int | float | str
    waiting: set[int]
    """The workers that have not answered yet."""
    silent: list[int]
    """The workers that did not answer within `ANSWER_PATIENCE`."""


class Routing:
    """Takes commands apart for the workers, and their answers together."""

    def __init__(
        self,
        settings: Settings,
        places: Sequence[WorkerPlace],
        send: Callable[[WorkerPlace, Command], None],
        publish: Callable[[Event], None],
        now: Callable[[], float],
    ) -> None:
        self.settings = settings
        """The settings in force, with which a process that starts later begins."""
        self._places = places
        self._send = send
        self._publish = publish
        self._now = now
        self._changes: dict[int, _Change] = {}
        # Requests of our own are negative: no answer to them goes out.
        self._own_requests = count(SIGN_OF_LIFE.request - 1, -1)

    def apply(self, command: Command) -> None:
        """Send a command to whom it concerns."""
        match command:
            case Kill():
                by_worker: dict[int, list[int]] = defaultdict(list)
                for connection_id in command.ids:
                    by_worker[self._place_of(connection_id)].append(connection_id)
                for index, ids in by_worker.items():
                    part = Kill(request=command.request, ids=tuple(ids), mode=command.mode)
                    self._ask_of(self._places[index], part, part.ids)
            case Trace():
                self._ask_of(self._places[self._place_of(command.id)], command, (command.id,))
            case Set():
                self._set(command)
            case _:
                self.refuse(command)

    def _place_of(self, connection_id: int) -> int:
        return (connection_id - 1) % len(self._places)

    def _ask_of(self, place: WorkerPlace, command: Command, ids: tuple[int, ...]) -> None:
        if place.process is not None:
            self._send(place, command)
            return
        for connection_id in ids:
            self._answer(
                command.request, _name(command), False, "no such connection", connection_id
            )

    def _set(self, command: Set) -> None:
        try:
            changed = self.settings.replace(command.name, command.value)
        except SettingError as error:
            self._answer(command.request, "set", False, str(error))
            return
        old, new = getattr(self.settings, command.name), getattr(changed, command.name)
        self.settings = changed
        request = next(self._own_requests)
        alive = [place for place in self._places if place.process is not None]
        change = _Change(command, old, new, {place.number for place in alive}, [])
        self._changes[request] = change
        for place in alive:
            self._send(place, Set(request=request, name=command.name, value=new))
        self._settle(request)

    def _settle(self, request: int) -> None:
        """Tell of a setting once it is in force at every worker that answers."""
        change = self._changes[request]
        if change.waiting:
            return
        del self._changes[request]
        name, old, new = change.command.name, change.old, change.new
        self._publish(SettingChanged(t=self._now(), name=name, old=old, new=new))
        message = f"{name}: {old} → {new}"
        if change.silent:
            who = ", ".join(f"worker {number}" for number in change.silent)
            message += (
                f", but not at {who} (no answer within {ANSWER_PATIENCE:g} s)"
                " before it answers again or is replaced"
            )
        self._answer(change.command.request, "set", not change.silent, message)

    def pass_answer(self, place: WorkerPlace, result: CommandResult) -> None:
        """Publish an answer, or count it where all workers have to answer first."""
        if result.request in self._changes:
            self._changes[result.request].waiting.discard(place.number)
            self._settle(result.request)
            return
        is_late = place.process is not None and place.process.was_given_up(result)
        if result.request >= 0 and not is_late:
            self._publish(result)

    def give_up(self, now: float) -> None:
        """Answer what workers should have answered before `now`, on the clock of `_send`."""
        for place in self._places:
            overdue = place.process.overdue(now) if place.process else ()
            for request, connection_id, name in overdue:
                if request in self._changes:
                    change = self._changes[request]
                    change.waiting.discard(place.number)
                    change.silent.append(place.number)
                    self._settle(request)
                else:
                    message = (
                        f"worker {place.number} did not answer within {ANSWER_PATIENCE:g} s;"
                        " it may still obey"
                    )
                    self._answer(request, name, False, message, connection_id)

    def died(self, place: WorkerPlace, detail: str) -> None:
        """Answer what a dead worker was asked. Its successor begins with the settings in force."""
        if place.process is None:
            return
        for (request, connection_id), (name, _) in place.process.asked.items():
            if request in self._changes:
                self._changes[request].waiting.discard(place.number)
                self._settle(request)
            else:
                self._answer(request, name, False, detail, connection_id)

    def refuse(self, command: Command) -> None:
        """Answer a command that came too late."""
        self._answer(command.request, _name(command), False, TOO_LATE)

    def _answer(
        self, request: int, name: str, ok: bool, message: str, connection_id: int | None = None
    ) -> None:
        self._publish(
            CommandResult(
                t=self._now(),
                request=request,
                command=name,
                ok=ok,
                message=message,
                id=connection_id,
            )
        )


def _name(command: Command) -> str:
    return type(command).__name__.lower()
