"""What a worker and its parent say to each other, and what neither may do to the other."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from time import monotonic

import pytest

from app.core.addresses import Address
from app.core.commands import Kill, KillMode, Stop, Trace, TraceLevel
from app.core.events import Crashed, Event, Io, Opened, Stopped
from app.core.framing import HEADER_SIZE, FrameDecoder
from app.core.settings import Settings
from app.server.connection_limit import (
    ConnectionLimit,
    SharedCounts,
    make_counts,
    map_counts,
)
from app.server.server import Server
from app.server.totals import NOTHING, sum_statistics
from app.server.workers.channel import (
    Assignment,
    Order,
    WatchOrder,
    WorkerBatch,
    decode_batch,
    decode_order,
    encode,
)
from app.server.workers.worker import BATCH_LIMIT, ParentPipe, apply_orders, batches, orders
from app.watch.stream import Drained, EventStream
from tests.making import loop_stats, opened, snapshot
from tests.peers import PATIENCE, Watcher

END = Stopped(t=1, cause="test", opened=0, closed=0, frames_out=0, bytes_in=0, bytes_out=0)


@pytest.mark.parametrize(
    "order",
    [
        Assignment(
            Settings(cap=77, workers=2, listen=(Address("::1", 1),)),
            (Address("::1", 9000), Address("127.0.0.1", 9000)),
            (5, 7),
            6,
            9,
            "slice=1",
            2,
            8,
            1.5,
            True,
            True,
        ),
        WatchOrder(True, 1.5),
        Kill(request=3, ids=(1, 2), mode=KillMode.DRAIN),
        Trace(request=4, id=9, level=TraceLevel.IO),
        Stop(request=0, cause="SIGTERM", now=True),
    ],
    ids=lambda order: type(order).__name__,
)
def test_orders_arrive_as_they_were(order: Order) -> None:
    assert decode_order(encode(order)[HEADER_SIZE:]) == order


def test_a_batch_arrives_as_it_was() -> None:
    batch = WorkerBatch([opened(1), END], [snapshot(1, frames=4)], loop_stats(1.0, 5, 6, 7), 8)
    assert decode_batch(encode(batch)[HEADER_SIZE:]) == batch


def test_much_comes_in_portions_the_statistics_last() -> None:
    events: list[Event] = [opened(number) for number in range(2 * BATCH_LIMIT + 1)]
    rows = [snapshot(number) for number in range(BATCH_LIMIT + 1)]
    found = list(batches(Drained(events, rows, NOTHING, 3)))
    assert [(len(one.events), len(one.snapshots), one.stats) for one in found] == [
        (BATCH_LIMIT, 0, None),
        (BATCH_LIMIT, 0, None),
        (1, 0, None),
        (0, BATCH_LIMIT, None),
        (0, 1, None),
        (0, 0, NOTHING),
    ]
    assert [event for one in found for event in one.events] == events


class Told:
    """A worker's pipe in a thread, and the parent's end of its channel."""

    def __init__(self, stream: EventStream) -> None:
        self.parent, channel = socket.socketpair()
        self.parent.settimeout(PATIENCE)
        self.channel = channel
        self.ended_well: bool | None = None
        self.pipe = ParentPipe(channel, stream)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        with self.channel:
            self.ended_well = self.pipe.run()

    def batches(self) -> Iterator[WorkerBatch]:
        decoder = FrameDecoder()
        while data := self.parent.recv(1 << 16):
            decoder.feed(data)
            yield from map(decode_batch, iter(decoder.next_body, None))

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *_error: object) -> None:
        self.parent.close()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def test_a_parent_that_does_not_read_holds_up_nobody_and_bounds_what_gathers() -> None:
    stream = EventStream(journal_capacity=100)
    stream.watched = True
    with Told(stream) as told:
        number = 0
        deadline = monotonic() + PATIENCE
        while stream.dropped < 1000:  # until the channel is full, and the journal behind it
            assert monotonic() < deadline
            number += 1
            if stream.room_for_detail():
                text = str(Random(number).random()) * 100
                stream.publish_detail(
                    Io(t=number, id=1, call="read", asked=1, result=-1, error=text)
                )
            stream.publish_latest([snapshot(1, frames=number)], loop_stats(number, 1, 1, 1))
        assert stream.depth <= 100
        stream.publish(END)
        found = list(told.batches())
    assert found[-1].dropped == stream.dropped or found[-2].dropped == stream.dropped
    assert [event for batch in found for event in batch.events][-1] == END
    newest = [row for batch in found for row in batch.snapshots][-1]
    assert newest.frames_out == number
    assert told.ended_well


def test_a_parent_that_is_gone_is_no_reason_to_end_badly() -> None:
    stream = EventStream()
    with Told(stream) as told:
        told.parent.close()
        stream.publish(opened(1))
        stream.publish(opened(2))
        stream.publish(END)
        told.thread.join(PATIENCE)
        assert told.ended_well


def test_a_crash_is_told_and_is_a_bad_end() -> None:
    stream = EventStream()
    with Told(stream) as told:
        stream.publish(Crashed(t=1, error="broken", traceback=""))
        assert [event for batch in told.batches() for event in batch.events]
        told.thread.join(PATIENCE)
        assert told.ended_well is False


@pytest.mark.parametrize("with_rest", [False, True])
def test_without_a_parent_the_server_stops_in_order(with_rest: bool) -> None:
    """Whether the parent's end was closed with everything read or not."""
    stream = EventStream()
    server = Server(Settings(port=0), stream)
    server.start()
    with ExitStack() as stack:
        parent, channel = map(stack.enter_context, socket.socketpair())
        if with_rest:
            channel.send(b"unread")
        pipe = ParentPipe(channel, stream)
        parent.sendall(encode(WatchOrder(True, 0.0)))
        parent.close()
        apply_orders(orders(channel), server, stream, pipe)
    assert stream.watched or with_rest
    assert Watcher(stream).wait_for(Stopped).cause == "the parent process is gone"
    assert server.join(PATIENCE)


