"""Keeps what should stand on the terminal and what was sent, by cell, and tells the difference.

Textual writes whole strips. Most of their cells stand there already: the difference is a tenth or
less of their bytes, and updates that come before one is sent merge into one difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from operator import ne
from typing import Final, NamedTuple

from rich.cells import split_graphemes
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from .sgr import PLAIN, change, is_ground_alone, look_of

UNKNOWN: Final = "\0"
"""A cell whose content is not known; no drawing has it."""
BRIDGE: Final = 3
"""Unchanged cells between two changed ones that are cheaper to write again than to skip."""
LONG_BLANK: Final = re.compile(" {12,}")
"""Blanks that cost more bytes than to erase them and to step over them."""
SECOND_HALF: Final = ""
"""The content of the second cell of a wide character."""


class _Run(NamedTuple):
    """Cells beside each other that are to be written, all in one look."""

    y: int
    x: int
    cells: Sequence[str]
    look: str


class _Line:
    """A line of a grid: the character and the look of each cell."""

    __slots__ = ("_strips", "characters", "looks")

    def __init__(self, width: int) -> None:
        self.characters = [UNKNOWN] * width
        self.looks = [PLAIN] * width
        self._strips: dict[int, Strip] = {}
        """What was put, by its first column: Textual keeps the strips that have not changed."""

    def put(self, x: int, strip: Strip, system: ColorSystem) -> bool:
        """Take over a strip at column `x`; return False if it stands there already."""
        width = len(self.characters)
        if self._strips.get(x) is strip or not 0 <= x < width:
            return False
        for start, other in list(self._strips.items()):
            if start < x + strip.cell_length and start + other.cell_length > x:
                del self._strips[start]
        self._strips[x] = strip
        if self.characters[x] == SECOND_HALF:
            self.characters[x - 1] = " "
        characters: list[str] = []
        looks: list[str] = []
        for text, style, control in strip:
            if not control:
                cells = text if text.isascii() and text.isprintable() else _cells(text)
                characters += cells
                looks += [look_of(style, system)] * len(cells)
        length = min(len(characters), width - x)
        end = x + length
        if characters[length : length + 1] == [SECOND_HALF]:
            characters[length - 1] = " "  # there is room for half of it only
        self.characters[x:end] = characters[:length]
        self.looks[x:end] = looks[:length]
        if end < width and self.characters[end] == SECOND_HALF:
            self.characters[end] = " "
        return True

    def become(self, other: _Line) -> None:
        """Take over the content of another line."""
        self.characters[:] = other.characters
        self.looks[:] = other.looks

    def is_as(self, other: _Line) -> bool:
        """Whether both lines look the same."""
        return self.characters == other.characters and self.looks == other.looks


class CellGrid:
    """The cells of one terminal. Only one thread may call its methods."""

    def __init__(self, erases: bool = False) -> None:
        self.erases = erases
        """Whether the terminal erases cells (ECH, ECMA-48 8.3.38) to the ground of the look."""
        self.size = (0, 0)
        """Columns and lines of the latest drawing."""
        self._wanted: list[_Line] = []
        self._sent: list[_Line] = []
        self._touched: set[int] = set()
        """Lines that may differ from what was sent."""
        self._cursor: tuple[int, int] | None = None
        """Column and line at which the terminal writes next, if that is sure."""
        self._look: str | None = None
        """The look in which it writes next, if that is known."""

    @property
    def has_changed(self) -> bool:
        """Whether something may have to be sent."""
        return bool(self._touched)

    def forget(self) -> None:
        """Note that anything may stand on the terminal: the next difference is the whole screen."""
        self._cursor = self._look = None
        self._sent = [_Line(self.size[0]) for _ in self._wanted]
        self._touched = set(range(len(self._wanted)))

    def draw(self, update: CompositorUpdate, system: ColorSystem) -> None:
        """Take over what the compositor drew, for a terminal with so many colours."""
        if isinstance(update, LayoutUpdate):
            region = update.region
            self._resize(region.right, region.bottom)
            for y, strips in enumerate(update.strips, region.y):
                self._put(y, region.x, strips, system)
        elif isinstance(update, ChopsUpdate):
            self._resize(update.chop_ends[0][-1], len(update.chops))
            for y, x1, x2 in update.spans:
                for x, strip in _overlapping(update.chops[y], update.chop_ends[y], x1, x2):
                    self._put(y, x, [strip], system)

    def _resize(self, width: int, height: int) -> None:
        if (width, height) == self.size:
            return
        before, self._wanted = self._wanted, [_Line(width) for _ in range(height)]
        for old, new in zip(before, self._wanted, strict=False):
            length = min(len(old.characters), width)
            new.characters[:length] = old.characters[:length]
            new.looks[:length] = old.looks[:length]
        self.size = width, height
        self.forget()

    def _put(self, y: int, x: int, strips: Iterable[Strip | None], system: ColorSystem) -> None:
        if not 0 <= y < len(self._wanted):
            return
        line = self._wanted[y]
        for strip in strips:
            if strip is not None:
                if line.put(x, strip, system):
                    self._touched.add(y)
                x += strip.cell_length

    # --- the difference ---

    def difference(self, cursor: tuple[int, int]) -> str:
        """Return what makes the terminal show the drawing, with its cursor at (column, line).

        The terminal counts as having it from now on. The result is empty if nothing differs, and
        the cursor stands there already.
        """
        in_order: list[_Run] = []
        by_look: dict[str, list[_Run]] = {}
        for y in sorted(self._touched):
            wanted, sent = self._wanted[y], self._sent[y]
            if wanted.is_as(sent):
                continue
            if _is_plain(wanted) and _is_plain(sent):
                for run in _changed_runs(y, wanted, sent):
                    by_look.setdefault(run.look, []).append(run)
            else:
                in_order += _whole_run(y, wanted, sent)
            sent.become(wanted)
        self._touched.clear()
        written: list[str] = []
        for run in in_order:
            self._write(written, run)
        # A look costs more bytes than a way: all that has the same look is written together.
        while by_look:
            look = min(by_look, key=self._cost_of_look)
            for run in by_look.pop(look):
                self._write_plain(written, run)
        if self._cursor != cursor:
            written.append(_way(self._cursor, *cursor))
            self._cursor = cursor
        return "".join(written)

    def _cost_of_look(self, look: str) -> int:
        return len(change(self._look, look))

    def _write_plain(self, written: list[str], run: _Run) -> None:
        """Write cells of one plain character each, of which long blanks are erased."""
        y, x, cells, look = run
        text = "".join(cells)
        start = 0
        if self.erases and is_ground_alone(look):
            for blank in LONG_BLANK.finditer(text):
                if blank.start() > start:
                    self._write(written, _Run(y, x + start, cells[start : blank.start()], look))
                self._begin(written, x + blank.start(), y, look)
                start = blank.end()
                written.append(f"\x1b[{start - blank.start()}X")
        if start < len(text):
            self._write(written, _Run(y, x + start, cells[start:], look))

    def _begin(self, written: list[str], x: int, y: int, look: str) -> None:
        if self._cursor != (x, y):
            written.append(_way(self._cursor, x, y))
            self._cursor = (x, y)
        if self._look != look:
            written.append(change(self._look, look))
            self._look = look

    def _write(self, written: list[str], run: _Run) -> None:
        y, x, cells, look = run
        self._begin(written, x, y, look)
        text = "".join(cells)
        written.append(text)
        x += len(cells)
        # Behind the last column a terminal may be about to wrap; and it may disagree with Rich on
        # the width of what is not one plain character.
        is_plain = len(text) == len(cells) and SECOND_HALF not in cells
        self._cursor = (x, y) if is_plain and x < self.size[0] else None


def _overlapping(
    chops: Mapping[int, Strip | None], ends: Sequence[int], x1: int, x2: int
) -> Iterator[tuple[int, Strip]]:
    """Yield the pieces of a line that lie in the columns `x1` to `x2`, whole.

    The compositor cuts where a widget begins or ends, so that a piece is never of two.
    """
    for end, (x, strip) in zip(ends, chops.items(), strict=False):
        if strip is not None and x < x2 and end > x1:
            yield x, strip


@lru_cache(maxsize=8192)
def _cells(text: str) -> tuple[str, ...]:
    """Divide a text into cells; control characters are left out."""
    cells: list[str] = []
    for start, end, width in split_graphemes(text)[0]:
        piece = "".join(each for each in text[start:end] if each.isprintable() or each > "\x9f")
        if width:
            cells += [piece or " ", *[SECOND_HALF] * (width - 1)]
        elif cells:
            at = -2 if cells[-1] == SECOND_HALF else -1
            cells[at] += piece
    return tuple(cells)


def _is_plain(line: _Line) -> bool:
    """Whether each cell of a line has one character of one cell."""
    return SECOND_HALF not in line.characters and len("".join(line.characters)) == len(
        line.characters
    )


def _changed_cells(wanted: _Line, sent: _Line) -> list[int]:
    cells = range(len(wanted.characters))
    changed = set(compress(cells, map(ne, wanted.characters, sent.characters)))
    changed.update(compress(cells, map(ne, wanted.looks, sent.looks)))
    if UNKNOWN in wanted.characters:
        changed.difference_update(x for x in cells if wanted.characters[x] == UNKNOWN)
    return sorted(changed)


def _changed_runs(y: int, wanted: _Line, sent: _Line) -> Iterator[_Run]:
    """Yield the changed cells of a line, and unchanged ones between them that cost less."""
    characters, looks = wanted.characters, wanted.looks
    start = end = -1
    for x in _changed_cells(wanted, sent):
        if start >= 0:
            length = x + 1 - end
            is_near = length <= BRIDGE + 1 and UNKNOWN not in characters[end:x]
            if is_near and looks[end : x + 1] == [looks[start]] * length:
                end = x + 1
                continue
            yield _Run(y, start, characters[start:end], looks[start])
        start, end = x, x + 1
    if start >= 0:
        yield _Run(y, start, characters[start:end], looks[start])


def _whole_run(y: int, wanted: _Line, sent: _Line) -> Iterator[_Run]:
    """Yield all from the first changed cell to the last: half of a wide character clears the other.

    Each cell that is not one plain character is a run of its own.
    """
    characters, looks = wanted.characters, wanted.looks
    changed = _changed_cells(wanted, sent)
    if not changed:
        return
    x, last = changed[0], changed[-1]
    while x and characters[x] == SECOND_HALF:
        x -= 1
    while x <= last:
        end = x + 1
        while end < len(characters) and characters[end] == SECOND_HALF:
            end += 1
        while (
            len(characters[x]) == 1
            and end <= last
            and looks[end] == looks[x]
            and len(characters[end]) == 1
            and characters[end] != UNKNOWN
            and characters[end + 1 : end + 2] != [SECOND_HALF]
            and characters[end - 1] != SECOND_HALF
        ):
            end += 1
        if characters[x] != UNKNOWN:
            yield _Run(y, x, characters[x:end], looks[x])
        x = end


@lru_cache(maxsize=65536)
def _way(start: tuple[int, int] | None, x: int, y: int) -> str:
    """Return the shortest way for the cursor to column `x` of line `y`, both from 0."""
    absolute = f"\x1b[{y + 1}{f';{x + 1}' if x else ''}H" if x or y else "\x1b[H"
    if start is None:
        return absolute
    return min(absolute, _vertical(y - start[1], y) + _horizontal(x - start[0], x), key=len)


def _vertical(by: int, y: int) -> str:
    if not by:
        return ""
    steps = _times(abs(by), "B" if by > 0 else "A")
    return min(steps, f"\x1b[{y + 1}d", key=len)


def _horizontal(by: int, x: int) -> str:
    if not by:
        return ""
    ways = [f"\x1b[{x + 1}G", _times(abs(by), "C" if by > 0 else "D")]
    if by < 0:
        ways += ["\b" * -by]
    if not x:
        ways += ["\r"]
    return min(ways, key=len)


def _times(count: int, letter: str) -> str:
    return f"\x1b[{count if count > 1 else ''}{letter}"
