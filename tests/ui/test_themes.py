"""The themes: all colours are exchanged, readable, and distinct for colour-blind eyes too."""

from collections.abc import Iterator

import pytest
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.style import Style
from textual.pilot import Pilot

from app.core.events import ConnectionState
from app.ui import palette
from app.ui.app import EchoApp
from app.ui.preferences import Preferences
from app.ui.themes import DARK, THEMES, Repaint
from screenshots.scenes import overview
from tests.making import FixedSource
from tests.ui.driving import refresh, running, table

INKS = ("dim", "text", "bright", "accent", "info", "good", "warning", "draining", "error")
ROLES = [role for role in DARK._fields if role != "dark"]


def triplet(colour: str) -> ColorTriplet:
    found = Color.parse(colour).triplet
    assert found is not None
    return found


def luminance(colour: ColorTriplet) -> float:
    parts = [part / 255 for part in colour]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(triplet(one)), luminance(triplet(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("ground", ["background", "surface", "selected"])
def test_text_is_readable(name: str, ground: str) -> None:
    colours = THEMES[name]
    least = 7.0 if name == "high-contrast" else 4.4
    for ink in INKS if ground != "selected" else ("text", "bright", "warning"):
        assert contrast(getattr(colours, ink), getattr(colours, ground)) >= least, ink


@pytest.mark.parametrize("name", THEMES)
def test_repainting_twice_is_repainting_once(name: str) -> None:
    repainted = Repaint(name).repainted
    for role in ROLES:
        once = repainted(Style(color=getattr(DARK, role), bgcolor=getattr(DARK, role), bold=True))
        wanted = triplet(getattr(THEMES[name], role))
        assert once.color is not None
        assert once.bgcolor is not None
        assert (once.color.triplet, once.bgcolor.triplet, once.bold) == (wanted, wanted, True)
        assert repainted(once) == once


def test_the_dark_themes_colours_are_one_for_each_role() -> None:
    assert len({getattr(DARK, role) for role in ROLES}) == len(ROLES)


DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881))  # fmt: skip # noqa: E501
PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))  # fmt: skip # noqa: E501


@pytest.mark.parametrize("sight", [DEUTERANOPIA, PROTANOPIA])
def test_without_red_or_green_the_colours_of_the_states_are_still_several(
    sight: tuple[tuple[float, ...], ...],
) -> None:
    """Simulate colour blindness (Machado and others, 2009: one kind of cone is missing)."""
    colours = THEMES["colour-blind"]
    seen = [
        [
            sum(weight * part for weight, part in zip(row, triplet(colour), strict=True))
            for row in sight
        ]
        for colour in (colours.good, colours.warning, colours.error, colours.info)
    ]
    for index, one in enumerate(seen):
        for other in seen[index + 1 :]:
            assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 60


def colours_on(app: EchoApp) -> Iterator[ColorTriplet]:
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                if colour is not None and colour.triplet is not None:
                    yield colour.triplet


@pytest.mark.parametrize("name", [name for name in THEMES if name != "dark"])
@pytest.mark.parametrize("keys", [(), ("k",), ("question_mark",), ("a",), ("c", "0")])
async def test_nothing_of_the_dark_theme_is_left(name: str, keys: tuple[str, ...]) -> None:
    dark = {triplet(getattr(DARK, role)) for role in ROLES}
    async with running(FixedSource(overview()), (120, 36)) as (app, pilot):
        await pilot.press("down")
        assert dark & set(colours_on(app))
        app.theme = name
        await refresh(app, pilot)
        await pilot.press(*keys)
        await refresh(app, pilot)
        assert not dark & set(colours_on(app))


async def test_a_key_goes_through_the_themes_and_leaves_nothing_of_them() -> None:
    preferences = Preferences(theme="light")
    async with running(FixedSource(overview()), preferences=preferences) as (app, pilot):
        seen = [app.theme]
        for _ in THEMES:
            await pilot.press("T")
            await refresh(app, pilot)
            seen.append(app.theme)
        assert seen == ["light", "high-contrast", "colour-blind", "dark", "light"]
        app.theme = "dark"
        await refresh(app, pilot)
        others = {
            triplet(getattr(THEMES[name], role))
            for name in THEMES
            for role in ROLES
            if name != "dark"
        }
        assert not others & set(colours_on(app))


async def second_line(pilot: Pilot[int], *keys: str) -> Style:
    await pilot.press(*keys)
    await pilot.pause()
    app = pilot.app
    assert isinstance(app, EchoApp)
    [style] = {
        segment.style for segment in table(app).render_line(1) if "127.0.0.1" in segment.text
    }
    assert style is not None
    return style


async def test_without_colour_the_cursor_is_seen_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(FixedSource(overview())) as (app, pilot):
        assert (await second_line(pilot, "g", "down")).reverse
        assert not (await second_line(pilot, "up")).reverse
        for colour in colours_on(app):
            assert colour.red == colour.green == colour.blue
        await pilot.press("down", "k")
        await refresh(app, pilot)
        focused = app.screen.query_one("#cancel")
        assert focused.styles.text_style.reverse


def test_every_state_has_a_glyph_of_its_own() -> None:
    assert len({palette.GLYPHS[state] for state in ConnectionState}) == len(ConnectionState)


async def test_a_theme_may_be_chosen_for_the_start() -> None:
    preferences = Preferences(theme="high-contrast")
    async with running(FixedSource(overview()), preferences=preferences) as (app, _):
        assert triplet(THEMES["high-contrast"].warning) in set(colours_on(app))
