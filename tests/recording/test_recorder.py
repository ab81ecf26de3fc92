"""Recording: nobody waits for it, it ends visibly, and within its limits."""

from __future__ import annotations

import errno
import stat
import threading
from io import FileIO
from pathlib import Path

import pytest

from app.core.events import Event, Notice, Reason, Stopped
from app.core.settings import SettingError
from app.recording import disk as disk_module
from app.recording.disk import Disk
from app.recording.files import create
from app.recording.format import Keyframe, file_header
from app.recording.keyframes import RecordedState
from app.recording.plan import Limits, RecordingPlan
from app.recording.reader import Recording
from app.recording.recorder import Recorder
from app.recording.recordings import Recordings
from app.watch.fanout import Fanout
from app.watch.stream import Drained, EventStream
from tests.making import NOW, closed, listening, loop_stats, opened, snapshot
from tests.recording.keeping import until_ended
from tests.recording.making import Drain, drain, history, recorded
from tests.recording.making import Sink as Memory
from tests.waiting import until


class Slow(Memory):
    """A disk that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def write(self, data: memoryview) -> int:
        self.let_go.wait()
        return super().write(data)


class Full(Memory):
    """A disk that is full after so many bytes; its last write before that is a partial one."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: memoryview) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(len(data), self.room)
        self.room -= taken
        return super().write(data[:taken])


class DevFull(FileIO):
    """The device that is always full."""

    def loss(self) -> str:
        return ""


class Watched:
    """A made-up server with a fan-out, a log that listens, and recordings."""

    def __init__(self, plan: RecordingPlan = RecordingPlan()) -> None:  # noqa: B008  it is immutable
        self.stream = EventStream()
        self.fanout = Fanout(self.stream, lambda: None, now=lambda: NOW)
        self.log = self.fanout.add(EventStream())
        self.recordings = Recordings(self.fanout, plan)

    def tell(self, *events: Event) -> None:
        self.fanout.hand_on(Drained([*events], [], None, 0))

    def recorded(self) -> Path | None:
        return self.recordings.path

    def is_recording_told(self) -> bool:
        return self.stream.watched  # nobody else asks for figures

    def notices(self) -> list[Notice]:
        return [event for event in self.log.drain().events if isinstance(event, Notice)]


def test_a_recording_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    watched = Watched(RecordingPlan(path=path))
    watched.recordings.start_planned()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert watched.recorded() == path
    watched.tell(listening(), opened(1))
    watched.recordings.stop()
    assert watched.recorded() is None
    with Recording(path) as recording:
        assert [item.event for item in recording.items(0, NOW + 1)] == [listening(), opened(1)]
        assert recording.damage is None
        assert recording.end_reason == "it was stopped"
    [notice] = watched.notices()
    assert notice.text == f"recording stopped: it was stopped ({path})"
    assert not watched.recordings.failure


def test_who_begins_late_is_told_what_there_is(tmp_path: Path) -> None:
    watched = Watched()
    watched.tell(listening(), opened(1), opened(2))
    watched.fanout.hand_on(Drained([], [snapshot(1)], loop_stats(NOW, 5, 64, 2), 0))
    path = tmp_path / "late.rec"
    watched.recordings.start(path, create(path, may_replace=False))
    watched.tell(closed(2, Reason.EOF))
    watched.recordings.stop()
    with Recording(path) as recording:
        told = [item.event for item in recording.items(0, NOW + 1)]
    assert told[:3] == [listening(), opened(1), opened(2)]
    assert snapshot(1) in told
    assert closed(2, Reason.EOF) in told


