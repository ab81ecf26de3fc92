"""The messages between a worker process and its parent, over a socketpair.

Both directions use the frames of the server's own protocol, with msgpack in the bodies. The parent
sends the assignment, once, and then orders; the worker sends batches of its stream.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from ...core.addresses import Address
from ...core.commands import Fault, Kill, ReadBytes, Set, Stop, Trace
from ...core.events import Event, Snapshot
from ...core.framing import frame
from ...core.settings import Settings
from ...core.statistics import LoopStats

RECEIVE_SIZE: Final = 256 * 1024
"""Bytes of one read from a channel at most."""


class Assignment(msgspec.Struct, frozen=True, tag_field="command", tag="assignment"):
    """The first message to a worker: its number, its settings and its inherited descriptors."""

    settings: Settings
    addresses: tuple[Address, ...]
    """Where it listens."""
    listeners: tuple[int, ...]
    """The inherited descriptors of its listening sockets, one for each address."""
    counts: int
    """The inherited descriptor of the memory that `app.server.connection_limit` counts in."""
    tokens: int
    """The inherited descriptor of `app.server.fault_tokens`."""
    of_next: str
    """The SPEC of the fault for which there may be tokens; mostly empty."""
    worker: int
    first_id: int
    epoch: float
    watched: bool
    wants_bytes: bool

    @property
    def inherited(self) -> tuple[int, ...]:
        """All descriptors that it inherits."""
        return (*self.listeners, self.counts, self.tokens)


class WatchOrder(msgspec.Struct, frozen=True, tag_field="command", tag="watch"):
    """Whether anyone looks at snapshots, statistics and detail."""

    watched: bool
    asked_at: float
    """As `EventStream.asked_at`."""


Order: TypeAlias = Assignment | WatchOrder | Kill | Set | Trace | ReadBytes | Fault | Stop


class WorkerBatch(msgspec.Struct, frozen=True):
    """One drain of a worker's stream, in the order in which to apply it."""

    events: list[Event]
    snapshots: list[Snapshot]
    stats: LoopStats | None
    dropped: int
    """Detail events dropped since the worker's start."""


_encoder: Final = msgspec.msgpack.Encoder()
decode_order: Final = msgspec.msgpack.Decoder(Order).decode
decode_batch: Final = msgspec.msgpack.Decoder(WorkerBatch).decode


def encode(message: Order | WorkerBatch) -> bytes:
    """One message as a frame."""
    return frame(_encoder.encode(message))
