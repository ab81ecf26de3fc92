"""Answers of several workers as one, without processes."""

from __future__ import annotations

from typing import Any, cast

from app.core.commands import Command, Set
from app.core.events import CommandResult, Event, SettingChanged
from app.core.settings import Settings
from app.server.poller import SelectPoller
from app.server.workers.routing import Routing
from app.server.workers.slot import WorkerSlot


class TwoWorkers:
    """The routing of two workers, what was sent to them and what was published."""

    def __init__(self) -> None:
        self.slots = [WorkerSlot(number, ()) for number in (1, 2)]
        for slot in self.slots:
            slot.process = cast(Any, object())
        self.sent: list[tuple[WorkerSlot, Command]] = []
        self.published: list[Event] = []
        self.routing = Routing(
            Settings(),
            SelectPoller(),
            self.slots,
            lambda slot, command: self.sent.append((slot, command)),
            self.published.append,
            lambda: 5.0,
        )

    def answer(self, ok: bool, message: str) -> None:
        """Have the worker that was sent a command first answer it."""
        slot, command = self.sent.pop(0)
        self.routing.pass_answer(slot, command.answer(5.0, ok, message))


def test_a_setting_that_a_worker_refuses_is_not_said_to_be_in_force_there() -> None:
    two = TwoWorkers()
    two.routing.apply(Set(request=9, name="cap", value=10))
    two.answer(True, "cap: 1048576 → 10")
    assert not two.published
    two.answer(False, "MemoryError")
    changed, answer = two.published
    assert isinstance(changed, SettingChanged)
    assert isinstance(answer, CommandResult)
    assert not answer.ok
    assert answer.message == f"cap: {1 << 20} → 10, but not at worker 2 (MemoryError)"


def test_a_setting_that_all_take_is_in_force() -> None:
    two = TwoWorkers()
    two.routing.apply(Set(request=9, name="cap", value=10))
    for _ in range(2):
        two.answer(True, "")
    answer = two.published[-1]
    assert isinstance(answer, CommandResult)
    assert (answer.ok, answer.message) == (True, f"cap: {1 << 20} → 10")
