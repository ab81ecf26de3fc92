"""The files of a recording: whose they are, their numbers, and what others do to them."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import msgspec
import pytest

from app.core.events import Reason
from app.core.settings import SettingError
from app.recording import disk as disk_module
from app.recording.files import MOST_FILES, Parts, RecordingFile, create, numbered
from app.recording.format import file_header
from app.recording.plan import Keep, RecordingPlan
from app.recording.reader import Recording, RecordingError
from app.recording.recordings import Recordings
from app.watch.fanout import Fanout
from app.watch.stream import Drained, EventStream
from tests.making import INSTANCE, NOW, closed, listening, opened
from tests.recording.keeping import Kept, until_ended
from tests.recording.making import drain
from tests.waiting import until


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
    until_ended(recordings)
    [notice] = [e for e in log.drain().events if type(e).__name__ == "Notice"]
    assert notice.level == "error"  # type: ignore[union-attr]
    assert "a fault of echo-tui: ZeroDivisionError: oops" in notice.text  # type: ignore[union-attr]


def test_a_second_recording_of_one_name_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    plan = RecordingPlan(path=path, keep=Keep(size=10**6))

    def recordings() -> Recordings:
        return Recordings(Fanout(EventStream(), lambda: None, now=lambda: NOW), plan)

    first = recordings()
    first.start_planned()
    words = rf"^--record {path}: another recording goes on in {path}\.000001: choose another name$"
    with pytest.raises(SettingError, match=words):
        recordings().start_planned()
    assert [each.name for each in numbered(path)] == ["a.rec.000001"]
    assert first.path is not None
    first.stop()
    third = recordings()
    third.start_planned()
    third.stop()
    with Recording(path) as recording:
        assert recording.damage is None
    assert [each.name for each in numbered(path)] == ["a.rec.000001", "a.rec.000002"]


def test_of_two_that_begin_at_once_the_second_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.rec"
    first, second = (Parts(path, Keep(size=10**6), lambda: NOW) for _ in range(2))
    files: list[RecordingFile] = []

    def meanwhile(room: int) -> int:
        files.append(first.open_next(begins=True))  # after the second has seen nobody
        return 0

    monkeypatch.setattr(second, "_remove_old", meanwhile)
    with pytest.raises(OSError, match="another recording goes on in"):
        second.open_next(begins=True)
    assert [each.name for each in numbered(path)] == ["a.rec.000001"]
    files[0].close()


def test_a_file_that_is_being_recorded_is_not_removed_as_old(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    kept = Kept(path, Keep(age=10))
    of_a_service = create(tmp_path / "a.rec.000002")  # one that takes the next number
    kept.live(drain(NOW + n, opened(n + 1, age=-n)) for n in range(60))
    kept.end()
    of_a_service.close()
    first, second, *_ = numbered(path)
    assert (first.name, second.name > "a.rec.000010") == ("a.rec.000002", True)


def test_no_number_is_given_again_by_one_recording(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "a.rec", Keep(size=10**6), lambda: NOW)
    for number in (1, 2, 3):
        file = parts.open_next()
        assert file.path.name == f"a.rec.00000{number}"
        file.close()
        file.path.unlink()  # by somebody
    file = parts.open_next()
    file.close()
    parts.give_up(has_content=False)  # by the recording itself: nobody saw it
    again = parts.open_next()
    again.close()
    assert again.path == file.path


def test_a_file_that_was_put_in_the_place_of_an_attempt_stays(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "a.rec", Keep(size=10**6), lambda: NOW)
    file = parts.open_next()
    file.close()
    file.path.rename(tmp_path / "elsewhere")
    file.path.write_text("precious")
    parts.give_up(has_content=False)
    assert file.path.read_text() == "precious"


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
    until_ended(recordings)
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


def test_a_recording_of_the_command_line_is_known_as_long_as_it_goes_on(tmp_path: Path) -> None:
    fanout = Fanout(EventStream(), lambda: None)
    recordings = Recordings(fanout, RecordingPlan(path=tmp_path / "a.rec"))
    planned = [recordings.planned]
    recordings.start_planned()
    planned.append(recordings.planned)
    recordings.finish()
    planned.append(recordings.planned)
    assert recordings.begin(tmp_path / "b.rec")
    planned.append(recordings.planned)
    recordings.stop()
    assert planned == [None, tmp_path / "a.rec", None, None]
