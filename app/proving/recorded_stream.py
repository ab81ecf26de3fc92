"""The bytes of one connection, with their cuts, as a file that `echo-tui send` sends again."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

import msgspec

from ..core.events import Reason
from ..core.framing import HEADER_SIZE, read_length
from ..core.kept_bytes import KeptBytes
from ..core.printable import printable
from ..core.settings import SettingError

ENDS: Final = {
    Reason.EOF: "fin",
    Reason.EOF_MID_BODY: "fin",
    Reason.EOF_MID_HEADER: "fin",
    Reason.RESET: "reset",
}
"""The end of the peer, by the reason of the close; of every other close it is not known."""
_HEX_LINE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:\s+((?:[0-9a-fA-F]{2})*))?", re.ASCII)
_ENDED: Final = re.compile(r"# ended (fin|reset|open)")
_ECHO: Final = re.compile(r"# echo (\d{1,12}) bytes", re.ASCII)
_OF_CONNECTION: Final = re.compile(r"# connection \d+ of .*: (\w+)", re.ASCII)
_NOT_COMPLETE: Final = "# not complete: more was sent than is kept"
_ANY_CAP: Final = 64 * 1024**2
"""Bytes of a body up to which an echo is expected where nobody says what is."""


class RecordedStream(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of a connection from its first one on, as far as they are kept without a gap."""

    id: int = 0
    peer: str = ""
    sent: str = msgspec.field(name="bytes")
    """Its bytes, in hex."""
    cuts: tuple[int, ...] = ()
    """Offsets at which another read began, from the second read on."""
    gaps: tuple[float, ...] = ()
    """Seconds before each of these reads, since the one before."""
    ended: str = "open"
    """``fin``, ``reset``, or ``open`` if the peer had not ended."""
    reason: str = ""
    """The reason of the close; empty while it was open."""
    expected: str | msgspec.UnsetType = msgspec.UNSET
    """The echo of the whole frames in it, in hex; where it is not given, of all of them."""
    complete: bool = True
    """Whether that is all that the connection has sent."""

    @property
    def data(self) -> bytes:
        """The bytes."""
        return bytes.fromhex(self.sent)

    @property
    def echo(self) -> bytes:
        """The echo that is expected."""
        if isinstance(self.expected, str):
            return bytes.fromhex(self.expected)
        return expected_echo(self.data, _ANY_CAP)

    def reads(self) -> list[tuple[float, bytes]]:
        """Return the bytes of each read, and the seconds before it."""
        starts = [0, *self.cuts]
        ends = [*self.cuts, len(self.data)]
        return [
            (gap, self.data[start:end])
            for gap, start, end in zip((0.0, *self.gaps), starts, ends, strict=True)
        ]


def stream_of(kept: KeptBytes, peer: str, reason: Reason | None, cap: int) -> RecordedStream:
    """Make a stream of what is kept of a connection; `reason` is that of its close."""
    first = kept.pieces[0] if kept.pieces else None
    data = first.data if first is not None and first.offset == 0 else b""
    reads = [read for read in kept.reads if read.offset < len(data)]
    return RecordedStream(
        id=kept.id,
        peer=peer,
        sent=data.hex(),
        cuts=tuple(read.offset for read in reads[1:]),
        gaps=tuple(round(later.t - read.t, 6) for read, later in pairwise(reads)),
        ended="open" if reason is None else ENDS.get(reason, "open"),
        reason="" if reason is None else reason.value,
        expected=expected_echo(data, cap).hex(),
        complete=len(data) == kept.size,
    )


def expected_echo(data: bytes, cap: int) -> bytes:
    """Return the frames at the start of `data` that are whole and within `cap` bytes."""
    at = 0
    while len(data) - at >= HEADER_SIZE:
        (length,) = read_length(data, at)
        if length > cap or at + HEADER_SIZE + length > len(data):
            break
        at += HEADER_SIZE + length
    return data[:at]


