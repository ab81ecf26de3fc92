"""Recordings for tests: made by the real recorder, of a made-up server and on its clock."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from app.core.events import (
    CommandResult,
    ConnectionState,
    Event,
    Notice,
    Reason,
    SettingChanged,
    Snapshot,
    StateChanged,
    Stopped,
    Stopping,
    Toggled,
)
from app.core.statistics import ProcessStats
from app.recording.disk import Disk
from app.recording.format import Body
from app.recording.plan import NO_LIMITS, Limits
from app.recording.reader import RecordEntry, Recording
from app.recording.recorder import Recorder
from app.watch.stream import Drained, EventStream
from tests.making import NOW, closed, listening, loop_stats, opened, snapshot

REASONS = (
    *(Reason.EOF, Reason.EOF_MID_HEADER, Reason.EOF_MID_BODY, Reason.RESET, Reason.FRAME_TOO_LARGE),
    *(Reason.TIMEOUT_HEADER, Reason.TIMEOUT_BODY, Reason.TIMEOUT_WRITE, Reason.TIMEOUT_IDLE),
    *(Reason.KILLED, Reason.LIMIT, Reason.SHUTDOWN, Reason.ERROR),
)
"""Named one by one: a reason that is added later must not change what the same seed makes."""


class Sink:
    """A file in memory."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.closed = False

    def write(self, data: memoryview) -> int:
        self.data += data
        return len(data)

    def close(self) -> None:
        self.closed = True

    def loss(self) -> str:
        return ""


class CountingRecording(Recording):
    """A recording that counts how many of its records were decoded: what a seek costs."""

    decoded = 0

    def _body(self, kind: type[Body], entry: RecordEntry) -> Body | None:
        self.decoded += 1
        return super()._body(kind, entry)


class Drain(NamedTuple):
    """What one drain of the recorder's stream gives, and when."""

    t: float
    drained: Drained


def drain(
    t: float, *events: Event, snapshots: Iterable[Snapshot] = (), frames: int | None = None
) -> Drain:
    stats = None
    if frames is not None:
        longest = frames * 7919 % 5000
        stats = msgspec.structs.replace(loop_stats(t, frames, 64, 2), longest_us=longest)
    return Drain(t, Drained(list(events), list(snapshots), stats, 0))


class Recorded(NamedTuple):
    data: bytes
    recorder: Recorder


def recorded(
    drains: Iterable[Drain], limits: Limits = NO_LIMITS, has_payload: bool = False
) -> Recorded:
    """What a recorder makes of these drains, the first of which is its start."""
    steps = iter(drains)
    now, first = next(steps)
    sink, stream = Sink(), EventStream()
    disk = Disk(sink)
    recorder = Recorder(stream, disk, lambda: now, limits, has_payload, clock=lambda: now)
    recorder.begin()
    recorder.record(first)
    for now, drained in steps:  # noqa: B007  the clock above reads it
        if not recorder.ended:
            recorder.record(drained)
    if not recorder.ended:
        recorder.end("the test is over")
    disk.start()
    assert disk.join(10)
    assert sink.closed
    return Recorded(bytes(sink.data), recorder)


def write_recording(path: Path, drains: Iterable[Drain]) -> Path:
    path.write_bytes(recorded(drains).data)
    return path


def history(seed: int, steps: int = 250) -> Iterator[Drain]:
    """A server's life: connections come, work, are changed and go, for some two minutes."""
    chance = random.Random(seed)
    t, last_id, frames, live = NOW, 0, 0, dict[int, int]()
    yield drain(t, listening())
    for number in range(steps):
        t += chance.choice((0.05, 0.2, 0.3, 1.5))
        events: list[Event] = []
        for _ in range(chance.randrange(3)):
            last_id += 1
            live[last_id] = 0
            events.append(opened(last_id, age=NOW - t))
        for connection_id in list(live):
            if chance.random() < 0.04:
                del live[connection_id]
                reason = chance.choice(REASONS)
                events.append(closed(connection_id, reason, NOW - t))
            elif chance.random() < 0.3:
                events += _detail(t, connection_id, number, chance.random() < 0.5)
        if chance.random() < 0.15:
            events += _deed(t, number)
        if chance.random() < 0.2:
            events.append(ProcessStats(t=t, cpu_percent=number / 3, rss=number, fds=9, threads=4))
        looks = []
        for connection_id in live:
            if chance.random() < 0.5:
                live[connection_id] += chance.randrange(50)
                looks.append(snapshot(connection_id, frames=live[connection_id], at=t, quiet=0))
        frames += chance.randrange(500)
        if number == steps - 1:
            events += _end(t)
        yield drain(t, *events, snapshots=looks, frames=frames)


def _detail(t: float, connection_id: int, number: int, armed: bool) -> list[Event]:
    return [
        StateChanged(
            t=t, id=connection_id, old=ConnectionState.READ_BODY, new=ConnectionState.WRITE_BODY
        ),
        Toggled(t=t, id=connection_id, armed=armed, pending=number, toggles=number),
    ]


def _deed(t: float, number: int) -> list[Event]:
    return [
        SettingChanged(t=t, name="cap", old=number, new=number + 1),
        CommandResult(t=t, request=number, command="set", ok=True, message="done"),
        CommandResult(t=t, request=number, command="trace", ok=True, message="on", id=1),
        CommandResult(t=t, request=number, command="kill", ok=False, message="no such", id=0),
        Notice(t=t, level="warning", text=f"notice {number}"),
    ]


def _end(t: float) -> list[Event]:
    return [
        Stopping(t=t, cause="test", grace=1.0, open=0),
        Stopped(t=t, cause="test", opened=1, closed=1, frames_out=1, bytes_in=1, bytes_out=1),
    ]
