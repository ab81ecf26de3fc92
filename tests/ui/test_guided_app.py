"""The demo's captions on the screen, and the cursor that follows them."""

from textual.widgets import Static

from app.core.events import ConnectionState, Event
from app.ui.guided_app import CAPTION_TIME, GuidedApp
from tests.making import FixedSource, listening, opened, snapshot
from tests.ui.driving import refresh, table

CAST: list[Event] = [
    listening(),
    *map(opened, (1, 2, 3)),
    snapshot(1, frames=90),
    snapshot(2, ConnectionState.READ_BODY, body=(400_000, 786_432)),
    snapshot(3, header=b"\0\0", quiet=9),
]


def caption(app: GuidedApp) -> str:
    return str(app.query_one("#caption", Static).content)


async def test_the_cursor_follows_the_captions_until_a_key_is_pressed() -> None:
    source = FixedSource(CAST)
    app = GuidedApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await refresh(app, pilot)
        assert (caption(app)[:3], table(app).selected_id) == ("#1 ", 1)
        await refresh(app, pilot)
        assert caption(app)[:3] == "#1 ", "it stands for some seconds"
        source.time += CAPTION_TIME
        await refresh(app, pilot)
        assert (caption(app)[:3], table(app).selected_id) == ("#2 ", 2)
        await pilot.press("g")
        source.time += CAPTION_TIME
        await refresh(app, pilot)
        assert (caption(app)[:3], table(app).selected_id) == ("#3 ", 1)


async def test_a_paused_screen_has_the_caption_of_its_time() -> None:
    source = FixedSource(CAST)
    app = GuidedApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await refresh(app, pilot)
        await pilot.press("p")
        source.time += CAPTION_TIME
        await refresh(app, pilot)
        assert caption(app)[:3] == "#1 "
