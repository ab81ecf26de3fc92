"""The page of one connection: all that is known of it, on a screen of its own, while it goes on."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen

from ..watch.row import Row
from ..watch.screen_state import ScreenState
from . import palette
from .actions import GROUPS
from .key_bar import KeyBar
from .lines_panel import LinesPanel
from .page_lines import page_lines

NOT_ON_A_PAGE: Final = frozenset(
    {"open", "filter", "toggle_filter", "stuck", "noted", "sort", "reverse", "columns",
     "kill_several", "charts", "loop", "last_bytes", "closed", "log", "export", "groups", "undo",
     "view", "keep_view"}
)  # fmt: skip
"""Actions on the table, which a page covers."""
NOT_IN_ITS_HELP: Final = NOT_ON_A_PAGE | {
    "sort_back", "tag", *(action.name for action in GROUPS["move"])
}  # fmt: skip
"""The same with the keys that move a cursor: on a page they scroll, or do nothing."""


class ConnectionPage(Screen[None]):
    """A connection as a page: a view of the state, whatever happens to it."""

    AUTO_FOCUS = "#page"
    HELP = (
        "All that is known of one connection, as it is now: facts first, then what they mean. The "
        "arrow keys, PageUp and PageDown scroll. When it closes the page stays and says so. Escape "
        "goes back to the table."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,backspace", "close", "Back", key_display="esc"),
    ]

    def __init__(self, row: Row, hidden: frozenset[str] = frozenset()) -> None:
        """Make the page of a connection; the actions in `hidden` are left out of the key bar."""
        super().__init__()
        self.row = row
        self._hidden = hidden
        self._lines = LinesPanel(id="page-lines")
        self._scroll = VerticalScroll(self._lines, id="page")

    def compose(self) -> ComposeResult:
        """Compose the lines in a frame, and the key bar."""
        yield self._scroll
        yield KeyBar(self._hidden)

    def render_state(self, model: ScreenState, now: float, mode: str) -> None:
        """Draw the connection as `model` knows it, or as it was last known; `mode` as ``LIVE``."""
        known = model.rows.get(self.row.id)
        if known is not None:
            self.row = known
        row, width = self.row, self._lines.size.width
        if not width:
            return
        lines = page_lines(row, model.audit.changes, model.settings, now, width)
        if known is None and row.closed is None:
            text = f" #{row.id} is not known at this time: this is what was known last"
            lines = [[(text, palette.ALARM)], [], *lines]
        self._lines.set_height(len(lines))
        self._lines.set_lines(lines)
        title = f"connection #{row.id}  {palette.state_label(row.state)}  {mode}"
        if self._scroll.border_title != title:
            self._scroll.border_title = title

    def action_close(self) -> None:
        """Go back to the table."""
        self.dismiss(None)
