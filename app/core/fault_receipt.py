"""The receipt of a fault on purpose: what was really done to the echo of one connection."""

from __future__ import annotations

from typing import Final

import msgspec

MOST_EFFECTS: Final = 256
"""Effects that a receipt lists."""
MOST_SIZES: Final = 1024
"""Sizes of pieces that a receipt lists, of all frames together."""


class FaultEffect(msgspec.Struct, frozen=True):
    """One thing that was done to one frame's echo."""

    what: str
    """The word of the SPEC."""
    frame: int
    """Number of the frame, from 1."""
    byte: int
    """Number of the byte, from 0, in the echo of that frame."""
    pieces: tuple[int, ...] = ()
    """Bytes of each segment into which the echo was cut, of a `slice`."""


class FaultReceipt(msgspec.Struct, frozen=True):
    """Everything that was done to the echo of one connection, in order, within bounds."""

    spec: str
    seed: int
    done: tuple[FaultEffect, ...] = ()
    more: int = 0
    """Effects and sizes of pieces that are not listed."""
