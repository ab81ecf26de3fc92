"""Fixed events that show every state of a connection: for screenshots and for snapshot tests.

The clock stands still at `NOW`, so the same events give the same screen, always and everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import msgspec

from app.core.commands import Command
from app.core.events import (
    POLLIN,
    POLLOUT,
    TRACED_BYTES,
    Bytes,
    Closed,
    CommandResult,
    ConnectionState,
    Event,
    Io,
    Kernel,
    Listening,
    Opened,
    Reason,
    SettingChanged,
    Snapshot,
    StateChanged,
    Toggled,
)
from app.core.framing import frame
from app.core.histogram import Histogram
from app.core.statistics import LoopStats, ProcessStats, WorkerStats
from app.watch.stream import Drained

NOW: Final = 1_760_000_000.0
INSTANCE: Final = "5eed0123456789ab"
"""Seconds since the epoch at which all scenes stand still."""
STARTED: Final = NOW - 754.0
SLOW_READER: Final = 9
"""The connection that does not read its echo."""


class FixedSource:
    """A source that gives what it was fed, and keeps the commands that it was given."""

    grace = 5.0

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.owns_server = True
        self.time = NOW
        self.commands: list[Command] = []
        self.died: str | None = None
        self._waiting: list[Event] = list(events)

    def feed(self, *events: Event) -> None:
        """Have these events in the next drain."""
        self._waiting += events

    def now(self) -> float:
        """The time that was set; it passes only when a test says so."""
        return self.time

    def drain(self) -> Drained:
        """What was fed since the last call; snapshots and statistics may be among the events."""
        events, self._waiting = self._waiting, []
        return Drained(events, [], None, 0)

    def submit(self, command: Command) -> None:
        """Keep a command, to be looked at."""
        self.commands.append(command)

    def failure(self) -> str | None:
        """What `died` says."""
        return self.died


def listening(cap: int = 1024**2) -> Listening:
    """The server's first event."""
    return Listening(
        t=STARTED,
        host="127.0.0.1",
        port=9000,
        pid=4242,
        instance=INSTANCE,
        poller="epoll",
        write_mode="direct",
        cap=cap,
        max_connections=10_000,
        header_timeout=10.0,
        body_timeout=60.0,
        write_timeout=30.0,
        idle_timeout=0.0,
    )


def opened(connection_id: int, age: float = 60.0, peer: str | None = None) -> Opened:
    """A connection accepted `age` seconds before `NOW`."""
    peer = peer or f"127.0.0.1:{41_000 + connection_id * 7919 % 20_000}"
    return Opened(t=NOW - age, id=connection_id, fd=connection_id + 8, peer=peer)


def snapshot(
    connection_id: int,
    state: ConnectionState = ConnectionState.READ_LEN,
    *,
    header: bytes = b"",
    body: tuple[int, int] = (0, 0),
    out: tuple[int, int] = (0, 0),
    frames: int = 0,
    size: int = 64,
    quiet: float = 0.1,
    toggles: int = 0,
    armed_for: float = 0.0,
    eagains: int = 0,
    partial_writes: int = 0,
    frames_pending: int = 0,
    closing: Reason | None = None,
    at: float = NOW,
) -> Snapshot:
    """A connection that has echoed `frames` frames of `size` bytes and was `quiet` for seconds."""
    if state is ConnectionState.READ_BODY:
        header = body[1].to_bytes(4, "big")
    interest = POLLIN
    if out[1] > out[0]:
        interest = POLLOUT
    return Snapshot(
        t=at - quiet,
        id=connection_id,
        state=state,
        header=header,
        body_read=body[0],
        body_length=body[1],
        out_sent=out[0],
        out_length=out[1],
        interest=interest,
        toggles=toggles,
        toggled_at=at - armed_for,
        eagains=eagains,
        partial_writes=partial_writes,
        frames_in=frames + frames_pending,
        frames_out=frames,
        bytes_in=frames * (size + 4) + frames_pending * out[1] + len(header) + body[0],
        bytes_out=frames * (size + 4) + out[0],
        frame_at=0.0,
        active_at=at - quiet,
        closing=closing,
    )


