"""The part of the dashboard that sends no command to the server.

Theme, ASCII, keys, columns and order; filter, help and palette; the clipboard and exported files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import RenderableType
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.command import CommandPalette
from textual.driver import Driver
from textual.events import Event, Key, Resize
from textual.filter import LineFilter
from textual.geometry import Offset
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from ..core.printable import reason_of
from ..core.words.language import language_of
from ..watch.export import as_csv, as_json, one_as_json, one_as_text, write_files
from ..watch.row import Row
from ..watch.screen_state import ScreenState
from ..watch.source import Source
from . import palette_commands
from .actions import CONTEXTS, Keys, signs
from .bindings import APP_BINDINGS, OF_THE_TABLE, RUN_AS, keymap
from .clipboard import copy_text
from .columns_dialog import ColumnsDialog
from .connection_page import ConnectionPage
from .connection_pane import ConnectionPane
from .connection_table import ConnectionTable
from .few_colours import FEW, FewColours
from .field import Field, takes
from .hangul_keys import latin_keys
from .pace import DrawingPace
from .palette_commands import Offer, provider_of
from .plain_text import PlainText, has_wide_glyphs
from .preferences import Preferences
from .terminal import TerminalDriver
from .themes import THEMES, Repaint, textual_theme


class PersonalApp(App[int], inherit_bindings=False):
    """An app over a `ScreenState` with everything that is the same whatever the model is of."""

    ENABLE_COMMAND_PALETTE = False  # we have our own key and entries: see `action_palette`
    BINDINGS = APP_BINDINGS

    def __init__(self, source: Source, preferences: Preferences) -> None:
        self.language = language_of(preferences.lang)
        """The language of the help and the captions."""
        self._control = ""
        """The value of ``--control`` with which `ctl` reaches the server; empty if it has none."""
        self._plain: list[LineFilter] = [PlainText()] if preferences.ascii else []
        self.asks_glyph_width = not preferences.ascii
        """Whether the terminal is to be asked how wide it draws our glyphs."""
        self._drawing = self._plain
        self._few: list[LineFilter] = []
        self._been_there: list[Key] = []  # keys on their way through a field, see `_deliver`
        # Rich loads its table of widths at the first wide character: by then there may be no
        # descriptor left for it, and the screen would crash.
        cell_len("\N{FULLWIDTH LATIN SMALL LETTER W}")
        super().__init__()
        self._pace = DrawingPace(preferences.refresh)
        self.has_mouse = preferences.mouse
        """Whether the terminal is to tell of the mouse."""
        for name in THEMES:
            self.register_theme(textual_theme(name))
        self.theme = preferences.theme
        self.keys = preferences.bindings()
        """The keys of each action."""
        self.set_keymap(keymap(self.keys))
        self.model = ScreenState(source.keep_closed)
        self._source = source
        self._frozen: tuple[ScreenState, float] | None = None
        """The model of a paused screen, and the time at which it was paused."""
        self._pane = ConnectionPane(self.keys)
        table = self._pane.table
        table.chosen = preferences.columns
        table.sort_key, table.descending = preferences.sort_key, preferences.descending

    @property
    def keys_here(self) -> Keys:
        """The keys of the actions that there are at present, by action."""
        return {name: keys for name, keys in self.keys.items() if name in CONTEXTS["table"]}

    def shown_model(self) -> tuple[ScreenState, float]:
        """Return the model on the screen and its time: the time of the pause, else now."""
        return self._frozen or (self.model, self._source.now())

    @property
    def open_page(self) -> ConnectionPage | None:
        """The uppermost page of a connection, also under a dialog; None if there is none."""
        stack = reversed(self._screen_stack)
        pages = (screen for screen in stack if isinstance(screen, ConnectionPage))
        return next(pages, None)

    @property
    def subject(self) -> Row | None:
        """The connection in question: that of the page, else the selected one."""
        page = self.open_page
        if page is not None:
            return page.row
        return self._pane.table.selected_of(self.shown_model()[0])

    def get_driver_class(self) -> type[Driver]:
        """Return Textual's driver, or ours where it replaces Textual's Linux driver."""
        found = super().get_driver_class()
        return TerminalDriver if issubclass(TerminalDriver, found) else found

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Draw an update, as Textual asks: our driver sends what differs from what was sent."""
        driver = self._driver
        ours = driver if isinstance(driver, TerminalDriver) and not self._batch_count else None
        update: object = renderable
        if ours is None or not isinstance(update, CompositorUpdate):
            super()._display(screen, renderable)
            return
        system = self.console._color_system or ColorSystem.TRUECOLOR
        cursor = self.screen.outer_size.clamp_offset(self.cursor_place())
        ours.draw(update, system, cursor, self._sync_available)
        self.post_display_hook()

    def cursor_place(self) -> Offset:
        """Where the terminal's own cursor stands, which screen readers and magnifiers follow.

        It is at the selected row, at the button or in the field that has the focus.
        """
        focused = self.focused
        if isinstance(focused, ConnectionTable):
            return focused.cursor_place()
        if focused is None or isinstance(focused, Input):
            return self.cursor_position
        return focused.content_region.offset

    def action_redraw(self) -> None:
        """Send the whole screen again: another program may have written on the terminal."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.redraw()

    def is_drawing_due(self) -> bool:
        """Whether the model is to be drawn now, as the pace and the link have it."""
        piece_time = self._driver.piece_time if isinstance(self._driver, TerminalDriver) else 0.0
        return self._pace.is_due(time.monotonic(), self.model.membership, piece_time)

    async def on_event(self, event: Event) -> None:
        """Take Hangul outside of a field for the keys that were typed, then `_deliver`."""
        typed = ""
        if isinstance(event, Key) and not event.is_forwarded and event.character:
            typed = "" if isinstance(self.focused, Input) else latin_keys(event.character)
        for key in typed:
            await self._deliver(Key(key, key))
        if not typed:
            await self._deliver(event)

    async def _deliver(self, event: Event) -> None:
        """Give a field the keys that came in the same read as the key that opened it.

        Textual has sent them to the widget that had the focus before. A field takes each key that
        is for it, so one that bubbles up while a field has the focus was never sent to the field.
        Every other one goes through the field too, so that it acts behind those.
        """
        if isinstance(event, Resize) and isinstance(self._driver, TerminalDriver):
            self._driver.resize(event.size)
        field = self.focused if isinstance(event, Key) and event.is_forwarded else None
        if not (
            isinstance(event, Key) and isinstance(field, Input) and self._send_again(event, field)
        ):
            await super().on_event(event)

    def _send_again(self, event: Key, field: Input) -> bool:
        """Send a key to a field, unless it has been there; return whether it was sent."""
        if any(event is each for each in self._been_there):
            self._been_there = [each for each in self._been_there if each is not event]
            return False
        is_for_it = takes(field, event)
        if not is_for_it and not isinstance(field, Field):
            return False
        again = Key(event.key, event.character)
        again._set_forwarded()
        is_sent = field.post_message(again)
        if is_sent and not is_for_it:
            self._been_there.append(again)
        return is_sent

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return the filters of every line.

        They are the theme's colours, ASCII, Textual's own, and the 16 colours of the terminal.
        """
        return [*self._drawing, *super().get_line_filters(), *self._few]

    def note_glyph_width(self, cells: int) -> None:
        """Draw in ASCII where the terminal draws our glyphs two cells wide; else as it was chosen.

        `cells` is 0 if the terminal has not told it: then the language of the locale decides.
        """
        is_wide = cells > 1 or (not cells and has_wide_glyphs(os.environ))
        if is_wide == bool(self._plain) or not self.is_running:
            return
        self._plain = [PlainText(keeps_hangul=self.language.code == "ko")] if is_wide else []
        self.watch_theme(self.theme)
        for screen in self.screen_stack:
            for widget in (screen, *screen.walk_children(Widget)):
                widget._styles_cache.clear()  # lines as they were drawn with the other characters
            screen.refresh(layout=True)
        self.action_redraw()
        if is_wide:
            how = "draws" if cells else "may draw"
            self.notify(f"this terminal {how} symbols two cells wide: ASCII stands for them")

    def watch_theme(self, name: str) -> None:
        """Use the colours of another theme; Textual calls this when `theme` changes."""
        self._drawing = self._plain if name == "dark" else [Repaint(name), *self._plain]
        has_few = self.console.color_system in FEW
        self._few = [FewColours(name, self.no_color)] if has_few else []

    # --- the table ---

    def action_filter(self) -> None:
        """Open the field for a filter."""
        self._pane.open_filter()

    def action_toggle_filter(self) -> None:
        """Turn the filter off or on."""
        if not self._pane.filter_bar.toggle():
            key = signs(self.keys, "filter")
            text = f"there is no filter yet: {key} makes one"
            self.notify(text, severity="warning", markup=False)

    def action_stuck(self) -> None:
        """Show only the stuck connections, or all."""
        self._choose_or_leave("stuck")

    def action_noted(self) -> None:
        """Show only the connections with notes about their peer, or all."""
        self._choose_or_leave("is:noted")

    def _choose_or_leave(self, text: str) -> None:
        """Filter by `text`, or show all if that is the filter."""
        shown = self._pane.filter_bar.active
        self._pane.filter_bar.choose("" if shown and shown.text == text else text)

    def action_sort(self, step: int = 1) -> None:
        """Sort by the next column that is shown, or with -1 by the previous one."""
        table = self._pane.table
        keys = [column.key for column in table.columns]
        before_the_first = -1 if step > 0 else 0
        at = keys.index(table.sort_key) if table.sort_key in keys else before_the_first
        table.sort_by(keys[(at + step) % len(keys)])
        self._pane.render_state(*self.shown_model())

    def action_reverse(self) -> None:
        """Reverse the order."""
        table = self._pane.table
        table.sort_by(table.sort_key)
        self._pane.render_state(*self.shown_model())

    def action_columns(self) -> None:
        """Open the dialog for the columns and their order."""
        table = self._pane.table

        def change(chosen: tuple[str, ...] | None) -> None:
            if chosen is not None:
                table.chosen = chosen
                self._pane.render_state(*self.shown_model())

        shown = table.chosen or tuple(column.key for column in table.columns)
        self.push_screen(ColumnsDialog(shown, self._control), change)

    def action_theme(self) -> None:
        """Use the next theme."""
        names = list(THEMES)
        self._choose_theme(names[(names.index(self.theme) + 1) % len(names)])

    def _choose_theme(self, name: str) -> None:
        self.theme = name
        self.notify(name, title="theme")

    # --- export ---

    def action_copy(self, as_json: bool = False) -> None:
        """Copy the selected connection to the terminal's clipboard as a line of text or JSON."""
        row, now = self.subject, self.shown_model()[1]
        if row is None:
            self.notify("no connection is selected", severity="warning")
            return
        line = one_as_json(row, now) if as_json else one_as_text(row, now)
        copy_text(self, line, f"#{row.id}")

    def action_export(self) -> None:
        """Write the rows of the table to a JSON file and a CSV file."""
        _, now = self.shown_model()
        rows, chosen = self._pane.table.passing, self._pane.filter_bar.active
        filtered_by = "" if chosen is None else chosen.text
        self._write({"json": as_json(rows, now, filtered_by), "csv": as_csv(rows, now)})

    def action_export_screen(self) -> None:
        """Write the screen to an SVG file."""
        self._write({"svg": self.export_screenshot()})

    def _write(self, contents: dict[str, str]) -> None:
        try:
            paths = write_files(self._source.now(), contents)
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            text = f"not written: {reason_of(error)}{where}"
            self.notify(text, title="export", severity="error", markup=False)
            return
        names = " and ".join(path.name for path in paths)
        self.notify(f"{names}, in {paths[0].parent}", title="export", markup=False)

    # --- help and palette ---

    def action_palette(self) -> None:
        """Open the command palette."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette([provider_of(self._offers)], placeholder="Do what?"))

    def _offers(self, query: str) -> Iterator[Offer]:
        table, filter_bar = self._pane.table, self._pane.filter_bar
        rows = {row.id: row for row in table.shown}
        yield from palette_commands.connection(query, rows, table.select_shown)
        yield from palette_commands.actions(self.keys_here, self._run_by_name)
        for text in filter_bar.recent:
            yield Offer(f"filter {text}", "as before", partial(filter_bar.choose, text))
        for theme in THEMES:
            yield Offer(f"theme {theme}", "colours", partial(self._choose_theme, theme))

    async def _run_by_name(self, name: str) -> None:
        await self.run_action(RUN_AS[name], self._pane.table if name in OF_THE_TABLE else self)
