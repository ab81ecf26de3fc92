"""A widget that shows ready-made lines and redraws only those that changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Line: TypeAlias = list[tuple[str, Style]]
"""One line as pieces of literal text with their styles; nothing in it is markup."""
_END: Final = ("", Style())
"""A piece whose style is no other's, behind the last one."""
_PIECES: Final = re.compile(r" +|[^ ]+")


class LinesPanel(Widget):
    """Lines of styled text, cut at the right edge."""

    DEFAULT_CSS = "LinesPanel { height: auto; }"

    def __init__(self, *, id: str | None = None, title: str = "") -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._ground = Style()
        self._drawn_of: tuple[object, ...] = ()
        self.set_title(title)

    def set_title(self, title: str) -> None:
        """Write a title into the border; the same one again costs a comparison."""
        if (self.border_title or "") != title:
            self.border_title = title

    def is_new(self, *origin: object) -> bool:
        """Return whether what is drawn from, or the size, differs from that of the last call."""
        before, self._drawn_of = self._drawn_of, (*origin, self.size)
        return self._drawn_of != before

    def set_height(self, lines: int) -> None:
        """Take so many lines of the screen; the same number again costs a comparison."""
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Replace what is shown; lines that are equal to the shown ones cost a comparison."""
        old, self._lines = self._lines, list(lines)
        width = self.size.width
        changed = [
            Region(0, y, width, 1)
            for y in range(min(self.size.height, max(len(old), len(lines))))
            if y >= len(old) or y >= len(lines) or old[y] != lines[y]
        ]
        if changed:
            self.refresh(*changed)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Called by Textual to draw; looks up the ground's style once for all lines."""
        self._ground = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """The line at `y`, for Textual's line API."""
        line = self._lines[y] if y < len(self._lines) else []
        return strip_of(line, self.size.width, self._ground)


def strip_of(line: Line, width: int, ground: Style) -> Strip:
    """The line on its ground, cut or filled up to `width` cells.

    Neighbours of one style become one segment: each costs its share in everything that Textual
    does with a strip on its way to the terminal.
    """
    segments: list[Segment] = []
    cells = 0
    run, run_style = "", ground
    for text, style in [*line, _END]:
        if style is run_style:
            run += text
            continue
        if run:
            segments.append(Segment(run, ground + run_style))
            cells += len(run) if run.isascii() else cell_len(run)
        run, run_style = text, style
    if cells < width:
        segments.append(Segment(" " * (width - cells), ground))
    strip = Strip(segments, max(cells, width))
    return strip if cells <= width else strip.crop(0, width)


def line_width(line: Line) -> int:
    """Cells that a line takes; our own text has no wide characters, a peer's is measured."""
    return sum(len(text) if text.isascii() else cell_len(text) for text, _ in line)


def pad(line: Line, width: int, style: Style) -> Line:
    """The line with blanks up to `width` cells."""
    missing = width - line_width(line)
    return [*line, (" " * missing, style)] if missing > 0 else line


def clip(text: str, width: int) -> str:
    """`text` cut at the end to `width` cells, with an ellipsis where something was cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)) + "…"


def clip_start(text: str, width: int) -> str:
    """`text` cut at the front, with an ellipsis: the port at its end tells two peers apart."""
    if cell_len(text) <= width:
        return text
    start = 0
    while cell_len(text[start:]) > max(0, width - 1):
        start += 1
    return "…" + text[start:]


def flow(line: Line, width: int, indent: int = 0) -> list[Line]:
    """`line` broken at blanks into lines of at most `width` cells; nothing of it is lost.

    Lines after the first one begin with `indent` blanks. A word longer than a line is broken.
    """
    if line_width(line) <= width:
        return [line]
    room = max(1, width - indent)
    lines: list[Line] = [[]]
    used = 0
    for blank, word in _words(line):
        cells = line_width(word)
        if used and used + line_width(blank) + cells > width:
            lines.append([(" " * min(indent, width - 1), word[0][1])])
            used = width - room
        else:
            lines[-1] += blank
            used += line_width(blank)
        if used + cells <= width:
            lines[-1] += word
            used += cells
            continue
        for text, style in word:
            for piece in chop_cells(text, room):
                if used + cell_len(piece) > width:
                    lines.append([(" " * min(indent, width - 1), style)])
                    used = width - room
                lines[-1].append((piece, style))
                used += cell_len(piece)
    return lines


def _words(line: Line) -> Iterator[tuple[Line, Line]]:
    """Yield each word of a line, which may have several styles, with the blanks before it."""
    blank: Line = []
    word: Line = []
    for text, style in line:
        for piece in _PIECES.findall(text):
            if piece[0] != " ":
                word.append((piece, style))
                continue
            if word:
                yield blank, word
                blank, word = [], []
            blank.append((piece, style))
    if word:
        yield blank, word