def test_the_servers_end_is_the_recordings_end(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    watched = Watched(RecordingPlan(path=path))
    watched.recordings.start_planned()
    watched.tell(
        Stopped(t=NOW, cause="q", opened=0, closed=0, frames_out=0, bytes_in=0, bytes_out=0)
    )
    until_ended(watched.recordings)
    watched.recordings.stop()
    with Recording(path) as recording:
        assert recording.end_reason == "the server ended"


@pytest.mark.parametrize("room", [0, 5, 30])
def test_a_full_disk_ends_the_recording_and_tells_everybody(tmp_path: Path, room: int) -> None:
    watched = Watched()
    sink = Full(room)
    watched.recordings.start(tmp_path / "full.rec", sink)
    until_ended(watched.recordings)
    [notice] = watched.notices()
    assert notice.level == "error"
    assert "No space left on device" in notice.text
    assert "full.rec" in notice.text
    assert "No space left on device" in watched.recordings.failure
    assert len(sink.data) == room
    until(lambda: sink.closed)
    watched.tell(opened(1))  # the fan-out goes on, without the recorder
    assert opened(1) in watched.log.drain().events


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_really_full_disk_ends_it_too() -> None:
    watched = Watched()
    with DevFull("/dev/full", "wb") as full:
        watched.recordings.start(Path("/dev/full"), full)
        until_ended(watched.recordings)
        watched.recordings.stop()
    assert "No space left on device" in watched.recordings.failure


def test_a_slow_disk_ends_the_recording_and_keeps_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_module, "MOST_WAITING", 2000)
    watched = Watched()
    sink = Slow()
    watched.recordings.start(tmp_path / "slow.rec", sink)
    for number in range(1, 2001):
        watched.tell(opened(number, peer=f"peer {hash(str(number))}"))
    until_ended(watched.recordings)
    notices = watched.notices()
    assert "the disk is too slow" in notices[0].text
    assert notices[0].level == "error"
    sink.let_go.set()
    until(lambda: sink.closed)


def test_a_disk_that_hangs_is_too_slow_however_little_there_is_to_write() -> None:
    now = 0.0
    sink = Slow()
    disk = Disk(sink, clock=lambda: now)
    disk.start()
    disk.put(b"x")
    until(lambda: disk._writing_since is not None)
    assert disk.trouble == ""
    now = disk_module.LONGEST_WRITE + 1
    assert disk.trouble == "the disk is too slow: 1 bytes wait for it"
    sink.let_go.set()
    disk.close()
    assert disk.join(10)
    assert disk.trouble == ""


def test_what_a_close_tells_is_not_lost() -> None:
    class ToldLate(Memory):
        def close(self) -> None:
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

    disk = Disk(ToldLate())
    disk.start()
    disk.put(b"x")
    disk.close()
    assert not disk.join(10)
    assert disk.trouble == "Disk quota exceeded"


def test_a_stop_does_not_wait_for_a_disk_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.recording.recorder.PATIENCE", 0.3)
    watched = Watched()
    sink = Slow()
    watched.recordings.start(tmp_path / "slow.rec", sink)
    watched.recordings.stop()
    assert "did not take the end in time" in watched.recordings.failure
    sink.let_go.set()
    until(lambda: sink.closed)


@pytest.mark.parametrize("limit", [70_000, 90_000, 120_000])
def test_the_file_never_outgrows_its_limit(limit: int) -> None:
    data, recorder = recorded(history(3, steps=3000), Limits(size=limit))
    assert len(data) <= limit
    assert len(data) == recorder.size
    assert len(data) > limit - 20_000
    assert "--record-max-size" in recorder.ended
    assert not recorder.failed


def test_it_ends_at_its_age() -> None:
    _, recorder = recorded((drain(NOW + n) for n in range(100)), Limits(age=30))
    assert recorder.ended == "it is 30 s old, as --record-max-age allows"
    assert recorder._until == NOW + 30


def test_a_fault_of_ours_ends_the_recording_and_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Recorder, drained: Drained) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(Recorder, "record", broken)
    watched = Watched()
    watched.recordings.start(tmp_path / "a.rec", Memory())
    until_ended(watched.recordings)
    [notice] = watched.notices()
    assert "a fault of echo-tui: ZeroDivisionError: oops" in notice.text