def shared_counts(workers: int) -> SharedCounts:
    descriptor = make_counts(workers)
    try:
        return map_counts(descriptor)
    finally:
        os.close(descriptor)


def test_the_limit_of_one_address_is_for_all_workers_together() -> None:
    counts = shared_counts(3)
    one, other = (ConnectionLimit(counts, mine).peers for mine in (0, 2))
    assert [one.acquire("a", 3), other.acquire("a", 3), other.acquire("a", 3)] == [True] * 3
    assert not one.acquire("a", 3)
    assert not ConnectionLimit(counts, 1).peers.acquire("a", 3)
    assert one.acquire("b", 1)
    other.release("a")
    assert one.acquire("a", 3)
    assert not one.acquire("a", 3)
    counts.clear(2)  # its worker has died with one
    assert one.acquire("a", 3)
    assert not one.acquire("a", 3)
    one.recount(())
    assert not any(counts.peers)


def test_ten_thousand_addresses_are_hardly_ever_taken_for_one_another() -> None:
    counts = shared_counts(2)
    workers = [ConnectionLimit(counts, mine).peers for mine in (0, 1)]
    addresses = [f"10.{number >> 8}.{number & 255}.1" for number in range(10_000)]
    for number, address in enumerate(addresses):
        workers[number % 2].acquire(address, 100)
    wrong = sum(not workers[number % 2].acquire(each, 2) for number, each in enumerate(addresses))
    assert wrong < 20


def test_the_limit_of_connections_is_for_all_workers_together() -> None:
    counts = shared_counts(3)
    one, other = ConnectionLimit(counts, 0), ConnectionLimit(counts, 2)
    assert [one.acquire(3), other.acquire(3), one.acquire(3)] == [True] * 3
    assert not one.acquire(3)
    assert not other.acquire(3)
    assert counts.open.tolist() == [2, 0, 1]
    one.release()
    assert other.acquire(3)
    assert not ConnectionLimit(counts, 1).acquire(3)


def test_together_counters_add_and_the_longest_is_the_longest() -> None:
    one, other = loop_stats(100.0, 50, 10, 3), loop_stats(90.0, 20, 10, 4)
    both = sum_statistics([one, other])
    assert (both.t, both.longest_us) == (100.0, 1_340)
    assert (both.frames_out, both.open, both.opened) == (70, 7, one.opened + other.opened)
    assert sum_statistics([]) == NOTHING
    assert sum_statistics([NOTHING, one]) == one


def test_opened_without_a_worker_says_zero() -> None:
    assert Opened(t=1, id=1, fd=1, peer="").worker == 0
