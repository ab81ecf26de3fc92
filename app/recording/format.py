"""The file format, version 2: a header, then records that each vouch for themselves.

A record is 24 bytes and a body. The 24 bytes say what a reader must know in order to find its way
without looking into a body: how long it is, its kind, the time up to which it tells, what it holds
that somebody may want to jump to. A CRC-32 covers them and the body. The body is msgpack,
deflated. ``docs/recording.md`` says all of this byte by byte.
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum, IntFlag
from typing import Any, Final, NamedTuple, Protocol, TypeVar, get_args

import msgspec

from ..core.events import (
    ORDERLY,
    Closed,
    CommandResult,
    Crashed,
    Event,
    Listening,
    Notice,
    Opened,
    SettingChanged,
    Snapshot,
    Stopping,
    Toggled,
)
from ..core.printable import printable
from ..core.statistics import LoopStats, MeasuredRate
from .sanity import ImpossibleError, sane_body

MAGIC: Final = b"\x89echorec"
"""The first byte is no ASCII, so that a text tool does not take a recording for text."""
VERSION: Final = 2
"""In version 1 the histograms of statistics were whole (`app.recording.histograms`)."""
HAS_PAYLOAD: Final = 1
"""Flag of the file header: bytes of peers were recorded too."""
CONTINUES: Final = 2
"""Flag of the file header: the file goes on where the one with the number before ends."""
CONTINUED: Final = "it goes on in the next file"
"""`End.why` of a file that another one follows."""
LARGEST_BODY: Final = 256 * 1024**2
"""Bytes that a body may inflate to: a keyframe of 100,000 connections takes a sixth of it."""
LEVEL: Final = 1
"""Level of the compression; each level removes the field names, which are most of a body."""

_FILE: Final = struct.Struct(">8sHH")
_CRC: Final = struct.Struct(">I")
FILE_SIZE: Final = _FILE.size + _CRC.size
_RECORD: Final = struct.Struct(">BBxxId")
_FRONT: Final = struct.Struct(">II")
RECORD_SIZE: Final = _FRONT.size + _RECORD.size


class Kind(IntEnum):
    """The kind of a record's body."""

    KEYFRAME = 1
    BATCH = 2
    END = 3


class Mark(IntFlag):
    """The kinds of events to which a replay can jump; a batch has the flags of its events."""

    CLOSE = 1
    TOGGLE = 2
    ERROR = 4
    SET_BACK = 8
    """`RecordedBatch.behind` differs from that of the batch before."""


UNMARKED: Final = Mark(0)


class DamageError(Exception):
    """Bytes that are not what was written; the text says what is wrong with them."""


class RecordedBatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of one drain of the recorder's stream, to be applied in this order."""

    events: tuple[Event, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    stats: LoopStats | None = None
    dropped: int = 0
    """Detail events dropped since the server's start, or since the recording's."""
    behind: float = 0.0
    """Seconds by which the wall clock, and so the events' times, are behind the record's time."""


class Keyframe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that whoever begins here must be told to know what one knows who saw everything."""

    listening: Listening | None = None
    settings: dict[str, int | float | str] = {}
    """Settings that were changed since `listening`."""
    opened: int = 0
    """Connections opened since the recording's start, those open at its start among them."""
    closed: int = 0
    connections: tuple[Opened, ...] = ()
    """The open and the just closed ones, in the order of opening."""
    departed: tuple[Closed, ...] = ()
    """The last word on the just closed ones."""
    snapshots: tuple[Snapshot, ...] = ()
    rates: dict[int, MeasuredRate] = {}
    """The measured rates of connections, by id."""
    log: tuple[Event, ...] = ()
    """The latest events that are no detail."""
    deeds: tuple[SettingChanged | CommandResult, ...] = ()
    """The latest changes, and answers to commands."""
    detail: tuple[Event, ...] = ()
    """The latest detail of these connections."""
    history: tuple[Event, ...] = ()
    """Statistics of loop and process, each about a second apart, for the charts."""
    stats: LoopStats | None = None
    figures: tuple[Event, ...] = ()
    """The two latest of all other figures that are not of a connection."""
    stopping: Stopping | None = None
    dropped: int = 0


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The last record of a recording that was ended in order."""

    why: str


class Readable(Protocol):
    """A binary file, buffered or not."""

    def read(self, size: int, /) -> bytes | None:
        """The next bytes, fewer at the end."""


class Head(NamedTuple):
    """The head of a record, which precedes its body."""

    size: int
    """Bytes of the body."""
    crc: int
    kind: int
    marks: int
    events: int
    """Events in the body; 0 for keyframes."""
    t: float
    """Unix time up to which the recording tells with this record."""
    covered: bytes
    """The bytes of the head that the CRC covers."""


Body = TypeVar("Body", RecordedBatch, Keyframe, End)

_encode: Final = msgspec.msgpack.Encoder().encode
_KINDS: Final = {Keyframe: Kind.KEYFRAME, RecordedBatch: Kind.BATCH, End: Kind.END}
_DECODERS: Final[dict[type, msgspec.msgpack.Decoder[Any]]] = {
    body: msgspec.msgpack.Decoder(body) for body in _KINDS
}
_KNOWN: Final = {kind.__struct_config__.tag for kind in get_args(Event)}


def marks_of(event: Event) -> Mark:
    """Return the flags of an event."""
    match event:
        case Closed():
            return Mark.CLOSE if event.reason in ORDERLY else Mark.CLOSE | Mark.ERROR
        case Toggled():
            return Mark.TOGGLE
        case CommandResult(ok=False) | Notice(level="error") | Crashed():
            return Mark.ERROR
        case _:
            return UNMARKED


class FileHeader(NamedTuple):
    """The first bytes of a recording, read."""

    version: int
    has_payload: bool
    continues: bool


def file_header(has_payload: bool, continues: bool = False, version: int = VERSION) -> bytes:
    """The first bytes of a recording."""
    flags = (HAS_PAYLOAD if has_payload else 0) | (CONTINUES if continues else 0)
    head = _FILE.pack(MAGIC, version, flags)
    return head + _CRC.pack(zlib.crc32(head))


def looks_like_ours(head: bytes) -> bool:
    """Whether these first bytes are a recording's, be it a damaged or a cut one."""
    magic = head[: len(MAGIC)]
    same = sum(ours == theirs for ours, theirs in zip(MAGIC, magic, strict=False))
    return 2 * same > len(magic)


def read_file_header(head: bytes) -> FileHeader:
    """Read the first bytes of a recording. Raises `DamageError`."""
    if len(head) < FILE_SIZE:
        raise DamageError("the file's header is cut off")
    if zlib.crc32(head[: _FILE.size]) != _CRC.unpack_from(head, _FILE.size)[0]:
        raise DamageError("the file's header does not match its checksum")
    _, version, flags = _FILE.unpack_from(head)
    return FileHeader(version, bool(flags & HAS_PAYLOAD), bool(flags & CONTINUES))


def pack(body: RecordedBatch | Keyframe | End, t: float, marks: Mark = UNMARKED) -> bytes:
    """A whole record."""
    events = len(body.events) if isinstance(body, RecordedBatch) else 0
    data = zlib.compress(_encode(body), LEVEL)
    covered = _RECORD.pack(_KINDS[type(body)], marks, events, t)
    return _FRONT.pack(len(data), zlib.crc32(data, zlib.crc32(covered))) + covered + data


def read_head(data: bytes) -> Head:
    """Read the 24 bytes before a body; `check` verifies them."""
    covered = data[_FRONT.size :]
    size, crc = _FRONT.unpack_from(data)
    kind, marks, events, t = _RECORD.unpack(covered)
    return Head(size, crc, kind, marks, events, t, covered)


def check(head: Head, body: bytes) -> bool:
    """Whether head and body are what was written."""
    return len(body) == head.size and zlib.crc32(body, zlib.crc32(head.covered)) == head.crc


def read_record(file: Readable) -> tuple[Head, bytes] | None:
    """The next record, checked; None at the end of the file. Raises `DamageError`."""
    data = file.read(RECORD_SIZE)
    if not data:
        return None
    if len(data) < RECORD_SIZE:
        raise DamageError("a record is cut off")
    head = read_head(data)
    body = file.read(min(head.size, LARGEST_BODY)) or b""
    if len(body) < head.size:
        raise DamageError("a record is cut off")
    if not check(head, body):
        raise DamageError("a record does not match its checksum")
    return head, body


def unpack(kind: type[Body], data: bytes) -> Body:
    """The body of a record, with its texts escaped. Raises `DamageError`.

    Events of kinds that a later version added are left out. A value that no server can have told is
    damage.
    """
    inflater = zlib.decompressobj()
    try:
        packed = inflater.decompress(data, LARGEST_BODY)
        if not inflater.eof:
            raise DamageError("a record is too large or incomplete")
        try:
            body: Body = _DECODERS[kind].decode(packed)
        except msgspec.ValidationError:
            body = msgspec.convert(_only_known(msgspec.msgpack.decode(packed)), kind)
        return sane_body(body)
    except (zlib.error, msgspec.MsgspecError, RecursionError, ImpossibleError) as error:
        why = printable(str(error), 200)
        raise DamageError(f"a record holds something else than it should: {why}") from None


def _only_known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _only_known(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_only_known(inner) for inner in value if not _is_unknown(inner)]
    return value


def _is_unknown(value: Any) -> bool:
    if not isinstance(value, dict) or "event" not in value:
        return False
    tag = value["event"]
    return not isinstance(tag, str) or tag not in _KNOWN
