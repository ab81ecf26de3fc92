"""The bytes of a peer that are kept, as they are told to whoever asks for one connection's."""

from __future__ import annotations

import msgspec

from .statistics import EventStruct


class Piece(msgspec.Struct, frozen=True):
    """Bytes that stand together."""

    offset: int
    """That of the first of them, counted from the connection's first byte."""
    data: bytes


class ReadRecord(msgspec.Struct, frozen=True):
    """One read from the socket."""

    offset: int
    """Counted to its first byte from the connection's first byte."""
    size: int
    """Bytes that it gave."""
    t: float
    """When the loop was woken for it, in Unix seconds."""
    held: int
    """Bytes of it that are kept: fewer than `size` where the capture was full."""


class KeptBytes(EventStruct, frozen=True, tag="kept_bytes"):
    """The bytes that are kept of one connection, open or closed.

    It answers a `ReadBytes` command, and only its sender is told: no log, no recording, no other
    screen.
    """

    t: float
    request: int
    """The number of the command."""
    id: int
    size: int
    """Bytes that the connection has sent."""
    header: bytes = b""
    """The refused header, or that of the frame in flight, as far as it has come."""
    header_at: int = 0
    """Offset of it."""
    pieces: tuple[Piece, ...] = ()
    """In their order; they do not overlap."""
    reads: tuple[ReadRecord, ...] = ()
    """The reads that gave the first bytes, as far as these are kept without a gap."""
    echo: bytes = b""
    """The first bytes that were let out to it, where its fault keeps them."""

    @property
    def is_complete(self) -> bool:
        """Whether that is all that the connection has sent."""
        return sum(len(piece.data) for piece in self.pieces) == self.size
