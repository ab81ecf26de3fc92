"""What one loop has of a server: all of it, or a worker's part."""

from __future__ import annotations

from typing import NamedTuple

from .connection_limit import ConnectionLimit
from .listener import Listener


class Shard(NamedTuple):
    """A listener, and what must not be taken twice: the ids and the room for connections."""

    listener: Listener
    seats: ConnectionLimit
    epoch: float
    """Add to the clock to get Unix time: one for all workers, so that their times compare."""
    worker: int = 0
    """The worker's number, from 1; 0 where one loop has it all."""
    workers: int = 1
    """How many share. Each takes every `workers`-th id, so no two ever give the same."""
    first_id: int = 1