def kernel(connection_id: int, ago: float, *, unread: int = 0, unacknowledged: int = 0) -> Kernel:
    """The kernel's side of a connection on loopback, `ago` seconds ago."""
    return Kernel(
        t=NOW - ago,
        id=connection_id,
        unread=unread,
        unacknowledged=unacknowledged,
        send_buffer=2_626_560,
        rtt_us=412,
        rttvar_us=96,
        cwnd=10,
        mss=65_483,
        unacked=3,
        retransmits=0,
        probes=4 if unacknowledged else 0,
    )


def closed(connection_id: int, reason: Reason, ago: float = 2.0, **totals: int | str) -> Closed:
    """A connection that ended `ago` seconds before `NOW`, by the peer that `opened` gives it."""
    figures = dict.fromkeys(
        ("frames_in", "frames_out", "bytes_in", "bytes_out", "toggles", "eagains"), 0
    )
    fields = {"detail": "", "partial_writes": 0, **figures, **totals}
    origin = opened(connection_id)
    return Closed(
        t=NOW - ago,
        id=connection_id,
        peer=origin.peer,
        reason=reason,
        opened_at=origin.t,
        **fields,  # type: ignore[arg-type]
    )


def loop_stats(
    t: float,
    frames: int,
    size: int,
    connections: int,
    armed: int = 3,
    bodies: tuple[tuple[int, int], ...] = (),
) -> LoopStats:
    """The loop's figures at `t`, after `frames` frames of `size` bytes in all."""
    return LoopStats(
        t=t,
        polls=frames // 2,
        wakeups=frames // 2,
        ready=frames,
        longest_us=1_340,
        cpu_seconds=(t - STARTED) * 0.31,
        open=connections,
        opened=connections + 214,
        closed=214,
        refused=0,
        armed=armed,
        frames_in=frames,
        frames_out=frames,
        bytes_in=frames * (size + 4),
        bytes_out=frames * (size + 3),
        toggles=412,
        eagains=903,
        partial_writes=388,
        accept_errors=0,
        queue_depth=4,
        drops=0,
        bodies=bodies,
    )


def server(connections: int) -> list[Event]:
    """A server with half a minute of history under a load that comes in waves."""
    events: list[Event] = [
        ProcessStats(t=NOW - 32, cpu_percent=36.0, rss=60 * 1024**2, fds=connections + 9, threads=3)
    ]
    frames, service = 900_000, Histogram()
    for second in range(32):
        frames += int(9_000 + 5_000 * math.sin(second / 3.1) + 1_700 * math.sin(second * 1.7))
        bodies = tuple((19 + (second + number) % 21, 48) for number in range(24))
        large = ((5, 65_536), (10, 1_048_576), (15, 1_000_000))[second % 3 : second % 3 + 1]
        for number in range(400):
            spread = sum(math.sin(number * turn) for turn in (2.3, 3.7, 5.9))
            service.record(int(70 * math.exp(spread * 0.6 + 3 * (number % 97 == 0))))
        stats = loop_stats(NOW - 31 + second, frames, 512, connections, bodies=bodies + large)
        events.append(
            msgspec.structs.replace(
                stats,
                service_us=service.to_counts(),
                longest_us=int(1_340 + 900 * math.sin(second * 1.3)),
                armed=2 + second % 3 // 2,
            )
        )
    events.append(
        ProcessStats(t=NOW, cpu_percent=38.0, rss=61 * 1024**2, fds=connections + 9, threads=3)
    )
    return events


