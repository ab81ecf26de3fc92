"""The part of the dashboard under the table: detail, charts of the server, or the loop."""

from __future__ import annotations

import time
from typing import Final

from ..watch.screen_state import ScreenState
from .charts import ChartsPanel
from .commanding_app import CommandingApp
from .loop_panel import LoopPanel

LOOKED: Final = 3.0
"""Seconds for which the loop is asked to tell its iterations, each time."""
ASKED_EVERY: Final = 1.0
"""Seconds between two times, while its pane is open."""
CHARTING: Final = "charting"
LOOPING: Final = "looping"
"""The classes of a screen that shows the charts, or the loop."""


class LookingApp(CommandingApp):
    """An app whose lower half shows what the server does."""

    def _make_lower_panels(self) -> None:
        self._charts = ChartsPanel(id="charts", title="charts of the last minutes")
        self._loop_panel = LoopPanel(id="loop", title="the loop")
        self._look_at = 0.0

    def _draw_lower(self, model: ScreenState) -> bool:
        """Draw the charts or the loop; False if neither is open."""
        screen = self.screen_stack[0]
        if screen.has_class(CHARTING):
            self._charts.render_state(model)
        elif screen.has_class(LOOPING):
            row = self._pane.table.selected_of(model)
            self._loop_panel.render_state(model, row)
        else:
            return False
        return True

    def _look(self) -> None:
        """Go on having the loop observed, while its pane is open."""
        if self.screen_stack[0].has_class(LOOPING) and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + ASKED_EVERY
            self._requests.look(LOOKED, self._instance)

    @property
    def is_looking(self) -> bool:
        """Whether charts or loop are in the place of the selected connection."""
        screen = self.screen_stack[0]
        return screen.has_class(CHARTING) or screen.has_class(LOOPING)

    def leave_lower(self) -> None:
        """Show the selected connection again."""
        self.screen_stack[0].remove_class(CHARTING, LOOPING)

    def action_charts(self) -> None:
        """Switch between the charts of the server and the selected connection."""
        self._switch(CHARTING, LOOPING)

    def action_loop(self) -> None:
        """Switch between the loop and the selected connection."""
        self._switch(LOOPING, CHARTING)

    def _switch(self, to: str, other: str) -> None:
        self.screen_stack[0].remove_class(other)
        self.screen_stack[0].toggle_class(to)
        self._look_at = 0.0
        self._look()
        self.call_after_refresh(self.refresh_view)
