"""The bytes that are kept of a connection, as `ctl show --bytes` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ...core.kept_bytes import KeptBytes, Piece

_WIDTH: Final = 16
"""Bytes on a line."""


def describe_bytes(kept: KeptBytes, as_json: bool) -> dict[str, Any]:
    """Return the facts: as objects for programs, in lines of hex and text for people."""
    facts: dict[str, Any] = {"header": kept.header.hex(), "complete": kept.is_complete}
    if as_json:
        pieces = [{"offset": one.offset, "hex": one.data.hex()} for one in kept.pieces]
        return facts | {"bytes": pieces, "reads": [msgspec.structs.asdict(r) for r in kept.reads]}
    reads = [f"{one.offset:>8} {one.size} bytes at {one.t:.6f}" for one in kept.reads]
    return facts | {"reads": reads, "bytes": list(_lines(kept))}


def _lines(kept: KeptBytes) -> Iterator[str]:
    end = 0
    for piece in kept.pieces:
        if piece.offset > end:
            yield f"{end:>8} … {piece.offset - end:,} bytes are not kept"
        yield from _dump(piece)
        end = piece.offset + len(piece.data)
    if end < kept.size:
        yield f"{end:>8} … {kept.size - end:,} bytes are not kept"


def _dump(piece: Piece) -> Iterator[str]:
    for at in range(0, len(piece.data), _WIDTH):
        part = piece.data[at : at + _WIDTH]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{piece.offset + at:>8} {part.hex(' '):<{3 * _WIDTH - 1}} {text}"
