"""Terminals with 16 colours: whatever is on the screen, no text has the colour of its ground."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from rich.color import ColorType
from rich.style import Style

from app.ui.app import EchoApp
from app.ui.few_colours import FewColours
from app.ui.themes import THEMES
from screenshots.scenes import overview
from tests.making import FixedSource
from tests.ui.driving import refresh, running
from tests.ui.failures import AnsweringSource

READING = (("escape", "enter"), ("escape", "right"), ("l", "tab", "up"), ("escape", "l", "left"))
"""The page of a connection, a chosen column, the event log with its cursor, and back."""
TERMS = ("xterm", "xterm-16color", "screen", "linux")


def unseen(style: Style) -> str:
    """Say why text in that style is not seen on 16 colours, or on 8; empty if it is."""
    ink, ground = style.color, style.bgcolor
    if ink is None or ground is None:
        return "the terminal's own colour, which may be any"
    if ColorType.STANDARD not in (ink.type, ground.type) or ink.number is None:
        return f"{ink} on {ground} is none of the 16"
    if ground.number is None or ground.number > 7:
        return f"the ground {ground} is bright, which the Linux console does not show"
    is_grey_on_black = (ink.number, ground.number) == (8, 0)
    if ink.number % 8 == ground.number and not is_grey_on_black:
        return f"{ink} on {ground}"
    return ""


def faults(app: EchoApp) -> Iterator[str]:
    for line, strip in enumerate(app.screen._compositor.render_strips()):
        for text, style, _ in strip:
            if not text.isspace() and style is not None and (why := unseen(style)):
                yield f"line {line}, {text!r}: {why}"


def grounds_of_rows(app: EchoApp) -> list[int | None]:
    """Return the ground of each peer's text in the table."""
    found = []
    for strip in app.screen._compositor.render_strips():
        cells = [style for text, style, _ in strip if text.startswith(("127.0.0.1:", "[::1]:"))]
        found += [style.bgcolor.number for style in cells[:1] if style and style.bgcolor]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("term", TERMS)
async def test_no_text_has_the_colour_of_its_ground(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four themes; rows that are open, closed, tagged and selected; panels, help, a dialog."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("COLORTERM", raising=False)
    async with running(FixedSource(overview()), (120, 36)) as (app, pilot):
        for name in THEMES:
            app.theme = name
            await pilot.press("g", "space", "down", "space", "down")
            dialogs = (("k",), ("escape", "t"), ("escape", "question_mark"), ("right",))
            for keys in ((), *dialogs, *READING, ("escape",)):
                await pilot.press(*keys)
                await refresh(app, pilot)
                assert not list(faults(app))[:3], (name, keys)
            assert len(grounds := grounds_of_rows(app)) > 3
            assert min(Counter(grounds).values()) == 1, f"{name}: which row is selected?"


@pytest.mark.slow
@pytest.mark.parametrize("term", ["xterm", "linux"])
async def test_failures_are_seen_on_16_colours(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspected, refused and closed connections, and the bytes that are kept of them."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("COLORTERM", raising=False)
    async with running(AnsweringSource(), (120, 36)) as (app, pilot):
        for name in THEMES:
            app.theme = name
            await pilot.press("g", "down", "down")
            for keys in ((), ("b",), ("escape", "C"), ("end", "b"), ("escape", "up", "b")):
                await pilot.press(*keys)
                for _ in range(2):
                    await refresh(app, pilot)
                assert not list(faults(app))[:3], (name, keys)
            await pilot.press("escape", "C")


@pytest.mark.parametrize("is_grey", [False, True])
@pytest.mark.parametrize("name", THEMES)
def test_any_ink_is_seen_on_any_ground(name: str, is_grey: bool) -> None:
    """Also blends: a screen behind a dialog has the colour of no role."""
    exchanged = FewColours(name, is_grey).exchanged
    colours = [getattr(THEMES[name], role) for role in THEMES[name]._fields if role != "dark"]
    blends = [f"#{red:02x}{green:02x}{red:02x}" for red in range(0, 256, 51) for green in (0, 99)]
    for ink in [*colours, *blends, None]:
        for ground in [*colours, *blends, None]:
            style = exchanged(Style(color=ink, bgcolor=ground, bold=True))
            assert not unseen(style)
            assert style.bold
            if is_grey:
                assert {style.color.number, style.bgcolor.number} <= {0, 7, 8, 15}  # type: ignore[union-attr]
