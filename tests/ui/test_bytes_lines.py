"""The dump of kept bytes: offsets, text, bars at reads, headers, the refused one, gaps."""

from __future__ import annotations

import msgspec
import pytest

from app.core.events import Reason
from app.core.framing import frame
from app.core.kept_bytes import KeptBytes, ReadRecord
from app.ui import palette
from app.ui.bytes_lines import HEADER, WRONG, bytes_view
from app.ui.lines_panel import Line, line_width
from app.watch.figures import exact_clock
from app.watch.row import Row
from tests.making import NOW, closed, opened
from tests.ui.failures import HTTP, REFUSED, SLIP, kept, refused, with_header

READS = (ReadRecord(0, 4, NOW, 4), ReadRecord(4, 6, NOW + 0.04, 6))


def ended(reason: Reason = Reason.EOF, connection_id: int = 1) -> Row:
    row = Row(opened(connection_id))
    row.close(closed(connection_id, reason))
    return row


def told(
    *pieces: tuple[int, bytes], size: int = 0, reads: tuple[ReadRecord, ...] = ()
) -> KeptBytes:
    return msgspec.structs.replace(kept(1, pieces, size), reads=reads)


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def in_style(lines: list[Line], style: object) -> list[str]:
    return [text for line in lines for text, each in line if each == style]


def test_each_line_has_offset_hex_and_text_and_a_bar_where_a_read_begins() -> None:
    data = b"\0\0\0\x06a\r\n\tb\\"
    assert texts(bytes_view(ended(), told((0, data), reads=READS), 100).lines) == [
        "complete: all 10 bytes are kept · │ begins a read · header of a right frame",
        "",
        "     0 │00 00 00 06│61 0d 0a 09 62 5c                    ····a\\r\\n\\tb\\\\",
        "",
        "reads",
        "     0 │4 bytes  at " + exact_clock(NOW),
        "     4 │6 bytes  at " + exact_clock(NOW + 0.04) + "  +40.0 ms",
    ]


def test_the_headers_of_right_frames_are_coloured_as_far_as_they_are_known() -> None:
    data = frame(b"one") + frame(b"") + frame(b"three") + b"\0\0"
    lines = bytes_view(ended(Reason.EOF_MID_HEADER), told((0, data)), 100).lines
    coloured = in_style(lines[2:], HEADER)
    assert "".join(coloured[:4]) == "00000003"
    hexes = [text for text in coloured if len(text) == 2 and text != "··"]
    assert len(hexes) == 3 * 4 + 2
    behind_a_gap = bytes_view(ended(), told((40, data), size=60), 100).lines
    assert in_style(behind_a_gap[2:], HEADER) == []


def test_a_refused_header_is_red_and_has_carets_and_words() -> None:
    row = Row(opened(REFUSED))
    row.close(refused(REFUSED, HTTP, 0))
    view = bytes_view(row, with_header(kept(REFUSED, [(0, HTTP)]), 0, HTTP[:4]), 100)
    assert in_style(view.lines, WRONG)[:4] == ["47", "45", "54", "20"]
    at = texts(view.lines)[view.failure]
    assert at.startswith("     0 │47 45 54 20 2f")
    assert texts(view.lines)[view.failure + 1] == (
        "        ▲▲ ▲▲ ▲▲ ▲▲ REFUSED header: announces 1,195,725,856 bytes"
    )
    assert in_style(view.lines[2:], HEADER) == []


def test_a_header_over_two_lines_has_its_words_once() -> None:
    at = SLIP.index(b"\n")
    row = ended(Reason.FRAME_TOO_LARGE)
    lines = texts(bytes_view(row, with_header(told((0, SLIP)), at, SLIP[at : at + 4]), 60).lines)
    carets = [line.strip() for line in lines if "▲" in line]
    assert carets == ["▲▲", "▲▲ ▲▲ ▲▲ REFUSED header: announces 167,772,160 bytes"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row(opened(1)), "header of the frame in flight: announces 5 bytes"),
        (ended(Reason.EOF_MID_BODY), "header of the frame that is not whole: announces 5 bytes"),
    ],
)
def test_a_header_that_nobody_refused_is_not_called_so(row: Row, words: str) -> None:
    data = frame(b"hello")[:6]
    view = bytes_view(row, with_header(told((0, data)), 0, data[:4]), 100)
    assert texts(view.lines)[view.failure + 1].strip() == f"▲▲ ▲▲ ▲▲ ▲▲ {words}"
    assert in_style(view.lines, WRONG) == []


def test_a_diagnosis_of_an_earlier_byte_is_marked_there() -> None:
    found = refused(1, SLIP, SLIP.index(b"\n"), 3).diagnosis
    assert found is not None
    row = Row(opened(1))
    event = closed(1, Reason.FRAME_TOO_LARGE)
    row.close(msgspec.structs.replace(event, diagnosis=msgspec.structs.replace(found, offset=7)))
    view = bytes_view(row, with_header(told((0, SLIP)), 23, SLIP[23:27]), 100)
    assert texts(view.lines)[view.failure + 1].strip() == "▲▲ wrong from here on, offset 7"


def test_what_is_not_kept_is_said_in_words() -> None:
    view = bytes_view(ended(), told((0, b"ab"), (1000, b"cd"), size=5000, reads=READS[:1]), 100)
    lines = texts(view.lines)
    assert lines[0].startswith("not complete: 4 of the 5,000 bytes that it sent are kept")
    assert "     2  … 998 bytes are not kept, up to offset 1,000" in lines
    assert " 1,002  … 3,998 bytes are not kept, up to offset 5,000" in lines
    assert lines[-1] == "the reads behind offset 4 are not known"
    without = texts(bytes_view(ended(), told((9, b"ab"), size=11), 100).lines)
    assert without[-1] == "no reads are known: the first bytes are not kept"


@pytest.mark.parametrize("width", [55, 75, 95, 155])
def test_no_line_is_wider_than_the_page_and_every_byte_is_there_once(width: int) -> None:
    data = bytes(range(256)) * 4 + b"\\\r\n\t" * 8
    row = ended(Reason.FRAME_TOO_LARGE)
    for start in (0, 999_999, 10**12):
        whole = with_header(told((start, data), size=start + len(data)), start + 5, data[5:9])
        lines = bytes_view(row, whole, width).lines
        assert max(map(line_width, lines)) <= width
        dumped = [
            text for line in lines for text, style in line
            if len(text) == 2 and all(each in "0123456789abcdef" for each in text)
            and style in (palette.PLAIN, WRONG, HEADER)
        ]  # fmt: skip
        assert bytes.fromhex("".join(dumped)) == data


def test_nothing_that_a_peer_sends_is_a_control_character() -> None:
    lines = bytes_view(ended(), told((0, bytes(range(256)))), 100).lines
    assert all(text.isprintable() for text in texts(lines))
