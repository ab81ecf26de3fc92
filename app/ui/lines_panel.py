"""A widget that shows ready-made lines and redraws only those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Line: TypeAlias = list[tuple[str, Style]]
"""One line as pieces of literal text with their styles; nothing in it is markup."""


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
    run, run_style = "", ground
    for text, style in line:
        if style is run_style:
            run += text
            continue
        if run:
            segments.append(Segment(run, ground + run_style))
        run, run_style = text, style
    if run:
        segments.append(Segment(run, ground + run_style))
    cells = line_width(line)
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
