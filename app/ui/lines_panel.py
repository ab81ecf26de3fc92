"""A widget that shows ready-made lines and redraws only those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

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

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []

    def show(self, lines: Sequence[Line]) -> None:
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

    def render_line(self, y: int) -> Strip:
        """The line at `y`, as Textual's line API wants it."""
        line = self._lines[y] if y < len(self._lines) else []
        width = self.size.width
        strip = Strip([Segment(text, style) for text, style in line])
        return strip.crop_extend(0, width, None).apply_style(self.rich_style)


def line_width(line: Line) -> int:
    """Cells that a line takes; our own text has no wide characters, a peer's is measured."""
    return Strip([Segment(text, style) for text, style in line]).cell_length


def pad(line: Line, width: int, style: Style) -> Line:
    """The line with blanks up to `width` cells."""
    missing = width - line_width(line)
    return [*line, (" " * missing, style)] if missing > 0 else line
