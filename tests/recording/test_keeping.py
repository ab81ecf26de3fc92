"""A recording that goes on for ever: numbered files, of which the latest are kept."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterable
from functools import partial
from math import inf
from pathlib import Path

import msgspec
import pytest

from app.core.events import Bytes, Event, Reason
from app.core.settings import SettingError
from app.core.statistics import LoopStats
from app.recording import disk as disk_module
from app.recording.disk import Disk
from app.recording.files import MOST_FILES, Parts, RecordingFile, create, numbered
from app.recording.format import file_header
from app.recording.plan import Keep, RecordingPlan, parse_keep
from app.recording.reader import Recording, RecordingError
from app.recording.recorder import RETRY_INTERVAL, Recorder
from app.recording.recordings import Recordings
from app.ui.replay_source import ReplaySource
from app.watch.fanout import Fanout
from app.watch.stream import Drained, EventStream
from tests.making import INSTANCE, NOW, closed, listening, loop_stats, opened
from tests.recording.making import Drain, drain, history
from tests.ui.test_replay_source import Screen
from tests.waiting import until


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


class Kept:
    """A server that is recorded into numbered files, on a clock of the test."""

    def __init__(self, path: Path, keep: Keep, since: float = NOW) -> None:
        self.now = since
        self.parts = Parts(path, keep, lambda: self.now)
        self.told: list[tuple[str, str]] = []
        self.recorder = Recorder(
            EventStream(),
            Disk(self.parts.open_next()),
            lambda: self.now,
            parts=self.parts,
            tell=lambda level, text: self.told.append((level, text)),
        )
        self.recorder.begin()
        self.recorder._disk.start()

    def live(self, drains: Iterable[Drain]) -> None:
        for self.now, drained in drains:
            self.recorder.record(drained)

    def written(self) -> None:
        """Wait until the disk has written what it was given, or has failed."""
        disk = self.recorder._disk
        until(lambda: disk.trouble or (not disk.waiting and disk._queue.empty()))

    def end(self) -> None:
        self.recorder.end("the test is over")
        assert self.recorder._disk.join(10)


def size_of(path: Path) -> int:
    return sum(each.stat().st_size for each in numbered(path))


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


@pytest.mark.parametrize("beside", [False, True])
def test_a_pipe_is_no_recording_and_is_not_waited_for(tmp_path: Path, beside: bool) -> None:
    path = tmp_path / "a.rec"
    if beside:
        create(tmp_path / "a.rec.000001").close()
    os.mkfifo(path)
    with pytest.raises(
        RecordingError, match=f"^{path} is no regular file: copy it into one first$"
    ):
        Recording(path)


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


@pytest.mark.parametrize("deed", ["cut", "append"])
def test_what_is_done_to_the_file_just_before_the_end_is_told(tmp_path: Path, deed: str) -> None:
    path = tmp_path / "a.rec"
    fanout = Fanout(EventStream(), lambda: None, now=lambda: NOW)
    recordings = Recordings(fanout, RecordingPlan(path=path))
    recordings.start_planned()
    fanout.hand_on(Drained([listening(), opened(1)], [], None, 0))
    until(lambda: path.stat().st_size > 100)
    if deed == "cut":
        os.truncate(path, 0)
    else:
        with path.open("ab") as file:
            file.write(b"mine")
    assert "by somebody else" in (recordings.finish() or "")
    assert recordings.failure
    assert path.read_bytes()[:4] in (b"", b"\x89ech")


def test_a_fault_of_ours_in_the_thread_of_the_disk_ends_the_recording_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: RecordingFile) -> str:
        raise ZeroDivisionError("oops")

    fanout = Fanout(EventStream(), lambda: None, now=lambda: NOW)
    log = fanout.add(EventStream())
    recordings = Recordings(fanout, RecordingPlan(path=tmp_path / "a.rec"))
    monkeypatch.setattr(RecordingFile, "loss", broken)
    recordings.start_planned()
    until(lambda: recordings.path is None)
    [notice] = [e for e in log.drain().events if type(e).__name__ == "Notice"]
    assert notice.level == "error"  # type: ignore[union-attr]
    assert "a fault of echo-tui: ZeroDivisionError: oops" in notice.text  # type: ignore[union-attr]


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


# --- one file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["remove", "replace", "cut"])
def test_what_is_done_to_the_file_of_a_recording_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    monkeypatch.setattr(disk_module, "CHECK_INTERVAL", 0.01)
    path = tmp_path / "a.rec"
    fanout = Fanout(EventStream(), lambda: None, now=lambda: NOW)
    log = fanout.add(EventStream())
    recordings = Recordings(fanout, RecordingPlan(path=path))
    recordings.start_planned()
    fanout.hand_on(Drained([listening(), opened(1)], [], None, 0))
    until(lambda: path.stat().st_size > 100)
    if deed == "cut":
        os.truncate(path, 50)
    elif deed == "remove":
        path.unlink()
    else:  # as another server with --record-force does
        other = Recordings(fanout, RecordingPlan(path=path, may_replace=True))
        other.start_planned()
    until(lambda: recordings.path is None)
    fanout.hand_on(Drained([opened(2), closed(1, Reason.EOF)], [], None, 0))
    notices = [e for e in log.drain().events if type(e).__name__ == "Notice"]
    assert len(notices) == 1
    assert notices[0].level == "error"  # type: ignore[union-attr]
    assert f"by somebody else ({path})" in notices[0].text  # type: ignore[union-attr]
    assert recordings.failure
    if deed == "replace":
        other.stop()
        with Recording(path) as recording:
            assert recording.damage is None


def test_a_service_that_starts_again_takes_the_next_number(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    for start in range(3):
        fanout = Fanout(EventStream(), lambda: None, now=partial(float, NOW + start))
        recordings = Recordings(fanout, RecordingPlan(path=path, may_number=True))
        note = recordings.start_planned()
        name = f"a.rec.00000{start}"
        assert note == (f"{path} is a recording already: this one is {name}" if start else "")
        first = msgspec.structs.replace(listening(), instance=INSTANCE[:-1] + str(start))
        fanout.hand_on(Drained([first, opened(start + 1, age=-start)], [], None, 0))
        recordings.stop()
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "a.rec",
        "a.rec.000001",
        "a.rec.000002",
    ]
    with Recording(path) as recording:
        ids = [getattr(item.event, "id", None) for item in recording.items(0, NOW * 2)]
        assert [each for each in ids if each] == [1, 2, 3]
        assert len(recording.breaks()) == 2
    create(tmp_path / "text").close()
    (tmp_path / "text").write_text("precious")
    fanout = Fanout(EventStream(), lambda: None, now=lambda: NOW)
    plan = RecordingPlan(path=tmp_path / "text", may_number=True)
    with pytest.raises(SettingError, match="the file exists"):
        Recordings(fanout, plan).start_planned()


def test_there_are_never_more_files_than_replay_can_open(tmp_path: Path) -> None:
    base = tmp_path / "life.rec"
    for number in range(1, MOST_FILES + 21):
        numbered_one = base.with_name(f"{base.name}.{number:06}")
        numbered_one.write_bytes(file_header(has_payload=False))
    Parts(base, Keep(age=1e9), lambda: NOW).open_next().close()
    left = numbered(base)
    assert len(left) == MOST_FILES
    assert left[-1].name == f"life.rec.{MOST_FILES + 21:06}"
