"""The turns of a loop that passes a gate before each system call: whether the next may be made.

Plain state: whoever uses it from several threads holds a lock.
"""

from __future__ import annotations

from .commands import StepAction


class Turns:
    """Counts the calls and iterations that may pass before the loop is held again."""

    def __init__(self) -> None:
        self.cause = ""
        """Why the loop is to be held at its next call; empty if it is not."""
        self.pace = 0.0
        """Seconds for which each call waits while the loop is not held; 0 for none."""
        self.is_open = False
        """Whether nothing holds it any more: it is to stop."""
        self._calls = 0
        self._polls = 0

    @property
    def goes_on(self) -> bool:
        """Whether a loop that is held may go on."""
        return self.is_open or not self.cause or bool(self._calls or self._polls)

    def stop(self, cause: str) -> None:
        """Have it held at its next call."""
        self.cause, self._calls, self._polls = cause, 0, 0

    def passes(self, begins_iteration: bool) -> bool:
        """Whether the next call, which may begin an iteration, may be made; counts it."""
        if not self.cause:
            return True
        if self._polls:
            self._polls -= begins_iteration
            return bool(self._polls)
        if self._calls:
            self._calls -= 1
            return True
        return False

    def take(self) -> None:
        """Count the call before which the loop was held, and which is made now."""
        self._calls -= self._calls > 0

    def change(self, action: StepAction, count: int = 0, pace: float = 0.0) -> None:
        """Hold, let so many calls or iterations pass, or go on, at a pace if that is not 0."""
        if action is StepAction.HOLD:
            self.pace = 0.0
            self.stop("hold")
        elif action in (StepAction.CALL, StepAction.ITERATION):
            self.pace = 0.0
            self.stop("step")
            if action is StepAction.CALL:
                self._calls = count
            else:
                self._polls = count
        else:
            self.pace = pace
            self.stop("")

    def open(self) -> None:
        """Let it pass for good."""
        self.is_open = True
        self.stop("")
