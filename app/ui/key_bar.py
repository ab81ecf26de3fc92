"""The key bar, the line at the bottom: the keys in force, as many as fit by importance."""

from __future__ import annotations

from typing import NamedTuple

from textual import events
from textual.screen import Screen
from textual.widgets import Input

from . import palette
from .actions import IN_THE_FOOTER, key_sign
from .lines_panel import Line, LinesPanel, line_width

_GAP = 2
"""Blank cells behind an entry, which the last one can do without."""


class _Entry(NamedTuple):
    key: str
    pieces: Line


class KeyBar(LinesPanel):
    """The keys in force with a word for each; a click on one presses it."""

    def __init__(self, hidden: frozenset[str] = frozenset()) -> None:
        """Make the bar; the actions in `hidden` are left out."""
        super().__init__(id="keys")
        self._hidden = hidden
        self._entries: list[_Entry] = []

    def on_mount(self) -> None:
        """Draw the keys again whenever the focus changes which of them are in force."""
        self.screen.bindings_updated_signal.subscribe(self, self._draw_keys)

    def on_resize(self) -> None:
        """Draw the keys that fit now."""
        self._draw_keys(self.screen)

    def _draw_keys(self, screen: Screen[object]) -> None:
        if screen is not self.screen:
            return
        room = self.size.width - 1
        self._entries = []
        line: Line = [(" ", palette.PLAIN)]
        for entry in _entries(screen, self._hidden):
            width = line_width(entry.pieces)
            if width - _GAP > room:
                continue
            room -= width
            self._entries.append(entry)
            line += entry.pieces
        self.set_lines([line])

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        offset = event.get_content_offset(self)
        end = 1
        for entry in self._entries if offset is not None else ():
            end += line_width(entry.pieces)
            if offset is not None and 1 <= offset.x < end:
                self.app.simulate_key(entry.key)
                return


def _entries(screen: Screen[object], hidden: frozenset[str]) -> list[_Entry]:
    """Return the keys in force: those of the focused widget first, the others by importance."""
    by_action: dict[str, _Entry] = {}
    types = isinstance(screen.focused, Input)
    for active in screen.active_bindings.values():
        binding = active.binding
        if types and len(key_sign(binding.key)) == 1:
            continue  # the field takes it as text, which Textual does not know for a slash
        is_new = binding.action not in by_action and binding.action not in hidden
        if binding.show and active.enabled and is_new:
            label = f" {binding.description}  "
            pieces: Line = [(key_sign(binding.key), palette.BRAND), (label, palette.DIM)]
            by_action[binding.action] = _Entry(binding.key, pieces)
    return [by_action[action] for action in sorted(by_action, key=_rank)]


def _rank(action: str) -> int:
    return IN_THE_FOOTER.index(action) if action in IN_THE_FOOTER else -1
