"""A recording that goes on for ever: numbered files, of which the latest are kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.core.events import Event
from app.core.settings import SettingError
from app.recording.files import numbered
from app.recording.plan import Keep, parse_keep
from app.recording.reader import Recording
from app.ui.replay_source import ReplaySource
from tests.making import NOW, listening, opened
from tests.recording.keeping import Kept, size_of
from tests.recording.making import drain, history
from tests.ui.test_replay_source import Screen


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("500MiB", Keep(size=500 * 1024**2)),
        ("2048K", Keep(size=2 * 1024**2)),
        ("90m", Keep(age=5400.0)),
        ("90M", Keep(size=90 * 1024**2)),
        ("7d", Keep(age=604_800.0)),
        (" 12 h ", Keep(age=43_200.0)),
    ],
)
def test_what_can_be_kept(text: str, keep: Keep) -> None:
    assert parse_keep(text) == keep


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("500", "neither a size nor an age with its unit: write 500MiB"),
        ("7 dogs", "neither"),
        ("1.5h", "neither"),
        ("", "neither"),
        ("-5m", "neither"),
        ("1KiB", "out of range: it must be 1MiB to 1PiB"),
        ("3s", "out of range: it must be 10s to 3660d"),
    ],
)
def test_what_cannot_be_kept_is_one_line(text: str, says: str) -> None:
    with pytest.raises(SettingError, match=f"^--record-keep .*{says}"):
        parse_keep(text)


@pytest.mark.parametrize("size", [200_000, 400_000])
def test_no_more_is_kept_than_was_asked_for_and_it_is_one_recording(
    tmp_path: Path, size: int
) -> None:
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(size=size))
    for drained in history(3, steps=1500):
        kept.live([drained])
        kept.written()
        assert size_of(path) <= size
    kept.end()
    names = [each.name for each in numbered(path)]
    assert names[0] != "a.rec.000001"
    assert size_of(path) > size / 2
    with Recording(path) as recording:
        assert recording.damage is None
        assert recording.end_reason == "the server ended"
        assert not recording.breaks()
        everything = [item.event for item in recording.items(0, NOW * 2)]
        told = [event for _, d in history(3, steps=1500) for event in d.events]
        kept_events = [event for event in everything if event in told]
        assert len(kept_events) > 100
        # What is shown at its start and at its end is what was then, whatever went before.
        screen = Screen(recording)
        screen.source.seek(recording.end)
        screen.refresh()
        opens = {e.id for e in told if type(e).__name__ == "Opened"}  # type: ignore[union-attr]
        closes = {e.id for e in told if type(e).__name__ == "Closed"}  # type: ignore[union-attr]
        assert {row.id for row in screen.model.live()} == opens - closes
    with Recording(numbered(path)[-1]) as last:
        assert last.damage is None


def test_what_is_older_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(age=600))
    kept.live(drain(NOW + n, opened(n + 1, age=-n)) for n in range(3000))
    kept.end()
    with Recording(path) as recording:
        assert 600 <= recording.end - recording.start <= 600 * 1.25
        assert recording.end == NOW + 2999
        screen = Screen(recording)
        assert len(screen.model.rows) + NOW == pytest.approx(recording.start, abs=2)


def test_a_clock_that_is_set_forward_makes_nothing_old(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    earlier = Kept(path, Keep(age=600), NOW)
    earlier.live(drain(NOW + n, opened(n + 1, age=-n)) for n in range(300))
    earlier.end()
    kept = Kept(path, Keep(age=600), NOW + 300)
    kept.live(drain(NOW + n, opened(n + 1, age=-n)) for n in range(300, 600))
    kept.written()
    before = numbered(path)
    kept.set_by = 30 * 86_400.0
    kept.now = later = kept.now + kept.set_by
    kept.live(drain(later + n, opened(n + 1)) for n in range(60))
    kept.written()
    assert numbered(path)[: len(before)] == before
    kept.live(drain(later + n, opened(n + 1)) for n in range(60, 800))
    kept.end()
    assert not {*before} & {*numbered(path)}, "what is older goes all the same"


def test_a_restart_takes_the_next_number_and_the_screen_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    for start in (0, 100):
        kept = Kept(path, Keep(size=10**6), NOW + start)
        instance = f"{start:016}"
        first = msgspec.structs.replace(listening(), instance=instance)
        ids = range(1, 4) if not start else range(7, 9)
        events: list[Event] = [first, *(opened(n, age=-start) for n in ids)]
        kept.live([drain(NOW + start, *events), drain(NOW + start + 9, frames=start)])
        if start:
            kept.end()
        else:  # killed
            kept.written()
            kept.recorder._disk.close()
            assert kept.recorder._disk.join(10)
    assert [each.name for each in numbered(path)] == ["a.rec.000001", "a.rec.000002"]
    with Recording(path) as recording:
        assert recording.damage is not None
        assert "of a.rec.000001: it ends without its end" in str(recording.damage)
        assert len(recording.breaks()) == 1
        for way in ("seek", "play"):
            screen = Screen(recording)
            if way == "seek":
                screen.source.seek(NOW + 105)
            else:
                screen.source.play()
                for _ in range(110):
                    screen.wait(1.0)
            screen.refresh()
            assert set(screen.model.rows) == {7, 8}, way
            assert screen.model.listening is not None
            assert screen.model.listening.instance == f"{100:016}"
        screen.source.seek(NOW + 50)
        screen.refresh()
        assert set(screen.model.rows) == {1, 2, 3}


def test_a_damaged_part_is_told_and_the_next_ones_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(size=10**6))
    kept.parts._keep = Keep(size=300_000)
    kept.live(history(3, steps=600))
    kept.end()
    files = numbered(path)
    assert len(files) > 4
    with Recording(path) as whole:
        end = whole.end
    data = files[1].read_bytes()
    for cut in (0, 5, 20, 60, len(data) // 2, len(data) - 1):
        files[1].write_bytes(data[:cut])
        with Recording(path) as recording:
            if cut:
                assert recording.damage is not None
                assert files[1].name in str(recording.damage)
            assert recording.end == end
            assert len(recording.breaks()) == 1
            source = ReplaySource(recording)
            source.seek(end)
            assert source.restart() is not None
            assert source.drain().events


def test_each_damaged_part_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(size=10**6))
    kept.parts._keep = Keep(size=300_000)
    kept.live(history(3, steps=600))
    kept.end()
    files = numbered(path)
    files[0].write_bytes(files[0].read_bytes()[:-3])  # its last record is cut
    files[2].write_bytes(bytes(100) + files[2].read_bytes()[100:])  # as after a power failure
    data = bytearray(files[3].read_bytes())
    data[len(data) // 2] ^= 1
    files[3].write_bytes(data)
    with Recording(path) as recording:
        assert [damage.file for damage in recording.damages] == [
            files[index].name for index in (0, 2, 3)
        ]
        assert recording.damage == recording.damages[0]
        assert recording.damages[1].offset == 0
        assert 0 < recording.damages[2].offset <= len(data) // 2
        events = [type(item.event) for item in recording.items(0, NOW * 2)]
    assert len(events) > 100
