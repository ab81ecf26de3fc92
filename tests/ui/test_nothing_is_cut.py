"""No text that explains is cut off at the right edge, from 80 columns on."""

from __future__ import annotations

import html

import pytest
from textual.pilot import Pilot

from app.core.events import CommandResult
from app.ui.app import EchoApp
from app.watch.stream import Drained
from tests.making import NOW, FixedSource, listening, opened, snapshot
from tests.ui.driving import refresh, running, screen_text

WIDTHS = [80, 100, 140, 200]
LONG = "refused: " + " ".join(f"word{number:02}" for number in range(20))


class Gone(FixedSource):
    """A source whose server does not answer, for a long reason."""

    def drain(self) -> Drained:
        return super().drain()._replace(gone=LONG)


def missing(words: str, app: EchoApp) -> list[str]:
    seen = html.unescape(screen_text(app))
    return [word for word in words.split() if word not in seen]


async def shown(app: EchoApp, pilot: Pilot[int], *keys: str) -> None:
    await pilot.press(*keys)
    await refresh(app, pilot)
    await refresh(app, pilot)


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_result_in_the_audit_is_whole(width: int) -> None:
    result = CommandResult(t=NOW, request=1, command="kill", ok=False, message=LONG, id=1)
    source = FixedSource([listening(), opened(1), result])
    async with running(source, (width, 30)) as (app, pilot):
        await shown(app, pilot, "a")
        assert missing(LONG, app) == []


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_mistake_in_a_filter_is_told_whole(width: int) -> None:
    async with running(FixedSource([listening(), opened(1)]), (width, 30)) as (app, pilot):
        await shown(app, pilot, "slash", *"colour:x")
        line = app.query_one("#filter-line")
        error = app._pane.filter_bar._error
        assert error is not None
        assert missing(str(error), app) == []
        assert line.size.height <= 4
        await shown(app, pilot, *["backspace"] * 8)
        assert line.size.height == 1


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_banner_is_whole(width: int) -> None:
    async with running(Gone([listening(), opened(1)]), (width, 30)) as (app, pilot):
        await refresh(app, pilot)
        assert missing(f"{LONG} Waiting for it; q quits", app) == []
        await shown(app, pilot, "question_mark")
        assert missing(LONG, app) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("keys", ["o", "c", "t", "k", "q"])
async def test_no_dialog_ends_a_text_with_an_ellipsis(width: int, keys: str) -> None:
    source = FixedSource([listening(), opened(1), snapshot(1)])
    async with running(source, (width, 30)) as (app, pilot):
        await shown(app, pilot, *keys)
        assert len(app.screen_stack) == 2
        box = app.screen.query_one(".dialog").region
        rows = [line.text for line in app.screen._compositor.render_strips()]
        inside = [row[box.x : box.right] for row in rows[box.y : box.bottom]]
        assert [row for row in inside if "…" in row] == []
