"""The messages on the control socket: JSON behind our own 4-byte length (docs/control.md).

A client sends `Hello` first and gets `Welcome` or `Refused`. Then it may send `Watch`, once, and
commands in `Do`. A client that watches gets the whole state in `Page` messages, the last of them
marked, then `News`. A client that was too slow gets new pages; the first says how much it missed.

Within a version fields may be added; nothing else changes. Unknown fields are ignored.
Version 2 is version 1 with the `instance` of the server, and without tokens.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from ..core.commands import ClientCommand, Fault, Kill, Stop, ids_of
from ..core.events import Closed, Event, Listening, Opened, RecordingStatus, Snapshot
from ..core.framing import frame
from ..core.habits import HostNote
from ..core.statistics import LoopStats, ProcessStats, WorkerStats
from ..core.stepping import LoopHeld
from .escaping import with_safe_text

VERSION: Final = 2
LARGEST_HELLO: Final = 4096
"""Bytes of the first message at most; the sender is not known yet."""
LARGEST_MESSAGE: Final = 64 * 1024
"""Bytes of any other message to the server at most; a command but `Kill` has `LARGEST_HELLO`."""
LARGEST_ANSWER: Final = 16 * 1024**2
"""Bytes of a message that a client accepts; the server's own are far smaller."""
MOST_IDS: Final = 1000
"""Connections that one `Kill` may name."""
_LARGEST_NUMBER: Final = 2**63 - 1


class ProtocolError(Exception):
    """A message that breaks the protocol; the text says in one line how."""


