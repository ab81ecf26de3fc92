"""The server that `check server` grades, and one connection to it."""

from __future__ import annotations

import random
import selectors
import socket
import struct
import time
from enum import Enum
from ipaddress import ip_address
from typing import Final, NoReturn, Self

import psutil

from ..core.framing import HEADER_SIZE, frame
from ..core.settings import MIB
from ..core.words.language import compose
from ..doctor.diagnose import diagnose
from ..server.kernel import send_queue

_READ: Final = 256 * 1024
_RELUCTANCE: Final = 0.05
"""Seconds without room after which some of the echo is read."""
_UNREAD_PAUSE: Final = 0.3
"""Seconds without room after which a server is taken to read no more."""


def is_loopback(host: str) -> bool:
    """Whether all addresses of a host are this machine's own; False if it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    addresses = (str(where[0]).partition("%")[0] for *_, where in found)
    return all(ip_address(address).is_loopback for address in addresses)


class Sign(Enum):
    """The way in which a server was wrong."""

    BYTES = "bytes"
    """It sent other bytes than the echo."""
    ENDED = "ended"
    """It ended a connection too early."""
    SILENT = "silent"
    """The echo did not come, or not all of it."""
    NO_END = "no end"
    """It did not end a connection that it should."""
    SLOW = "slow"
    REFUSED = "refused"
    """It did not accept a connection."""
    BUSY = "busy"
    """It used the CPU while it had nothing to do."""
    KEPT = "kept"
    """It did not give back what it had taken."""


class Wrong(Exception):
    """The server did what it must not do; the text says what, in half a sentence."""

    def __init__(self, template: str, sign: Sign, **fields: object) -> None:
        self.text = compose(template, **fields)
        self.sign = sign
        super().__init__(self.text)


class NotPossible(Exception):
    """The case cannot be met; the text says why."""

    def __init__(self, template: str, **fields: object) -> None:
        self.text = compose(template, **fields)
        super().__init__(self.text)


class Target:
    """A server to be graded."""

    def __init__(
        self, host: str, port: int, timeout: float, seed: int, cap: int | None, pid: int | None
    ) -> None:
        """`timeout` is in seconds, for each wait; `cap` in bytes and `pid` where they are known."""
        self._where = host, port
        self.timeout = timeout
        self.rng = random.Random(seed)
        self.cap = cap
        self._pid = pid
        self.connected = 0
        """Connections that it has accepted."""

    def connect(self) -> Peer:
        """Connect. Raises `Wrong` if the server does not accept."""
        try:
            peer = Peer(socket.create_connection(self._where, self.timeout), self)
        except OSError as error:
            has_died = self._pid is not None and not psutil.pid_exists(self._pid)
            why = "its process has ended" if has_died else error.strerror or str(error)
            raise Wrong("it did not accept a connection ({why})", Sign.REFUSED, why=why) from None
        self.connected += 1
        return peer

    def frame(self, size: int) -> bytes:
        """Return a frame with a random body of `size` bytes, or of the CAP if that is less."""
        return frame(self.rng.randbytes(self.fit(size)))

    def fit(self, size: int) -> int:
        """Return a size that is within the CAP, as far as that is known."""
        return size if self.cap is None else min(size, self.cap)

    @property
    def known_cap(self) -> int:
        """The CAP. Raises `NotPossible` if nobody has told it."""
        if self.cap is None:
            raise NotPossible("its CAP is not known: give --cap")
        return self.cap

    @property
    def process(self) -> psutil.Process:
        """The server's process. Raises `NotPossible` if nobody has told it, or it is not ours."""
        if self._pid is None:
            raise NotPossible("its process is not known: give --pid")
        try:
            process = psutil.Process(self._pid)
            process.num_fds()
        except psutil.NoSuchProcess:
            raise NotPossible("there is no process {number}", number=self._pid) from None
        except psutil.Error as error:
            raise NotPossible(
                "process {number} cannot be asked: {error}", number=self._pid, error=error
            ) from None
        return process


