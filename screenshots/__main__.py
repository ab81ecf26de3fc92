"""Writes the recorded scenes and every screenshot of README and docs: ``python -m screenshots``."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from textual.color import Color
from textual.filter import LineFilter

from app.core.events import Event
from app.recording.reader import Recording
from app.ui.app import EchoApp
from app.ui.lab_app import LabApp, SideFigures
from app.ui.preferences import Preferences
from screenshots.lab_show import Shown
from screenshots.loop_scenes import SPINNING, held_loop, watched_loop
from screenshots.recorded import FOLDER, OVERVIEW, WORKERS, held, record_scenes
from screenshots.scenes import SLOW_READER
from tests.making import FixedSource


class Shot(NamedTuple):
    """One picture: a name, a size in cells, the keys pressed before it is taken."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    selected: int = SLOW_READER
    recording: Path = OVERVIEW
    few_colours: bool = False
    """As on a terminal with 16 colours."""


class LoopShot(NamedTuple):
    """A picture of a server whose iterations or calls are told; a recording has none of them."""

    name: str
    events: Callable[[], list[Event]]
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (160, 50)


class LabShot(NamedTuple):
    """A picture of the scenario `pollout-always` of the lab."""

    name: str
    keys: tuple[str, ...]
    note: str = ""
    """A sentence under both figures."""
    size: tuple[int, int] = (120, 30)


class UsualPalette(LineFilter):
    """The 16 colours as most terminals have them; an SVG of Rich has others."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in true colours."""
        return [Segment(text, style and _in_true_colours(style)) for text, style, _ in segments]


def _in_true_colours(style: Style) -> Style:
    theme = DEFAULT_TERMINAL_THEME
    ink, ground = (
        color and RichColor.from_triplet(color.get_truecolor(theme))
        for color in (style.color, style.bgcolor)
    )
    return style + Style.from_color(ink, ground)


SHOTS: Final = (
    Shot("overview", (160, 50), selected=5),
    Shot("slow-reader", (160, 50)),
    Shot("why-stuck", (120, 36), selected=6),
    Shot("page", (120, 40), ("enter",)),
    Shot("charts", (160, 50), ("v",)),
    Shot("kill-dialog", (160, 50), ("slash", *"state:READ_BODY", "enter", "K")),
    Shot("cap-dialog", (160, 50), ("c", *"40KiB")),
    Shot("help", (120, 36), ("question_mark",)),
    Shot("workers", (160, 50), selected=5, recording=WORKERS),
    Shot("100x30", (100, 30)),
    Shot("80x24", (80, 24)),
    Shot("16-colours", (160, 50), few_colours=True),
    Shot("16-colours-80x24", (80, 24), few_colours=True),
)
LOOP_SHOTS: Final = (LoopShot("loop", watched_loop, ("u",)), LoopShot("step", held_loop))
LAB_SHOTS: Final = (
    LabShot("lab", ("2",)),
    LabShot("lab-loops", ("2", "u", "space"), "looked at: no figure is taken", (132, 30)),
)
ROUNDS: Final = (8.0, 7.9, 8.0, 7.9), (98_310.0, 104_659.0, 103_220.0, 104_659.0)
"""Polls a second of `pollout-always`, as docs/lab.md has them."""


async def shoot(shot: Shot) -> str:
    """Draw one picture and return it as SVG."""
    with Recording(shot.recording) as recording:
        app = EchoApp(held(recording), clock=lambda: 0.0)
        if shot.few_colours:
            app.console._color_system = ColorSystem.STANDARD
            app.watch_theme(app.theme)
            app._few.append(UsualPalette())
        async with app.run_test(size=shot.size) as pilot:
            app.refresh_view()
            await pilot.pause()
            await pilot.press("g", *["down"] * (shot.selected - 1), *shot.keys)
            await pilot.pause()
            app.refresh_view()
            await pilot.pause()
            return app.export_screenshot(title="echo-tui", simplify=True)


async def shoot_loop(shot: LoopShot) -> str:
    """Draw a dashboard of events that are given to it, the slow reader selected."""
    app = EchoApp(FixedSource(shot.events()), clock=lambda: 0.0)
    async with app.run_test(size=shot.size) as pilot:
        await pilot.pause()
        app.refresh_view()
        await pilot.press("g", *["down"] * (SLOW_READER - 1), *shot.keys)
        app.refresh_view()
        await pilot.pause()
        return app.export_screenshot(title="echo-tui", simplify=True)


async def shoot_lab(shot: LabShot) -> str:
    """Draw the screen of the lab."""
    show = Shown("pollout-always")
    right, wrong = (SideFigures(values, shot.note) for values in ROUNDS)
    show.shown, show.sides = (right, wrong), SPINNING
    app = LabApp(show, Preferences())
    async with app.run_test(size=shot.size) as pilot:
        await pilot.press(*shot.keys)
        for _ in range(2):
            app._draw()
            await pilot.pause()
        return app.export_screenshot(title="echo-tui", simplify=True)


def main() -> None:
    """Write all pictures, always in UTC and in colour."""
    os.environ["TZ"] = "UTC"
    os.environ["COLORTERM"] = "truecolor"
    time.tzset()
    record_scenes()
    pictures = [(shot.name, shoot(shot)) for shot in SHOTS]
    pictures += [(shot.name, shoot_loop(shot)) for shot in LOOP_SHOTS]
    pictures += [(shot.name, shoot_lab(shot)) for shot in LAB_SHOTS]
    for name, drawn in pictures:
        (FOLDER / f"{name}.svg").write_text(asyncio.run(drawn))
        print(f"screenshots/{name}.svg")


if __name__ == "__main__":
    main()
