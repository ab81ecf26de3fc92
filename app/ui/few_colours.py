"""Terminals with 16 colours: which of them stands for each role of a theme.

Left alone, each colour is exchanged for the nearest of the 16, and then a selected row has the
ground of all the others and a closed row the colour of its ground. Grounds are taken from the
first 8 colours only, because the Linux console shows no bright ones (console_codes(4)). A few
terminals have only 8 colours and draw the bright inks as the plain ones; so an ink never is the
bright form of its ground either.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rich.color import Color as RichColor
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from .themes import THEMES, Colours

FEW: Final = frozenset({"standard", "windows"})
"""The colour systems of Rich that have 16 colours."""

_BLACK, _RED, _GREEN, _YELLOW, _BLUE, _MAGENTA, _CYAN, _WHITE = range(8)
_BRIGHT: Final = 8

_GROUNDS: Final = {
    "background": _BLACK,
    "surface": _BLACK,
    "panel": _BLUE,
    "selected": _BLUE,
    "edge": _BLACK,
    "faint": _WHITE,
    "dim": _WHITE,
    "text": _WHITE,
    "bright": _WHITE,
    "accent": _CYAN,
    "info": _BLUE,
    "good": _GREEN,
    "warning": _YELLOW,
    "draining": _MAGENTA,
    "error": _RED,
}
_INKS: Final = {
    "background": _BLACK,
    "surface": _BLACK,
    "panel": _BRIGHT + _BLACK,
    "selected": _BLUE,
    "edge": _BRIGHT + _BLACK,
    "faint": _BRIGHT + _BLACK,
    "dim": _WHITE,
    "text": _WHITE,
    "bright": _BRIGHT + _WHITE,
    "accent": _BRIGHT + _CYAN,
    "info": _BRIGHT + _BLUE,
    "good": _BRIGHT + _GREEN,
    "warning": _BRIGHT + _YELLOW,
    "draining": _BRIGHT + _MAGENTA,
    "error": _BRIGHT + _RED,
}
_OTHER_GROUNDS: Final = {
    "light": {
        "background": _WHITE,
        "surface": _WHITE,
        "panel": _CYAN,
        "selected": _CYAN,
        "edge": _WHITE,
        "faint": _BLACK,
        "dim": _BLACK,
        "text": _BLACK,
        "bright": _BLACK,
        "accent": _BLUE,
    },
}
_OTHER_INKS: Final = {
    "light": {
        "background": _WHITE,
        "surface": _WHITE,
        "selected": _CYAN,
        "dim": _BLACK,
        "text": _BLACK,
        "bright": _BLACK,
        "accent": _BLUE,
        "info": _BLUE,
        "good": _BLUE,
        "warning": _MAGENTA,
        "draining": _BLACK,
        "error": _RED,
    },
    "high-contrast": {
        "edge": _WHITE,
        "faint": _WHITE,
        "dim": _WHITE,
        "text": _BRIGHT + _WHITE,
    },
    "colour-blind": {
        "info": _BRIGHT + _WHITE,
        "good": _BRIGHT + _BLUE,
        "draining": _WHITE,
    },
}
_UNREADABLE: Final = frozenset(
    {
        (_BLACK, _BLUE),
        (_BLUE, _BLACK),
        (_BRIGHT + _BLUE, _BLUE),
        (_BRIGHT + _BLACK, _BLUE),
        (_BRIGHT + _BLACK, _CYAN),
        (_GREEN, _CYAN),
        (_GREEN, _WHITE),
    }
)
"""Inks that are hard to read on a ground."""
_LIGHT_GROUNDS: Final = frozenset({_GREEN, _YELLOW, _CYAN, _WHITE})


class FewColours(LineFilter):
    """A line filter that exchanges the colours of a theme for those of a 16-colour terminal."""

    def __init__(self, name: str, is_grey: bool) -> None:
        """`name` is a theme's; with `is_grey` (NO_COLOR) only black, greys and white are used."""
        super().__init__()
        colours = THEMES[name]
        roles = _triplets(colours)
        grounds = _GROUNDS | _OTHER_GROUNDS.get(name, {})
        inks = _INKS | _OTHER_INKS.get(name, {})

        def number(colour: RichColor | None, default: str, known: dict[str, int]) -> int:
            triplet = roles[default] if colour is None else colour.triplet
            if triplet is None:
                triplet = colour.get_truecolor() if colour else roles[default]
            if is_grey:
                return _grey(triplet, is_ground=known is grounds)
            return known[_nearest(triplet, roles)]

        @lru_cache(maxsize=4096)
        def exchanged(style: Style) -> Style:
            ground = number(style.bgcolor, "background", grounds)
            ink = _readable(number(style.color, "text", inks), ground)
            return style + Style(
                color=RichColor.from_ansi(ink), bgcolor=RichColor.from_ansi(ground)
            )

        self.exchanged = exchanged

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the line in colours of the terminal."""
        exchanged = self.exchanged
        return [
            Segment(text, exchanged(style or Style.null()), control)
            for text, style, control in segments
        ]


def _triplets(colours: Colours) -> dict[str, ColorTriplet]:
    found = {}
    for role in _INKS:
        triplet = RichColor.parse(getattr(colours, role)).triplet
        assert triplet is not None  # it is written as #rrggbb
        found[role] = triplet
    return found


def _nearest(triplet: ColorTriplet, roles: dict[str, ColorTriplet]) -> str:
    """Return the role of a colour, or of a blend the role whose colour is nearest."""
    return min(
        roles, key=lambda role: sum((a - b) ** 2 for a, b in zip(roles[role], triplet, strict=True))
    )


def _grey(triplet: ColorTriplet, is_ground: bool) -> int:
    level = sum(triplet) // 3
    if is_ground:
        return _WHITE if level >= 128 else _BLACK
    return (_BLACK, _BRIGHT + _BLACK, _WHITE, _BRIGHT + _WHITE)[level // 64]


def _readable(ink: int, ground: int) -> int:
    """Return the ink, or one that is seen where it would not be seen on that ground.

    On black and white that is grey: such inks are blends, of the screen behind a dialog.
    """
    if ground in (_BLACK, _WHITE):
        is_lost = ink in (ground, ground + _BRIGHT) and ink != _BRIGHT + _BLACK
        return _BRIGHT + _BLACK if is_lost or (ink, ground) in _UNREADABLE else ink
    if ink % _BRIGHT != ground and (ink, ground) not in _UNREADABLE:
        return ink
    return _BLACK if ground in _LIGHT_GROUNDS else _BRIGHT + _WHITE
