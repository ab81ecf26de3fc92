"""The part of the dashboard that finds connections: views, groups, and choices that are kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from ..core.printable import printable, reason_of
from ..core.settings import SettingError
from ..watch.filter import LONGEST
from ..watch.grouping import GROUPINGS
from ..watch.source import Source
from ..watch.views import SavedView
from .actions import signs
from .base_app import PersonalApp
from .filter_bar import Choice
from .groups_screen import Entered, GroupsScreen
from .kept_choices import keep_choices
from .palette_commands import Offer
from .preferences import Preferences
from .view_dialog import ViewDialog

NOT_OF_CLOSED: Final = frozenset(
    {"kill", "kill_several", "stuck", "columns", "groups", "view", "keep_view", "keep"}
)
"""Actions that make no sense while the table shows closed connections."""
UNDONE_AT_MOST: Final = 20
"""Views and groups that can be undone one after the other."""


class FindingApp(PersonalApp):
    """An app whose table shows views of the connections."""

    def __init__(self, source: Source, preferences: Preferences) -> None:
        super().__init__(source, preferences)
        self._preferences = preferences
        self.views = dict(preferences.views)
        """The views by their numbers: those of the file, and those made since."""
        self._grouped_by = next(iter(GROUPINGS))
        self._other_filter: Choice = (None, True)
        self._undo: deque[Callable[[], None]] = deque(maxlen=UNDONE_AT_MOST)

    # --- open or closed ones ---

    def action_closed(self) -> None:
        """Switch the table between the open connections and those that closed last.

        Each has its own order, cursor, tags and filter.
        """
        if self.screen_stack[0].has_class("too-small"):
            return
        if not self._pane.display:
            self.screen_stack[0].remove_class("charting")
        table, bar = self._pane.table, self._pane.filter_bar
        other, self._other_filter = self._other_filter, bar.choice
        table.show_closed(not table.shows_closed)
        bar.restore(other)
        self._pane.render_state(*self.shown_model())
        self.refresh_bindings()

    # --- views ---

    def action_view(self, number: str) -> None:
        """Use a view: its filter, order and columns."""
        view = self.views.get(number)
        if view is None:
            key = signs(self.keys, "keep_view")
            text = f"there is no view {number} yet: {key} makes what is shown a view"
            self.notify(text, severity="warning", markup=False)
            return
        before, table, bar = self._shown_view(), self._pane.table, self._pane.filter_bar
        filter_before = bar.choice

        def restore() -> None:
            bar.restore(filter_before)
            self._order_by(before.sort)
            table.chosen = before.columns

        self._undo.append(restore)
        bar.choose(view.filter)
        self._order_by(view.sort or self._preferences.sort)
        table.chosen = view.columns or self._preferences.columns
        self._pane.render_state(*self.shown_model())
        self.notify(view.in_words(), title=f"view {number}", markup=False)

    def _shown_view(self) -> SavedView:
        table, active = self._pane.table, self._pane.filter_bar.active
        sort = f"{'-' if table.descending else ''}{table.sort_key}"
        return SavedView("" if active is None else active.text, sort, table.chosen)

    def _order_by(self, sort: str) -> None:
        table = self._pane.table
        key, is_descending = sort.removeprefix("-"), sort.startswith("-")
        if table.sort_key != key:
            table.sort_by(key)
        if table.descending != is_descending:
            table.sort_by(key)

    def action_undo(self) -> None:
        """Go back to what the table showed before the latest view or group."""
        if self._undo:
            self._undo.pop()()
            self._pane.render_state(*self.shown_model())

    def action_keep_view(self) -> None:
        """Ask for the number under which what is shown becomes a view."""
        shown = self._shown_view()

        def keep(number: str | None) -> None:
            if number is not None:
                self.views[number] = shown
                text = f"is what the table shows now; {signs(self.keys, 'keep')} keeps it in a file"
                self.notify(text, title=f"view {number}", markup=False)

        self.push_screen(ViewDialog(shown, self.views), keep)

    def _offers(self, query: str) -> Iterator[Offer]:
        yield from super()._offers(query)
        for number, view in sorted(self.views.items()):
            name = f"view {number}: {view.in_words()}"
            yield Offer(name, "filter, order and columns", partial(self.action_view, number))

    # --- groups ---

    def action_groups(self) -> None:
        """Open the groups of the connections that the filter shows."""
        if self.screen_stack[0].has_class("too-small"):
            return
        bar = self._pane.filter_bar
        screen = GroupsScreen(
            self._grouped_by, self.shown_model, bar.active, self.keys["groups"], self._control
        )

        def enter(chosen: Entered | None) -> None:
            self._grouped_by = screen.by
            if chosen is None:
                return
            if len(chosen.filter) > LONGEST:
                text = f"with the group the filter has more than {LONGEST} characters: shorten it"
                self.notify(text, severity="warning")
                return
            if not self._pane.display:
                self.screen_stack[0].remove_class("charting")
            self._undo.append(partial(bar.restore, bar.choice))
            bar.choose(chosen.filter)
            self._pane.render_state(*self.shown_model())
            self._pane.table.select_shown(chosen.worst)
            self.notify(f"{signs(self.keys, 'undo')} goes back", title="group", markup=False)

        self.push_screen(screen, enter)

    # --- what is kept ---

    def action_keep(self) -> None:
        """Write theme, columns, order and views into the configuration file."""
        path, shown = self._preferences.kept_in, self._shown_view()
        if path is None:
            text = "not kept: there is no home directory; start with --config FILE"
            self.notify(text, severity="error", markup=False)
            return
        name = printable(str(path), LONGEST)
        try:
            keep_choices(path, str(self.theme), shown.sort, shown.columns, self.views)
        except SettingError as error:
            self.notify(f"not kept: {name}: {error}", severity="error", markup=False)
        except OSError as error:
            text = f"not kept: {name}: {reason_of(error)}"
            self.notify(text, severity="error", markup=False)
        else:
            number = len(self.views)
            views = f", {number} view{'s' if number > 1 else ''}" if number else ""
            text = f"theme, columns, order{views}: in {name}"
            self.notify(text, title="kept", markup=False)
