"""Records with right sizes and checksums whose content is something else than it should be."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from app.cli.exit_codes import EXIT_DAMAGED
from app.cli.main import cli
from app.recording.format import FILE_SIZE
from app.recording.reader import Recording
from tests.recording.making import history, write_recording

_HEAD = 24


def rebuilt(path: Path, change: Callable[[int, Any], Any]) -> Path:
    """Write a recording anew with `change(number, content)` of each record."""
    raw, at, number = path.read_bytes(), FILE_SIZE, 0
    out = raw[:at]
    while at < len(raw):
        (size,) = struct.unpack_from(">I", raw, at)
        head, body = raw[at + 8 : at + _HEAD], raw[at + _HEAD : at + _HEAD + size]
        content = change(number, msgspec.msgpack.decode(zlib.decompress(body)))
        packed = zlib.compress(msgspec.msgpack.encode(content))
        out += struct.pack(">II", len(packed), zlib.crc32(head + packed)) + head + packed
        at, number = at + _HEAD + size, number + 1
    path.write_bytes(out)
    return path


def first_only(number: int, content: Any) -> Any:
    return content if number else {"connections": 3}


def all_lists(_number: int, _content: Any) -> Any:
    return [1, 2]


def odd_tags(_number: int, content: Any) -> Any:
    for event in content.get("events", ()) if isinstance(content, dict) else ():
        if event["event"] == "closed":
            event["event"] = [1]
    return content


@pytest.mark.parametrize("change", [first_only, all_lists, odd_tags])
@pytest.mark.parametrize("options", [(), ("--all",), ("--at", "+1"), ("--from", "+1")])
def test_it_is_told_and_what_is_good_is_shown(
    tmp_path: Path, change: Callable[[int, Any], Any], options: tuple[str, ...]
) -> None:
    path = rebuilt(write_recording(tmp_path / "a.rec", history(4, 60)), change)
    run = CliRunner().invoke(cli, ["replay", "--json", *options, str(path)], standalone_mode=False)
    assert run.exception is None, run.exception
    if change is odd_tags:
        assert '"event":"opened"' in run.stdout.replace(" ", "") or "--at" in options
    else:
        assert run.return_value == EXIT_DAMAGED
        assert "is damaged at byte " in run.stderr


@pytest.mark.parametrize("change", [first_only, all_lists, odd_tags])
def test_every_batch_of_it_can_be_asked_for(
    tmp_path: Path, change: Callable[[int, Any], Any]
) -> None:
    path = rebuilt(write_recording(tmp_path / "a.rec", history(9, 60)), change)
    with Recording(path) as recording:
        for batch in range(len(recording.batches)):
            assert recording.played(batch).items is not None
