"""One loop's part of a server: all of it, or a worker's share."""

from __future__ import annotations

from typing import NamedTuple

from .connection_limit import ConnectionLimit
from .fault_tokens import Tokens
from .listener import Listener


class Shard(NamedTuple):
    """Listeners, and what no two loops may take: connection ids and the room for connections."""

    listeners: tuple[Listener, ...]
    """One for each address of the server; the first has its name."""
    limit: ConnectionLimit
    epoch: float
    """Unix time minus the clock, in seconds: one for all workers, so that their times compare."""
    worker: int = 0
    """The worker's number, from 1; 0 if one loop has it all."""
    workers: int = 1
    """Number of loops that share. Each takes every `workers`-th id, so no two give the same."""
    first_id: int = 1
    tokens: Tokens | None = None
    """For the faults of the next connections; None if one loop has it all."""
