"""The help: first for the focused widget, then all keys, then the meaning of the glyphs."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.dom import DOMNode
from textual.widgets import Static

from ..core.events import ConnectionState
from . import palette
from .actions import GROUPS, Keys, signs
from .dialogs import Dialog

_COLUMNS = (("move", "table"), ("act", "view"), ("export", "program"))
"""The groups of keys in each column of the help."""


def help_for(node: DOMNode | None) -> str:
    """Return the help of a widget, or of its nearest ancestor that has one."""
    nodes = () if node is None else node.ancestors_with_self
    return next((each.HELP for each in nodes if each.HELP), "")


class HelpScreen(Dialog[None]):
    """The help for the focused widget, all keys, and the meaning of the glyphs."""

    AUTO_FOCUS = "#help-dialog"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (124, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1,q,enter", "cancel", "Close"),
    ]

    def __init__(self, keys: Keys, here: str = "") -> None:
        """Make the help; `keys` are those of the actions that exist here, by action.

        `here` is the help of the focused widget.
        """
        super().__init__()
        self._keys = keys
        self._here = here

    def compose(self) -> ComposeResult:
        """Compose the help of the focused widget, the groups of keys and the glyphs."""
        with VerticalScroll(classes="dialog", id="help-dialog") as box:
            box.border_title = "help"
            if self._here:
                yield Static(Text(self._here, palette.PLAIN), id="help-here")
            with Horizontal(id="help-columns"):
                for groups in _COLUMNS:
                    yield Static(self._column(groups), classes="help-keys")
            yield Static(_legend(), id="help-legend")

    def _column(self, groups: tuple[str, ...]) -> Text:
        lines: list[Text] = []
        for group in groups:
            lines.append(Text(f"{group:>11}", palette.HEADING))
            for action in GROUPS[group]:
                if action.name not in self._keys:
                    continue
                key = f"{signs(self._keys, action.name):>11}  "
                lines.append(Text.assemble((key, palette.ACCENT), (action.words, palette.PLAIN)))
            if group == "table":
                key = f"{self._keys_of_views():>11}  "
                lines.append(Text.assemble((key, palette.ACCENT), ("a view", palette.PLAIN)))
            lines.append(Text())
        return Text("\n").join(lines)

    def on_click(self, event: events.Click) -> None:
        """Close the help on a click anywhere."""
        event.prevent_default()  # else the handler of the base class would run too
        self.dismiss(None)

    def _keys_of_views(self) -> str:
        """Return the keys of all views in one line: 1…9, or as they were rebound."""
        keys = [signs(self._keys, action.name) for action in GROUPS["views"]]
        usual = [action.keys for action in GROUPS["views"]]
        return f"{usual[0]}…{usual[-1]}" if keys == usual else " ".join(keys)


def _legend() -> Text:
    meanings = [
        (palette.state_label(state), palette.STATES[state], words)
        for state, words in (
            (ConnectionState.READ_LEN, "reads 4 header bytes"),
            (ConnectionState.READ_BODY, "reads the body"),
            (ConnectionState.WRITE_BODY, "echo pending"),
            (ConnectionState.DRAINING, "the end is decided"),
            (ConnectionState.CLOSED, "ended, with its reason"),
        )
    ]
    meanings += [
        ("● on", palette.WARNING, "POLLOUT armed"),
        ("toggles", palette.STRONG, "times armed or disarmed"),
        ("pending", palette.STRONG, "echo not yet written: the kernel has no room"),
        (palette.TAG, palette.ACCENT, "tagged; without tags, all that the filter shows is killed"),
        ("Shift", palette.ACCENT, "and the mouse select text (Option on a Mac), or --no-mouse"),
        ("^l  ^z", palette.ACCENT, "send the whole screen again; suspend, until `fg`"),
        ("y", palette.ACCENT, "in a dialog: copy its last line, the command of ctl"),
    ]
    return Text("\n").join(
        Text.assemble((f"{sign:>13}  ", style), (words, palette.PLAIN))
        for sign, style, words in meanings
    )
