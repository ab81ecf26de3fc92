"""A worker process: one `Server` that takes its orders from the parent and tells it everything.

`app.server.workers.worker_process` starts it with the descriptor of its end of a channel. A worker
obeys its parent alone, and when that is gone, which the channel's end tells, it stops in order.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

from ...core.commands import Fault
from ...core.events import Crashed, Stopped
from ...core.framing import FrameDecoder
from ...watch.stream import Drained, EventStream
from ..connection_limit import ConnectionLimit, map_counts
from ..fault_tokens import TakenTokens
from ..listener import Listener, ListeningSocket
from ..loop import SWITCH_INTERVAL
from ..memory import exclude_program_from_gc
from ..server import Server
from ..shard import Shard
from .channel import (
    RECEIVE_SIZE,
    Assignment,
    Order,
    WatchOrder,
    WorkerBatch,
    decode_order,
    encode,
)

INTERVAL: Final = 0.1
"""Seconds between two looks for snapshots while somebody watches."""
PACE: Final = 0.01
"""Seconds between two batches at least. The first event after a pause goes at once; under churn,
without this, each would wake both processes: 390 µs of CPU for a connection instead of 90."""
BATCH_LIMIT: Final = 1000
"""Events or snapshots in one batch: encoding holds the GIL, 1 ms for so many snapshots."""


class ParentPipe:
    """Sends what the stream holds to the parent, until the server's last event."""

    def __init__(self, channel: socket.socket, stream: EventStream) -> None:
        self._channel = channel
        self._stream = stream
        self._ready = threading.Event()
        self._parent_is_gone = False
        self._told_at = 0.0

    def wake(self) -> None:
        """Send at once: somebody has begun to watch; from any thread."""
        self._ready.set()

    def run(self) -> bool:
        """Send everything; return whether the server has ended well.

        A parent that does not read blocks this thread and no other: the stream bounds what
        gathers meanwhile.
        """
        while True:
            self._ready.clear()
            self._stream.notify_once(self._ready.set)
            self._ready.wait(INTERVAL if self._stream.watched else None)
            time.sleep(max(0.0, self._told_at + PACE - time.monotonic()))
            self._told_at = time.monotonic()
            drained = self._stream.drain()
            for batch in batches(drained):
                self._send(encode(batch))
            if drained.events and isinstance(drained.events[-1], Stopped | Crashed):
                return isinstance(drained.events[-1], Stopped)

    def _send(self, data: bytes) -> None:
        if self._parent_is_gone:
            return
        try:
            self._channel.sendall(data)
        except OSError:
            # The reading end of the channel tells it too, and that is what stops the server.
            self._parent_is_gone = True


def batches(drained: Drained) -> Iterator[WorkerBatch]:
    """Divide what was drained into batches; the statistics are in the last one."""
    events, snapshots = drained.events, drained.snapshots
    for start in range(0, len(events), BATCH_LIMIT):
        yield WorkerBatch(events[start : start + BATCH_LIMIT], [], None, drained.dropped)
    for start in range(0, len(snapshots), BATCH_LIMIT):
        yield WorkerBatch([], snapshots[start : start + BATCH_LIMIT], None, drained.dropped)
    if drained.stats is not None:
        yield WorkerBatch([], [], drained.stats, drained.dropped)


def orders(channel: socket.socket) -> Iterator[Order]:
    """Yield the orders of the parent until it closes the channel."""
    decoder = FrameDecoder()
    while data := channel.recv(RECEIVE_SIZE):
        decoder.feed(data)
        yield from map(decode_order, iter(decoder.next_body, None))


def apply_orders(
    given: Iterator[Order], server: Server, stream: EventStream, pipe: ParentPipe
) -> None:
    """Carry out orders until there can be no more."""
    try:
        for order in given:
            if isinstance(order, WatchOrder):
                stream.watched, stream.asked_at = order.watched, order.asked_at
                server.wake()
                pipe.wake()
            elif not isinstance(order, Assignment):
                server.submit(order)
    except OSError:
        # ECONNRESET is how a socketpair says that its other end was closed with something unread.
        return
    finally:
        server.stop("the parent process is gone")


def shard_of(assignment: Assignment) -> Shard:
    """The inherited descriptors as what they are."""
    listeners = []
    for descriptor, address in zip(assignment.listeners, assignment.addresses, strict=True):
        sock = ListeningSocket(fileno=descriptor)
        sock.setblocking(False)
        listeners.append(Listener(sock, *address))
    counts = map_counts(assignment.counts)
    return Shard(
        tuple(listeners),
        ConnectionLimit(counts, assignment.worker - 1),
        assignment.epoch,
        assignment.worker,
        assignment.settings.workers,
        assignment.first_id,
        TakenTokens(assignment.tokens),
    )


def main() -> None:
    """Serve as the parent says; the exit status is 0 after a stop in order."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        given = orders(channel)
        assignment = next(given, None)
        if not isinstance(assignment, Assignment):
            return
        stream = EventStream()
        stream.watched, stream.wants_bytes = assignment.watched, assignment.wants_bytes
        server = Server(assignment.settings, stream, shard=shard_of(assignment))
        if assignment.of_next:
            server.submit(Fault(request=0, spec=assignment.of_next, next=1))
        pipe = ParentPipe(channel, stream)
        threading.Thread(
            target=apply_orders,
            args=(given, server, stream, pipe),
            name="echo-tui orders",
            daemon=True,
        ).start()
        exclude_program_from_gc()
        server.start()
        ended_well = pipe.run()
        server.join()
    sys.exit(0 if ended_well else 1)
