"""Events made for tests and screenshots, and a source that gives them to a dashboard.

Each function makes one event, with usual values for the fields that a test does not name. The clock
stands still at `NOW`, so the same events always give the same screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.core.commands import Command
from app.core.events import (
    POLLIN,
    POLLOUT,
    Closed,
    ConnectionState,
    Event,
    Listening,
    Opened,
    Reason,
    Snapshot,
)
from app.core.queues import Kernel, Queues
from app.core.statistics import LoopStats, WorkerStats
from app.watch.source import Failure
from app.watch.stream import Drained

NOW: Final = 1_760_000_000.0
"""The time of every scene, in Unix seconds."""
STARTED: Final = NOW - 754.0
"""The time at which the server began to listen."""
INSTANCE: Final = "5eed0123456789ab"


class FixedSource:
    """A source that yields the events fed to it, and keeps the commands submitted to it."""

    grace = 5.0
    keep_closed = 50

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.owns_server = True
        self.time = NOW
        self.commands: list[Command] = []
        self.failed: Failure | None = None
        self._waiting: list[Event] = list(events)

    def feed(self, *events: Event) -> None:
        """Add events to the next drain."""
        self._waiting += events

    def now(self) -> float:
        """Return `time`, which only a test changes."""
        return self.time

    def drain(self) -> Drained:
        """Return the events fed since the last call, snapshots and statistics among them."""
        events, self._waiting = self._waiting, []
        return Drained(events, [], None, 0)

    def submit(self, command: Command) -> None:
        """Keep a command for the test."""
        self.commands.append(command)

    def failure(self) -> Failure | None:
        """Return `failed`, which only a test changes."""
        return self.failed


def listening(cap: int = 1024**2) -> Listening:
    """Make the first event of a server."""
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
    """Make the `Opened` of a connection accepted `age` seconds before `NOW`."""
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
    unacked: int = 0,
    acked_ago: float = 0.0,
    rate: float = 0.0,
) -> Snapshot:
    """Make the snapshot of a connection that has echoed `frames` frames of `size` bytes.

    Its last byte came `quiet` seconds before `at`. `unacked` bytes of the echo stand in the send
    queue; the last acknowledgement came `acked_ago` seconds before `at`, at `rate` bytes a second.
    """
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
        queues=_queues(at, frames * (size + 4) + out[0], unacked, acked_ago, rate),
    )


def _queues(at: float, written: int, unacked: int, acked_ago: float, rate: float) -> Queues | None:
    if not unacked:
        return None
    return Queues(
        t=at,
        since=at - acked_ago - 1,
        acked_at=at - acked_ago,
        acked_bytes=written - unacked,
        unacked_bytes=unacked,
        in_flight_bytes=0 if acked_ago >= 2 else 32_768,
        window=0 if acked_ago >= 2 else 32_768,
        has_stopped=acked_ago >= 2,
        acked_per_second=rate,
        peer_unread_bytes=131_072 if acked_ago >= 2 else 98_304,
    )


def kernel(connection_id: int, ago: float, *, unread: int = 0, unacknowledged: int = 0) -> Kernel:
    """Make the kernel's figures of a connection on loopback, `ago` seconds before `NOW`."""
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
        unacked_segments=3,
        retransmits=0,
        probes=4 if unacknowledged else 0,
    )


def closed(connection_id: int, reason: Reason, ago: float = 2.0, **totals: int | str) -> Closed:
    """Make the `Closed` of a connection, `ago` seconds before `NOW`, with the peer of `opened`."""
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
    """Make the loop's statistics at `t`, after `frames` frames of `size` bytes in all."""
    return LoopStats(
        t=t,
        polls=frames // 2,
        wakeups=frames // 2,
        ready=frames,
        longest_us=1_340,
        cpu_seconds=(t - STARTED) * 0.31,
        open=connections,
        opened=connections,
        closed=0,
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


def worker(number: int, t: float = NOW, frames: int = 0, **fields: int | float) -> WorkerStats:
    """Make the statistics of one worker at `t`, after `frames` frames."""
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
