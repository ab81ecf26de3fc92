"""The chop map of one connection: its reads, and what each held."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from ..core.kept_bytes import KeptBytes
from ..watch.chop_map import ChopLine, chop_map
from ..watch.figures import short_micros
from ..watch.row import Row
from . import palette
from .bytes_lines import BytesView
from .bytes_page import BytesPage
from .clipboard import copy_text
from .lines_panel import Line, flow


class ChopPage(BytesPage):
    """The reads of a connection from its first byte on, as the server had them when asked."""

    HELP = (
        "The chop map: a line for each read of a connection, from its first byte on: offset, size, "
        "the time since the read before, the headers and bodies that it held, and where one came "
        "apart. A frame that comes in one piece shows nothing: networks cut where they like, so a "
        "right server takes any cut. The arrow keys scroll. Escape goes back."
    )
    SUBJECT = "chop map of connection"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_command", "Copy the map"),
    ]

    def draw(self, row: Row, kept: KeptBytes, width: int) -> BytesView:
        """Draw the map in lines of at most `width` cells."""
        lines = self._map(kept)
        shown: list[Line] = [part for line in lines for part in flow(_drawn(line), width, 32)]
        known = lines[-1].offset + lines[-1].size if lines else 0
        if known < kept.size:
            text = f"the reads behind offset {known:,} are not known: --capture keeps the first"
            shown += [[], *flow([(text, palette.DIM)], width)]
        return BytesView(shown, 0)

    def _map(self, kept: KeptBytes) -> list[ChopLine]:
        return chop_map(kept, self._cap)

    def action_copy_command(self) -> None:
        """Copy the map as text."""
        if self._kept is None:
            self.notify("the server has not answered yet", severity="warning")
            return
        lines = ["".join(text for text, _ in _drawn(line)) for line in self._map(self._kept)]
        copy_text(self.app, "\n".join(lines) + "\n", "the chop map")


def _drawn(line: ChopLine) -> Line:
    after = "" if line.after is None else f"+{short_micros(line.after * 1e6)}"
    drawn: Line = [
        (f"{line.offset:>9,} ", palette.FAINT),
        (f"{line.size:>9,} ", palette.STRONG),
        (f"{after:>9}  ", palette.DIM),
        (line.holds, palette.PLAIN),
    ]
    if line.mark:
        drawn.append((f"   {line.mark}", palette.WARNING))
    return drawn