def slow_reader() -> list[Event]:
    """What the slow reader did last, as traced."""
    peer_reads = 65_536
    events: list[Event] = []
    for pair, (at, armed_for, pending) in enumerate(
        (
            (57.0, 0.8, 40_000),
            (54.0, 3.1, 90_112),
            (47.5, 0.4, 24_576),
            (44.0, 5.2, 180_224),
            (36.0, 2.2, 131_072),
            (32.1, 0.3, 8_192),
            (29.0, 6.4, 262_144),
            (20.0, 1.5, 65_536),
            (17.0, 0.6, 40_960),
            (14.2, 2.9, 229_376),
        )
    ):
        start = NOW - at
        events += [
            Toggled(t=start, id=SLOW_READER, armed=True, pending=pending, toggles=2 * pair + 1),
            Toggled(
                t=start + armed_for, id=SLOW_READER, armed=False, pending=0, toggles=2 * pair + 2
            ),
        ]
    for at, toggles in ((9.2, 21), (6.9, 23)):
        events += [
            StateChanged(
                t=NOW - at,
                id=SLOW_READER,
                old=ConnectionState.READ_BODY,
                new=ConnectionState.WRITE_BODY,
            ),
            Io(t=NOW - at, id=SLOW_READER, call="write", asked=524_292, result=212_992),
            Io(t=NOW - at, id=SLOW_READER, call="write", asked=311_300, result=-1, error="EAGAIN"),
            Toggled(t=NOW - at, id=SLOW_READER, armed=True, pending=311_300, toggles=toggles),
            Io(t=NOW - at + 1.1, id=SLOW_READER, call="write", asked=311_300, result=peer_reads),
            Io(t=NOW - at + 1.9, id=SLOW_READER, call="write", asked=245_764, result=245_764),
            Toggled(t=NOW - at + 1.9, id=SLOW_READER, armed=False, pending=0, toggles=toggles + 1),
        ]
    events += [
        StateChanged(
            t=NOW - 4.31,
            id=SLOW_READER,
            old=ConnectionState.READ_BODY,
            new=ConnectionState.WRITE_BODY,
        ),
        Io(t=NOW - 4.31, id=SLOW_READER, call="write", asked=524_292, result=212_992),
        Io(t=NOW - 4.30, id=SLOW_READER, call="write", asked=311_300, result=-1, error="EAGAIN"),
        Toggled(t=NOW - 4.3, id=SLOW_READER, armed=True, pending=311_300, toggles=25),
    ]
    return events


