"""The pane of the selected connection: no text in it is cut off, whatever the width."""

from __future__ import annotations

import pytest

from app.core.events import Reason
from app.ui.detail_panel import _lines
from app.ui.lines_panel import Line, flow, line_width
from app.ui.palette import DIM, PLAIN
from app.watch.row import Row
from app.watch.screen_state import ScreenState
from app.watch.stream import Drained
from app.watch.why import why_waiting
from screenshots.scenes import overview
from tests.making import NOW, closed, opened

DETAIL = "1,195,725,856 bytes, CAP 1,048,576; looks like an HTTP request: 'GET / HTTP/1.1 Host: a'"


def rows() -> list[Row]:
    state = ScreenState()
    state.apply(Drained(overview(), [], None, 0), NOW)
    ended = Row(opened(99, peer="[2001:db8:85a3:8d3:1319:8a2e:370:7348%enp0s31f6]:40112"))
    ended.close(closed(99, Reason.FRAME_TOO_LARGE, detail=DETAIL))
    return [*(state.rows[number] for number in (2, 5, 8, 9, 11, 13, 18)), ended]


def words(lines: list[Line]) -> str:
    text = "\n".join("".join(text for text, _ in line) for line in lines)
    return " ".join(text.split())


@pytest.mark.parametrize("height", [5, 8, 12, 14])
def test_no_line_is_wider_than_the_pane_and_no_explanation_is_cut(height: int) -> None:
    for row in rows():
        for width in range(72, 200):
            lines = _lines(row, NOW, width, height)
            assert max(map(line_width, lines)) <= width, (row.id, width)
            seen = words(lines[:height])
            why = DETAIL if row.id == 99 else why_waiting(row, NOW)
            assert why in seen, (row.id, width)


def test_a_flowing_text_loses_nothing_and_is_indented() -> None:
    line: Line = [("why      ", DIM), ("peer is not ", PLAIN), ("reading", DIM), (": so", PLAIN)]
    assert flow(line, 80, 9) == [line]
    for width in range(1, 30):
        lines = flow(line, width, 9)
        assert max(map(line_width, lines)) <= width
        joined = "".join(text for each in lines for text, _ in each).replace(" ", "")
        assert joined == "whypeerisnotreading:so"
    assert ["".join(text for text, _ in each) for each in flow(line, 21, 9)] == [
        "why      peer is not",
        "         reading: so",
    ]


def test_wide_characters_count_as_two_cells() -> None:
    lines = flow([("漢字漢字漢字 漢字", PLAIN)], 5)
    assert [line_width(line) for line in lines] == [4, 4, 4, 4]
