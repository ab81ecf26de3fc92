"""A log into something that is full for a moment, or for ever, or that nobody reads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.core.events import Event, Notice
from app.host.log import LogWriter, as_json, as_text
from app.watch.stream import EventStream
from tests.host.test_log_levels import STOPPED
from tests.making import listening, opened
from tests.peers import PATIENCE
from tests.waiting import until


class Disk:
    """Takes bytes, a few at a time, until it is full (`room` bytes left)."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.data = b""
        self.refusals = 0

    def write(self, _fd: int, data: bytes) -> int:
        if not self.room:
            self.refusals += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = data[: min(self.room, 50)]
        self.room -= len(taken)
        self.data += taken
        return len(taken)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.data.splitlines()]


def log_on(disk: Disk, told: list[tuple[str, str]] | None = None) -> tuple[EventStream, LogWriter]:
    stream = EventStream()
    notices = [] if told is None else told
    log = LogWriter(
        stream, 1, as_json, tell=lambda *notice: notices.append(notice), write=disk.write
    )
    log.start()
    return stream, log


def test_a_disk_that_is_full_for_a_while_loses_no_line() -> None:
    told: list[tuple[str, str]] = []
    disk = Disk(room=300)
    stream, log = log_on(disk, told)
    for number in range(1, 21):
        stream.publish(opened(number))
    until(lambda: disk.refusals >= 2)
    assert [level for level, _ in told] == ["error"]
    assert "No space left on device" in told[0][1]
    disk.room = 100_000
    stream.publish(STOPPED)
    assert log.end(PATIENCE) == ""
    assert log.failure == ""
    assert [line.get("id") for line in disk.lines] == [*range(1, 21), None]
    assert [level for level, _ in told] == ["error", "warning"]


def test_a_disk_that_stays_full_is_a_failure_at_the_end() -> None:
    disk = Disk(room=300)
    stream, log = log_on(disk)
    for number in range(1, 21):
        stream.publish(opened(number))
    until(lambda: disk.refusals)
    stream.publish(STOPPED)
    assert log.end(0.05) == ""
    assert log.failure == "No space left on device"
    disk.room = 100_000  # lets the thread end
    until(lambda: b'"stopped"' in disk.data)


def test_where_nothing_was_ever_written_is_a_failure_at_once() -> None:
    stream, log = log_on(Disk(room=0))
    stream.publish(listening())
    until(lambda: log.failure)
    assert log.failure == "No space left on device"


def test_a_reader_of_both_outputs_that_goes_away_ends_the_log_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with ``2>&1 | head -1``: what is published later is still taken from the queue."""
    reading, writing = os.pipe()
    stream = EventStream()
    with os.fdopen(writing, "w", buffering=1) as broken:
        monkeypatch.setattr("sys.stderr", broken)
        log = LogWriter(stream, writing, as_json)
        log.start()
        for number in range(1, 1001):
            stream.publish(opened(number))
            if number == 1:
                assert os.read(reading, 1000)
                os.close(reading)
        until(lambda: not stream.depth)
        stream.publish(STOPPED)
        assert log.end(PATIENCE) == ""
        assert log.failure == ""
        assert not log._thread.is_alive()
        with contextlib.suppress(BrokenPipeError):  # of what stands in its buffer
            broken.close()


def test_a_reader_that_has_gone_before_the_first_line_is_a_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = EventStream()
    with os.fdopen(writing, "w"):
        log = LogWriter(stream, writing, as_json)
        log.start()
        stream.publish(opened(1))
        until(lambda: log.failure)
    assert log.failure == "Broken pipe"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    os.close(reading)


def close_after(log: LogWriter, descriptor: int) -> None:
    log.end(PATIENCE)
    os.close(descriptor)


def test_a_non_blocking_pipe_that_is_full_for_a_moment_loses_no_line(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    stream = EventStream()
    log = LogWriter(stream, writing, as_json)
    log.start()
    for number in range(1, 200):
        stream.publish(opened(number))
    stream.publish(STOPPED)
    assert "nobody takes it" in log.end(0.05)  # the pipe is full
    with os.fdopen(os.dup(reading), "rb") as lines:
        closer = threading.Thread(target=close_after, args=(log, writing))
        closer.start()
        told = [json.loads(line) for line in lines]
        closer.join()
    assert [line.get("id") for line in told] == [*range(1, 200), None]
    assert log.failure == ""


def test_a_pipe_that_nobody_ever_reads_and_that_was_full_before_is_a_failure(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    os.write(writing, bytes(4096))
    stream = EventStream()
    log = LogWriter(stream, writing, as_json)
    log.start()
    stream.publish(listening())
    stream.publish(STOPPED)
    assert log.end(0.05) == ""
    assert log.failure == "nobody takes it"
    os.read(reading, 4096)
    log.end(PATIENCE)
    os.close(writing)


@pytest.mark.parametrize("as_lines", [as_json, as_text])
def test_a_path_that_is_no_utf8_does_not_end_the_log(as_lines: Callable[[Event], str]) -> None:
    disk, stream = Disk(room=10_000), EventStream()
    log = LogWriter(stream, 1, as_lines, write=disk.write)
    log.start()
    path = os.fsdecode(b"/tmp/\xff\xfe.rec")
    for event in (Notice(t=1.0, level="error", text=path), opened(7), STOPPED):
        stream.publish(event)
    assert log.end(PATIENCE) == ""
    assert log.failure == ""
    first, second, _ = disk.data.decode().splitlines()
    assert ("udcff" in first) or ("no line" in first)
    assert "7" in second
