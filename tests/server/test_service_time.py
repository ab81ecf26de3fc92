"""Every echoed frame is in the histogram of service times, whichever way it was served."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.core.commands import Trace
from app.core.events import TraceLevel
from app.core.framing import frame
from app.core.histogram import Histogram
from app.core.statistics import LoopStats
from tests.peers import Running, exchange

Serve = Callable[..., Running]


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
