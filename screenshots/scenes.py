"""Scenes: fixed events with every state of a connection, for screenshots and snapshot tests."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from app.core.events import (
    TRACED_BYTES,
    Bytes,
    CommandResult,
    ConnectionState,
    Event,
    Io,
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
from app.core.statistics import ProcessStats
from tests.making import NOW, closed, kernel, listening, loop_stats, opened, snapshot, worker

SLOW_READER: Final = 9
"""The connection that does not read its echo."""


def server(connections: int) -> list[Event]:
    """Make the statistics of a server under a load in waves, for half a minute."""
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
                reads=frames * 71 // 100,
                writes=frames * 70 // 100,
                ctls=frames * 2 // 100,
                longest_us=int(1_340 + 900 * math.sin(second * 1.3)),
                armed=2 + second % 3 // 2,
            )
        )
    events.append(
        ProcessStats(t=NOW, cpu_percent=38.0, rss=61 * 1024**2, fds=connections + 9, threads=3)
    )
    return events


def slow_reader() -> list[Event]:
    """Make the traced events of the slow reader."""
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
    """Make some forty connections that together are in every state."""
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
            unacked=2_565_376,
            acked_ago=4.4,
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
            unacked=2_703_360,
            acked_ago=0.2,
            rate=614_400.0,
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
            unacked=1_703_936,
            acked_ago=2.5,
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
        # An older snapshot first, so that there is a rate.
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
        for ago in (4.1, 3.1, 2.1, 1.1, 0.1)  # one in every round of the reporter
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


def overview_with_workers() -> list[Event]:
    """Make the overview with workers: one serves, one was restarted, one is down."""
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
