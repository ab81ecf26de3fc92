"""Figures of how a peer sends and ends: those that the notes about it are judged by.

They are counted where a frame does not come whole in one read, and at the end of a connection; most
connections have none. `app.watch.notes` judges them.
"""

from __future__ import annotations

from typing import Final

import msgspec

LATE_FROM: Final = 0.030
"""Seconds between a header and its body from which on the gap is like that of Nagle's algorithm
against delayed acknowledgements: 40 ms on Linux (TCP_DELACK_MIN), and what a timer adds."""
LATE_TO: Final = 0.065
WHOLE_WITHIN: Final = 0.020
"""Seconds within which the rest of such a body comes: one that is sent in pieces says nothing."""
LATE_AGAIN: Final = 3
"""Bodies, one after the other, that are late."""
SINGLE_AGAIN: Final = 32
"""Reads of one byte. The last of a frame does not count: who sends it in pieces of any size may
leave one byte for the end."""
SINGLE_SHARE: Final = 6
"""One of so many pieces is a single byte: of bytes that are written one by one without a pause,
several may come together; measured on the loopback interface, 1 of 4 reads gives one."""
EMPTY_AGAIN: Final = 8
"""Frames without a body."""


class Habits(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counts of one connection since it was opened. A time ``*_since`` is 0 while it is not so."""

    headers_alone: int = 0
    """Frames whose header was read without a byte of their body."""
    late_bodies: int = 0
    """The ones of these whose body came `LATE_FROM` to `LATE_TO` seconds later, then at once."""
    late_least_us: int = 0
    """The shortest of these gaps in the present run, in microseconds."""
    late_most_us: int = 0
    late_since: float = 0.0
    """Since when bodies are late again and again, in Unix seconds."""
    pieces: int = 0
    """Reads that went on with a frame, from the first one on that gave one byte."""
    single_bytes: int = 0
    """The ones of these that gave one byte, and not the last one of the frame."""
    single_since: float = 0.0
    """Since when one of `SINGLE_SHARE` pieces, `SINGLE_AGAIN` in all, is so; in Unix seconds."""
    sampled: int = 0
    """Frames whose length was looked at, since one was empty or came in pieces."""
    empty: int = 0
    """The ones of these without a body."""
    empty_since: float = 0.0
    """Since when at least a third of `EMPTY_AGAIN` or more are empty, in Unix seconds."""
    stopped_since: float = 0.0
    """When the peer last took a byte of its echo, if it takes none now; in Unix seconds."""
    waiting: int = 0
    """Bytes that the peer has sent on while it takes nothing of its echo: not parsed yet."""
    missing: int = 0
    """At the end inside a body: the bytes of it that had not come."""
    lost: int = 0
    """At an end by RST: bytes of echo that the peer had not acknowledged, or not been sent."""

    def shifted(self, seconds: float) -> Habits:
        """Return the same counts with `seconds` added to the times: the wall clock was set."""
        times = {name: getattr(self, name) for name in self.__struct_fields__ if "_since" in name}
        later = {name: since + seconds for name, since in times.items() if since}
        return msgspec.structs.replace(self, **later) if later else self


class HostNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """A note about a host, judged by those of its connections that have closed."""

    host: str
    note: str
    """Its word, such as ``ends_mid_frame``."""
    text: str
    """The evidence, in one sentence."""
    since: float
    """When it was first so, in Unix seconds."""
    last: float
    """When the last connection closed that counts for it."""
    ids: tuple[int, ...] = ()
    """The connections that count, the latest at the end."""
