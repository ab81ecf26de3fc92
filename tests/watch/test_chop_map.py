"""The chop map: what each read held, and where a header and its body came apart."""

from __future__ import annotations

import pytest

from app.core.framing import frame, header
from app.core.kept_bytes import KeptBytes, Piece, ReadRecord
from app.watch.chop_map import chop_map

HELLO = frame(b"hello")


def kept(*reads: bytes, held: int = 1 << 20) -> KeptBytes:
    """What is kept of a connection that sent these reads, 50 ms apart, of `held` bytes at most."""
    data, records = b"", []
    for number, read in enumerate(reads):
        short = max(0, min(len(read), held - len(data)))
        records.append(ReadRecord(len(data), len(read), 100.0 + number / 20, short))
        data += read
    return KeptBytes(1.0, 0, 1, len(data), pieces=(Piece(0, data[:held]),), reads=tuple(records))


@pytest.mark.parametrize(
    ("reads", "told"),
    [
        ([HELLO], [("hdr 4 | body 5", "")]),
        ([HELLO * 2], [("hdr 4 | body 5 | hdr 4 | body 5", "")]),
        ([frame(b"")], [("hdr 4", "")]),
        ([HELLO[:4], HELLO[4:]], [("hdr 4", "header and body came apart"), ("body 5", "")]),
        ([HELLO[:1], HELLO[1:]], [("hdr 1", "header cut after 1 of 4"), ("hdr 3 | body 5", "")]),
        ([HELLO[:7], HELLO[7:]], [("hdr 4 | body 3", "body cut"), ("body 2", "")]),
        ([HELLO + HELLO[:2]], [("hdr 4 | body 5 | hdr 2", "")]),
        ([header(9) + b"abc"], [("hdr 4 | body 3", "body cut")]),
        ([HELLO + b"GET / HT"], [("hdr 4 | body 5 | hdr 4 | REFUSED, then 4", "")]),
    ],
)
def test_each_read_is_told_with_what_it_held(
    reads: list[bytes], told: list[tuple[str, str]]
) -> None:
    lines = chop_map(kept(*reads), cap=1 << 20)
    assert [(line.holds, line.mark) for line in lines] == told
    assert [line.size for line in lines] == [len(read) for read in reads]
    assert [line.after for line in lines] == [None, *[pytest.approx(0.05)] * (len(reads) - 1)]


def test_an_empty_frame_is_whole() -> None:
    (line,) = chop_map(kept(frame(b"") + HELLO))
    assert (line.holds, line.mark) == ("hdr 4 | hdr 4 | body 5", "")


def test_what_is_not_kept_is_not_known() -> None:
    lines = chop_map(kept(HELLO, HELLO, HELLO, held=13))
    assert [line.holds for line in lines] == ["hdr 4 | body 5", "hdr 4 | body 5", "not known 9"]
