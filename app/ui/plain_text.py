"""Translates the whole screen into ASCII, for terminals and fonts that have nothing else.

A line filter translates every line before it is written, including borders and Textual's own
widgets. Each character keeps its width in cells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_PAIRS: Final = {
    "─╌┄┈╴╶": "-",
    "━═╸╺╼╾": "=",
    "│┃║┆╎╵╷╿╽▏▎▍▌▐▕▊▉▋": "|",
    "╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛┣┫┳┻╋╔╗╚╝╒╓╕╖╘╙╛╜": "+",
    "▁▂": "_",
    "▃▄": "-",
    "▅▆": "=",
    "▇█▆▀": "#",
    "▔": '"',
    "░": ".",
    "▒": ":",
    "▓": "#",
    "▶▸►→": ">",
    "◀◂◄←": "<",
    "▲↑△": "^",
    "▼↓▽": "v",
    "●◉◼■•": "*",
    "○◌◻□◯": "o",
    "◔": ".",
    "◑": ":",
    "◆◈": "+",
    "✕✗✖": "x",
    "✓✔": "v",
    "…": "~",
    "·∙": ".",
    "⚑": "!",
    "ƒ": "f",
    "↺↻": "@",
    "↔⇄": "=",
    "µμ": "u",
    "—": "-",
    "“”": '"',
    "≤": "<",
    "≥": ">",
    "🔎": "/ ",
}
_BRAILLE: Final = range(0x2800, 0x2900)
_BY_DOTS: Final = " ..::*##@"
"""The replacement of a Braille pattern, by the number of its dots that are set."""


class _Table(dict[int, str]):
    """A table for `str.translate`; a character without a replacement becomes question marks."""

    def __missing__(self, code: int) -> str:
        if code < 128:
            return chr(code)
        if code in _BRAILLE:
            return _BY_DOTS[(code - _BRAILLE.start).bit_count()]
        return "?" * cell_len(chr(code))


_TABLE: Final = _Table({ord(each): plain for many, plain in _PAIRS.items() for each in many})


_NO_HANGUL: Final = re.compile("[^가-힣「」]+")
_WIDE_IN: Final = ("ja", "ko", "zh")
"""Languages whose terminals may draw ambiguous characters two cells wide."""


_COERCED: Final = ("C.UTF-8", "C.utf8", "UTF-8")


def has_wide_glyphs(environment: Mapping[str, str]) -> bool:
    """Whether the locale is one of a language with wide characters.

    Where it is not installed, CPython has set LC_CTYPE to a locale of no language (PEP 538).
    """
    kind = environment.get("LC_CTYPE")
    names = environment.get("LC_ALL"), None if kind in _COERCED else kind, environment.get("LANG")
    return next(filter(None, names), "").partition("_")[0].lower() in _WIDE_IN


@lru_cache(maxsize=4096)
def in_ascii(text: str) -> str:
    """Translate a text into ASCII of the same width in cells."""
    return text if text.isascii() else set_cell_size(text.translate(_TABLE), cell_len(text))


def _around_hangul(text: str) -> str:
    return _NO_HANGUL.sub(lambda found: in_ascii(found[0]), text)


class PlainText(LineFilter):
    """The line filter of `--ascii`.

    It `keeps_hangul` for a terminal that only draws our symbols two cells wide.
    """

    def __init__(self, keeps_hangul: bool = False) -> None:
        super().__init__()
        self._translate = _around_hangul if keeps_hangul else in_ascii

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Translate a line into ASCII."""
        return [Segment(self._translate(text), style, control) for text, style, control in segments]
