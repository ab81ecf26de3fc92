"""The frame around the table of connections: its title, the filter and the headings."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from ..watch.state import State
from .actions import Keys
from .column_layout import column_at, heading
from .connection_table import ConnectionTable
from .filter_bar import FilterBar
from .lines_panel import LinesPanel


class ConnectionPane(Vertical):
    """Heading and table in one frame, titled with what it holds."""

    def __init__(self, keys: Keys) -> None:
        """`keys` are those in force, for texts that name a key."""
        super().__init__(id="connection-pane")
        self.table = ConnectionTable()
        self.filter_bar = FilterBar(keys, self.table.known_rows)
        self._heading = LinesPanel(id="heading")
        self._selected_before: int | None = None
        """The id under the cursor when a filter began to be typed: half a filter may hide it."""

    def open_filter(self) -> None:
        """Open the field in which a filter is typed."""
        if not self.filter_bar.has_class("typing"):
            self._selected_before = self.table.selected_id
        self.filter_bar.open()

    def forget_ids(self) -> None:
        """Drop the cursor and the tags: the ids are of another server from now on."""
        self._selected_before = None
        self.table.forget_ids()

    def compose(self) -> ComposeResult:
        """The filter, the titles, and the table under them."""
        yield self.filter_bar
        yield self._heading
        yield self.table

    def render_state(self, model: State, now: float) -> None:
        """Show the rows of `model` at `now`, and their numbers in the title."""
        table = self.table
        table.render_state(model, now)
        self.filter_bar.render_counts(len(table.shown), table.hidden)
        self._draw_heading()
        title = _title(table, model)
        if self.border_title != title:
            self.border_title = title
        note = _note_on_cursor(table, model)
        if (self.border_subtitle or "") != note:
            self.border_subtitle = note

    def _draw_heading(self) -> None:
        table = self.table
        chosen = table.chosen_column
        titles = heading(table.columns, table.sort_key, table.descending, chosen)
        self._heading.set_lines([titles])

    def on_connection_table_column_chosen(self, message: ConnectionTable.ColumnChosen) -> None:
        """Draw the title of the chosen column."""
        message.stop()
        self._draw_heading()

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        """Show the rows that pass the filter."""
        message.stop()
        self.table.filter_by(message.chosen)
        if self._selected_before is not None:
            self.table.select_shown(self._selected_before)
        self.filter_bar.render_counts(len(self.table.shown), self.table.hidden)

    def on_filter_bar_left(self, message: FilterBar.Left) -> None:
        """Give the focus back to the table."""
        message.stop()
        self._selected_before = None
        self.table.focus()

    def on_click(self, event: events.Click) -> None:
        """Sort by the column whose title was clicked."""
        if event.widget is self._heading:
            self.table.sort_by(column_at(self.table.columns, event.x) or "")


def _title(table: ConnectionTable, model: State) -> str:
    if table.shows_closed:
        title = f"CLOSED connections  {len(model.kept):,} kept, {model.open:,} open"
    else:
        title = f"connections  {model.open:,} open"
        shown_closed = len(model.rows) - model.open
        if shown_closed:
            title += f", {shown_closed:,} just closed"
    if table.tagged:
        title += f", {len(table.tagged):,} tagged"
    if table.is_newest_first:
        above = table.scroll_offset.y  # the cursor stays on its row, however many come
        return f"{title}  the newest first{f', {above:,} above' if above else ''}"
    if table.sort_key != "id" or table.descending:
        title += f"  by {table.sort_key.replace('_', ' ')}"
    return title


def _note_on_cursor(table: ConnectionTable, model: State) -> str:
    """Return why a row is there, or none, that nobody would expect; mostly nothing."""
    number = table.selected_id
    if table.is_cursor_lost and table.shows_closed:
        return f"#{number} is not kept any more"
    if table.is_cursor_lost:
        return f"#{number} is not among the connections any more"
    if table.stays is not None:
        return f"#{number} does not pass the filter now: it stays while the cursor is on it"
    if number is not None and number == model.overdue_id:
        return f"#{number} is closed: it stays while the cursor is on it"
    return ""
