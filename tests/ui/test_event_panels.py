"""What the selected connection did last, in words."""

from __future__ import annotations

from app.events import Io
from screenshots.scenes import NOW, FixedSource, listening, opened
from tests.ui.driving import look, running, screen_text

GAP = "calls in between are not told"


async def test_a_gap_between_two_calls_is_seen() -> None:
    source = FixedSource([listening(), opened(1)])
    async with running(source) as (app, pilot):
        source.feed(Io(t=NOW, id=1, call="read", asked=4, result=4))
        await look(app, pilot)
        assert GAP not in screen_text(app)
        source.feed(Io(t=NOW, id=1, call="write", asked=9, result=9, after_gap=True))
        await look(app, pilot)
        text = screen_text(app)
        assert text.index("read  4 B") < text.index(GAP) < text.index("write 9 B")
