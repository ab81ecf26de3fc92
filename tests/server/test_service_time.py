"""Every echoed frame is in the histogram of service times, whichever way it was served."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.core.commands import Trace, TraceLevel
from app.core.events import POLLIN
from app.core.framing import frame
from app.core.histogram import Histogram
from app.core.settings import Settings
from app.core.statistics import LoopStats
from app.server import calls
from app.server.connection import Connection
from app.server.connection_limit import ConnectionLimit
from app.server.lifecycle import Lifecycle
from app.server.poller import SelectPoller
from app.server.reporter import Reporter
from app.server.serving import CLOCK_EVERY, Serving
from app.server.shard import Shard
from app.watch.stream import EventStream
from tests.peers import Running, exchange

Serve = Callable[..., Running]
ECHO_US = 5
PEERS = 11


class PlayedKernel:
    """Each write takes `ECHO_US`, that of a long echo 10 ms.

    The descriptor 100 is broken; 101 and 102 send a long frame, 102 with a byte of the next.
    """

    def __init__(self) -> None:
        self.us = 0
        self.ended_at: list[int] = []

    def clock(self) -> float:
        return self.us / 1e6

    def read(self, fd: int, size: int) -> bytes:
        if fd == 100:
            raise ConnectionResetError
        data = frame(b"x" * (9_000 if fd in (101, 102) else 8)) + b"\0" * (fd == 102)
        return data[:size]

    def write(self, fd: int, data: bytes) -> int:
        self.us += ECHO_US if len(data) < 1000 else 10_000
        self.ended_at.append(self.us)
        return len(data)


class ServingWithSlowCloses(Serving):
    """A close takes 10 ms."""

    def __init__(self, life: Lifecycle, kernel: PlayedKernel) -> None:
        super().__init__(life, kernel.clock)
        self._played = kernel

    def _close_broken(self, connection: Connection, error: OSError) -> None:
        self._played.us += 10_000


@pytest.mark.parametrize("slow", [None, 100, 101, 102])
@pytest.mark.parametrize("place", range(PEERS))
def test_a_time_is_at_most_three_short_echoes_too_long(
    slow: int | None, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = PlayedKernel()
    monkeypatch.setattr(calls, "os", kernel)
    reporter = Reporter(EventStream(), 0.0, TraceLevel.OFF)
    life = Lifecycle(
        Settings(), SelectPoller(), reporter, Shard((), ConnectionLimit(), 0.0), kernel.clock
    )
    fds = list(range(200, 200 + PEERS))
    if slow is not None:
        fds[place] = slow
    for fd in fds:
        connection = Connection(fd, fd, "10.0.0.1:1", 0.0)
        life.by_id[fd] = life.by_fd[fd] = connection
        if fd != 101:  # one goes the general way
            life.quick[fd] = connection
    ServingWithSlowCloses(life, kernel).batch([(fd, POLLIN) for fd in fds], 0.0)
    buckets = list(reporter.service.buckets())
    told = [bucket for bucket in buckets for _ in range(bucket.times)]
    assert len(told) == len(kernel.ended_at) == PEERS - (slow == 100)
    late = (CLOCK_EVERY - 1) * ECHO_US
    for bucket, ended_at in zip(told, kernel.ended_at, strict=True):
        assert bucket.low - late <= ended_at <= bucket.high


def told(running: Running, frames: int) -> LoopStats:
    """The statistics of the round that tells of so many frames."""
    watcher = running.watcher
    watcher.until(lambda: watcher.stats and watcher.stats.frames_out == frames, "the frames")
    assert watcher.stats is not None
    return watcher.stats


@pytest.mark.parametrize("poller", ["epoll", "epoll-et", "poll"])
@pytest.mark.parametrize("write_mode", ["direct", "armed"])
@pytest.mark.parametrize("level", [TraceLevel.OFF, TraceLevel.IO])
def test_each_frame_counts_once(
    serve: Serve, poller: str, write_mode: str, level: TraceLevel
) -> None:
    running = serve(poller=poller, write_mode=write_mode)
    client, connection_id = running.connect_known()
    running.submit(Trace, id=connection_id, level=level)
    one, burst, long = frame(b"x"), frame(b"y") * 30, frame(b"z" * 300_000)
    halves = frame(b"ab") + frame(b"c")[:3]
    for echo in (one, burst, long):
        assert exchange(client, [echo], len(echo)) == echo
    assert exchange(client, [halves], 6) == frame(b"ab")
    assert exchange(client, [frame(b"c")[3:]], 5) == frame(b"c")
    stats = told(running, 34)
    assert Histogram.from_counts(stats.service_us).count == 34


def test_the_time_of_a_peer_that_does_not_read_is_its_own(serve: Serve) -> None:
    running = serve(cap=2**25)
    client, connection_id = running.connect_known()
    echo = frame(b"x" * 16_000_000)
    client.sendall(echo)
    running.shown(connection_id, lambda snapshot: snapshot.toggles == 1)
    armed_at = running.watcher.snapshots[connection_id].toggled_at
    running.watcher.until(lambda: running.server.now() - armed_at > 0.05, "a while")
    assert exchange(client, [], len(echo)) == echo
    slowest = Histogram.from_counts(told(running, 1).service_us).percentile(100)
    assert slowest >= 50_000


def test_every_iteration_counts(serve: Serve) -> None:
    running = serve()
    client, _ = running.connect_known()
    for _ in range(20):
        assert exchange(client, [frame(b"x")], 5) == frame(b"x")
    stats = told(running, 20)
    # The one that tells is not over yet.
    assert Histogram.from_counts(stats.iteration_us).count == stats.polls - 1
    assert Histogram.from_counts(stats.iteration_us).percentile(100) >= stats.longest_us
