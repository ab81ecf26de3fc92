"""The filter above the table: the field for it, and a line with the number of rows it hides."""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from ..watch.filter import LONGEST, Filter, FilterError, parse_filter
from . import palette
from .actions import Keys, signs
from .lines_panel import Line, LinesPanel, clip, line_width

RECENT_LIMIT: Final = 10
"""Filters that are remembered."""
_EXAMPLE = "state:WRITE_BODY pending>64K or idle>10s"


class FilterBar(Vertical):
    """A filter: typed, in force at once, restored by Escape, turned off and on by a key."""

    HELP = (
        "A filter is in force while you type it. Words are looked for in peer, state, reason and "
        "#id; state:WRITE_BODY, peer:127.0.0.2, pending>64K, idle>10s, toggles>=5 look at a "
        "column; and, or, not and ( ) join them. Enter keeps it, Escape restores the one before."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "restore", "Restore"),
        Binding("f1", "app.help", "Help", show=False),
        Binding("tab,shift+tab,down", "accept", "Accept", show=False),
    ]

    class Changed(Message):
        """Another filter is in force, or none."""

        def __init__(self, chosen: Filter | None) -> None:
            super().__init__()
            self.chosen = chosen

    class Left(Message):
        """The field was left."""

    def __init__(self, keys: Keys) -> None:
        """`keys` are those in force; the line under the field names two of them."""
        super().__init__(id="filter-bar")
        self._toggle, self._change = signs(keys, "toggle_filter"), signs(keys, "filter")
        self._chosen: Filter | None = None
        self._is_on = False
        self._before: tuple[Filter | None, bool] = (None, False)
        """The filter, and whether it was on, that Escape restores."""
        self._error: FilterError | None = None
        self._counts = (0, 0)
        self.recent: deque[str] = deque(maxlen=RECENT_LIMIT)
        """Filters that were accepted, the latest first."""
        self._field = Input(placeholder=_EXAMPLE, id="filter", max_length=LONGEST)
        self._field.cursor_blink = False
        # Textual gives the focus also to what is not displayed: keys would vanish in the field.
        self._field.can_focus = False
        self._line = LinesPanel(id="filter-line")

    def compose(self) -> ComposeResult:
        """The field, and the line under it."""
        yield self._field
        yield self._line

    @property
    def active(self) -> Filter | None:
        """The filter that is in force."""
        return self._chosen if self._is_on else None

    def open(self) -> None:
        """Open the field; each text that is a filter is in force at once."""
        if not self.has_class("typing"):
            self._before = (self._chosen, self._is_on)
            self._field.value = "" if self._chosen is None else self._chosen.text
            self.add_class("typing")
        self._field.can_focus = True
        # At once: `focus` would do it after the keys that came in the same read as this one.
        self.screen.set_focus(self._field)
        self._parse(self._field.value)
        self.call_after_refresh(self._update_line)

    def _update_line(self) -> None:
        self._line.set_lines([self._words()])

    def toggle(self) -> bool:
        """Turn the filter off or on; false if there is none."""
        if self._chosen is None:
            return False
        self._set_filter(self._chosen, not self._is_on)
        return True

    def render_counts(self, shown: int, hidden: int) -> None:
        """Show how many rows pass and how many do not."""
        self._counts = shown, hidden
        self._update_line()

    def action_restore(self) -> None:
        """Leave the field; the filter is as it was before."""
        self._set_filter(*self._before)
        self._close_field()

    @on(Input.Submitted)
    def action_accept(self) -> None:
        """Leave the field with the filter as typed, once it is one."""
        if self._error is None:
            self._remember()
            self._close_field()

    def _remember(self) -> None:
        if self._chosen is not None:
            text = self._chosen.text
            self.recent = deque(
                (text, *(each for each in self.recent if each != text)), RECENT_LIMIT
            )

    def choose(self, text: str) -> None:
        """Put a filter into force that was used before."""
        self._parse(text)
        self._remember()

    @on(Input.Changed)
    def parse_typed(self, event: Input.Changed) -> None:
        """Put the typed filter into force, or show what is wrong with it."""
        event.stop()
        if self.has_class("typing"):
            self._parse(event.value)

    def _parse(self, text: str) -> None:
        try:
            typed = parse_filter(text)
        except FilterError as error:
            self._error = error
            self._update_line()
            return
        self._set_filter(typed if typed.text else None, True)

    def _set_filter(self, chosen: Filter | None, is_on: bool) -> None:
        self._error = None
        self._chosen, self._is_on = chosen, is_on and chosen is not None
        self.set_class(chosen is not None, "filtered")
        self.post_message(self.Changed(self.active))

    def _close_field(self) -> None:
        self._error = None
        self.remove_class("typing")
        self._field.can_focus = False
        self.post_message(self.Left())

    def _words(self) -> Line:
        width = self._line.size.width
        if self._error is not None:
            where = f"✕ at {self._error.position + 1}: "
            return [(clip(f"{where}{self._error}", width), palette.ERROR)]
        if self._chosen is None:
            return [("words, or column and value: " + _EXAMPLE, palette.FAINT)]
        shown, hidden = self._counts
        if self._is_on:
            label, style, key = "filter ", palette.SORTED, f"{self._toggle} off"
            tail = f"  shows {shown:,}, hides {hidden:,}"
        else:
            label, style, key = "filter off ", palette.DIM, f"{self._toggle} on"
            tail = "  all are shown"
        if self.has_class("typing"):
            return [(tail.strip(), palette.GOOD), ("  Enter keeps, Esc restores", palette.FAINT)]
        end: Line = [(tail, palette.PLAIN), (f"  {key}, {self._change} change", palette.FAINT)]
        room = width - len(label) - line_width(end)
        return [(label, style), (clip(self._chosen.text, max(8, room)), palette.STRONG), *end]
