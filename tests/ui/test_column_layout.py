"""Which columns fit, and that their cells stay in line."""

import pytest

from app.core.events import Event, Reason
from app.ui.cells import cells
from app.ui.column_layout import GAP, MARK, column_at, heading, layout
from app.ui.lines_panel import line_width
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from screenshots.scenes import overview
from tests.making import NOW, closed, opened


def overview_model() -> ScreenState:
    model = ScreenState()
    model.apply(Drained(overview(), [], None, 0), NOW)
    return model


@pytest.mark.parametrize("width", range(57, 240, 3))
def test_every_line_is_as_wide_as_the_heading(width: int) -> None:
    columns = layout(width, id_width=6)
    titles = heading(columns, "id", descending=False)
    assert line_width(titles) <= width
    for row in overview_model().rows.values():
        assert line_width(cells(row, columns, NOW)) == line_width(titles) - MARK


@pytest.mark.parametrize(
    ("width", "present", "absent"),
    [
        (157, {"id", "peer", "body", "out", "toggles", "age", "idle", "why"}, set()),
        (97, {"id", "peer", "body", "out", "pollout", "toggles", "frames"}, {"why"}),
        (77, {"id", "peer", "state", "header", "body", "out", "pollout"}, {"rate", "why"}),
    ],
)
def test_what_matters_stays(width: int, present: set[str], absent: set[str]) -> None:
    keys = {column.key for column in layout(width)}
    assert present <= keys
    assert not absent & keys


def test_a_click_finds_its_column() -> None:
    columns = layout(157)
    assert column_at(columns, 0) is None
    assert column_at(columns, MARK) == "id"
    assert column_at(columns, MARK + columns[0].width + GAP) == "peer"
    assert column_at(columns, 500) is None


def test_a_closed_connection_tells_its_reason() -> None:
    model = ScreenState()
    events: list[Event] = [opened(1), closed(1, Reason.EOF_MID_BODY, detail="12 of 64 body bytes")]
    model.apply(Drained(events, [], None, 0), NOW)
    text = "".join(piece for piece, _ in cells(model.rows[1], layout(157), NOW))
    assert "✕ CLOSED" in text
    assert "eof_mid_body: 12 of 64 body bytes" in text
