"""Copies text to the clipboard of the terminal, and says where it went."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from textual.app import App


def copy_text(
    app: App[Any], text: str, subject: str, environment: Mapping[str, str] | None = None
) -> None:
    """Copy `text` with the escape sequence OSC 52; no terminal tells whether it took it."""
    app.copy_to_clipboard(text)
    variables = os.environ if environment is None else environment
    where = f"{subject}, {len(text):,} characters, if this terminal lets programs (OSC 52)"
    if variables.get("TMUX"):
        where += "; tmux does with `set -g set-clipboard on`"
    app.notify(where, title="sent to the clipboard of the terminal", markup=False)
