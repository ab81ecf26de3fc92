"""The panel of the last bytes of one connection, in and out, in hexadecimal and as text."""

from __future__ import annotations

from typing import Final

from ..watch.row import BYTES_LIMIT, Row
from . import palette
from .lines_panel import Line, LinesPanel

_LABEL: Final = 5
_CELLS: Final = 4
"""Width of one byte in cells: two digits, a blank, and its character."""


class HexPanel(LinesPanel):
    """The last bytes that the selected connection sent and received; hidden by default."""

    def render_row(self, row: Row | None) -> None:
        """Draw the last bytes that fit, half of the lines for each direction."""
        if not self.is_new(row, None if row is None else row.recent_version):
            return
        self.set_title("last bytes" if row is None else f"last bytes of #{row.id}")
        if row is None:
            self.set_lines([])
            return
        width, half = self.size.width, self.size.height // 2
        self.set_lines(
            [*_dump("in", row.last_in, width, half), *_dump("out", row.last_out, width, half)]
        )


def _dump(label: str, data: bytes, width: int, height: int) -> list[Line]:
    """Draw the end of `data` in `height` lines; all lines but the last are full."""
    across = max(1, (width - _LABEL - 1) // _CELLS)
    fitting = min(across * height, BYTES_LIMIT // across * across)
    data = data[-fitting:]
    lines = [_line(data[at : at + across], across) for at in range(0, len(data), across)]
    lines = lines or [[("nothing since this view was opened", palette.FAINT)]]
    lines += [[]] * (height - len(lines))
    return [
        [((label if number == 0 else "").ljust(_LABEL), palette.LABEL), *line]
        for number, line in enumerate(lines[:height])
    ]


def _line(data: bytes, across: int) -> Line:
    text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in data)
    return [(data.hex(" ").ljust(across * 3), palette.PLAIN), (" " + text, palette.DIM)]
