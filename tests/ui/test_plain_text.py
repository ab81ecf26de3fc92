"""The whole screen in ASCII, with the same widths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from app.core.events import ConnectionState
from app.ui import palette
from app.ui.plain_text import in_ascii
from app.ui.preferences import Preferences
from screenshots.scenes import overview
from tests.making import FixedSource, opened
from tests.ui.driving import refresh, running

SCREENS = {
    "overview": (),
    "log": ("l",),
    "kill": ("k",),
    "kill several": ("space", "up", "space", "K"),
    "cap": ("c", "0"),
    "settings": ("t", *"2.5"),
    "audit": ("a",),
    "help": ("question_mark",),
    "columns": ("o",),
    "palette": ("ctrl+p",),
    "quit": ("q",),
    "paused": ("p",),
    "filter": ("slash", *"pending>lots"),
    "filtered": ("slash", *"write", "enter"),
    "toast": ("y",),
    "charts": ("v",),
    "last-bytes": ("B",),
    "bytes": ("b",),
    "closed": ("C",),
}


@pytest.mark.parametrize("keys", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize("size", [(160, 50), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_no_screen_has_anything_else(keys: tuple[str, ...], size: tuple[int, int]) -> None:
    source = FixedSource([*overview(), opened(77, peer="日本 ☃ é")])
    async with running(source, size, Preferences(ascii=True)) as (app, pilot):
        await pilot.press("g", *["down"] * 8, *keys)
        await app.workers.wait_for_complete()
        await refresh(app, pilot)
        assert app.export_screenshot(simplify=True).isascii()


async def test_the_notice_of_a_small_terminal_too() -> None:
    async with running(FixedSource(overview()), (40, 10), Preferences(ascii=True)) as (app, _):
        assert app.export_screenshot(simplify=True).isascii()


@given(st.text())
def test_a_text_keeps_its_width(text: str) -> None:
    plain = in_ascii(text)
    assert plain.isascii()
    if not text.isascii():
        assert cell_len(plain) == cell_len(text)


def test_what_must_be_told_apart_still_is() -> None:
    glyphs = [in_ascii(palette.GLYPHS[state]) for state in ConnectionState]
    assert len(set(glyphs)) == len(glyphs)
    for one, other in ("●○", "▲▼", "━─", "✓✕", "▁█", "▶◀"):
        assert in_ascii(one) != in_ascii(other)
    assert in_ascii("日本") == "????"
    assert [in_ascii(chr(0x2800 + dots)) for dots in (0, 0x01, 0xFF)] == [" ", ".", "@"]
