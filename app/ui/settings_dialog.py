"""The dialog for the timeouts and the write mode, judged while they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Label, Static

from ..core.settings import RULES, TIMEOUTS, SettingError
from ..watch.journal import setting_words
from . import palette
from .dialogs import Dialog

Values: TypeAlias = dict[str, int | float | str]
FIELDS: Final = (*TIMEOUTS, "write_mode")
_EXPLAINED: Final = {
    "header_timeout": "s, from a header's 1st byte to its 4th",
    "body_timeout": "s, from a frame's 1st byte to its last",
    "write_timeout": "s, since the peer last took some echo",
    "idle_timeout": "s, between frames",
    "write_mode": " or ".join(RULES["write_mode"].choices),
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


class SettingsDialog(Dialog[Values]):
    """New timeouts and write mode. It answers with the values that are to change."""

    HELP = (
        "Seconds for each timeout, 0 turns it off; a field that is left as it is changes nothing. "
        "Enter sets what differs, Escape leaves all as it is."
    )

    def __init__(self, known: Mapping[str, int | float | str]) -> None:
        """`known` are the settings in force; what the server did not tell is left blank."""
        super().__init__()
        self._known = dict(known)

    def compose(self) -> ComposeResult:
        """A field for each, what is to be said of them, and the two ways out."""
        with Vertical(classes="dialog", id="settings-dialog") as box:
            box.border_title = "timeouts and write mode"
            yield Static("0 turns a timeout off; a blank field is left as it is", classes="what")
            for name in FIELDS:
                with Horizontal(classes="field"):
                    yield Label(name.replace("_", " "), classes="name")
                    value = self._known.get(name, "")
                    field = Input(
                        value if isinstance(value, str) else f"{value:g}",
                        placeholder="not told",
                        id=name,
                        select_on_focus=True,
                    )
                    field.cursor_blink = False
                    yield field
                    yield Label(_EXPLAINED[name], classes="unit")
            yield Static("\n", id="verdict")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Set", id="set", disabled=True)

    def _read(self) -> Values:
        texts = {name: self.query_one(f"#{name}", Input).value for name in FIELDS}
        return read_changes(texts, self._known)

    @on(Input.Changed)
    def judge(self) -> None:
        """Say what is wrong with a value, or what would change."""
        verdict = self.query_one("#verdict", Static)
        confirm = self.query_one("#set", Button)
        try:
            changes = self._read()
        except SettingError as error:
            verdict.update(Text(f"✕ {error}", palette.ERROR))
            confirm.disabled = True
            return
        confirm.disabled = not changes
        told = [
            f"{name.replace('_', ' ')} {self._old(name)} → {setting_words(name, value)}"
            for name, value in changes.items()
        ]
        if told:
            verdict.update(Text(f"✓ {', '.join(told)}", palette.GOOD))
        else:
            verdict.update(Text("nothing is changed yet", palette.DIM))

    def _old(self, name: str) -> str:
        return setting_words(name, self._known[name]) if name in self._known else "?"

    @on(Input.Submitted)
    @on(Button.Pressed, "#set")
    def confirm(self) -> None:
        """Answer with what changes, if all of it can be."""
        try:
            changes = self._read()
        except SettingError:
            return  # what is wrong already stands under the fields
        self.dismiss(changes or None)

    @on(Button.Pressed, "#cancel")
    def leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)
