"""Runs a dashboard on fed events, for the tests of its screens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from app.core.commands import Command, Trace
from app.ui.app import EchoApp
from app.ui.connection_table import ConnectionTable
from app.ui.lines_panel import LinesPanel
from app.ui.preferences import Preferences
from tests.making import FixedSource


@asynccontextmanager
async def running(
    source: FixedSource,
    size: tuple[int, int] = (160, 50),
    preferences: Preferences | None = None,
) -> AsyncIterator[tuple[EchoApp, Pilot[int]]]:
    app = EchoApp(source, preferences=preferences)
    async with app.run_test(size=size) as pilot:
        await refresh(app, pilot)
        yield app, pilot


async def refresh(app: EchoApp, pilot: Pilot[int]) -> None:
    """Draw everything that was fed."""
    await pilot.pause()
    app.refresh_view()
    await pilot.pause()


async def resize(app: EchoApp, pilot: Pilot[int], columns: int, lines: int) -> None:
    """Give the terminal another size, and wait until every screen has it, and is laid out for it.

    On a busy machine one pause is too short: it ends once this process gets no CPU time.
    """
    await pilot.resize_terminal(columns, lines)
    for _ in range(500):
        have_it = all(screen.size == (columns, lines) for screen in app.screen_stack)
        if have_it and app.screen._compositor.size == (columns, lines):
            return
        await pilot.pause()
    raise AssertionError(f"not {columns}x{lines} after 500 pauses: {app.screen.size}")


def screen_text(app: EchoApp) -> str:
    return app.export_screenshot(simplify=True).replace("&#160;", " ")


def drawn_text(app: EchoApp) -> str:
    """Return the uppermost screen as it is drawn, whatever its colours."""
    lines = (strip.text.rstrip() for strip in app.screen._compositor.render_strips())
    return "\n".join(lines)


def notices(app: EchoApp) -> str:
    """Return what the notices on the screen say, one a line."""
    return "\n".join(str(notice.message) for notice in app._notifications)


def panel_text(panel: LinesPanel) -> str:
    """Return the lines of a panel, also those that are scrolled out of sight."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in panel._lines)


def actions(source: FixedSource) -> list[Command]:
    return [command for command in source.commands if not isinstance(command, Trace)]


def table(app: EchoApp) -> ConnectionTable:
    return app.screen_stack[0].query_one(ConnectionTable)


def order(app: EchoApp) -> list[int]:
    return [row.id for row in table(app).shown]
