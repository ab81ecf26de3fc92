"""Opening a recording: what it says of itself, what it costs, what a damaged one gives."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from app.core.events import Event
from app.recording import format as recording_format
from app.recording.format import FILE_SIZE, MAGIC, Mark, file_header
from app.recording.reader import Recording, RecordingError
from app.ui.replay_source import ReplaySource
from tests.making import NOW, opened
from tests.recording.making import (
    CountingRecording,
    drain,
    history,
    recorded,
    write_recording,
)


def everything(recording: Recording) -> list[Event]:
    return [item.event for item in recording.items(float("-inf"), float("inf"))]


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(tmp_path_factory.mktemp("recordings") / "life.rec", history(7))


def test_all_that_was_drained_comes_back_in_order(life: Path) -> None:
    told: list[Event] = []
    for _, drained in history(7):
        told += [*drained.events, *drained.snapshots, *([drained.stats] if drained.stats else [])]
    with Recording(life) as recording:
        assert everything(recording) == told
        assert recording.damage is None
        assert recording.end_reason == "the server ended"
        assert recording.start == NOW
        assert recording.end == [drained.t for drained in history(7)][-1]
        times = [item.t for item in recording.items(NOW, recording.end)]
        assert times == sorted(times)


def test_the_index_says_what_batches_hold(life: Path) -> None:
    with Recording(life) as recording:
        closes = sum(type(event).__name__ == "Closed" for event in everything(recording))
        marked = [entry for entry in recording.batches if entry.marks & Mark.CLOSE]
        assert 0 < len(marked) <= closes
        told = sum(entry.events for entry in recording.batches)
        assert told == sum(len(drained.events) for _, drained in history(7))


@pytest.mark.slow
def test_opening_decodes_nothing_and_a_seek_little(tmp_path: Path) -> None:
    """The figures of an hour's recording, with fewer events in each of its batches."""
    hour = [drain(NOW + 0.2 * n, opened(n, age=-0.2 * n), frames=n) for n in range(18_000)]
    path = write_recording(tmp_path / "hour.rec", hour)
    with CountingRecording(path) as recording:
        assert len(recording.batches) == 18_000
        assert recording.decoded == 0
        source = ReplaySource(recording)
        before = recording.decoded
        source.seek(NOW + 3000)
        source.drain()
        # A keyframe, and at the most the batches of 60 s with the settling before them.
        assert recording.decoded - before <= 1 + (60 + 2.5) / 0.2 + 2


def test_a_file_that_grows_is_readable_up_to_its_last_record(life: Path, tmp_path: Path) -> None:
    data = life.read_bytes()
    with Recording(life) as recording:
        last = recording.batches[-1].offset
    path = tmp_path / "growing.rec"
    path.write_bytes(data[:last])
    with Recording(path) as recording:
        assert recording.damage is not None
        assert recording.damage.offset == last
        assert "still being written" in recording.damage.why


@pytest.mark.slow
def test_no_cut_and_no_flipped_bit_does_harm(life: Path, tmp_path: Path) -> None:
    whole = life.read_bytes()
    with Recording(life) as recording:
        good = everything(recording)
        offsets = [entry.offset for entry in recording.batches]
    chance, path = random.Random(5), tmp_path / "damaged.rec"
    for attempt in range(1000):
        data = bytearray(whole)
        at = chance.randrange(len(data))
        if attempt % 2:
            del data[at:]
        else:
            data[at] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        with Recording(path) as recording:
            assert recording.damage is not None, (attempt, at)
            assert recording.damage.offset <= at
            read = sum(offset < recording.damage.offset for offset in offsets)
            assert len(recording.batches) == read
            if attempt % 50 == 0:
                seen = everything(recording)
                assert seen == good[: len(seen)]
            # What is damaged is the record that holds the byte, and no earlier one.
            after = [offset for offset in offsets if offset > recording.damage.offset]
            assert not after or at < after[0] or read == 0


def test_a_record_that_cannot_be_decoded_ends_the_recording_where_it_is(
    monkeypatch: pytest.MonkeyPatch, life: Path
) -> None:
    with Recording(life) as recording:
        third = recording.batches[2].offset
        assert recording.played(0).items
        monkeypatch.setattr(recording_format, "LARGEST_BODY", 8)
        assert recording.played(2).items == []
        assert recording.damage is not None
        assert recording.damage.offset == third
        assert len(recording.batches) == 2
        assert recording.end == recording.batches[-1].t


def test_a_recording_that_shrinks_while_it_is_open_ends_where_it_is_gone(
    life: Path, tmp_path: Path
) -> None:
    path = tmp_path / "shrinking.rec"
    path.write_bytes(life.read_bytes())
    with Recording(path) as recording:
        fourth = recording.batches[3].offset
        path.write_bytes(path.read_bytes()[:fourth])
        source = ReplaySource(recording)
        source.seek(recording.end)
        source.drain()
        assert recording.damage is not None
        assert source.end <= recording.end


@pytest.mark.parametrize("content", [b"GET / HTTP/1.1\r\n\r\n" * 9, b"\x7fELF" + bytes(99)])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="is not a recording of echo-tui"):
        Recording(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        Recording(tmp_path / "missing.rec")
    with pytest.raises(RecordingError, match="Is a directory"):
        Recording(tmp_path)


def test_a_newer_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "newer.rec"
    path.write_bytes(file_header(False, version=3))
    with pytest.raises(RecordingError, match="format version 3, this echo-tui reads up to 2"):
        Recording(path)


def test_a_recording_of_version_1_is_still_read() -> None:
    """It was made by the writer of version 1, of the same life."""
    path = Path(__file__).parent / "version1.rec"
    with Recording(path) as old:
        assert old.damage is None
        assert len(old.keyframes) > 2
        told: list[Event] = []
        for _, drained in history(7, steps=80):
            told += [*drained.events, *drained.snapshots]
            if drained.stats is not None:  # its server had closed as many before
                counts = {"opened": drained.stats.open + 214, "closed": 214}
                told.append(msgspec.structs.replace(drained.stats, **counts))
        assert everything(old) == told
        keyframe = old.keyframe(len(old.keyframes) - 1)
        assert keyframe is not None
        assert keyframe.history


@pytest.mark.parametrize("size", range(FILE_SIZE))
def test_of_a_cut_header_nothing_is_readable(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.rec"
    path.write_bytes(file_header(False)[:size])
    with Recording(path) as recording:
        assert recording.damage is not None
        assert recording.damage.offset == 0
        assert everything(recording) == []


def test_bytes_after_the_end_are_damage(life: Path, tmp_path: Path) -> None:
    path = tmp_path / "longer.rec"
    path.write_bytes(life.read_bytes() + b"more")
    with Recording(path) as recording:
        assert recording.damage is not None
        assert recording.damage.offset == life.stat().st_size


def test_the_header_tells_of_payload() -> None:
    plain = recorded([drain(NOW)]).data
    with_payload = recorded([drain(NOW)], has_payload=True).data
    assert plain.startswith(MAGIC)
    assert plain[:FILE_SIZE] != with_payload[:FILE_SIZE]


def test_a_clock_that_steps_back_does_not_take_the_recording_along(tmp_path: Path) -> None:
    steps = [drain(NOW, frames=1), drain(NOW + 5, frames=2), drain(NOW + 2, frames=3)]
    with Recording(write_recording(tmp_path / "back.rec", steps)) as recording:
        assert [entry.t for entry in recording.batches] == [NOW, NOW + 5, NOW + 5]
        figures = everything(recording)
        assert [event.t for event in figures] == [NOW, NOW + 5, NOW + 2]
