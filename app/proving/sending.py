"""Sends a recorded stream again, cut as it was or in another way, and judges what comes back."""

from __future__ import annotations

import random
import re
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ..core.events import Reason
from ..core.settings import MIB, SettingError
from ..doctor.diagnose import diagnose
from .recorded_stream import ENDS, RecordedStream

MOST_GAP: Final = 5.0
"""Seconds of a recorded gap that are waited at the most."""
_LIST: Final = re.compile(r"\d+(,\d+)*(,\*)?", re.ASCII)
_RANDOM: Final = re.compile(r"random:(\d{1,18})", re.ASCII)
_BY_THE_SERVER: Final = frozenset(set(Reason) - {*ENDS, Reason.ERROR})
"""Reasons of a close that the server decided, perhaps before it had read all."""
_MOST_PIECE: Final = 16
"""Bytes of a random piece."""

Piece = tuple[float, bytes]
"""The seconds before a piece, and its bytes."""


class SendOutcome(NamedTuple):
    """The answer to a stream."""

    ok: bool
    """Whether all was sent and the echo was as expected."""
    text: str


def chopped(stream: RecordedStream, chop: str, gap: str) -> list[Piece]:
    """Cut a stream: ``as-recorded``, every N bytes, after A and B bytes and then the rest, or at
    random. Raises `SettingError`.
    """
    pieces = stream.reads() if chop == "as-recorded" else _cut(stream.data, chop)
    if gap == "as-recorded":
        return [(min(pause, MOST_GAP), data) for pause, data in pieces]
    try:
        seconds = float(gap)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_GAP:
        raise SettingError(f"--gap {gap!r} is neither as-recorded nor 0 to {MOST_GAP:g} seconds")
    return [(seconds if number else 0.0, data) for number, (_, data) in enumerate(pieces)]


def _cut(data: bytes, chop: str) -> list[Piece]:
    if match := _RANDOM.fullmatch(chop):
        rng = random.Random(int(match[1]))
        sizes = iter(lambda: rng.randint(1, _MOST_PIECE), 0)
        return _pieces(data, lambda: next(sizes))
    if not _LIST.fullmatch(chop) or "0" in chop.split(","):
        raise SettingError(f"--chop {chop!r}: write as-recorded, N, A,B,* or random:SEED")
    words = chop.split(",")
    if len(words) == 1:
        return _pieces(data, lambda: int(words[0]))
    rest = [len(data)] if words[-1] == "*" else []
    given = iter([*map(int, words[: len(words) - len(rest)]), *rest])
    last = int(words[-1]) if not rest else len(data)
    return _pieces(data, lambda: next(given, last))


def _pieces(data: bytes, size: Callable[[], int]) -> list[Piece]:
    pieces, at = [], 0
    while at < len(data):
        end = at + max(1, size())
        pieces.append((0.0, data[at:end]))
        at = end
    return pieces


def send(
    host: str, port: int, stream: RecordedStream, pieces: Sequence[Piece], timeout: float
) -> SendOutcome:
    """Send the pieces, end as the connection ended, and say what came back.

    Raises OSError if there is no connection.
    """
    expected, is_refused = stream.echo, stream.reason in _BY_THE_SERVER
    with socket.create_connection((host, port), timeout) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk = _Talk(sock, timeout)
        left = _send_all(talk, pieces)
        if left:
            talk.wait_for(len(expected))
        elif stream.ended == "reset":
            talk.wait_for(len(expected))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif stream.ended == "fin":
            sock.shutdown(socket.SHUT_WR)
            talk.wait_for_end()
        else:
            talk.wait_for(len(expected))
    is_right = talk.came == expected
    came = _came(talk, expected)
    if left and not is_refused:
        return SendOutcome(False, f"{left:,} bytes unsent{came}")
    if left:  # as when it was recorded: where exactly the end comes is a matter of time
        return SendOutcome(is_right, f"{left:,} bytes unsent behind those that it refuses{came}")
    if not stream.complete:
        kept = f"the {len(stream.data):,} bytes that were kept were sent, but there were more"
        return SendOutcome(False, f"{kept}{came}")
    return SendOutcome(is_right, f"all was sent{came}")


def _send_all(talk: _Talk, pieces: Sequence[Piece]) -> int:
    """Send the pieces; return how many bytes the server did not take."""
    for number, (gap, data) in enumerate(pieces):
        if not talk.wait(gap) or not talk.send(data):
            return sum(len(data) for _, data in pieces[number:])
    return 0


class _Talk:
    """One connection: what came, and whether it has ended."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._sock = sock
        self._timeout = timeout
        self.came = b""
        self.ended = ""
        """How the server ended; empty while it has not."""
        self._is_broken = False
        sock.setblocking(False)

    def wait(self, seconds: float) -> bool:
        """Wait, and read meanwhile; False if the server has reset."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.ended:
                time.sleep(left)
                break
            self._read(left)
        return not self._is_broken

    def send(self, data: bytes) -> bool:
        """Send all of it while reading; False if the server takes no more."""
        left = memoryview(data)
        while left:
            readable, writable, _ = select.select(
                [] if self.ended else [self._sock], [self._sock], [], self._timeout
            )
            if not readable and not writable:
                self.ended = f"the server read nothing for {self._timeout:g} s"
                return False
            if readable:
                self._read(0.0)
            if writable:
                try:
                    left = left[self._sock.send(left) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    self._read(0.0)
                    self.ended = self.ended or f"the server ended ({error.strerror})"
                    return False
        return True

    def wait_for(self, size: int) -> None:
        """Read until so many bytes have come, the end, or nothing for the time-out."""
        while len(self.came) < size and not self.ended:
            if not self._read(self._timeout):
                return

    def wait_for_end(self) -> None:
        """Read until the end, or nothing for the time-out."""
        while not self.ended and self._read(self._timeout):
            pass

    def _read(self, seconds: float) -> bool:
        readable, _, _ = select.select([self._sock], [], [], seconds)
        if not readable:
            return False
        try:
            piece = self._sock.recv(1 << 18)
        except BlockingIOError:
            return True
        except OSError as error:
            self.ended = f"the server reset the connection ({error.strerror})"
            self._is_broken = True
            return True
        self.came += piece
        if not piece:
            self.ended = "the server ended"
        return True


def _came(talk: _Talk, expected: bytes) -> str:
    came = talk.came
    told = f"; {len(came):,} of {len(expected):,} bytes of the expected echo came"
    if came == expected:
        told = f"; the echo is as expected, {len(came):,} bytes"
    elif not expected.startswith(came):
        pairs = zip(came, expected, strict=False)
        at = next((at for at, (one, other) in enumerate(pairs) if one != other), len(expected))
        found = diagnose(came, 0, bool(talk.ended), MIB)
        fits = f"; what came fits {found.fits} ({found.code})" if found else ""
        told = f"; {len(came):,} bytes came, which differ from byte {at:,} on{fits}"
    return told + (f"; {talk.ended}" if talk.ended else "")
