"""Changes the look of what is written next, in as few bytes as possible (SGR, ECMA-48 8.3.117).

A look is what Textual writes for a style: the parameters of SGR (``1;38;2;255;0;0;48;5;17``), and
for a link a newline and what OSC 8 says of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

PLAIN: Final = ""
"""The look of a terminal that was reset."""
_ENDED_BY: Final = {
    1: 22, 2: 22, 3: 23, 4: 24, 5: 25, 6: 25, 7: 27, 8: 28, 9: 29, 21: 24, 51: 54, 52: 54, 53: 55,
}  # fmt: skip
"""By attribute, the parameter that ends it; some end two."""


class _Parts(NamedTuple):
    attributes: frozenset[int]
    colour: str
    """The parameters of the foreground; empty for the terminal's own."""
    ground: str


def look_of(style: Style | None, system: ColorSystem) -> str:
    """Return the look of a style in a terminal with so many colours, as Textual would write it."""
    if style is None:
        return PLAIN
    parameters = style._ansi
    if parameters is None:
        parameters = Strip.render_ansi(style, system)
    return f"{parameters}\nid={style._link_id};{style._link}" if style._link else parameters


@lru_cache(maxsize=8192)
def change(before: str | None, after: str) -> str:
    """Return what makes the look `before` into `after`; None is a look that is not known."""
    if before == after:
        return ""
    old, _, old_link = (before or PLAIN).partition("\n")
    new, _, new_link = after.partition("\n")
    link = f"\x1b]8;{new_link or ';'}\x1b\\" if old_link != new_link else ""
    if before is not None and old == new:
        return link
    anew = f"\x1b[;{new}m" if new else "\x1b[m"
    if before is None:
        return anew + link
    differing = ";".join(_difference(_parts(old), _parts(new)))
    if not differing:  # they name the terminal's own colours, and mean the same
        return link
    return min(f"\x1b[{differing}m", anew, key=len) + link


def is_ground_alone(look: str) -> bool:
    """Whether nothing but its ground is seen of a blank in this look."""
    return not look or ("\n" not in look and not _parts(look).attributes)


def _difference(old: _Parts, new: _Parts) -> Iterator[str]:
    ends = {_ENDED_BY[each] for each in old.attributes - new.attributes}
    yield from map(str, sorted(ends))
    for each in sorted(new.attributes):
        if each not in old.attributes or _ENDED_BY[each] in ends:
            yield str(each)
    if old.colour != new.colour:
        yield new.colour or "39"
    if old.ground != new.ground:
        yield new.ground or "49"


@lru_cache(maxsize=4096)
def _parts(parameters: str) -> _Parts:
    words = parameters.split(";") if parameters else []
    attributes, colour, ground = set(), "", ""
    while words:
        number = int(words[0])
        length = {"2": 5, "5": 3}[words[1]] if number in (38, 48) else 1
        value, words = ";".join(words[:length]), words[length:]
        if number in _ENDED_BY:
            attributes.add(number)
        elif 30 <= number <= 39 or 90 <= number <= 97:
            colour = "" if number == 39 else value
        else:
            ground = "" if number == 49 else value
    return _Parts(frozenset(attributes), colour, ground)
