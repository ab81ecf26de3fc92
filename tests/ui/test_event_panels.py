"""The panel of the last events of the selected connection."""

from __future__ import annotations

from app.core.events import Io
from tests.making import NOW, FixedSource, listening, opened
from tests.ui.driving import refresh, running, screen_text

GAP = "the calls that follow are not shown"


async def test_a_gap_behind_a_call_is_seen() -> None:
    source = FixedSource([listening(), opened(1)])
    async with running(source) as (app, pilot):
        source.feed(Io(t=NOW, id=1, call="read", asked=4, result=4))
        await refresh(app, pilot)
        assert GAP not in screen_text(app)
        source.feed(Io(t=NOW, id=1, call="write", asked=9, result=9, gap_follows=True))
        source.feed(Io(t=NOW, id=1, call="read", asked=7, result=7))
        await refresh(app, pilot)
        text = screen_text(app)
        assert text.index("write 9 B") < text.index(GAP) < text.index("read  7 B")
