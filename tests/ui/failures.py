"""A scene of failures: closed connections with their diagnoses, and the bytes kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from app.core.commands import Command, ReadBytes
from app.core.events import Closed, CommandResult, ConnectionState, Event, Reason
from app.core.framing import HEADER_SIZE, frame
from app.core.kept_bytes import KeptBytes, Piece, ReadRecord
from app.doctor.diagnose import diagnose
from tests.making import NOW, FixedSource, closed, listening, opened, snapshot

CAP: Final = 1024**2
HTTP: Final = b"GET /healthz HTTP/1.1\r\nHost: echo.example:9000\r\nAccept: */*\r\n\r\n"
REFUSED, SLIPPED, SUSPECTED, GOOD, MANY = 21, 22, 3, 23, 24
"""Ids: an HTTP client, a client with a newline behind its third frame, one that stands still with
a little-endian length, one that closed in order, and one of which not all is kept."""
SLIP: Final = frame(b"one") + frame(b"two") + frame(b"three") + b"\n" + frame(b"four" * 16)
STANDS: Final = (5).to_bytes(4, "little") + b"hello"


def refused(connection_id: int, data: bytes, at: int, before: int = 0, ago: float = 9) -> Closed:
    """Make the `Closed` of a connection whose header at offset `at` of `data` was refused."""
    length = int.from_bytes(data[at : at + HEADER_SIZE], "big")
    found = diagnose(data, before, False, CAP)
    event = closed(
        connection_id,
        Reason.FRAME_TOO_LARGE,
        ago,
        detail=f"header announces {length:,} bytes, CAP is {CAP:,}",
        bytes_in=len(data),
        bytes_out=at,
        frames_in=at // 7,
        frames_out=at // 7,
    )
    return msgspec.structs.replace(event, diagnosis=found)


def failures() -> list[Event]:
    """Return the events of a server of which connections have failed."""
    ids = (1, 2, SUSPECTED, 4, REFUSED, SLIPPED, GOOD, MANY)
    suspected = snapshot(SUSPECTED, ConnectionState.READ_BODY, body=(5, 83_886_080), quiet=4.0)
    found = diagnose(STANDS, 0, False, 1024**3)
    return [
        listening(CAP),
        *(opened(number, peer="[2001:db8::77]:51022" if number == 4 else None) for number in ids),
        snapshot(1, frames=1200),
        snapshot(2, frames=17, quiet=30.0),
        snapshot(4, frames=3, quiet=1.0),
        msgspec.structs.replace(suspected, header=STANDS[:4], diagnosis=found),
        refused(REFUSED, HTTP, 0, ago=40.0),
        refused(SLIPPED, SLIP, SLIP.index(b"\n"), 3, ago=25.0),
        closed(GOOD, Reason.EOF, 18.0, frames_in=90, frames_out=90, bytes_in=6120, bytes_out=6120),
        closed(MANY, Reason.TIMEOUT_BODY, 12.0, frames_in=80, frames_out=80, bytes_in=9000,
               bytes_out=8000, detail="no byte for 60 s: 900 of 4,096 body bytes"),
    ]  # fmt: skip


def kept(connection_id: int, pieces: Sequence[tuple[int, bytes]], size: int = 0) -> KeptBytes:
    """Make the bytes kept of a connection, the first piece of which came in two reads."""
    first = pieces[0][1] if pieces else b""
    half = len(first) // 3
    reads = (
        ReadRecord(0, half, NOW - 51.25, half),
        ReadRecord(half, len(first) - half, NOW - 51.21, len(first) - half),
    )
    return KeptBytes(
        t=NOW - 1,
        request=0,
        id=connection_id,
        size=size or sum(len(data) for _, data in pieces),
        pieces=tuple(Piece(offset, data) for offset, data in pieces),
        reads=reads if half else (),
    )


def with_header(told: KeptBytes, at: int, header: bytes) -> KeptBytes:
    """Return the same with a refused header, or that of the frame in flight."""
    return msgspec.structs.replace(told, header_at=at, header=header)


def _kept_of_all() -> dict[int, KeptBytes]:
    at = SLIP.index(b"\n")
    many = frame(b"x" * 96) * 80
    return {
        REFUSED: with_header(kept(REFUSED, [(0, HTTP)]), 0, HTTP[:4]),
        SLIPPED: with_header(kept(SLIPPED, [(0, SLIP)]), at, SLIP[at : at + 4]),
        SUSPECTED: with_header(kept(SUSPECTED, [(0, STANDS)]), 0, STANDS[:4]),
        GOOD: kept(GOOD, [(0, frame(b"ping\t\\o/") * 90)], 6120),
        MANY: with_header(
            kept(
                MANY,
                [(0, many[:4096]), (7936, many[:64] + bytes([0, 0, 16, 0]) + bytes(range(250)))],
                9000,
            ),
            8000,
            bytes([0, 0, 16, 0]),
        ),
    }


class AnsweringSource(FixedSource):
    """A source that answers for the bytes of connections as a server does."""

    def __init__(self, events: Sequence[Event] | None = None, capture: bool = True) -> None:
        super().__init__(failures() if events is None else events)
        self.known = _kept_of_all() if capture else {}
        self._off = "" if capture else ": the server runs with --capture 0"

    def submit(self, command: Command) -> None:
        """Keep a command; answer one that asks for bytes."""
        super().submit(command)
        if not isinstance(command, ReadBytes):
            return
        told = self.known.get(command.id)
        answer = f"no bytes of it are kept{self._off}"
        if told is not None:
            self.feed(msgspec.structs.replace(told, request=command.request))
            answer = "bytes told"
        self.feed(
            CommandResult(
                t=NOW, request=command.request, command="bytes", ok=told is not None,
                message=answer, id=command.id,
            )
        )  # fmt: skip
