"""Recordings that somebody made to do harm: every checksum is right, and what they tell is not."""

from __future__ import annotations

import struct
import zlib
from math import inf, nan
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.core.events import (
    CommandResult,
    Crashed,
    Event,
    Listening,
    Notice,
    Opened,
    Reason,
    SettingChanged,
)
from app.core.kept_bytes import KeptBytes, Piece, ReadRecord
from app.core.statistics import ProcessStats
from app.recording.format import (
    DamageError,
    End,
    Keyframe,
    RecordedBatch,
    file_header,
    pack,
    unpack,
)
from app.recording.reader import Recording
from tests.making import NOW, closed, listening, loop_stats, opened, snapshot

EVIL = "\x1b]0;owned\x07\x9b2J\u202e"


def replaced(event: Event, **changes: Any) -> Event:
    changed: Event = msgspec.structs.replace(event, **changes)
    return changed


def read_back(body: RecordedBatch) -> RecordedBatch:
    return unpack(RecordedBatch, pack(body, NOW)[24:])


@pytest.mark.parametrize(
    "event",
    [
        replaced(opened(1), t=nan),
        replaced(opened(1), t=inf),
        replaced(opened(1), t=-1e300),
        replaced(closed(1, Reason.EOF), opened_at=-inf),
        replaced(snapshot(1), active_at=nan),
        replaced(snapshot(1), body_read=-5),
        replaced(snapshot(1), frames_out=2**64 - 1),
        replaced(loop_stats(NOW, 1, 64, 1), service_us=((-1, 5),)),
        replaced(loop_stats(NOW, 1, 64, 1), iteration_us=((10**9, 5),)),
        KeptBytes(t=NOW, request=0, id=1, size=4, pieces=(Piece(-1, b"a"),)),
        KeptBytes(t=NOW, request=0, id=1, size=4, reads=(ReadRecord(0, 4, nan, 4),)),
        KeptBytes(t=NOW, request=0, id=1, size=4, reads=(ReadRecord(0, -4, NOW, 4),)),
        SettingChanged(t=NOW, name="cap", old=1, new="\x1b"),
        SettingChanged(t=NOW, name="idle_timeout", old=nan, new=1),
    ],
)
def test_what_no_server_can_tell_is_damage(event: Event) -> None:
    with pytest.raises(DamageError, match=r"impossible|setting_changed"):
        read_back(RecordedBatch(events=(event,)))


def test_a_keyframe_with_impossible_settings_is_damage() -> None:
    body = pack(Keyframe(settings={"cap": "\x1b"}), NOW)[24:]
    with pytest.raises(DamageError):
        unpack(Keyframe, body)


@pytest.mark.parametrize("keyframe", [Keyframe(opened=-9), Keyframe(closed=-7)])
def test_a_negative_count_of_a_keyframe_is_damage(keyframe: Keyframe) -> None:
    body = pack(keyframe, NOW)[24:]
    with pytest.raises(DamageError, match=r"a record has (opened|closed) -\d"):
        unpack(Keyframe, body)


def test_a_negative_count_of_a_batch_is_damage() -> None:
    with pytest.raises(DamageError, match="a record has dropped -4"):
        read_back(RecordedBatch(dropped=-4))


def test_no_text_of_a_recording_reaches_a_terminal_raw() -> None:
    events = (
        replaced(listening(), host=EVIL, notes=(EVIL, "fine"), poller=EVIL),
        opened(1, peer=EVIL),
        Notice(t=NOW, level=EVIL, text=EVIL),
        Crashed(t=NOW, error=EVIL, traceback=f"line 1\n{EVIL}"),
    )
    told = read_back(RecordedBatch(events=events)).events
    assert isinstance(told[0], Listening)
    assert told[0].notes[1] == "fine"
    for event in told:
        text = repr(event)
        assert "\x1b" not in text
        assert "\x9b" not in text
        assert "\u202e" not in text
    assert isinstance(told[1], Opened)
    assert told[1].peer == "\\x1b]0;owned\\x07\\x9b2J\\u202e"
    assert isinstance(told[3], Crashed)
    assert told[3].traceback.startswith("line 1\n\\x1b")
    assert "\x1b" not in unpack(End, pack(End(why=EVIL), NOW)[24:]).why
    assert read_back(RecordedBatch(events=told)).events == told


def test_a_line_break_stays_only_in_a_text_of_several_lines() -> None:
    two = "one\r\ntwo"
    events = (
        replaced(listening(), host=two, notes=(two,), poller=two),
        opened(1, peer=two),
        Notice(t=NOW, level=two, text=two),
        CommandResult(t=NOW, request=1, command=two, ok=False, message=two, by_name=two),
    )
    body = RecordedBatch(events=events)
    assert "\n" not in repr(read_back(body)).replace("\\\\n", "").replace("\\n", "\n")
    assert "\n" not in unpack(End, pack(End(why=two), NOW)[24:]).why
    crash = Crashed(t=NOW, error=two, traceback="one\ntwo")
    (told,) = read_back(RecordedBatch(events=(crash,))).events
    assert isinstance(told, Crashed)
    assert (told.error, told.traceback) == ("one\\r\\ntwo", "one\ntwo")


@pytest.mark.parametrize("t", [nan, inf, -inf, -1e300, 1e300, -1.0])
def test_a_record_of_an_impossible_time_ends_the_recording_before_it(
    tmp_path: Path, t: float
) -> None:
    path = tmp_path / "a.rec"
    good = (
        file_header(False) + pack(Keyframe(), NOW) + pack(RecordedBatch(events=(opened(1),)), NOW)
    )
    path.write_bytes(good + pack(RecordedBatch(events=(opened(2),)), t) + pack(End(why="x"), NOW))
    with Recording(path) as recording:
        assert recording.damage is not None
        assert recording.damage.offset == len(good)
        assert [item.event for item in recording.items(0, NOW)] == [opened(1)]


def test_a_first_record_of_an_impossible_time_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    path.write_bytes(file_header(False) + pack(Keyframe(), nan))
    with Recording(path) as recording:
        assert recording.damage is not None
        assert recording.start == recording.end == 0


def test_a_bomb_is_damage_and_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.recording.format.LARGEST_BODY", 1000)
    with pytest.raises(DamageError, match="too large"):
        unpack(RecordedBatch, zlib.compress(bytes(10**6)))
    with pytest.raises(DamageError):
        unpack(RecordedBatch, zlib.compress(b"\x81\xa6events" + struct.pack(">BI", 0xDD, 2**31)))


def test_a_figure_slightly_below_zero_is_no_damage() -> None:
    """Versions up to 0.2 told a first CPU share below zero: its two clocks differ."""
    event = ProcessStats(t=NOW, cpu_percent=-0.5, rss=1, fds=1, threads=1)
    assert read_back(RecordedBatch(events=(event,))).events == (event,)
