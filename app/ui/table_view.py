"""The values that all lines of the table share, and what it keeps of the list not shown."""

from __future__ import annotations

from typing import NamedTuple

from rich.style import Style

from .column_layout import Layout


class View(NamedTuple):
    """The values that all lines of the table share; when one changes, every line is drawn anew."""

    columns: Layout
    width: int
    ground: Style
    focused: bool
    second: int
    """The present second: ages are shown in seconds."""


class ListChoices(NamedTuple):
    """The order and the cursor of the list, open or closed ones, that is not shown at present."""

    sort_key: str
    descending: bool
    selected_id: int | None = None
    tagged: frozenset[int] = frozenset()
    line: int = 0
    """The line of the cursor."""
