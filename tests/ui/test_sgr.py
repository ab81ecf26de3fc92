"""The change of a look, on a terminal that nobody here wrote (pyte)."""

from __future__ import annotations

import random
from typing import Any

import pyte
import pytest
from rich.color import ColorSystem
from rich.style import Style

from app.ui.sgr import PLAIN, change, look_of


def drawn(*sequences: str) -> Any:
    screen = pyte.Screen(1, 1)
    stream = pyte.Stream(screen)
    for each in sequences:
        stream.feed(each)
    stream.feed("x")
    return screen.buffer[0][0]


def any_style(chance: random.Random) -> Style:
    colours = [None, "red", "bright_blue", "color(200)", "#102030", "default"]
    names = ["bold", "dim", "italic", "underline", "blink", "reverse", "strike", "overline"]
    attributes: dict[str, Any] = {name: chance.random() < 0.3 for name in names}
    return Style(color=chance.choice(colours), bgcolor=chance.choice(colours), **attributes)


@pytest.mark.parametrize("seed", range(300))
def test_a_change_makes_the_look_that_was_asked_for(seed: int) -> None:
    chance = random.Random(seed)
    system = chance.choice([ColorSystem.STANDARD, ColorSystem.EIGHT_BIT, ColorSystem.TRUECOLOR])
    before, after = (look_of(any_style(chance), system) for _ in range(2))
    way = change(None, before), change(before, after)
    assert drawn(*way) == drawn(f"\x1b[0;{after}m" if after else "\x1b[0m")
    assert len(way[1]) <= len(change(None, after))


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("1;31;44", "1;32;44", "\x1b[32m"),
        ("31;44", "31;45", "\x1b[45m"),
        ("1;31;44", "31;44", "\x1b[22m"),
        ("1;2;31", "2;31", "\x1b[22;2m"),
        ("38;2;1;2;3;48;5;7", "38;2;1;2;3", "\x1b[49m"),
        ("1;31;44", PLAIN, "\x1b[m"),
        ("31", "31", ""),
        ("31\nid=1;http://a", "31", "\x1b]8;;\x1b\\"),
        ("31", "31\nid=1;http://a", "\x1b]8;id=1;http://a\x1b\\"),
    ],
)
def test_only_what_changes_is_written(before: str, after: str, written: str) -> None:
    assert change(before, after) == written
