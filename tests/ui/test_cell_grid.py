"""The difference between two drawings, on a terminal that nobody here wrote (pyte)."""

from __future__ import annotations

import random
from typing import Any

import pyte
import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from app.ui.cell_grid import CellGrid

STYLES = [
    None,
    Style(),
    Style(color="red"),
    Style(color="#102030", bgcolor="#405060", bold=True),
    Style(color="#102030", bgcolor="#405060"),
    Style(color="rgb(1,2,3)", bgcolor="blue", italic=True, underline=True),
    Style(bgcolor="bright_magenta", reverse=True, strike=True),
    Style(color="color(200)", bold=True, reverse=True, blink=True),
]
TEXTS = [
    "a",
    "bc",
    "-",
    " ",
    "   ",
    " " * 15,
    "12,345",
    "●",
    "│",
    "━━",
    "字",
    "字字",
    "e\u0301",
    "한",
    "x한y",
]


def row(chance: random.Random, width: int) -> Strip:
    segments, length = [], 0
    while length < width:
        segment = Segment(chance.choice(TEXTS), chance.choice(STYLES))
        segments.append(segment)
        length += segment.cell_length
    return Strip(segments).crop(0, width)


def whole(rows: list[Strip], width: int) -> LayoutUpdate:
    return LayoutUpdate([[each] for each in rows], Region(0, 0, width, len(rows)))


def cells(screen: Any) -> list[list[Any]]:
    return [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]


def drawn_by_textual(rows: list[Strip], width: int, system: ColorSystem) -> list[list[Any]]:
    """What Textual itself would have put on a terminal of this size."""
    screen: Any = pyte.Screen(width, len(rows))
    screen.reset_mode(pyte.modes.DECAWM)
    stream = pyte.Stream(screen)
    for y, strip in enumerate(rows, 1):
        text = "".join(
            each.text if each.style is None else Strip.render_style(each.style, each.text, system)
            for each in strip
        )
        stream.feed(f"\x1b[{y}H{text}")
    return cells(screen)


def differing(screen: Any, expected: list[list[Any]]) -> list[str]:
    """The cells that are not as expected, at most three."""
    pairs = (
        (f"column {x} of line {y}: {have} for {want}", have != want)
        for y, (haves, wants) in enumerate(zip(cells(screen), expected, strict=True))
        for x, (have, want) in enumerate(zip(haves, wants, strict=True))
    )
    return [text for text, differs in pairs if differs][:3]


def partly(chance: random.Random, rows: list[Strip], width: int) -> ChopsUpdate:
    """Draw a line or two anew, in two pieces with a cut between them, of which one has changed."""
    spans, chops = [], [dict[int, Strip | None]() for _ in rows]
    cut = chance.randrange(1, width)
    for y in sorted(chance.sample(range(len(rows)), min(2, len(rows)))):
        left, right = rows[y].divide([cut, width])
        if chance.random() < 0.5:
            left = row(chance, cut)
            spans.append((y, 0, cut))
            chops[y] = {0: left, cut: None}
        else:
            right = row(chance, width - cut)
            spans.append((y, cut, width))
            chops[y] = {0: None, cut: right}
        rows[y] = Strip.join([left, right])
    return ChopsUpdate(chops, spans, [[cut, width] for _ in rows])


@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.STANDARD])
@pytest.mark.parametrize("seed", range(30))
def test_no_cell_differs_from_what_textual_draws(seed: int, system: ColorSystem) -> None:
    chance = random.Random(seed)
    grid = CellGrid(erases=seed % 2 == 1)
    width, height = chance.randrange(2, 40), chance.randrange(1, 10)
    screen: Any = pyte.Screen(width, height)
    screen.reset_mode(pyte.modes.DECAWM)
    stream = pyte.Stream(screen)
    rows = [row(chance, width) for _ in range(height)]
    grid.draw(whole(rows, width), system)
    for _ in range(60):
        event = chance.random()
        if event < 0.05:  # somebody else wrote on the terminal, and it is drawn again
            screen.erase_in_display(2)
            stream.feed("\x1b[4;31m字 something else")
            grid.forget()
        elif event < 0.10:
            width, height = chance.randrange(2, 40), chance.randrange(1, 10)
            screen.resize(height, width)
            rows = [row(chance, width) for _ in range(height)]
            grid.draw(whole(rows, width), system)
        elif event < 0.3:
            rows[chance.randrange(height)] = row(chance, width)
            grid.draw(whole(rows, width), system)
        elif event < 0.7:
            grid.draw(partly(chance, rows, width), system)
        else:
            cursor = chance.randrange(width), chance.randrange(height)
            wrote = grid.difference(cursor)
            stream.feed(wrote)
            differences = differing(screen, drawn_by_textual(rows, width, system))
            assert not differences, differences[0]
            assert not wrote or (screen.cursor.x, screen.cursor.y) == cursor
            assert not grid.difference(cursor)


@pytest.mark.parametrize(
    ("erases", "style", "written"),
    [
        (True, Style(color="red", bgcolor="blue"), 10),
        (False, Style(color="red", bgcolor="blue"), 40),
        # Erased cells have no underline, whatever is set (xterm's ctlseqs; terminfo(5): bce).
        (True, Style(bgcolor="blue", underline=True), 40),
        (True, Style(bgcolor="blue", reverse=True), 40),
    ],
)
def test_long_blanks_are_erased_where_only_the_ground_is_seen(
    erases: bool, style: Style, written: int
) -> None:
    grid = CellGrid(erases)
    texts = "a" * 5, " " * 30, "b" * 5
    rows = [Strip([Segment(text, style) for text in texts])]
    grid.draw(whole(rows, 40), ColorSystem.TRUECOLOR)
    wrote = grid.difference((0, 0))
    assert sum(wrote.count(each) for each in "ab ") == written
    assert ("\x1b[30X" in wrote) == (written == 10)
    screen: Any = pyte.Screen(40, 1)
    pyte.Stream(screen).feed(wrote)
    assert not differing(screen, drawn_by_textual(rows, 40, ColorSystem.TRUECOLOR))
