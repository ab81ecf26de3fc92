"""The styles of all widgets that draw their own lines, and the glyphs of the states.

A state has a glyph and a word; the colour repeats them and never stands alone. The colours are
those of the dark theme; `themes` exchanges them for another theme.
"""

from __future__ import annotations

from typing import Final

from rich.style import Style

from ..core.events import ConnectionState
from .themes import DARK

PLAIN: Final = Style(color=DARK.text)
STRONG: Final = Style(color=DARK.bright, bold=True)
DIM: Final = Style(color=DARK.dim)
FAINT: Final = Style(color=DARK.faint)
EDGE: Final = Style(color=DARK.edge)
LABEL: Final = Style(color=DARK.dim)
BRAND: Final = Style(color=DARK.accent, bold=True)
ACCENT: Final = Style(color=DARK.accent)
GOOD: Final = Style(color=DARK.good)
INFO: Final = Style(color=DARK.info)
WARNING: Final = Style(color=DARK.warning)
ERROR: Final = Style(color=DARK.error)
ALARM: Final = Style(color=DARK.background, bgcolor=DARK.warning, bold=True)
BROKEN: Final = Style(color=DARK.background, bgcolor=DARK.error, bold=True)
HEADING: Final = Style(color=DARK.dim, bold=True)
SORTED: Final = Style(color=DARK.accent, bold=True)
SELECTED: Final = Style(bgcolor=DARK.selected)
SELECTED_UNFOCUSED: Final = Style(bgcolor=DARK.panel)
SELECTED_WITHOUT_COLOUR: Final = Style(color=DARK.text, bold=True, reverse=True)

TAG: Final = "◆"
SUSPECT: Final = "⚑"
FAULT: Final = "ƒ"
"""The mark of an open connection whose bytes do not fit."""
GLYPHS: Final = {
    ConnectionState.READ_LEN: "◔",
    ConnectionState.READ_BODY: "◑",
    ConnectionState.WRITE_BODY: "▶",
    ConnectionState.DRAINING: "◌",
    ConnectionState.CLOSED: "✕",
}
STATES: Final = {
    ConnectionState.READ_LEN: INFO,
    ConnectionState.READ_BODY: GOOD,
    ConnectionState.WRITE_BODY: WARNING,
    ConnectionState.DRAINING: Style(color=DARK.draining),
    ConnectionState.CLOSED: DIM,
}
TONES: Final = {
    "open": INFO,
    "close": DIM,
    "info": PLAIN,
    "good": GOOD,
    "warning": WARNING,
    "error": ERROR,
    "detail": DIM,
}


def state_label(state: ConnectionState) -> str:
    """Write a state with its glyph: ``▶ WRITE_BODY``."""
    return f"{GLYPHS[state]} {state.value}"