class Peer:
    """A client of the server that is graded."""

    def __init__(self, sock: socket.socket, target: Target) -> None:
        self._sock = sock
        self._target = target
        self._unread = b""
        self._owed = b""  # the rest of a frame that was begun
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def send(self, data: bytes) -> None:
        """Send all of it; echoes that come meanwhile are kept."""
        self._pass(data, 0)

    def exchange(self, data: bytes) -> None:
        """Send frames while reading, and expect their echo."""
        self._pass(data, len(data))
        self._check(data, "")

    def expect(self, echo: bytes, when: str = "") -> None:
        """Read as many bytes, which must be these."""
        self._pass(b"", len(echo))
        self._check(echo, when)

    def expect_end(self, when: str) -> None:
        """Expect the end of the stream, by FIN or RST, and nothing before it."""
        self._sock.settimeout(self._target.timeout)
        try:
            data = self._unread or self._sock.recv(_READ)
        except TimeoutError:
            raise Wrong(
                "it did not end in {seconds:g} s {when}",
                Sign.NO_END,
                seconds=self._target.timeout,
                when=when,
            ) from None
        except OSError:
            return
        if data:
            raise Wrong(
                "it sent {count:,} bytes {when}{named}",
                Sign.BYTES,
                count=len(data),
                when=when,
                named=_named(data),
            )

    def send_unread(self, one: bytes, most: int) -> bytes:
        """Send the same frame again and again until nothing more is taken; return what was sent."""
        self._sock.setblocking(False)
        sent, at = bytearray(), 0
        until = time.monotonic() + _UNREAD_PAUSE
        while len(sent) < most and time.monotonic() < until:
            try:
                count = self._sock.send(one[at:])
            except BlockingIOError:
                time.sleep(0.01)
                continue
            except OSError as error:
                raise Wrong(
                    "it ended while it was sent frames ({error})", Sign.ENDED, error=error.strerror
                ) from None
            sent += one[at : at + count]
            at = (at + count) % len(one)
            until = time.monotonic() + _UNREAD_PAUSE
        return bytes(sent) + (self._rest(one[at:]) if at else b"")

    def _rest(self, rest: bytes) -> bytes:
        """Note the rest of a frame that was begun; `exchange_rest` sends it."""
        self._owed = rest
        return rest

    def exchange_rest(self, sent: bytes) -> None:
        """Send what `send_unread` could not, while reading; expect the echo of all of it."""
        self._pass(self._owed, len(sent))
        self._owed = b""
        self._check(sent, "once its peer read")

    def send_reluctantly(self, data: bytes) -> None:
        """Send all of it, and read only as much as a server needs that reads no more meanwhile.

        So as much of the echo as can be is pending once its kernel has the last byte.
        """
        self._sock.setblocking(False)
        left, received = memoryview(data), bytearray(self._unread)
        idle_until = time.monotonic() + self._target.timeout
        while left or (queued := send_queue(self._sock.fileno())):
            if self._has_room(left):
                left = left[self._send_some(left) :]
            elif not left and (send_queue(self._sock.fileno()) or 0) < (queued or 0):
                continue
            elif piece := self._receive(len(received), len(data)):
                received += piece
            elif time.monotonic() > idle_until:
                self._stalled(len(left), len(received), 0)
            else:
                continue
            idle_until = time.monotonic() + self._target.timeout
        self._unread = bytes(received)

    def _has_room(self, left: memoryview) -> bool:
        """Wait for a moment; whether more can be sent."""
        if not left:
            time.sleep(_RELUCTANCE)
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_WRITE)
            return bool(selector.select(_RELUCTANCE))

    def shut_down(self) -> None:
        """End our direction (FIN)."""
        self._sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End with RST."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def _pass(self, data: bytes, expected: int) -> None:
        """Send `data` and read until `expected` bytes are unread; raises `Wrong` at an end."""
        self._sock.setblocking(False)
        left, received = memoryview(data), bytearray(self._unread)
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while left or len(received) < expected:
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if left else 0)
                selector.modify(self._sock, wanted)
                ready = selector.select(self._target.timeout)
                if not ready:
                    self._unread = bytes(received)
                    self._stalled(len(left), len(received), expected)
                if ready[0][1] & selectors.EVENT_READ:
                    piece = self._receive(len(received), expected)
                    received += piece
                if left and ready[0][1] & selectors.EVENT_WRITE:
                    left = left[self._send_some(left) :]
        self._unread = bytes(received)

    def _stalled(self, unsent: int, received: int, expected: int) -> NoReturn:
        template = "{received:,} of {expected:,} bytes of echo came, then nothing for {seconds:g} s"
        if unsent and received >= expected:
            template = "it reads no more: {unsent:,} bytes could not be sent in {seconds:g} s"
        raise Wrong(
            template,
            Sign.SILENT,
            unsent=unsent,
            received=received,
            expected=expected,
            seconds=self._target.timeout,
        )

    def _receive(self, received: int, expected: int) -> bytes:
        try:
            piece = self._sock.recv(_READ)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise Wrong(
                "it reset the connection after {received:,} of {expected:,} bytes of echo"
                " ({error})",
                Sign.ENDED,
                received=received,
                expected=expected,
                error=error.strerror,
            ) from None
        if not piece and not expected:
            raise Wrong("it ended while it was sent frames, before an echo was due", Sign.ENDED)
        if not piece:
            template = "it ended after {received:,} of {expected:,} bytes of echo"
            raise Wrong(template, Sign.ENDED, received=received, expected=expected)
        return piece

    def _send_some(self, left: memoryview) -> int:
        try:
            return self._sock.send(left[:MIB])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Wrong(
                "it ended while it was sent a frame ({error})", Sign.ENDED, error=error.strerror
            ) from None

    def _check(self, echo: bytes, when: str) -> None:
        got, self._unread = self._unread[: len(echo)], self._unread[len(echo) :]
        if got == echo:
            return
        at = next(place for place in range(len(echo)) if got[place] != echo[place])
        raise Wrong(
            "byte {at:,} of its echo is {got:#04x} and not {due:#04x}{behind}{named}",
            Sign.BYTES,
            at=at,
            got=got[at],
            due=echo[at],
            behind=compose(" {when}", when=when) if when else "",
            named=_named(got),
        )


def _named(data: bytes) -> str:
    """Say what bytes a server sent, if they have a name."""
    found = diagnose(data, 0, False, MIB) if len(data) >= HEADER_SIZE else None
    if found is None:
        return ""
    return compose("; what it sent fits {fits} ({code})", fits=found.fits, code=found.code)
