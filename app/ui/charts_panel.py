"""The panel with the charts of the server, shown instead of the selected connection."""

from __future__ import annotations

from ..watch.screen_state import ScreenState
from .charts import charts, grid
from .lines_panel import LinesPanel


class ChartsPanel(LinesPanel):
    """All charts, as many side by side as there is room for."""

    def __init__(self) -> None:
        super().__init__(id="charts")
        self.border_title = "charts of the last minutes"
        self._shown: tuple[object, ...] = ()

    def render_state(self, model: ScreenState) -> None:
        """Draw the charts again if the history has grown, which happens once a second."""
        last = model.rates
        shown = (id(model), None if last is None else last.t, self.size)
        if shown != self._shown:
            self._shown = shown
            self.set_lines(grid(charts(model), self.size.width, self.size.height))
