"""The table of connections: a line-API widget that makes only the visible lines.

Ten thousand connections cost what fifty do, plus the sorting: a line is made when it is in view
and one of (row, its version, the second, the cursor) is new. The cursor is a connection id,
so it stays on its connection while rows come, go and change places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from rich.style import Style
from textual import events
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ..watch.columns import EVERY_COLUMN
from ..watch.filter import Filter, is_noted
from ..watch.row import Row
from ..watch.state import State
from . import palette
from .bindings import TABLE_BINDINGS
from .cells import cells, row_mark
from .column_layout import MARK, Layout, closed_layout, layout
from .lines_panel import strip_of
from .table_view import ListChoices, View

SORT_INTERVAL: Final = 1.0
"""Seconds between two sortings by a figure that changes, so that rows can be read."""


class ConnectionTable(ScrollView, can_focus=True, inherit_bindings=False):
    """The connections of a `State`, one line each, with a cursor."""

    BINDINGS = TABLE_BINDINGS
    HELP = (
        "The connections, one a line. A click selects, and so do the arrow keys; a click at the "
        "left edge, or with the control key, tags; a click on a title sorts by its column, another "
        "turns the order round; the wheel scrolls. ← and → choose a column, which ? then explains. "
        "What you kill is always a connection by its id."
    )

    class Selected(Message):
        """The cursor is on another connection, or on none."""

        def __init__(self, connection_id: int | None) -> None:
            super().__init__()
            self.connection_id = connection_id

    class ColumnChosen(Message):
        """Another column is the one that `?` explains, or none."""

    def __init__(self) -> None:
        super().__init__(id="connections")
        self.selected_id: int | None = None
        self.chosen_column = ""
        """The key of the column that `?` explains; empty if none was chosen."""
        self.held = False
        """While set, rows keep their places and none leaves: a dialog is about one of them."""
        self.sort_key = "id"
        self.descending = False
        self.chosen: tuple[str, ...] = ()
        """The columns that a person chose; none means those that fit."""
        self.shows_closed = False
        """Whether it shows the connections that closed last, and not those that are open."""
        self._closed_rows: dict[int, Row] = {}  # these, by id
        self._other = ListChoices("closed_at", True)
        self.hidden = 0
        """Number of rows that the filter hides."""
        self.tagged: set[int] = set()
        """Ids that a person marked, shown or hidden."""
        self._filter: Filter | None = None
        self._is_filter_new = False
        self.shown: list[Row] = []
        """The rows in the table, in its order."""
        self.stays: Row | None = None
        """The row that the filter would hide if the cursor were not on it."""
        self.is_cursor_lost = False
        """Whether the connection under the cursor is not among those that are known now."""
        self._id_width = 0
        self._has_workers = False
        self._has_notes = False  # and had, so that the columns stay in place
        self._index = 0
        """The cursor's last line: when its row leaves, the next row gets the cursor."""
        self._is_cursor_in_view = True
        self._model: State | None = None
        self._membership = -1
        self._sorted_at = float("-inf")
        self._now = 0.0
        self._view = View((), 0, Style(), False, 0)
        self._strips: dict[int, tuple[tuple[object, ...], Strip]] = {}
        self._drawn: list[tuple[object, ...]] = []

    # --- what is shown ---

    def render_state(self, model: State, now: float) -> None:
        """Show the rows of `model` at `now`, and redraw the lines that changed."""
        self._now = now
        self._has_workers = model.listening is not None and model.listening.workers > 0
        if model is not self._model:
            self._model, self._membership = model, -1
        is_void = self._membership < 0  # whatever is held: these rows are gone
        if is_void or (not self.held and self._is_order_old(model, now)):
            was_in_view = self._is_cursor_shown()
            self._reorder(model, now)
            if was_in_view:
                self._scroll_to_cursor()
        top = self.scroll_offset.y
        if not self._has_notes:
            seen = self.shown[top : top + self.size.height]
            self._has_notes = any(is_noted(row, now) for row in seen)
        self._view = self._make_view()
        if self.size.height:
            self._is_cursor_in_view = self._is_cursor_shown()
        drawn = [self._key(top + y) for y in range(self.size.height)]
        if len(drawn) == len(self._drawn):
            width = self.size.width
            pairs = enumerate(zip(drawn, self._drawn, strict=True))
            changed = [Region(0, y, width, 1) for y, (new, old) in pairs if new != old]
            if changed:
                self.refresh(*changed)
        else:
            self.refresh()
        self._drawn = drawn

    def known_rows(self) -> Iterable[Row]:
        """Return all connections of the state that was rendered last, in the filter or not."""
        return () if self._model is None else self._rows_of(self._model).values()

    def _rows_of(self, model: State) -> Mapping[int, Row]:
        return self._closed_rows if self.shows_closed else model.rows

    def selected_of(self, model: State) -> Row | None:
        """Return the connection under the cursor as `model` knows it; None if there is none."""
        return self._rows_of(model).get(self.selected_id or 0)

    def show_closed(self, closed: bool) -> None:
        """Show the connections that closed last, or the open ones, as they were shown before."""
        if closed == self.shows_closed:
            return
        other, tagged = self._other, frozenset(self.tagged)
        self._other = ListChoices(
            self.sort_key, self.descending, self.selected_id, tagged, self._index
        )
        self.shows_closed = closed
        self.sort_key, self.descending, self.selected_id, marked, self._index = other
        self.tagged, self.chosen_column = set(marked), ""
        self.stays, self.is_cursor_lost = None, False
        self._order_anew()
        self._publish_selected()

    @property
    def is_newest_first(self) -> bool:
        """Whether closed connections stand in the usual order."""
        return self.sort_key == "closed_at" and self.descending

    def forget_ids(self) -> None:
        """Drop the cursor and the tags: the ids are of another server from now on."""
        self.forget_cursor()
        self.tagged.clear()
        self._index = 0
        self._other = self._other._replace(selected_id=None, tagged=frozenset(), line=0)

    def forget_cursor(self) -> None:
        """Drop the cursor: the row in its place, or the next one, gets it."""
        self.selected_id, self.stays, self.is_cursor_lost = None, None, False
        self._membership = -1

    @property
    def passing(self) -> list[Row]:
        """The rows that pass the filter, in the order of the table."""
        return [row for row in self.shown if row is not self.stays]

    def sort_by(self, key: str) -> None:
        """Sort by a column; the column that it is sorted by already is reversed."""
        if key not in EVERY_COLUMN:
            return
        if key == self.sort_key:
            self.descending = not self.descending
        else:
            self.sort_key, self.descending = key, EVERY_COLUMN[key].largest_first
        self._order_anew()

    def filter_by(self, chosen: Filter | None) -> None:
        """Show only the rows that pass, or all of them."""
        self._filter, self._is_filter_new = chosen, True
        self._order_anew()

    def _order_anew(self) -> None:
        self._membership = -1
        if self._model is not None:
            self.render_state(self._model, self._now)
            self._scroll_to_cursor()

    @property
    def columns(self) -> Layout:
        """The columns that fit the present width."""
        width = self.scrollable_content_region.width
        if self.shows_closed:
            return closed_layout(width, self._id_width)
        return layout(width, self._id_width, self.chosen, self._has_workers, self._has_notes)

    def _is_order_old(self, model: State, now: float) -> bool:
        if self.shows_closed:
            is_due = self._filter is not None or model.kept.version != self._membership
            return self._membership < 0 or (is_due and self._is_sort_due(now))
        is_steady = EVERY_COLUMN[self.sort_key].steady and self._filter is None
        if model.membership != self._membership:
            # Under churn rows come and go with every refresh: the ids alone are cheap to order.
            return is_steady or self._membership < 0 or self._is_sort_due(now)
        return not is_steady and self._is_sort_due(now)

    def _is_sort_due(self, now: float) -> bool:
        return not 0 <= now - self._sorted_at < SORT_INTERVAL  # the wall clock may be set back

    def _reorder(self, model: State, now: float) -> None:
        if self.shows_closed:
            self._closed_rows = {row.id: row for row in model.kept}
        known = self._rows_of(model)
        rows = list(known.values())
        self.stays = None
        if self._filter is not None:
            passes = self._filter.passes
            kept = None if self._is_filter_new else known.get(self.selected_id or 0)
            if kept is not None and self._is_cursor_on(kept.id) and not passes(kept, now):
                self.stays = kept
            stays = self.stays
            rows = [row for row in rows if row is stays or passes(row, now)]
        self._is_filter_new = False
        self.hidden = len(known) - len(rows)
        # The rows come in the order of opening, which is that of the ids of one worker only.
        if self.sort_key != "id" or self._has_workers or self.shows_closed:
            by = EVERY_COLUMN[self.sort_key].sort_value
            rows.sort(key=lambda row: by(row, now), reverse=self.descending)
        elif self.descending:
            rows.reverse()
        self.tagged &= known.keys()
        if len(rows) != len(self.shown):
            self.virtual_size = Size(self.scrollable_content_region.width, len(rows))
        if len(self._strips) > 2 * len(rows) + 256:
            self._strips.clear()
        self.shown = rows
        self._id_width = len(str(max(known, default=0)))
        self._membership, self._sorted_at = model.membership, now
        if self.shows_closed:
            self._membership = model.kept.version
        self._keep_cursor(known)

    def _keep_cursor(self, known: Mapping[int, Row]) -> None:
        """Keep the cursor on its connection; only if a new filter hides that, on the next row."""
        selected = None if self.selected_id is None else known.get(self.selected_id)
        self.is_cursor_lost = selected is None and self.selected_id is not None
        if self._index < len(self.shown) and self.shown[self._index] is selected:
            return
        if selected is not None and selected in self.shown:
            self._index = self.shown.index(selected)
        elif self.is_cursor_lost:
            return  # a key puts it on the row that the person chooses
        elif self.shown:
            after = range(self._index, len(self.shown))
            live = (index for index in after if self.shown[index].closed is None)
            self._select(next(live, self._index))
        elif self.selected_id is not None:
            self.selected_id = None
            self._publish_selected()

    def _is_cursor_on(self, connection_id: int) -> bool:
        return self._index < len(self.shown) and self.shown[self._index].id == connection_id

    def _is_cursor_shown(self) -> bool:
        top = self.scroll_offset.y
        return top <= self._index < top + self.size.height

    def cursor_place(self) -> Offset:
        """Where the terminal's own cursor is to stand: at the start of the selected row.

        A row that is scrolled out of sight has it at the nearest edge.
        """
        region = self.content_region
        y = min(max(0, self._index - self.scroll_offset.y), max(0, region.height - 1))
        return Offset(region.x, region.y + y)

    # --- drawing ---

    def _make_view(self) -> View:
        width = self.scrollable_content_region.width
        return View(self.columns, width, self.rich_style, self.has_focus, int(self._now))

    def _key(self, index: int) -> tuple[object, ...]:
        if index >= len(self.shown):
            return ()
        row = self.shown[index]
        return (row, row.version, row.id == self.selected_id, row.id in self.tagged, self._view)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Called by Textual to draw; computes the `View` of all lines once.

        Textual's own way looks at each line for a border, padding, a tint and an opacity, which
        this table has not: that takes longer than to make the line.
        """
        self._view = self._make_view()
        _, background = self.background_colors
        strips = [self.render_line(y) for y in crop.line_range]
        for each in self.get_line_filters():
            strips = [strip.apply_filter(each, background) for strip in strips]
        if crop.column_span != (0, self._view.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """The connection in line `y` of the view, for Textual's line API."""
        index = self.scroll_offset.y + y
        if index >= len(self.shown):
            return Strip.blank(self._view.width, self._view.ground)
        row = self.shown[index]
        key = self._key(index)
        cached = self._strips.get(row.id)
        if cached is not None and cached[0] == key:
            return cached[1]
        strip = self._strip(row)
        self._strips[row.id] = (key, strip)
        return strip

    def _strip(self, row: Row) -> Strip:
        columns, width, ground, focused, _ = self._view
        selected = row.id == self.selected_id
        line = [
            *row_mark(row, selected, row.id in self.tagged),
            *cells(row, columns, self._now, self.shows_closed),
        ]
        if selected and self.app.no_color:
            # Reversed greys would make a patchwork of the line: it gets one colour throughout.
            line = [(text, style + palette.SELECTED_WITHOUT_COLOUR) for text, style in line]
            ground += palette.SELECTED_WITHOUT_COLOUR
        elif selected:
            ground += palette.SELECTED if focused else palette.SELECTED_UNFOCUSED
        return strip_of(line, width, ground)

    # --- the cursor ---

    def _select(self, index: int) -> None:
        self._index = max(0, min(index, len(self.shown) - 1))
        self.is_cursor_lost = False
        row = self.shown[self._index]
        if row.id != self.selected_id:
            self.selected_id = row.id
            self._publish_selected()

    def _publish_selected(self) -> None:
        # The table is its sender, whoever caused it: a message of the pane would stop at the pane.
        self.post_message(self.Selected(self.selected_id).set_sender(self))

    def select_shown(self, connection_id: int) -> None:
        """Move the cursor to a connection, if the filter shows it."""
        rows = enumerate(self.shown)
        index = next((index for index, row in rows if row.id == connection_id), None)
        if index is not None:
            self._move_to(index)

    def _move_to(self, index: int) -> None:
        if not self.shown:
            return
        self._select(index)
        self._scroll_to_cursor()
        self.refresh()

    def _scroll_to_cursor(self) -> None:
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if self._index < top:
            self.scroll_to(y=self._index, animate=False, immediate=True)
        elif self._index >= top + height:
            self.scroll_to(y=self._index - height + 1, animate=False, immediate=True)

    def on_resize(self) -> None:
        """Keep the cursor in view, unless the person has scrolled away from it."""
        if self._is_cursor_in_view:
            self.call_after_refresh(self._scroll_to_cursor)

    def action_move(self, step: int) -> None:
        """Move the cursor by `step` rows."""
        self._move_to(self._index + step)

    def action_move_page(self, step: int) -> None:
        """Move the cursor by a screenful of rows."""
        self._move_to(self._index + step * max(1, self.scrollable_content_region.height - 1))

    def action_move_to_end(self, last: bool) -> None:
        """Move the cursor to the first or the last row."""
        self._move_to(len(self.shown) - 1 if last else 0)

    def action_move_column(self, step: int) -> None:
        """Choose the column to the right, or with -1 to the left; left of the first is none."""
        keys = ["", *(column.key for column in self.columns)]
        at = keys.index(self.chosen_column) if self.chosen_column in keys else 0
        self.chosen_column = keys[max(0, min(at + step, len(keys) - 1))]
        self.post_message(self.ColumnChosen())

    def action_tag(self) -> None:
        """Mark the row under the cursor, or take its mark away."""
        if self.selected_id is not None:
            self.tagged ^= {self.selected_id}
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the row that was clicked, or tag it where its mark is."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.x < self.scrollable_content_region.width:
            index = self.scroll_offset.y + offset.y
            if index < len(self.shown):
                self._move_to(index)
                if event.ctrl or offset.x < MARK:
                    self.action_tag()
