"""Every event has one wording: a line of a log, and less of the same on the dashboard."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.core.events import (
    Bytes,
    CommandResult,
    ConnectionState,
    Crashed,
    Event,
    Io,
    Notice,
    Reason,
    SettingChanged,
    StateChanged,
    Stopped,
    Stopping,
    Toggled,
)
from app.core.queues import Kernel
from app.core.stepping import LoopHeld, LoopResumed, Stepped
from app.watch.journal import entries, entry
from tests.making import NOW, closed, kernel, listening, opened


def io(call: str, asked: int, result: int, **more: Any) -> Io:
    return Io(t=NOW, id=7, call=call, asked=asked, result=result, **more)


def toggled(armed: bool, pending: int) -> Toggled:
    return Toggled(t=NOW, id=7, armed=armed, pending=pending, toggles=1)


def result(ok: bool, message: str, **more: Any) -> CommandResult:
    return CommandResult(t=NOW, request=1, command="kill", ok=ok, message=message, **more)


STOPPED = Stopped(
    t=NOW, cause="q", opened=3, closed=3, frames_out=1, bytes_in=1_234, bytes_out=6
)  # fmt: skip
WORDINGS: list[tuple[Event, str, str, str, str]] = [
    (listening(), "listening on 127.0.0.1:9000", "server", "listening on 127.0.0.1:9000", "good"),
    (opened(7, peer="10.0.0.1:5"), "opened   #7 10.0.0.1:5 fd 15", "#7", "opened  10.0.0.1:5",
     "open"),
    (StateChanged(t=NOW, id=7, old=ConnectionState.READ_LEN, new=ConnectionState.READ_BODY),
     "state    #7 READ_LEN → READ_BODY", "#7", "READ_LEN → READ_BODY", "info"),
    (toggled(True, 1536), "POLLOUT  #7 armed, 1.5 KiB pending", "#7",
     "POLLOUT armed, 1.5 KiB pending", "warning"),
    (toggled(False, 0), "POLLOUT  #7 disarmed", "#7", "POLLOUT disarmed", "good"),
    (io("read", 65_536, 9), "read     #7 65,536 B → 9", "#7", "read  65,536 B → 9", "detail"),
    (io("read", 4, 0), "read     #7 4 B → EOF", "#7", "read  4 B → EOF", "info"),
    (io("read", 4, -1, error="EAGAIN"), "read     #7 4 B → EAGAIN", "#7", "read  4 B → EAGAIN",
     "warning"),
    (io("write", 9, 4), "write    #7 9 B → 4, partial", "#7", "write 9 B → 4, partial", "warning"),
    (LoopHeld(NOW, "write", 9, 7, "hold", 41, 6), "loop     held before write of #7, hold",
     "server", "loop held before write of #7, hold", "info"),
    (LoopResumed(NOW, "go"), "loop     goes on, go", "server", "loop goes on, go", "info"),
    (Stepped(NOW, 41, "read", 9, 7, 65_536, 68, "", 9, 5),
     "step     read #7: 68 of 65,536, 9 µs", "server", "step read #7: 68 of 65,536, 9 µs",
     "detail"),
    (Bytes(t=NOW, id=7, call="read", data=b"\0\xff"), "bytes    #7 read 00 ff", "#7",
     "bytes read 00 ff", "detail"),
    (SettingChanged(t=NOW, name="cap", old=1 << 20, new=65_536), "setting  cap 1MiB → 64KiB",
     "cap", "1MiB → 64KiB", "info"),
    (result(True, "closed", id=7), "command  #7 kill: closed", "#7", "closed", "good"),
    (result(False, "stopped"), "command  kill stopped", "kill", "stopped", "error"),
    (Notice(t=NOW, level="warning", text="full"), "warning  full", "server", "full", "warning"),
    (Stopping(t=NOW, cause="SIGTERM", grace=5, open=3), "stopping on SIGTERM: 3 open, grace 5 s",
     "server", "stopping on SIGTERM: 3 open, grace 5 s", "warning"),
    (STOPPED, "stopped  on q: 3 connections, 1 frame, 1,234 B in, 6 B out", "server",
     "stopped on q: 3 connections, 1 frame", "warning"),
    (Crashed(t=NOW, error="a fault", traceback=""), "crashed  a fault", "server",
     "crashed a fault", "error"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "line", "subject", "brief", "tone"), WORDINGS)
def test_the_log_and_the_dashboard_say_the_same(
    event: Event, line: str, subject: str, brief: str, tone: str
) -> None:
    worded = entry(event)
    assert (worded.line, worded.subject, worded.brief) == (line, subject, brief)
    assert (worded.t, worded.tone) == (event.t, tone)


def test_a_close_tells_its_totals_in_the_log_and_its_frames_on_the_dashboard() -> None:
    event = closed(7, Reason.EOF_MID_BODY, ago=0, frames_out=1_000, detail="12 of 64 body bytes")
    worded = entry(event)
    assert worded.brief == "closed  eof_mid_body (12 of 64 body bytes), 1,000 frames"
    moved = f"{event.bytes_in:,} B in, {event.bytes_out:,} B out"
    assert worded.line == (
        f"closed   #7 {event.peer} eof_mid_body (12 of 64 body bytes), 1,000 frames, {moved},"
        f" {event.t - event.opened_at:.3f} s"
    )
    assert (worded.tone, entry(closed(7, Reason.EOF)).tone) == ("error", "close")


def test_the_kernel_tells_what_it_knows() -> None:
    known = kernel(7, 0.0)
    assert entry(known).line.startswith("kernel   #7 ")
    assert "None" not in entry(known).line


def test_remarks_follow_their_event_and_a_trace_is_no_entry() -> None:
    notes = ("no IPv6 here", "a lowered limit")
    told = entries(msgspec.structs.replace(listening(), notes=notes))
    assert [(line.tone, line.brief) for line in told][1:] == [("warning", note) for note in notes]
    gap = [line.brief for line in entries(io("write", 9, 9, gap_follows=True))]
    assert gap == ["write 9 B → 9", "… the calls that follow are not shown"]
    traced = CommandResult(t=NOW, request=1, command="trace", ok=True, message="on", id=7)
    assert not list(entries(traced))


def test_every_figure_of_the_kernel_is_in_words() -> None:
    names = [name for name in Kernel.__struct_fields__ if name not in {"t", "id"}]
    figures = {name: 100 + place for place, name in enumerate(names)}
    text = entry(Kernel(t=NOW, id=1, **figures)).text
    assert [name for name, value in figures.items() if str(value) not in text] == []
    unknown = Kernel(t=NOW, id=1, unread=None, unacknowledged=None, send_buffer=7)
    assert entry(unknown).text == "send buffer 7 B"
