"""A diagnosis: the code of what is wrong with a stream, and the words for it."""

from __future__ import annotations

from typing import Final

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
    """Offset of the first byte that is wrong, counted from the connection's first byte."""
    header: str = ""
    """The (up to) 4 bytes at `offset` that a server reads as a header, in hex."""
    fits: str = ""
    """The framing or protocol that explains the bytes, in words."""

    @property
    def name(self) -> str:
        """A sentence with `fits` and the code, for a line that has told the facts already."""
        wrong = f", wrong from offset {self.offset:,} on" if self.offset else ""
        return f"its bytes fit {self.fits} ({self.code}){wrong}"


MOST_ALSO: Final = 3
"""Codes in `also`."""
