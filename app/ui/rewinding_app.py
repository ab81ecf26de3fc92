"""A live dashboard that goes back in time: over what was told while it was open."""

from __future__ import annotations

from typing import ClassVar, Final

from ..core.printable import reason_of
from ..recording.keyframes import state_at
from ..recording.rewind import Rewind
from ..watch.screen_state import ScreenState
from ..watch.stream import Drained
from .actions import OF_NOW, REWIND_ACTIONS, Keys
from .replay_source import ReplaySource
from .stepping_app import SteppingApp

SEEK_BY: Final = 10.0
"""Seconds of one move."""


class RewindingApp(SteppingApp):
    """An app that shows a moment of the past while the live model goes on."""

    KEPT_PAST: ClassVar[bool] = True
    """Whether what is shown is kept for going back; a recording is, anyway."""
    _rewind: Rewind | None = None
    _past: ReplaySource | None = None
    _past_model: ScreenState | None = None

    def keep_the_past(self, size: int) -> None:
        """Keep the last minutes in so many bytes; 0 keeps nothing."""
        if size:
            try:
                self._rewind = Rewind(size, self._source.now)
            except OSError as error:
                text = f"nothing is kept for going back: {reason_of(error)}"
                self.notify(text, severity="warning", markup=False)

    def on_unmount(self) -> None:
        """Give the memory back."""
        self._leave_the_past()
        if self._rewind is not None:
            self._rewind.close()
            self._rewind = None

    def _hear_for_later(self, drained: Drained) -> None:
        if self._rewind is not None:
            self._rewind.hear(drained)

    @property
    def keys_here(self) -> Keys:
        """The keys of the actions that there are at present, by action."""
        gone = () if self._rewind is not None else REWIND_ACTIONS
        return {name: keys for name, keys in super().keys_here.items() if name not in gone}

    @property
    def is_in_the_past(self) -> bool:
        """Whether a moment of the past is on the screen."""
        return self._past is not None

    def shown_model(self) -> tuple[ScreenState, float]:
        """Return the model on the screen and its time, which may be one of the past."""
        if self._past is not None and self._past_model is not None:
            return self._past_model, self._past.now()
        return super().shown_model()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action exists at present: the past cannot be changed."""
        if action in REWIND_ACTIONS and not self.KEPT_PAST:
            return False
        if action in OF_NOW and self.is_in_the_past:
            return False
        return super().check_action(action, parameters)

    def _shown_past(self) -> tuple[ScreenState, float] | None:
        """Return the model of the past and its time; None where the screen is live."""
        past = self._past
        if past is None:
            return None
        keyframe = past.restart()
        if keyframe is not None or self._past_model is None:
            self._past_model = ScreenState() if keyframe is None else state_at(keyframe, past.now())
        self._past_model.apply(past.drain(), past.now())
        return self._past_model, past.now()

    @property
    def _seconds_back(self) -> float:
        return 0.0 if self._past is None else max(0.0, self._source.now() - self._past.now())

    def _go_back(self) -> ReplaySource | None:
        """Open the past at its end, unless it is open; None if there is none."""
        if self._past is None and self._rewind is not None:
            recording = self._rewind.open()
            if recording is not None:
                self._past = ReplaySource(recording)
                self._past.seek(self._past.end)
                self.screen.refresh_bindings()  # what changes the server is gone from the key bar
        if self._past is None:
            self.notify("nothing is kept of the past yet", severity="warning")
        return self._past

    def action_rewind_back(self) -> None:
        """Go 10 s back."""
        if past := self._go_back():
            past.seek(past.position() - SEEK_BY)
            self.refresh_view()

    def action_rewind_on(self) -> None:
        """Go 10 s on; from the end to what is live."""
        past = self._past
        if past is None:
            return
        if past.position() + SEEK_BY >= past.end:
            self.action_rewind_live()
            return
        past.seek(past.position() + SEEK_BY)
        self.refresh_view()

    def action_rewind_event_back(self) -> None:
        """Go to the event before."""
        if (past := self._go_back()) and not self._step_in(past, back=True):
            self.notify("no event before this", severity="warning")
        self.refresh_view()

    def action_rewind_event_on(self) -> None:
        """Go to the next event; from the last one to what is live."""
        if self._past is not None and not self._step_in(self._past, back=False):
            self.action_rewind_live()
        self.refresh_view()

    def _step_in(self, past: ReplaySource, back: bool) -> bool:
        """Go to the next or the last event; of a loop that is stepped, from call to call."""
        return (self._is_stepped and past.step_to_hold(back)) or past.step(back)

    def action_rewind_live(self) -> None:
        """Show what is live again."""
        self._leave_the_past()
        self.refresh_view()

    def _leave_the_past(self) -> None:
        past, self._past, self._past_model = self._past, None, None
        if past is not None:
            past.recording.__exit__()
            self.screen.refresh_bindings()
