"""Keys under a Korean layout do what they do under a Latin one, but in a field."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from app.ui.hangul_keys import latin_keys
from screenshots.scenes import overview
from tests.making import FixedSource
from tests.ui.driving import order, running, screen_text, table


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("ㅏ", "k"), ("ㅂ", "q"), ("ㅡ", "m"), ("ㅃ", "Q"), ("ㅉ", "W"), ("ㄸ", "E"), ("ㄲ", "R"),
        ("ㅆ", "T"), ("ㅒ", "O"), ("ㅖ", "P"), ("가", "rk"), ("각", "rkr"), ("값", "rkqt"),
        ("쏵", "Thkr"), ("의", "dml"), ("ㅢ", "ml"), ("ㄳ", "rt"), ("\u1112\u1161\u11ab", "gks"),
        ("한글", "gksrmf"), ("k", ""), ("é", ""), ("가!", ""), ("漢", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_keys_of_hangul(typed: str, keys: str) -> None:
    assert latin_keys(typed) == keys


def test_every_syllable_has_keys() -> None:
    for code in range(0xAC00, 0xD7A4):
        assert 2 <= len(latin_keys(chr(code))) <= 5


async def test_jamo_and_syllables_are_keys_outside_of_a_field() -> None:
    async with running(FixedSource(overview()), (120, 36)) as (app, pilot):
        await pilot.press("g")
        _, second, third = order(app)[:3]
        await pilot.press("ㅓ")  # j
        assert table(app).selected_id == second
        await pilot.press("머")  # a opens the audit, j goes on in it
        await pilot.pause()
        assert "audit" in screen_text(app).lower()
        await pilot.press("escape", "g", "ㅓ", "ㅓ", "ㅏ")
        await pilot.pause()
        assert f"kill connection #{third}" in screen_text(app)


async def test_a_field_takes_hangul_as_text() -> None:
    async with running(FixedSource(overview()), (120, 36)) as (app, pilot):
        await pilot.press("slash", "ㅏ", "가")
        assert isinstance(app.focused, Input)
        assert app.focused.value == "ㅏ가"
