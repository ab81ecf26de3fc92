"""Everything that is drawn, in ASCII: for terminals and fonts that have nothing else.

One line filter translates whatever is on its way to the screen, borders and Textual's own widgets
included, cell for cell: a character takes as many cells after it as before it.
"""

from __future__ import annotations

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
"""A Braille pattern, which charts are made of, by how many of its eight dots are set."""


class _Table(dict[int, str]):
    """What `str.translate` looks up; what has no likeness becomes question marks."""

    def __missing__(self, code: int) -> str:
        if code < 128:
            return chr(code)
        if code in _BRAILLE:
            return _BY_DOTS[(code - _BRAILLE.start).bit_count()]
        return "?" * cell_len(chr(code))


_TABLE: Final = _Table({ord(each): plain for many, plain in _PAIRS.items() for each in many})


@lru_cache(maxsize=4096)
def in_ascii(text: str) -> str:
    """The text in ASCII, as many cells wide."""
    return text if text.isascii() else set_cell_size(text.translate(_TABLE), cell_len(text))


class PlainText(LineFilter):
    """Translates every line into ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same line in ASCII."""
        return [Segment(in_ascii(text), style, control) for text, style, control in segments]
