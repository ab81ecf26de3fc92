"""A terminal that draws ambiguous characters two cells wide gets ASCII: columns stay in line."""

from __future__ import annotations

import time

import pytest

from app.ui.plain_text import has_wide_glyphs
from screenshots.scenes import overview
from tests.making import FixedSource
from tests.terminal import Terminal
from tests.ui.driving import notices, refresh, running, screen_text

KOREAN = (
    "-c",
    "import app.ui.base_app as base\n"
    "base.has_wide_glyphs = lambda _environment: True\n"
    "from app.__main__ import main\n"
    "main()",
)
"""The program where the locale is Korean; this machine may not have that locale."""
USUAL = ("-m", "app")


def is_drawn(text: str) -> bool:
    return "POLLOUT" in text and "Help" in text


def is_in_ascii(text: str) -> bool:
    return is_drawn(text) and text.isascii()


def is_in_glyphs(text: str) -> bool:
    return is_drawn(text) and "─" in text


def quits(terminal: Terminal) -> bool:
    """Whether nothing but the key for quitting is taken for a key: a dialog or a filter would stay
    between it and the end.
    """
    terminal.press("q")
    return terminal.exit_code() == 0


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.6])
def test_two_cells_are_ascii_also_if_that_is_told_late(after: float) -> None:
    with Terminal("127.0.0.1", "0", glyph_width=2, width_after=after) as terminal:
        terminal.wait_for(is_in_ascii)
        assert quits(terminal)


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.6])
def test_one_cell_is_glyphs_whatever_the_locale(after: float) -> None:
    with Terminal("127.0.0.1", "0", glyph_width=1, width_after=after, program=KOREAN) as terminal:
        terminal.wait_for(is_in_glyphs)
        assert quits(terminal)


@pytest.mark.slow
def test_without_an_answer_the_locale_decides() -> None:
    for program, is_right in ((KOREAN, is_in_ascii), (USUAL, is_in_glyphs)):
        with Terminal("127.0.0.1", "0", answers=(), program=program) as terminal:
            terminal.wait_for(is_right)
            began = time.monotonic()
            while time.monotonic() - began < 0.5:
                terminal.wait_for(is_right)
            assert quits(terminal)


async def test_all_that_was_drawn_is_drawn_anew_and_a_line_says_so() -> None:
    async with running(FixedSource(overview()), (100, 30)) as (app, pilot):
        before = screen_text(app)
        app.note_glyph_width(2)
        await refresh(app, pilot)
        assert "two cells wide: ASCII" in notices(app)
        app.clear_notifications()
        await pilot.pause(0.1)
        drawn = [line for line in screen_text(app).splitlines() if "<text" in line]
        assert not [line for line in drawn if "●" in line or "─" in line or "╭" in line]
        app.note_glyph_width(1)
        await refresh(app, pilot)
        assert screen_text(app).count("●") == before.count("●")


@pytest.mark.parametrize(
    ("environment", "is_wide"),
    [
        ({"LANG": "ja_JP.UTF-8"}, True),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "en_GB.UTF-8", "LC_CTYPE": "zh_TW.UTF-8"}, True),
        ({"LANG": "ko_KR.UTF-8", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "kok_IN.UTF-8"}, False),
        ({}, False),
    ],
)
def test_the_languages_of_wide_characters(environment: dict[str, str], is_wide: bool) -> None:
    assert has_wide_glyphs(environment) is is_wide
