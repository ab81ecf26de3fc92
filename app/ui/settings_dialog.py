"""The dialog for the timeouts and the write mode, judged while they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label, Static

from ..core.settings import RULES, TIMEOUTS, SettingError
from ..watch.journal import setting_words
from ..watch.screen_state import ScreenState
from . import palette
from .ctl_line import Words
from .dialogs import FieldDialog, boxed, cancel_or, field

Values: TypeAlias = dict[str, int | float | str]
FIELDS: Final = (*TIMEOUTS, "write_mode")
_EXPLAINED: Final = {
    "header_timeout": "s, from a header's 1st byte to its 4th",
    "body_timeout": "s, from a frame's 1st byte to its last",
    "write_timeout": "s, with under 1 KiB/s acknowledged",
    "idle_timeout": "s, between frames",
    "write_mode": "direct: at once; armed: after POLLOUT",
}


def read_changes(texts: Mapping[str, str], known: Mapping[str, int | float | str]) -> Values:
    """Return the values that differ from those in force; a blank field changes nothing.

    Raises `SettingError`.
    """
    changes: Values = {}
    for name, text in texts.items():
        if text.strip():
            value = RULES[name].read(text.strip())
            if value != known.get(name):
                changes[name] = value
    return changes


class SettingsDialog(FieldDialog[Values]):
    """New timeouts and write mode. It answers with the values that are to change."""

    HELP = (
        "Seconds for each timeout, 0 turns it off; a field that is left as it is changes nothing. "
        "Enter sets what differs, Escape leaves all as it is."
    )

    def __init__(self, known: Mapping[str, int | float | str], control: str = "") -> None:
        """`known` are the settings in force; what the server did not tell is left blank."""
        super().__init__(control)
        self._known = dict(known)

    def compose(self) -> ComposeResult:
        """Compose a field for each setting, the line that checks the values, and the buttons."""
        yield boxed(
            "settings",
            "timeouts and write mode",
            Static("0 turns a timeout off; a blank field is left as it is", classes="what"),
            *map(self._labelled_field, FIELDS),
            Static("\n", id="verdict"),
            cancel_or(Button("Set", id="set", disabled=True)),
            self.ctl_line,
        )

    def _labelled_field(self, name: str) -> Horizontal:
        return Horizontal(
            Label(name.replace("_", " "), classes="name"),
            field(name, _text_of(self._known.get(name, "")), "not told"),
            Label(_EXPLAINED[name], classes="unit"),
            classes="field",
        )

    def render_state(self, model: ScreenState, now: float) -> str:
        """Follow the settings in force; a field that nobody has changed follows its own."""
        before, self._known = self._known, dict(model.settings)
        if self._known == before or not self.is_mounted:
            return ""
        for name in FIELDS:
            typed = self.query_one(f"#{name}", Input)
            if typed.value == _text_of(before.get(name, "")):
                typed.value = _text_of(self._known.get(name, ""))
        self.judge()
        return ""

    def read(self) -> Values | None:
        """Return the values that are to change, or None. Raises `SettingError`."""
        texts = {name: self.query_one(f"#{name}", Input).value for name in FIELDS}
        return read_changes(texts, self._known) or None

    def verdict(self, changes: Values | None) -> Text:
        """Return each change with its old and its new value."""
        if not changes:
            return Text("nothing is changed yet", palette.DIM)
        told = [
            f"{name.replace('_', ' ')} {self._old(name)} → {setting_words(name, value)}"
            for name, value in changes.items()
        ]
        return Text(f"✓ {', '.join(told)}", palette.GOOD)

    def commands(self) -> list[Words]:
        """Return a command for each value that is to change."""
        try:
            changes = self.read() or {}
        except SettingError:
            return []
        return [("set", name.replace("_", "-"), _text_of(new)) for name, new in changes.items()]

    def _old(self, name: str) -> str:
        return setting_words(name, self._known[name]) if name in self._known else "?"


def _text_of(value: int | float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
