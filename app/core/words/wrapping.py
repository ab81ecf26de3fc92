"""Lines of a given width in cells of a terminal, where a Hangul syllable takes two."""

from __future__ import annotations

import unicodedata


def width_of(text: str) -> int:
    """Return the cells that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def wrap(text: str, width: int, first: str = "", indent: str = "") -> str:
    """Break a text at blanks into lines of at most `width` cells; a longer word stays whole.

    The first line begins with `first`, the others with `indent`.
    """
    lines, line = [], first
    is_empty = True
    for word in text.split():
        if not is_empty and width_of(line) + 1 + width_of(word) > width:
            lines.append(line)
            line, is_empty = indent, True
        line += word if is_empty else f" {word}"
        is_empty = False
    return "\n".join([*lines, line])
