"""The face of a signature: what tells one protocol or data format from all others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from .evidence import Stream


class Match(NamedTuple):
    """A protocol that explains a stream from its first byte to its last."""

    code: str
    words: str
    """The protocol and what the client sent, as in "an HTTP/1 request"."""
    also: tuple[str, ...] = ()
    """Codes that are true as well."""
    is_framed: bool = False
    """The protocol uses our own framing: right frames do not speak against it."""
    counts_itself: bool = False
    """Only nearly: its length counts its own 4 bytes, for which a server of right frames waits."""


Signature: TypeAlias = Callable[[Stream], Match | None]

STRONG_SIZE: Final = 6
"""Bytes from which a signature is believed although right frames (of a huge length) fit too."""


class Contradiction(Exception):
    """The bytes are not of that protocol."""


class Cut(Exception):
    """The stream ends before what was to be read."""


class FieldReader:
    """Reads fields one after the other. Raises `Cut` at the stream's end."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else min(end, len(data))

    @property
    def left(self) -> int:
        """Bytes that are still to be read."""
        return self.end - self.at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > self.left:
            raise Cut
        self.at += size
        return self.data[self.at - size : self.at]

    def skip(self, size: int) -> None:
        """Go on behind `size` bytes, without copying them."""
        if size < 0:
            raise Contradiction
        if size > self.left:
            raise Cut
        self.at += size

    def number(self, size: int, order: str = "big") -> int:
        """The next `size` bytes as a number that is not negative."""
        return int.from_bytes(self.take(size), "big" if order == "big" else "little")

    def varint(self) -> int:
        """A number in groups of 7 bits, the lowest first, of at most 5 bytes."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Contradiction

    def expect(self, *choices: bytes) -> bytes:
        """The next bytes, which must be one of `choices` (all of one size), or begin one."""
        size = len(choices[0])
        found = self.data[self.at : min(self.at + size, self.end)]
        if not any(choice.startswith(found) for choice in choices):
            raise Contradiction
        return self.take(size)


def check(is_so: object) -> None:
    """Raise `Contradiction` unless `is_so`."""
    if not is_so:
        raise Contradiction


def reads(
    read: Callable[[FieldReader], None],
    reader: FieldReader,
    ended: bool,
    least: int,
    again: bool = True,
) -> bool:
    """Whether `read` explains all bytes: whole messages one behind the other, the last maybe cut.

    A stream that is cut must have `least` bytes, and if it `ended` it must not be cut within the
    first message. With `again` unset only one message is allowed.
    """
    count = 0
    try:
        while reader.left:
            check(again or not count)
            before = reader.at
            read(reader)
            check(reader.at > before)
            count += 1
    except Cut:
        return (count > 0 or not ended) and reader.end >= least
    except Contradiction:
        return False
    return count > 0


PRINTABLE: Final = re.compile(rb"[\x20-\x7e]*")
_TEXT_TAIL: Final = re.compile(rb"[\x20-\x7e\t\r\n\x80-\xff]*")


def is_text(data: bytes) -> bool:
    """Whether `data` has no control character but tabs and line ends."""
    return _TEXT_TAIL.fullmatch(data) is not None
