"""The dashboard on a recording: the same screen, and a transport under it."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from ..recording.format import Mark
from ..recording.keyframes import state_at
from ..watch.screen_state import ScreenState
from . import palette
from .actions import NOT_IN_A_REPLAY, REPLAY_ACTIONS, Keys, with_context
from .app import EchoApp
from .bindings import REPLAY_BINDINGS, RUN_AS
from .bytes_page import NOT_OF_A_RECORDING
from .moment_dialog import MomentDialog
from .preferences import Preferences
from .replay_source import ReplaySource
from .transport_bar import TransportBar

SEEK_BY: Final = 10.0
"""Seconds by which one key moves the position."""
NAMED: Final = 4
"""Damaged files of one recording that the banner names."""
HELP: Final = "A recording, not a live server: nothing in it can be changed."


_ITS_OWN: Final = frozenset(RUN_AS[name].partition("(")[0] for name in REPLAY_ACTIONS)
"""The methods that the keys of a replay call."""


class ReplayApp(EchoApp):
    """The dashboard of a recording."""

    CSS_PATH = ["echo.tcss", "replay.tcss"]  # type: ignore[assignment]  # noqa: RUF012  as Textual's
    NOT_HERE = NOT_IN_A_REPLAY
    KEPT_PAST = False
    NO_BYTES = NOT_OF_A_RECORDING
    MAY_RING = False
    BINDINGS: ClassVar[list[BindingType]] = REPLAY_BINDINGS

    def __init__(
        self,
        source: ReplaySource,
        title: str = "echo-tui",
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(source, title, preferences)
        self._replay = source
        self._transport = TransportBar(self.keys)
        self._has_jumped = False

    def compose(self) -> ComposeResult:
        """Compose the dashboard, with the transport bar over the key bar."""
        yield from super().compose()
        yield self._transport

    @property
    def keys_here(self) -> Keys:
        """The keys of the actions that there are in a replay, by action."""
        of_the_table = {
            name: keys for name, keys in super().keys_here.items() if name not in NOT_IN_A_REPLAY
        }
        return with_context(of_the_table, {name: self.keys[name] for name in REPLAY_ACTIONS})

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action exists at present: in a field or a dialog, a key is a key of it."""
        if action in _ITS_OWN and (self.screen.is_modal or isinstance(self.focused, Input)):
            return False
        return super().check_action(action, parameters)

    def refresh_view(self, anyway: bool = True) -> None:
        """Refresh as for a live server, after a jump with the model of the new position."""
        keyframe = self._replay.restart()
        if keyframe is not None:
            self.model = state_at(keyframe, self._replay.now())
            self._has_jumped = True
        super().refresh_view(anyway or keyframe is not None)
        if self._replay.refused:
            self._replay.refused.clear()
            self._refuse()

    def _draw(self, model: ScreenState, now: float) -> None:
        if self._has_jumped:
            self._has_jumped = False
            if self._pane.table.selected_id not in model.rows:
                self._pane.table.forget_cursor()  # it is not open yet, or no longer
        super()._draw(model, now)
        if self._transport.is_attached:
            self._transport.render_position(self._replay)
            damaged = self._replay.recording.damage is not None
            self.screen_stack[0].set_class(damaged, "damaged")

    def _banner_text(self, now: float) -> str:
        damages = self._replay.recording.damages
        if not damages:
            return ""
        if len(damages) == 1:
            shown = "all else is shown" if damages[0].file else "all before is shown"
            return f"{damages[0]} ({shown})"
        others = ", ".join(damage.file for damage in damages[1:NAMED])
        more = f" and {len(damages) - NAMED} more" if len(damages) > NAMED else ""
        return f"{damages[0]}; also damaged: {others}{more}"

    def _mode(self) -> tuple[str, Style]:
        if self._replay.playing:
            return f"▶ REPLAY {self._replay.speed:g}x", palette.GOOD
        return "REPLAY", palette.ALARM

    # --- the transport ---

    def action_pause(self) -> None:
        """Play or pause."""
        if self._replay.playing:
            self._replay.pause()
        else:
            self._replay.play()
        self.refresh_view()

    def action_step(self, back: bool) -> None:
        """Go to the next event, or to the previous one."""
        if not self._replay.step(back):
            self._notify_none("event", back)
        self.refresh_view()

    def action_step_here(self, back: bool) -> None:
        """Go to the next event of the selected connection, or to its previous one."""
        selected = self._pane.table.selected_id
        if selected is None:
            self.notify("no connection is selected", severity="warning")
            return
        if not self._replay.step(back, selected):
            self._notify_none(f"event of #{selected}", back)
        self.refresh_view()

    def action_jump(self, what: str, back: bool) -> None:
        """Go to the next close, POLLOUT toggle or error, or to the previous one."""
        if not self._replay.jump(Mark[what.upper()], back):
            self._notify_none(what.replace("toggle", "POLLOUT toggle"), back)
        self.refresh_view()

    def _notify_none(self, word: str, back: bool) -> None:
        self.notify(f"no {word} {'before' if back else 'after'} this", severity="warning")

    def action_seek_by(self, steps: int) -> None:
        """Move the position by `steps` times `SEEK_BY` seconds."""
        self._seek(self._replay.position() + steps * SEEK_BY)

    def action_seek_to_end(self, last: bool) -> None:
        """Go to the start or to the end."""
        self._seek(self._replay.end if last else self._replay.start)

    def action_ask_moment(self) -> None:
        """Open the dialog for a time to go to."""

        def go(moment: float | None) -> None:
            if moment is not None:
                self._seek(moment)

        self.push_screen(
            MomentDialog(self._replay.start, self._replay.end, self._replay.recording.wall_times),
            go,
        )

    def on_transport_bar_clicked(self, message: TransportBar.Clicked) -> None:
        """Go to the clicked position."""
        start, end = self._replay.start, self._replay.end
        self._seek(start + message.share * (end - start))

    def action_speed(self, steps: int) -> None:
        """Play slower or faster."""
        self._replay.change_speed(steps)
        self.refresh_view()

    def _seek(self, t: float) -> None:
        self._replay.seek(t)
        self.refresh_view()

    def _refuse(self) -> None:
        self.notify("a recording cannot be changed", severity="warning")

    action_kill = action_kill_several = action_cap = action_settings = action_record = _refuse
    action_fault = _refuse

    async def action_quit(self) -> None:
        """End the dashboard without a question, because no connection ends with it."""
        self.exit(0, return_code=0)

    @property
    def _help_here(self) -> str:
        return HELP
