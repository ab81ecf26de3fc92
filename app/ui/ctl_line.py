"""The last line of a dialog: the command of `echo-tui ctl` that does the same."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final, TypeAlias

from rich.text import Text
from textual.widgets import Static

from . import palette

Words: TypeAlias = tuple[str, ...]
"""The words of one command behind `echo-tui ctl`."""
NAMED: Final = 12
"""Words of one command that are shown; all are copied."""


def ctl_command(control: str, commands: Sequence[Words]) -> str:
    """Return a shell line with these commands, for the server at the control socket `control`."""
    lines = (shlex.join(["echo-tui", "ctl", *words, "--control", control]) for words in commands)
    return " && ".join(lines)


class CtlLine(Static):
    """Shows commands of `ctl`; nothing where no control socket leads to the server."""

    def __init__(self, control: str) -> None:
        """`control` is what ``--control`` of `ctl` takes for the server; empty if it has none."""
        super().__init__("", classes="ctl")
        self._control = control
        self._commands: tuple[Words, ...] = ()
        self.display = bool(control)

    @property
    def command(self) -> str:
        """The whole line; empty if there is nothing to do."""
        return ctl_command(self._control, self._commands) if self._control else ""

    def set_commands(self, commands: Sequence[Words]) -> None:
        """Show other commands; the same ones again cost a comparison."""
        if tuple(commands) == self._commands or not self._control:
            return
        self._commands = tuple(commands)
        shown = [_shortened(words) for words in self._commands]
        self.update(Text(ctl_command(self._control, shown).replace("'…'", "…"), palette.DIM))


def _shortened(words: Words) -> Words:
    """Return a command with an ellipsis for the ids behind the first ones."""
    ids = [word for word in words if word.isdecimal()]
    left_out = set(ids[NAMED:])
    if not left_out:
        return words
    kept = [word for word in words if word not in left_out]
    at = kept.index(ids[NAMED - 1]) + 1
    return (*kept[:at], "…", *kept[at:])
