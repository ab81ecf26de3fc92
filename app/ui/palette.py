"""The colours: one dark theme, and the styles of everything that draws its own lines.

State is told by glyph and word first; colour repeats it, and never stands alone.
"""

from __future__ import annotations

from typing import Final

from rich.style import Style
from textual.theme import Theme

from app.events import State

_NIGHT: Final = "#0b0f14"
_DEEP: Final = "#10161e"
_SLATE: Final = "#1a2430"
_EDGE: Final = "#2b3947"
_FAINT: Final = "#4d5d6c"
_DIM: Final = "#8293a3"
_TEXT: Final = "#c9d4de"
_BRIGHT: Final = "#f2f6fa"
_TEAL: Final = "#4fd6be"
_BLUE: Final = "#74b9ff"
_GREEN: Final = "#8fd970"
_AMBER: Final = "#ffb454"
_VIOLET: Final = "#c39bf5"
_RED: Final = "#ff6b6b"

THEME: Final = Theme(
    name="echo",
    primary=_TEAL,
    secondary=_BLUE,
    accent=_AMBER,
    warning=_AMBER,
    error=_RED,
    success=_GREEN,
    foreground=_TEXT,
    background=_NIGHT,
    surface=_DEEP,
    panel=_SLATE,
    dark=True,
    variables={
        "edge": _EDGE,
        "dim": _DIM,
        "footer-background": _DEEP,
        "footer-key-foreground": _TEAL,
        "footer-description-foreground": _DIM,
        "scrollbar": _EDGE,
        "scrollbar-hover": _FAINT,
        "scrollbar-active": _TEAL,
        "scrollbar-background": _NIGHT,
        "scrollbar-background-hover": _NIGHT,
        "scrollbar-background-active": _NIGHT,
        "scrollbar-corner-color": _NIGHT,
    },
)

PLAIN: Final = Style(color=_TEXT)
STRONG: Final = Style(color=_BRIGHT, bold=True)
DIM: Final = Style(color=_DIM)
FAINT: Final = Style(color=_FAINT)
EDGE: Final = Style(color=_EDGE)
LABEL: Final = Style(color=_DIM)
BRAND: Final = Style(color=_TEAL, bold=True)
ACCENT: Final = Style(color=_TEAL)
GOOD: Final = Style(color=_GREEN)
INFO: Final = Style(color=_BLUE)
WARNING: Final = Style(color=_AMBER)
ERROR: Final = Style(color=_RED)
ALARM: Final = Style(color=_NIGHT, bgcolor=_AMBER, bold=True)
BROKEN: Final = Style(color=_NIGHT, bgcolor=_RED, bold=True)
HEADING: Final = Style(color=_DIM, bold=True)
SORTED: Final = Style(color=_TEAL, bold=True)
SELECTED: Final = Style(bgcolor="#1c2f3b")
SELECTED_UNFOCUSED: Final = Style(bgcolor=_SLATE)

TAG: Final = "◆"
GLYPHS: Final = {
    State.READ_LEN: "◔",
    State.READ_BODY: "◑",
    State.WRITE_BODY: "▶",
    State.DRAINING: "◌",
    State.CLOSED: "✕",
}
STATES: Final = {
    State.READ_LEN: INFO,
    State.READ_BODY: GOOD,
    State.WRITE_BODY: WARNING,
    State.DRAINING: Style(color=_VIOLET),
    State.CLOSED: DIM,
}
LEVELS: Final = {
    "open": INFO,
    "close": DIM,
    "info": PLAIN,
    "good": GOOD,
    "warning": WARNING,
    "error": ERROR,
    "detail": DIM,
}


def state_label(state: State) -> str:
    """Glyph and word: ``▶ WRITE_BODY``."""
    return f"{GLYPHS[state]} {state.value}"
