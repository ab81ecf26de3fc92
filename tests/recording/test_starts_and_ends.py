"""Recordings that cannot begin, that end beside another, and that do not come to an end."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.recording.reader import Recording
from app.recording.recorder import Recorder
from tests.making import NOW, opened
from tests.recording.test_recorder import Watched


def test_the_end_of_one_recording_takes_nothing_from_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ctl record start` may come when one has ended and has not told so yet."""
    watched = Watched()
    tell_end = Recorder._tell_end

    def begin_another_first(recorder: Recorder) -> None:
        monkeypatch.setattr(Recorder, "_tell_end", tell_end)
        assert watched.recordings.begin(tmp_path / "b.rec")
        tell_end(recorder)

    monkeypatch.setattr(Recorder, "_tell_end", begin_another_first)
    assert watched.recordings.begin(tmp_path / "a.rec")
    first = watched.recordings._latest
    assert first is not None
    first[0].stop()
    watched.tell(opened(1))
    watched.recordings.stop()
    with Recording(tmp_path / "b.rec") as recording:
        assert opened(1) in [item.event for item in recording.items(0, NOW + 1)]
    ends = [notice.text for notice in watched.notices() if "recording stopped" in notice.text]
    assert [text.rpartition("/")[2] for text in ends] == ["a.rec)", "b.rec)"]


def test_a_recording_that_is_given_up_is_told_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread may hang in a call to a file system that is gone, and no longer hear of a stop."""
    let_go = threading.Event()
    monkeypatch.setattr("app.recording.recorder.PATIENCE", 0.01)
    monkeypatch.setattr(Recorder, "record", lambda _recorder, _drained: let_go.wait())
    watched = Watched()
    watched.recordings.begin(tmp_path / "a.rec")
    assert watched.is_recording_told()
    watched.recordings.stop()
    assert not watched.is_recording_told()
    let_go.set()
    [notice] = watched.notices()
    assert "the disk did not take the end in time" in notice.text


def test_without_room_for_a_thread_there_is_no_recording_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "echo-tui recorder":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.chdir(tmp_path)
    watched = Watched()
    with monkeypatch.context() as crowded:
        crowded.setattr("threading.Thread.start", refuse)
        with pytest.raises(OSError, match="can't start new thread"):
            watched.recordings.toggle()
    assert list(tmp_path.iterdir()) == []
    assert watched.recorded() is None
    assert not watched.is_recording_told()
    watched.recordings.stop()
    assert watched.recordings.toggle().startswith("recording into ")
    watched.recordings.stop()
