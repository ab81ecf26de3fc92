"""What each level of the log tells, and what none of them hides."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import Any

import pytest

from app.core.events import (
    CommandResult,
    Crashed,
    Event,
    Notice,
    Reason,
    SettingChanged,
    Stopped,
    Toggled,
)
from app.host.log import LogWriter, as_json
from app.watch.journal import Level, level_of
from app.watch.stream import EventStream
from tests.making import closed, listening, opened
from tests.peers import PATIENCE, connect
from tests.program import Headless


def notice(level: str) -> Notice:
    return Notice(t=1.0, level=level, text="told")


def result(ok: bool) -> CommandResult:
    return CommandResult(t=1.0, request=1, command="kill", ok=ok, message="told")


def test_a_log_that_can_word_no_event_at_all_is_a_failure() -> None:
    def broken(event: Event) -> str:
        raise ValueError("no words")

    stream, failed = EventStream(), threading.Event()
    reading, writing = os.pipe()
    log = LogWriter(stream, writing, broken, on_failure=failed.set)
    log.start()
    stream.publish(opened(1))
    assert failed.wait(PATIENCE)
    assert log.failure == "ValueError: no words"
    stream.publish(STOPPED)
    log.end(PATIENCE)
    os.close(writing)
    os.close(reading)


STOPPED = Stopped(t=9.0, cause="q", opened=1, closed=1, frames_out=0, bytes_in=0, bytes_out=0)
TOGGLED = Toggled(t=1.0, id=1, armed=True, pending=9, toggles=1)
EVENTS: list[tuple[Event, Level]] = [
    (TOGGLED, Level.DEBUG),
    (opened(1), Level.INFO),
    (closed(1, Reason.EOF), Level.INFO),
    (closed(1, Reason.KILLED), Level.INFO),
    (closed(1, Reason.FRAME_TOO_LARGE), Level.WARNING),
    (closed(1, Reason.TIMEOUT_WRITE), Level.WARNING),
    (closed(1, Reason.ERROR), Level.ERROR),
    (SettingChanged(t=1.0, name="cap", old=1, new=2), Level.WARNING),
    (result(True), Level.WARNING),
    (result(False), Level.WARNING),
    (notice("info"), Level.INFO),
    (notice("warning"), Level.WARNING),
    (notice("error"), Level.ERROR),
    (Crashed(t=1.0, error="told", traceback=""), Level.ERROR),
]


@pytest.mark.parametrize(("event", "level"), EVENTS)
def test_every_event_has_a_level_and_json_tells_it(event: Event, level: Level) -> None:
    assert level_of(event) is level
    told = json.loads(as_json(event))
    assert told["level"] == level.name.lower()
    assert (told["event"], told["t"]) == (event.__struct_config__.tag, event.t)


def written(level: str, *events: Event) -> list[dict[str, Any]]:
    """What a log of that level writes of the events."""
    stream = EventStream()
    reader, writer = os.pipe()
    with os.fdopen(reader) as lines, os.fdopen(writer, "w") as file:
        for event in (*events, STOPPED):
            stream.publish(event)
        log = LogWriter(stream, file.fileno(), as_json, level)
        log.start()
        log.end(PATIENCE)
        file.close()
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("level", [level.name.lower() for level in Level])
def test_a_level_tells_what_matters_so_much_or_more(level: str) -> None:
    told = written(level, *(event for event, _ in EVENTS))
    wanted = [event for event, its in EVENTS if its >= Level[level.upper()]]
    assert told == [json.loads(as_json(event)) for event in (*wanted, STOPPED)]


@pytest.mark.parametrize("level", [level.name.lower() for level in Level])
def test_where_it_listens_and_how_it_ended_is_told_at_every_level(level: str) -> None:
    assert [told["event"] for told in written(level, listening())] == ["listening", "stopped"]


@pytest.mark.slow
def test_a_quiet_program_tells_of_what_went_wrong_only() -> None:
    with Headless("--log-format", "json", "--log-level", "warning") as program:
        connect(program.port).close()
        with connect(program.port) as client:
            client.sendall(b"\0\0")
        closed_event = program.event("closed")
        assert (closed_event["id"], closed_event["reason"]) == (2, "eof_mid_header")
        code, out, errors = program.end(signal.SIGTERM)
    assert (code, errors) == (0, "")
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["stopping", "stopped"]