def test_a_recording_that_is_told_nothing_more_ends_with_what_it_was_told(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    watched = Watched(RecordingPlan(path=path))
    watched.recordings.start_planned()
    watched.tell(listening(), opened(1))

    def fail(drained: Drained) -> None:
        raise MemoryError

    (stream,) = (each for each in watched.fanout._observers if each is not watched.log)
    stream.hear = fail  # type: ignore[method-assign]
    watched.tell(opened(2))
    until_ended(watched.recordings)
    watched.recordings.stop()
    reason = "the recording has failed and is told nothing more: MemoryError"
    with Recording(path) as recording:
        assert recording.damage is None
        assert recording.end_reason == reason
        assert [item.event for item in recording.items(0, NOW + 1)] == [listening(), opened(1)]
    assert watched.recordings.failure == f"{path}: {reason}"
    told = [notice.text for notice in watched.notices() if notice.level == "error"]
    assert told == [reason, f"recording stopped: {reason} ({path})"]


def test_the_key_starts_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    watched = Watched()
    told = watched.recordings.toggle()
    assert told.startswith(f"recording into {tmp_path}/echo-tui-20251009-085320.rec: ")
    watched.tell(opened(1), opened(2))
    assert watched.recordings.toggle().startswith("recorded 2 events, ")
    with Recording(tmp_path / "echo-tui-20251009-085320.rec") as recording:
        assert recording.damage is None
    with pytest.raises(FileExistsError):
        watched.recordings.toggle()


def test_an_existing_file_is_never_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "precious.rec"
    path.write_bytes(file_header(False) + b"old")
    with pytest.raises(SettingError, match=r"the file exists: .* --record-force"):
        Watched(RecordingPlan(path=path)).recordings.start_planned()
    assert path.read_bytes().endswith(b"old")


def test_force_replaces_a_recording_and_nothing_else(tmp_path: Path) -> None:
    path, other = tmp_path / "old.rec", tmp_path / "thesis.tex"
    path.write_bytes(file_header(False) + b"old")
    create(path, may_replace=True).close()
    assert path.read_bytes() == b""
    other.write_text("my thesis")
    link = tmp_path / "link.rec"
    link.symlink_to(path)
    for untouched in (other, link, tmp_path):
        with pytest.raises(FileExistsError):
            create(untouched, may_replace=True)
    assert other.read_text() == "my thesis"


@pytest.mark.parametrize("path", ["/nowhere/a.rec", "/proc/version/a.rec"])
def test_a_file_that_cannot_be_is_a_mistake_at_start_up(path: str) -> None:
    with pytest.raises(SettingError, match=f"--record {path}: "):
        Watched(RecordingPlan(path=Path(path))).recordings.start_planned()


def test_keyframes_come_with_time_and_with_events() -> None:
    def keyframes(*drains: Drain) -> int:
        sizes: list[int] = []

        class Counting(Recorder):
            def _write_keyframe(self) -> None:
                sizes.append(self._events_since)
                super()._write_keyframe()

        now = drains[0].t
        recorder = Counting(EventStream(), Disk(Memory()), lambda: now)
        recorder.begin()
        for now, drained in drains:  # noqa: B007  the clock above reads it
            recorder.record(drained)
        return len(sizes)

    assert keyframes(drain(NOW, opened(1)), drain(NOW + 5, opened(2))) == 0
    assert keyframes(drain(NOW, opened(1)), drain(NOW + 61, opened(2))) == 1
    many = [opened(number) for number in range(21_000)]
    assert keyframes(drain(NOW, *many), drain(NOW + 1, opened(0))) == 1


def test_near_the_limit_no_keyframe_is_made_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []
    keyframe = RecordedState.keyframe

    def counted(state: RecordedState) -> Keyframe:
        made.append(len(state.rows))
        return keyframe(state)

    monkeypatch.setattr(RecordedState, "keyframe", counted)
    now = NOW
    recorder = Recorder(EventStream(), Disk(Memory()), lambda: now, Limits(size=64 * 1024))
    recorder.begin()
    recorder.record(drain(now, *map(opened, range(1, 2001))).drained)
    recorder._limits = Limits(size=recorder.size + 8000)  # a keyframe has no room, batches have
    for number in range(40):
        now += 0.2 if number else 20
        recorder.record(drain(now, opened(2001 + number)).drained)
    assert not recorder.ended
    assert len(made) == 1
