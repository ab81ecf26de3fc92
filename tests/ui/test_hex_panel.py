"""The panel of the last bytes; the server sends them only while the panel is visible."""

from __future__ import annotations

from app.core.commands import Trace, TraceLevel
from app.core.events import Bytes
from app.ui.hex_panel import _dump
from app.watch.row import BYTES_LIMIT, Row
from tests.making import FixedSource, listening, opened
from tests.ui.driving import refresh, running, screen_text


def told(call: str, data: bytes) -> Bytes:
    return Bytes(t=1.0, id=1, call=call, data=data)


def plain(label: str, data: bytes, width: int, height: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in _dump(label, data, width, height)]


def test_a_row_keeps_the_last_bytes_of_each_direction_and_no_more() -> None:
    row = Row(opened(1))
    for number in range(100):
        row.remember(told("read", bytes([number]) * 10))
    row.remember(told("write", b"out"))
    assert len(row.last_in) == BYTES_LIMIT
    assert row.last_in.endswith(bytes([98]) * 10 + bytes([99]) * 10)
    assert row.last_out == b"out"
    assert row.recent is None  # they are no events of the list


def test_the_dump_ends_with_the_last_byte_and_fits() -> None:
    lines = plain("in", bytes(range(256)), 5 + 1 + 4 * 8, 3)
    assert lines == [
        "in   e8 e9 ea eb ec ed ee ef  ········",
        "     f0 f1 f2 f3 f4 f5 f6 f7  ········",
        "     f8 f9 fa fb fc fd fe ff  ········",
    ]
    assert plain("out", b"\0\0\0\x05hello", 38, 2) == [
        "out  00 00 00 05 68 65 6c 6c  ····hell",
        "     6f                       o",
    ]
    assert plain("in", b"", 38, 2) == ["in   nothing since this view was opened", "     "]


async def test_the_bytes_are_asked_for_while_they_are_shown() -> None:
    source = FixedSource([listening(), opened(1), opened(2)])
    async with running(source) as (app, pilot):
        source.commands.clear()
        await pilot.press("B")
        source.feed(told("read", b"\0\0\0\x02hi"))
        await refresh(app, pilot)
        assert "00 00 00 02 68 69" in screen_text(app)
        await pilot.press("down")
        await refresh(app, pilot)
        await pilot.press("B")
        await refresh(app, pilot)
        levels = [(asked.id, asked.level) for asked in source.commands if isinstance(asked, Trace)]
        assert levels == [
            (1, TraceLevel.BYTES),
            (1, TraceLevel.OFF),
            (2, TraceLevel.BYTES),
            (2, TraceLevel.IO),
        ]
        assert "last bytes" not in screen_text(app)
