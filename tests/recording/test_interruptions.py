"""A recording that cannot be written for a while: it is told, and goes on in the next file."""

from __future__ import annotations

import errno
import itertools
import os
from math import inf
from pathlib import Path

import msgspec
import pytest

from app.core.events import Bytes
from app.core.statistics import LoopStats
from app.recording import disk as disk_module
from app.recording.files import RecordingFile, numbered
from app.recording.plan import Keep, RecordingPlan
from app.recording.reader import Recording
from app.recording.recorder import RETRY_INTERVAL
from app.recording.recordings import Recordings, _File
from app.watch.fanout import Fanout
from app.watch.stream import Drained, EventStream
from tests.making import NOW, listening, loop_stats, opened
from tests.recording.keeping import Kept, size_of
from tests.recording.making import Drain, drain, history
from tests.ui.test_replay_source import Screen
from tests.waiting import until


def test_who_takes_the_file_away_is_noticed_once_and_it_goes_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_module, "CHECK_INTERVAL", 0.01)
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(size=10**6))
    kept.live([drain(NOW, listening(), opened(1))])
    kept.written()
    kept.parts.path.unlink()
    until(lambda: kept.recorder._disk.trouble)
    for number in itertools.count(2):
        kept.live([drain(NOW + number, opened(number, age=-number))])
        if len(kept.told) > 1:
            break
        kept.written()
    assert number <= 2 * RETRY_INTERVAL
    (level, text), (next_level, next_text) = kept.told
    assert (level, next_level) == ("error", "warning")
    assert text.startswith("recording interrupted: the file was removed by somebody else")
    assert "a.rec.00000" in next_text
    kept.end()
    with Recording(path) as recording:
        screen = Screen(recording)
        screen.source.seek(recording.end)
        screen.refresh()
        assert len(screen.model.rows) == number


def test_what_was_held_back_before_an_interruption_is_older_than_the_next_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(size=10**6))
    counted = itertools.count(1)
    kept.live([drain(NOW, listening(), opened(1), frames=1)])

    def tell(since: float, seconds: int, *, is_quiet: bool) -> None:
        for number in range(seconds):
            count = next(counted)
            stats = loop_stats(since + number, 1 if is_quiet else count, 64, 2)
            spent = ((3, count), (9, count // 2))  # an idle loop is woken too
            stats = msgspec.structs.replace(stats, iteration_us=spent, polls=count)
            kept.live([Drain(since + number, Drained([], [], stats, 0))])

    tell(NOW + 1, 5, is_quiet=True)
    assert kept.recorder._quiet._held_stats is not None
    kept.written()
    kept.parts.path.unlink()
    until(lambda: kept.recorder._disk.trouble)
    tell(NOW + 6, int(RETRY_INTERVAL) + 1, is_quiet=False)
    assert kept.recorder._retry_at == inf  # the next file has begun, with all that is known
    kept.written()
    kept.live([drain(NOW + 18, opened(2, age=-18))])
    tell(NOW + 19, 5, is_quiet=False)
    kept.end()
    with Recording(path) as recording:
        told = [item.event for item in recording.items(0, NOW * 2)]
        assert recording.damage is None
        stats = [event for event in told if isinstance(event, LoopStats)]
        polls = [each.polls for each in stats]
        assert polls == sorted(polls)
        assert stats[-1].iteration_us == ((3, polls[-1]), (9, polls[-1] // 2))
        for index in range(len(recording.keyframes)):
            assert recording.keyframe(index) is not None


def test_bytes_of_peers_stay_out_of_what_is_told_of_an_interruption(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "a.rec", Keep(size=10**6))
    kept.live([drain(NOW, listening(), opened(1))])
    kept.written()
    kept.parts.path.unlink()
    until(lambda: kept.recorder._disk.trouble)
    secret = Bytes(t=NOW + 1, id=1, call="read", data=b"secret")
    kept.live([drain(NOW + 1, secret), drain(NOW + 12, opened(2, age=-12))])
    kept.end()
    with Recording(kept.parts.path) as recording:
        for index in range(len(recording.keyframes)):
            keyframe = recording.keyframe(index)
            assert keyframe is not None
            assert not [event for event in keyframe.detail if isinstance(event, Bytes)]


def test_a_cut_is_noticed_though_the_server_goes_on_telling(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(size=10**6))
    kept.live([drain(NOW, listening(), *(opened(n) for n in range(1, 50)))])
    kept.written()
    os.truncate(kept.parts.path, 100)
    for number in range(50, 150):  # longer than before within one check
        kept.live([drain(NOW + number / 100, opened(number, age=-number / 100))])
    until(lambda: kept.recorder._disk.trouble, "a trouble of the disk")
    assert os.stat(f"{path}.000001").st_size == 100
    kept.live(drain(NOW + number) for number in range(2, 30))
    assert "the file was cut to 100 bytes by somebody else" in kept.told[0][1]
    kept.written()
    kept.live([drain(NOW + 31)])
    kept.end()
    assert [level for level, _ in kept.told] == ["error", "warning"]
    with Recording(path) as recording:
        assert "of a.rec.000001: a record is cut off" in str(recording.damage)
        screen = Screen(recording)
        screen.source.seek(recording.end)
        screen.refresh()
        assert len(screen.model.rows) == 149


def test_a_full_disk_is_told_once_and_no_file_is_left_of_each_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(size=10**6))
    kept.live([drain(NOW, listening(), opened(1))])
    kept.written()

    def full(self: RecordingFile, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(RecordingFile, "write", full)
        for number in range(2, 100):
            kept.live([drain(NOW + number, opened(number, age=-number))])
            if number % 7 == 0:
                until(lambda: kept.recorder._disk.trouble or kept.recorder._retry_at < 1e99)
        assert len(kept.told) == 1
        assert len(numbered(path)) <= 2
    for number in range(100, 160):
        kept.live([drain(NOW + number, opened(number, age=-number))])
        kept.written() if not kept.recorder._disk.trouble else None
    assert [level for level, _ in kept.told] == ["error", "warning"]
    kept.end()


def test_the_status_tells_an_interruption_and_what_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(size=200_000))
    assert kept.recorder.stored <= kept.recorder.size
    kept.live(list(history(3, steps=1500))[:-1])
    kept.written()
    assert kept.recorder.stored == size_of(path) < kept.recorder.size
    fanout = Fanout(EventStream(), lambda: None, now=lambda: NOW)
    recordings = Recordings(fanout, RecordingPlan(keep=Keep(size=200_000)))
    recordings._latest = kept.recorder, _File(path, kept.parts)

    def told() -> tuple[str | None, Path | None]:
        return recordings.status.interrupted, recordings.path

    assert told() == (None, kept.parts.path)
    kept.recorder._interrupt(kept.parts, "No space left on device")
    status = recordings.status
    assert status.recording
    assert told() == ("No space left on device", None)
    assert status.bytes == size_of(path)
    assert not recordings.begin(tmp_path / "other.rec")
    kept.now += RETRY_INTERVAL
    kept.live([drain(kept.now)])
    kept.written()
    kept.live([drain(kept.now + 1)])
    assert told() == (None, kept.parts.path)
    kept.end()
    assert recordings.status.bytes == size_of(path)
