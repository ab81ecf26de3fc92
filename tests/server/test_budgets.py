"""One batch moves a bounded number of bytes, shared by the connections that are ready."""

from __future__ import annotations

import pytest

from app.core.commands import TraceLevel
from app.core.events import POLLIN, POLLOUT
from app.core.framing import frame
from app.core.settings import Settings
from app.server import serving as serving_module
from app.server import tracing
from app.server.budgets import BATCH_BUDGET, FRAME_BUDGET
from app.server.connection import READ_SIZE, Connection
from app.server.connection_limit import ConnectionLimit
from app.server.lifecycle import Lifecycle
from app.server.poller import SelectPoller
from app.server.reporter import Reporter
from app.server.serving import Serving
from app.server.shard import Shard
from app.watch.stream import EventStream

BODY = 1024**2 - 4


class NoPoller(SelectPoller):
    """A poller that nobody waits for."""

    def modify(self, fd: int, interest: int) -> None:
        pass


class GreedyKernel:
    """System calls that take whatever they are offered, and count it by descriptor."""

    def __init__(self, received: bytes = b"") -> None:
        self.written: dict[int, int] = {}
        self.received = received

    def read(self, fd: int, size: int) -> bytes:
        return self.received[:size]

    def write(self, fd: int, data: bytes) -> int:
        self.written[fd] = self.written.get(fd, 0) + len(data)
        return len(data)


def served(ready: int, received: bytes, settings: Settings) -> tuple[Lifecycle, Serving]:
    """So many connections with an echo pending of what they have received."""
    reporter = Reporter(EventStream(), 0.0, TraceLevel.OFF)
    shard = Shard((), ConnectionLimit(), 0.0)
    life = Lifecycle(settings, NoPoller(), reporter, shard)
    for fd in range(100, 100 + ready):
        connection = Connection(fd, fd, "10.0.0.1:1", 1.0)
        connection.machine.receive(received, BODY, 1.0)
        connection.seen_state = connection.machine.state
        life.by_id[fd] = life.by_fd[fd] = connection
        connection.interest = POLLOUT
    return life, Serving(life, lambda: 1.0)


@pytest.mark.parametrize("ready", [1, 32])
def test_those_that_are_ready_share_the_budget(ready: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = GreedyKernel()
    monkeypatch.setattr(tracing, "os", kernel)
    life, serving = served(ready, frame(bytes(BODY)), Settings())
    serving.batch([(fd, POLLOUT) for fd in life.by_fd], 1.0)
    share = min(BODY + 4, BATCH_BUDGET // ready)
    assert set(kernel.written.values()) == {share}
    is_cut = share < BODY + 4
    assert {each.budget_hits for each in life.by_id.values()} == {int(is_cut)}
    assert bool(serving.unfinished) is is_cut


def test_frames_left_over_behind_an_armed_echo_are_held_by_the_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "os", GreedyKernel())
    for frames, hits in ((FRAME_BUDGET, 0), (FRAME_BUDGET + 1, 1)):
        life, serving = served(1, frame(b"") * frames, Settings(write_mode="armed"))
        serving.batch([(fd, POLLOUT) for fd in life.by_fd], 1.0)
        assert [each.budget_hits for each in life.by_id.values()] == [hits]
        assert bool(serving.unfinished) is bool(hits)


@pytest.mark.parametrize("is_quick", [False, True])
@pytest.mark.parametrize("left", [0, 1])
def test_a_read_that_was_full_is_held_by_the_budget(
    is_quick: bool, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = GreedyKernel((2 * READ_SIZE).to_bytes(4, "big") + bytes(READ_SIZE - 4 - left))
    monkeypatch.setattr(tracing, "os", kernel)
    monkeypatch.setattr(serving_module, "os", kernel)
    life, serving = served(1, b"", Settings())
    ((fd, connection),) = life.by_fd.items()
    if is_quick:
        life.quick[fd] = connection
    serving.batch([(fd, POLLIN)], 1.0)
    assert connection.bytes_in == READ_SIZE - left
    assert connection.budget_hits == 1 - left