def overview() -> list[Event]:
    """Some thirty connections in every state."""
    body = ConnectionState.READ_BODY
    rows: list[Snapshot] = [
        snapshot(2, frames=184_220, size=16, quiet=0.02),
        snapshot(3, frames=183_907, size=16, quiet=0.02),
        snapshot(4, frames=1_204_331, size=64, quiet=0.0),
        snapshot(5, body, body=(61_440, 65_536), frames=412, size=65_536, quiet=0.1),
        snapshot(6, body, body=(4_096, 65_536), frames=2, size=65_536, quiet=8.3),
        snapshot(7, header=b"\x00\x00", frames=31, size=12, quiet=0.6),
        snapshot(8, header=b"\x00", frames=0, quiet=7.2),
        snapshot(
            SLOW_READER,
            ConnectionState.WRITE_BODY,
            header=(524_288).to_bytes(4, "big"),
            body=(524_288, 524_288),
            out=(212_992, 524_292),
            frames=12,
            size=524_288,
            quiet=4.3,
            toggles=25,
            armed_for=4.3,
            eagains=25,
            partial_writes=13,
            frames_pending=1,
        ),
        snapshot(
            10,
            ConnectionState.WRITE_BODY,
            body=(1_048_576, 1_048_576),
            out=(917_504, 1_048_580),
            frames=88,
            size=1_048_576,
            quiet=0.2,
            toggles=171,
            armed_for=0.3,
            eagains=172,
            partial_writes=240,
            frames_pending=1,
        ),
        snapshot(
            11,
            ConnectionState.DRAINING,
            out=(65_536, 262_148),
            frames=7,
            size=262_144,
            quiet=2.4,
            toggles=9,
            armed_for=2.4,
            eagains=9,
            partial_writes=8,
            frames_pending=1,
            closing=Reason.EOF,
        ),
        snapshot(12, frames=3, size=5, quiet=42.0),
        snapshot(13, quiet=12.0),
        snapshot(15, body, body=(700_000, 1_000_000), frames=19, size=1_000_000, quiet=0.0),
        snapshot(
            18, ConnectionState.DRAINING, frames=2_100, size=40, quiet=0.4, closing=Reason.KILLED
        ),
    ]
    rows += [
        snapshot(number, frames=40_000 + number * 377 % 9_000, size=48, quiet=number % 3 / 7)
        for number in range(19, 40)
    ]
    events: list[Event] = [listening()]
    peers = {12: "[::1]:53122", 13: "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:40112"}
    events += (
        opened(number, age=640.0 - number * 11.7, peer=peers.get(number)) for number in range(1, 40)
    )
    events += [
        SettingChanged(t=NOW - 61, name="cap", old=65_536, new=1_048_576),
        CommandResult(t=NOW - 61, request=900, command="set", ok=True, message="cap is 1MiB"),
    ]
    for row in rows:
        # An older look first, so that there is a rate.
        rate = 0 if row.active_at < NOW - 2 else row.frames_out // 400
        events.append(
            snapshot(row.id, frames=max(0, row.frames_out - rate), at=NOW - 1.5, quiet=0.0)
            if rate
            else snapshot(row.id, at=NOW - 90)
        )
    events += rows
    events += slow_reader()
    events += [
        kernel(SLOW_READER, ago, unread=0, unacknowledged=2_621_804)
        for ago in (4.1, 3.1, 2.1, 1.1, 0.1)  # a look in every round
    ]
    text = b"a body of 524,288 bytes that says so " * 15_000
    for call in ("read", "write"):
        moved = frame(text[:524_288])[:212_992][-TRACED_BYTES:]
        events.append(Bytes(t=NOW - 4.3, id=SLOW_READER, call=call, data=moved))
    events += [
        closed(16, Reason.EOF, 4.6, frames_in=20, frames_out=20, bytes_in=480, bytes_out=480),
        closed(14, Reason.EOF_MID_BODY, 3.1, detail="12 of 64 body bytes", frames_in=4),
        closed(
            17,
            Reason.FRAME_TOO_LARGE,
            1.8,
            detail="1,195,725,856 bytes, CAP 1,048,576; looks like an HTTP request: 'GET / HTTP'",
        ),
        closed(1, Reason.KILLED, 0.9, frames_in=911, frames_out=911, bytes_in=61_948),
        CommandResult(t=NOW - 0.9, request=901, command="kill", ok=True, message="killed", id=1),
        *server(35),
    ]
    return events


def worker(number: int, t: float = NOW, frames: int = 0, **fields: int | float) -> WorkerStats:
    """One worker at `t`, after `frames` frames."""
    figures = {
        "pid": 4242 + number,
        "alive": True,
        "restarts": 0,
        "open": 0,
        "cpu_seconds": 0.0,
        "rss": 24 * 1024**2,
        "longest_us": 870 * number,
        **fields,
    }
    return WorkerStats(t=t, worker=number, frames=frames, **figures)  # type: ignore[arg-type]


def overview_with_workers() -> list[Event]:
    """The same connections at two workers, one of which has been restarted, and a third is down."""
    events: list[Event] = []
    for event in overview():
        match event:
            case Listening():
                events.append(msgspec.structs.replace(event, workers=3))
            case Opened():
                events.append(msgspec.structs.replace(event, worker=1 + (event.id + 1) % 2))
            case _:
                events.append(event)
    for second in (1, 0):
        ago = float(second)
        events += [
            worker(1, NOW - ago, 900_000 - 41_204 * second, open=18, cpu_seconds=90.0 - 0.97 * ago),
            worker(
                2,
                NOW - ago,
                700_000 - 3_811 * second,
                open=17,
                cpu_seconds=70.0 - 0.31 * ago,
                restarts=2,
            ),
            worker(3, NOW - ago, 1_200, alive=False, restarts=7, rss=0, longest_us=0),
        ]
    return events
