"""The four themes: the colour of each role, and the filter that applies a theme.

Our widgets draw with the styles of `palette`, which have the colours of the dark theme. For another
theme a line filter exchanges each colour, just before the output, for the colour of the same role.
So a widget does not know the theme, and lines that it has cached stay valid when the theme changes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme


class Colours(NamedTuple):
    """The colours of one theme, by role."""

    background: str
    surface: str
    panel: str
    selected: str
    """The background of the row under the cursor."""
    edge: str
    faint: str
    """For unimportant things: a dot instead of a zero, the rest of a bar."""
    dim: str
    text: str
    bright: str
    accent: str
    info: str
    good: str
    warning: str
    draining: str
    error: str
    dark: bool = True


DARK: Final = Colours(
    background="#0b0f14",
    surface="#10161e",
    panel="#1a2430",
    selected="#1c2f3b",
    edge="#2b3947",
    faint="#4d5d6c",
    dim="#8293a3",
    text="#c9d4de",
    bright="#f2f6fa",
    accent="#4fd6be",
    info="#74b9ff",
    good="#8fd970",
    warning="#ffb454",
    draining="#c39bf5",
    error="#ff6b6b",
)
THEMES: Final[dict[str, Colours]] = {
    "dark": DARK,
    "light": Colours(
        background="#fbfbf8",
        surface="#f0f1ed",
        panel="#dfe4e6",
        selected="#cbe2ee",
        edge="#b4bec5",
        faint="#87939c",
        dim="#53616c",
        text="#26313a",
        bright="#05080b",
        accent="#006b5b",
        info="#0a58a8",
        good="#2b6a15",
        warning="#8a4f00",
        draining="#6b39ad",
        error="#b01f29",
        dark=False,
    ),
    "high-contrast": Colours(
        background="#000000",
        surface="#050505",
        panel="#262626",
        selected="#00366e",
        edge="#9a9a9a",
        faint="#a6a6a6",
        dim="#d6d6d6",
        text="#fdfdfd",
        bright="#ffffff",
        accent="#00f0f0",
        info="#90d0ff",
        good="#70ff70",
        warning="#ffd900",
        draining="#f0b0ff",
        error="#ff9a9a",
    ),
    # Blue and orange, which also differ in lightness: one man in twelve cannot tell red from green.
    "colour-blind": Colours(
        background="#0a0e13",
        surface="#0f151d",
        panel="#19232f",
        selected="#1b3048",
        edge="#2c3a48",
        faint="#4e5e6d",
        dim="#8394a4",
        text="#cad5df",
        bright="#f3f7fb",
        accent="#56b4e9",
        info="#b9dcf7",
        good="#3f9bf0",
        warning="#f5c542",
        draining="#d3d3c4",
        error="#e2762b",
    ),
}
"""The themes by name (the names are those of `preferences.THEMES`)."""


def textual_theme(name: str) -> Theme:
    """Make the theme for the stylesheet and for Textual's own widgets."""
    colours = THEMES[name]
    return Theme(
        name=name,
        primary=colours.accent,
        secondary=colours.info,
        accent=colours.warning,
        warning=colours.warning,
        error=colours.error,
        success=colours.good,
        foreground=colours.text,
        background=colours.background,
        surface=colours.surface,
        panel=colours.panel,
        dark=colours.dark,
        variables={
            "edge": colours.edge,
            "dim": colours.dim,
            "scrollbar": colours.edge,
            "scrollbar-hover": colours.faint,
            "scrollbar-active": colours.accent,
            "scrollbar-background": colours.background,
            "scrollbar-background-hover": colours.background,
            "scrollbar-background-active": colours.background,
            "scrollbar-corner-color": colours.background,
        },
    )


class Repaint(LineFilter):
    """A line filter that exchanges the colours of the dark theme for those of another theme."""

    def __init__(self, name: str) -> None:
        super().__init__()
        colours = THEMES[name]
        exchanged = {
            RichColor.parse(getattr(DARK, role)).triplet: RichColor.parse(getattr(colours, role))
            for role in Colours._fields
            if role != "dark"
        }

        @lru_cache(maxsize=4096)
        def repainted(style: Style) -> Style:
            ink, ground = style.color, style.bgcolor
            return style + Style(
                color=None if ink is None else exchanged.get(ink.triplet, ink),
                bgcolor=None if ground is None else exchanged.get(ground.triplet, ground),
            )

        self.repainted = repainted

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the line in the colours of the theme."""
        repainted = self.repainted
        return [
            Segment(text, None if style is None else repainted(style), control)
            for text, style, control in segments
        ]
