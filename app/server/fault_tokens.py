"""Tokens for the faults of the next connections: exactly so many, in all processes together.

A token is a byte in a pipe. read(2) takes it for one process alone, so no lock is needed.
"""

from __future__ import annotations

import contextlib
import os
from typing import Final, Protocol

MOST_NEXT: Final = 10_000
"""Connections that one command may mean: fewer than the bytes that a pipe holds (pipe(7))."""


class Tokens(Protocol):
    """Tokens for the next connections; in the loop's thread only."""

    def put(self, number: int) -> None:
        """Have `number` tokens, whatever there was."""

    def take(self) -> bool:
        """Take one; False if none is left."""


class OwnTokens:
    """The tokens of a server of one loop."""

    def __init__(self) -> None:
        self._left = 0

    def put(self, number: int) -> None:
        self._left = number

    def take(self) -> bool:
        self._left -= 1
        return self._left >= 0


class TakenTokens:
    """The tokens that a worker may take; its parent puts them."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor` is the inherited end of the parent's pipe."""
        self._descriptor = descriptor

    def put(self, number: int) -> None:
        """Do nothing: the parent has put them."""

    def take(self) -> bool:
        try:
            return bool(os.read(self._descriptor, 1))
        except BlockingIOError:
            return False


class TokenPipe:
    """The parent's end of the tokens."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)

    def put(self, number: int) -> None:
        """Have `number` tokens for the workers, whatever there was."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.reader, MOST_NEXT):
                pass
        if number:
            os.write(self._writer, b"." * number)

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self.reader)
        os.close(self._writer)