def to_json(stream: RecordedStream) -> str:
    """Write a stream as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(stream)).decode() + "\n"


def to_hex(stream: RecordedStream) -> str:
    """Write a stream as lines: the seconds before a read, and its bytes in hex."""
    lines = [f"# connection {stream.id} of {stream.peer}: {stream.reason or 'open'}"]
    if not stream.complete:
        lines.append(_NOT_COMPLETE)
    lines.append(f"# echo {len(stream.echo)} bytes")
    lines += [f"{gap:.6f} {data.hex()}" for gap, data in stream.reads()]
    return "\n".join([*lines, f"# ended {stream.ended}"]) + "\n"


def to_python(stream: RecordedStream) -> str:
    """Write a stream as a program that sends it to HOST PORT and compares the echo."""
    is_whole = "" if stream.complete else "\nNot complete: more was sent than is kept.\n"
    return _PROGRAM.format(
        id=stream.id,
        peer=stream.peer,
        reason=stream.reason or "open",
        is_whole=is_whole,
        reads="".join(f"    ({gap!r}, {data!r}),\n" for gap, data in stream.reads()),
        expected=stream.echo,
        ended=stream.ended,
    )


_PROGRAM: Final = '''"""Sends what connection {id} of {peer} sent ({reason}).
{is_whole}"""

import socket
import struct
import sys
import time

READS = [
{reads}]
EXPECTED = {expected!r}
ENDED = {ended!r}

sock = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for gap, data in READS:
    time.sleep(gap)
    sock.sendall(data)
if ENDED == "fin":
    sock.shutdown(socket.SHUT_WR)
echo = b""
while len(echo) < len(EXPECTED) and (piece := sock.recv(65536)):
    echo += piece
if ENDED == "reset":
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
sys.exit(echo != EXPECTED)
'''
FORMATS: Final = {"json": to_json, "hex": to_hex, "python": to_python}
"""The writers of a stream, by the word of ``--as``."""


def read_stream(text: str) -> RecordedStream:
    """Read what `to_json` or `to_hex` wrote. Raises `SettingError`."""
    text = text.removeprefix("\ufeff")
    if not text.lstrip().startswith("{"):
        return _read_hex(text)
    try:
        stream = msgspec.json.decode(text, type=RecordedStream)
        sent, expected = stream.data, stream.echo
    except (msgspec.MsgspecError, ValueError) as error:
        raise SettingError(f"it is not what `ctl export` writes: {printable(str(error))}") from None
    starts = (0, *stream.cuts, len(sent))
    in_order = all(one <= other for one, other in pairwise(starts))
    fits = len(stream.gaps) == len(stream.cuts) and all(gap >= 0 for gap in stream.gaps)
    if not in_order or not fits or stream.ended not in ("fin", "reset", "open"):
        raise SettingError("it is not what `ctl export` writes: cuts, gaps or end do not fit")
    if len(expected) > len(sent):
        raise SettingError("it is not what `ctl export` writes: more is expected than is sent")
    return stream


def _read_hex(text: str) -> RecordedStream:
    data, cuts, gaps = b"", list[int](), list[float]()
    ended, reason, echo, complete = "open", "", None, True
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if match := _ENDED.fullmatch(line):
            ended = match[1]
        elif match := _ECHO.fullmatch(line):
            echo = int(match[1])
        elif match := _OF_CONNECTION.fullmatch(line):
            reason = match[1].replace("open", "")
        complete = complete and line != _NOT_COMPLETE
        if not line or line.startswith("#"):
            continue
        match = _HEX_LINE.fullmatch(line)
        if match is None:
            raise SettingError(
                f"line {number} is not seconds and hex, as in 0.100 0000000568656c6c6f:"
                f" {printable(line, 40)!r}"
            )
        cuts.append(len(data))
        gaps.append(float(match[1]))
        data += bytes.fromhex(match[2] or "")
    if not cuts:
        raise SettingError("it has no bytes: write what `ctl export` writes")
    if echo is not None and echo > len(data):
        raise SettingError(f"it expects {echo:,} bytes of echo, and has {len(data):,} bytes")
    return RecordedStream(
        sent=data.hex(),
        cuts=tuple(cuts[1:]),
        gaps=tuple(gaps[1:]),
        ended=ended,
        reason=reason,
        expected=msgspec.UNSET if echo is None else data[:echo].hex(),
        complete=complete,
    )
