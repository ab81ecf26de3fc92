"""Text cut to so many cells of the terminal."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


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
