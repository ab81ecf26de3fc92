"""A diagnosis: the code of what is wrong with a stream, and the words for it."""

from __future__ import annotations

import msgspec


class Diagnosis(msgspec.Struct, frozen=True):
    """The most probable explanation of a stream; it explains every byte, up to the last."""

    code: str
    """A stable code, such as ``u32le`` or ``http1``."""
    text: str
    """One or two sentences for a person."""
    also: tuple[str, ...] = ()
    """Other codes that explain all bytes as well, best first, at most `MOST_ALSO`."""
    offset: int = 0
    """Offset of the first byte that is wrong, counted from the first byte judged."""
    header: str = ""
    """The (up to) 4 bytes at `offset` that a server reads as a header, in hex."""
    fits: str = ""
    """The framing or protocol that explains the bytes, in words."""


MOST_ALSO = 3
"""Codes in `also`."""
