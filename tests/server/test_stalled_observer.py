"""A watcher that drains nothing costs the server bounded memory and loses only what it may lose."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from app.core.commands import Trace, TraceLevel
from app.core.events import Closed, Opened
from app.core.framing import frame
from tests.peers import Running


@pytest.mark.slow
def test_a_stalled_watcher_misses_detail_and_nothing_else(serve: Callable[..., Running]) -> None:
    running = serve(trace="io")
    visits, echoes = 120, 30
    for _ in range(visits):
        with closing(running.connect()) as client:
            for _ in range(echoes):
                client.sendall(frame(b"body"))
                assert client.recv(8) == frame(b"body")
    stream = running.stream
    # Two system calls for each echo were to be told, far more than the journal holds.
    assert stream.dropped > 0
    assert stream.depth <= 4096 + 2 * visits + 10
    watcher = running.watcher
    watcher.until(lambda: len(watcher.all(Closed)) == visits, "every close")
    assert {event.id for event in watcher.all(Opened)} == {
        event.id for event in watcher.all(Closed)
    }
    assert sum(event.frames_out for event in watcher.all(Closed)) == visits * echoes
    watcher.until(lambda: watcher.stats and watcher.stats.drops == stream.dropped, "the drops")


def test_a_stalled_watcher_of_a_traced_connection_gets_the_newest_snapshot(
    serve: Callable[..., Running],
) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    running.submit(Trace, id=connection_id, level=TraceLevel.STATE)
    for _ in range(200):
        client.sendall(frame(b"body"))
        assert client.recv(8) == frame(b"body")
    watcher = running.watcher
    watcher.until(
        lambda: (
            connection_id in watcher.snapshots
            and watcher.snapshots[connection_id].frames_out == 200
        ),
        "the newest snapshot",
    )
