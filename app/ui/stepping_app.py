"""The keys of a loop that is held and stepped (`--step`)."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from textual.widgets import Input

from ..core.commands import Step, StepAction
from ..core.events import CommandResult
from ..core.stepping import FASTEST, SLOWEST
from .actions import STEP_ACTIONS, Keys, with_context
from .breakpoint_dialog import BreakpointDialog
from .looking_app import LOOPING, LookingApp

_PACES: Final = (FASTEST, 0.03, 0.1, 0.3, SLOWEST)
"""Seconds a call, the quickest first."""
_WHILE_HELD: Final = frozenset({"step_go"})


class StepPace:
    """The pace that was chosen last, in seconds a call."""

    def __init__(self) -> None:
        self._index: int | None = None

    def slower(self) -> float:
        """Choose a pace, or the next slower one, and return it."""
        self._index = 0 if self._index is None else min(self._index + 1, len(_PACES) - 1)
        return _PACES[self._index]

    def faster(self) -> float:
        """Choose the slowest pace, or the next faster one, and return it."""
        self._index = len(_PACES) - 1 if self._index is None else max(self._index - 1, 0)
        return _PACES[self._index]

    def forget(self) -> None:
        """There is none any more."""
        self._index = None


class SteppingApp(LookingApp):
    """An app that holds and steps the loop of the server, if it was started with `--step`."""

    STEPPED: ClassVar[frozenset[str]] = frozenset(STEP_ACTIONS)

    _opened_for = ""
    _was_held = False
    _listing = 0  # the request that lists the breakpoints

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._step_pace = StepPace()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action exists at present: the loop's keys on the table of such a server."""
        if action in self.STEPPED:
            is_free = len(self.screen_stack) == 1 and not isinstance(self.focused, Input)
            may_run = action not in _WHILE_HELD or self.model.held is not None
            return self._is_stepped and is_free and may_run
        return super().check_action(action, parameters)

    @property
    def keys_here(self) -> Keys:
        """The keys of the actions that there are at present, by action."""
        there = super().keys_here
        if not self._is_stepped:
            return there
        gone = _WHILE_HELD if self.model.held is None else ()
        own = {name: self.keys[name] for name in STEP_ACTIONS if name not in gone}
        return with_context(there, own)

    @property
    def _is_stepped(self) -> bool:
        listening = self.model.listening
        return listening is not None and listening.step and not self.model.ended

    def _open_loop_once(self) -> None:
        """Show the loop when a server with `--step` is first seen."""
        if self._is_stepped and self._opened_for != self._instance:
            self._opened_for = self._instance
            if not self.screen_stack[0].has_class(LOOPING):
                self.action_loop()

    def _follow_hold(self) -> None:
        """Have the key bar name the keys of a held loop only while it is held."""
        is_held = self.model.held is not None
        if is_held is not self._was_held:
            self._was_held = is_held
            self.screen_stack[0].set_class(is_held, "held")
            self.screen.refresh_bindings()

    def _report(self, result: CommandResult) -> None:
        if result.request == self._listing != 0:
            if isinstance(self.screen, BreakpointDialog):
                self.screen.tell_known(result.message)
            return
        super()._report(result)

    def _step(self, action: StepAction, pace: float = 0.0) -> None:
        command = Step(request=0, action=action, pace=pace)
        self._requests.step(command, False, self._instance)

    def action_step_call(self) -> None:
        """Hold the loop, or let it make one call."""
        held = self.model.held is not None
        self._step(StepAction.CALL if held else StepAction.HOLD)

    def action_step_iteration(self) -> None:
        """Go on to the next poll."""
        self._step(StepAction.ITERATION)

    def action_step_go(self) -> None:
        """Let the loop go on."""
        self._step_pace.forget()
        self._step(StepAction.GO)

    def action_step_slower(self) -> None:
        """Let it go on at a pace, or at a slower one."""
        self._set_pace(self._step_pace.slower())

    def action_step_faster(self) -> None:
        """Let it go on at a faster pace."""
        self._set_pace(self._step_pace.faster())

    def action_step_break(self) -> None:
        """Open the dialog for a breakpoint."""
        instance = self._instance

        def put(answer: str | None) -> None:
            if answer is None:
                return
            if answer.startswith("-"):
                command = Step(request=0, action=StepAction.REMOVE, count=int(answer[1:]))
            else:
                command = Step(request=0, action=StepAction.ADD, text=answer)
            self._requests.step(command, True, instance)

        self.push_screen(BreakpointDialog(self._control), put)
        listing = Step(request=0, action=StepAction.LIST)
        self._listing = self._requests.step(listing, False, instance)

    def _set_pace(self, seconds: float) -> None:
        self._step(StepAction.PACE, seconds)
        self.notify(f"{seconds:g} s a call", timeout=2)