class _Message(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    pass


# --- to the server ------------------------------------------------------------------------------


class Hello(_Message, frozen=True, tag="hello"):
    """The first message."""

    version: int
    client: str = ""
    """The kind of the client, in a word or two, for the server's log."""
    read_only: bool = False
    """Refuse every command of this client but `Trace`."""
    announce: bool = False
    """Have the server's log tell when this client comes and goes."""


class Watch(_Message, frozen=True, tag="watch"):
    """Asks for all that is known, then for what happens."""

    detail: bool = True
    """Whether state changes, toggles, system calls and, after the pages, figures of workers are
    wanted too."""
    figures: bool = True
    """Whether snapshots and statistics are wanted after the pages."""
    once: bool = False
    """Whether the pages answer one question. Then what opened between `watch` and the first page is
    on the pages, and not in the news."""
    closed: bool = False
    """Whether the pages are to tell of the connections that closed last, too."""


class Do(_Message, frozen=True, tag="do"):
    """Asks to carry out a command; its `CommandResult` events have its request number."""

    command: ClientCommand


# --- from the server ----------------------------------------------------------------------------


class Welcome(_Message, frozen=True, tag="welcome"):
    """Answers a `Hello`: the client may go on."""

    version: int
    program: str
    """The version of echo-tui."""
    pid: int
    instance: str
    """16 hex digits that name this server: see `Listening.instance`."""
    t: float
    keep_closed: int = 0
    """The number of closed connections that the server keeps."""


class Refused(_Message, frozen=True, tag="refused"):
    """The last message of a connection that the server ends."""

    code: str
    """``version``, ``uid``, ``busy``, ``garbage``, ``too_large`` or ``slow``."""
    text: str


class KnownConnection(msgspec.Struct, frozen=True, kw_only=True):
    """An open connection, and its latest snapshot."""

    opened: Opened
    snapshot: Snapshot | None = None
    frames_per_second: float | None = None
    """Frames echoed per second before the snapshot; None if nobody has watched for long enough."""
    measured_over: float = 0.0
    """Seconds over which that was measured."""


class ClosedConnection(msgspec.Struct, frozen=True, kw_only=True):
    """A closed connection that the server still knows, and its last snapshot."""

    opened: Opened
    closed: Closed
    snapshot: Snapshot | None = None


class Page(_Message, frozen=True, tag="page"):
    """A part of the whole state. Number 1 replaces everything that was known before."""

    t: float
    number: int
    last: bool
    connections: tuple[KnownConnection, ...]
    closed: tuple[ClosedConnection, ...] = ()
    """Those that closed last, in their order, if they were asked for."""
    missed: int = 0
    """On number 1: how many events were not told because nobody read."""
    listening: Listening | None = None
    """On number 1: the server, as it is set now, with its `instance`."""
    stats: LoopStats | None = None
    """On number 1."""
    process: ProcessStats | None = None
    """On number 1."""
    workers: tuple[WorkerStats, ...] = ()
    """On number 1: the latest figures of each worker process."""
    recording: RecordingStatus | None = None
    """On number 1: the recording of the server."""
    host_notes: tuple[HostNote, ...] = ()
    """On number 1: the notes about peer hosts that stand."""
    held: LoopHeld | None = None
    """On number 1: where the loop stands, if it is held."""
    silent_since: float = 0.0
    """On number 1: when the loop was asked for figures that have not come; 0 if they have."""


class News(_Message, frozen=True, tag="news"):
    """Events and snapshots: apply the events in their order, then the snapshots."""

    t: float
    events: tuple[Event, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    stats: LoopStats | None = None
    dropped: int = 0
    """Detail events that were not told, since the server's start."""
    recording: RecordingStatus | None = None
    """The recording of the server, if one has begun or ended since the message before."""
    waits: str = ""
    """Why the latest command of this client is not answered yet, if the loop is held."""


ToServer: TypeAlias = Hello | Watch | Do
FromServer: TypeAlias = Welcome | Refused | Page | News


class _Greeting(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """The fields that a first message has in every version."""

    version: int


_greeting: Final = msgspec.json.Decoder(_Greeting)
_to_server: Final = msgspec.json.Decoder(ToServer)
_from_server: Final[msgspec.json.Decoder[FromServer]] = msgspec.json.Decoder(FromServer)
_encode: Final = msgspec.json.Encoder().encode


def pack(message: ToServer | FromServer) -> bytes:
    """Return a message as a whole frame."""
    return frame(_encode(message))


def version_of(body: bytes) -> int:
    """Read the version of a first message. Raises `ProtocolError` if it is no `Hello`."""
    try:
        return _greeting.decode(body).version
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ProtocolError(f"the first message is no hello: {_words(error)}") from None


def read_to_server(body: bytes) -> ToServer:
    """Read a message to the server. Raises `ProtocolError`, also for numbers out of range."""
    try:
        message: ToServer = _to_server.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ProtocolError(f"not understood: {_words(error)}") from None
    if isinstance(message, Do):
        _check(message.command, len(body))
    return message


def read_from_server(body: bytes) -> FromServer:
    """Read a message from the server, with its texts escaped. Raises `ProtocolError`."""
    try:
        return with_safe_text(_from_server.decode(body), body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ProtocolError(f"not understood: {_words(error)}") from None


def _words(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _check(command: ClientCommand, size: int) -> None:
    """Check what the types do not: numbers that no message can carry back, texts without bounds."""
    # 0 is the request of everybody else: results of others' commands carry it.
    numbers = [command.request or -1]
    numbers += ids_of(command)
    if len(numbers) > MOST_IDS + 1:
        raise ProtocolError(f"a {command.kind} names {MOST_IDS:,} connections at the most")
    if not isinstance(command, Kill | Fault) and size > LARGEST_HELLO:
        raise ProtocolError(f"a {command.kind} has {LARGEST_HELLO:,} bytes at the most")
    if isinstance(command, Stop) and not command.cause.strip():
        raise ProtocolError("a stop has a cause: the log and every dashboard name it")
    if not all(0 <= number <= _LARGEST_NUMBER for number in numbers):
        raise ProtocolError("an id must be 0 to 2^63 - 1, a request 1 to 2^63 - 1")
