"""The file format as `docs/recording.md` has it, read without any of our code."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from app.recording.reader import Recording
from tests.making import NOW
from tests.recording.making import drain, history, recorded


def records(data: bytes) -> Iterator[tuple[int, int, int, float, Any]]:
    """Kind, marks, events, time and body of each record."""
    assert data[:8] == bytes.fromhex("89 65 63 68 6f 72 65 63")
    assert struct.unpack(">HHI", data[8:16]) == (2, 0, zlib.crc32(data[:12]))
    offset = 16
    while offset < len(data):
        size, crc, kind, marks, zero, events, t = struct.unpack_from(">IIBBHId", data, offset)
        body = data[offset + 24 : offset + 24 + size]
        assert zero == 0
        assert crc == zlib.crc32(data[offset + 8 : offset + 24] + body)
        yield kind, marks, events, t, msgspec.msgpack.decode(zlib.decompress(body))
        offset += 24 + size


def test_a_recording_is_as_documented() -> None:
    read = list(records(recorded(history(7)).data))
    assert read[0] == (1, 0, 0, NOW, {})
    assert read[-1][0] == 3
    assert read[-1][4] == {"why": "the server ended"}
    kinds = Counter(kind for kind, *_ in read)
    assert kinds[1] > 5
    assert kinds[2] == 251
    assert kinds[3] == 1
    times = [t for *_, t, _ in read]
    assert times == sorted(times)
    for kind, marks, events, t, body in read:
        if kind == 2:
            told = body.get("events", [])
            assert events == len(told)
            assert all(event["t"] <= t for event in told)
            assert bool(marks & 1) == any(event["event"] == "closed" for event in told)
            assert bool(marks & 2) == any(event["event"] == "toggled" for event in told)
            assert set(body) <= {"events", "snapshots", "stats", "dropped"}


def test_the_keyframes_keys_are_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "recording.md").read_text("utf-8")
    keys = {
        key for kind, *_, body in records(recorded(history(7)).data) if kind == 1 for key in body
    }
    assert keys >= {"connections", "snapshots", "log", "deeds", "detail", "history"}
    assert all(f"`{key}`" in text for key in keys)


def test_a_kind_of_record_that_a_later_version_added_is_skipped(tmp_path: Path) -> None:
    data = recorded([drain(NOW, frames=1), drain(NOW + 1, frames=2)]).data
    covered = struct.pack(">BBHId", 77, 0, 0, 0, NOW)
    later = struct.pack(">II", 3, zlib.crc32(covered + b"abc")) + covered + b"abc"
    end = [kind for kind, *_ in records(data)].index(3)
    assert end == 3
    offset = 16
    for _ in range(2):
        offset += 24 + int.from_bytes(data[offset : offset + 4], "big")
    path = tmp_path / "later.rec"
    path.write_bytes(data[:offset] + later + data[offset:])
    with Recording(path) as recording:
        assert recording.damage is None
        assert len(list(recording.items(NOW, NOW + 9))) == 2
