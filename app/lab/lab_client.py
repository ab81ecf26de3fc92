"""A client of the lab: one connection, used by one thread, each wait of which is bounded."""

from __future__ import annotations

import contextlib
import fcntl
import resource
import select
import socket
import struct
import termios
import time
from typing import Final, Self

from ..core.framing import HEADER_SIZE, frame, read_length
from .lab_server import LabError, LabServer

PATIENCE: Final = 10.0
"""Seconds after which a server that should have answered is taken to be stuck."""
LOOPBACK: Final = "127.0.0.1"
_READ: Final = 1 << 18
_STEP: Final = 0.001
_SPARE: Final = 200
"""Descriptors that are not connections: those of the program that the lab is part of."""
_SETTLING_PINGS: Final = 3
"""Echoes on another connection after which a loop has polled since the first was sent: it serves
all that one poll returned before it polls again."""


class LabClient:
    """A connection to a server of the lab."""

    def __init__(self, server: LabServer, receive_buffer: int = 0, host: str = LOOPBACK) -> None:
        """Connect. `receive_buffer` is in bytes, 0 for the system's. Raises `LabError`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:  # before connect: the window is announced in the SYN
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(PATIENCE)
        try:
            self.sock.connect((host, server.port))
        except OSError as error:
            self.sock.close()
            raise LabError(f"a server does not accept a connection: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.reset()

    def reset(self) -> None:
        """End at once, with a RST, so that nothing of the connection stays in the kernel."""
        if self.sock.fileno() >= 0:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()

    def send(self, data: bytes) -> None:
        """Send all of it, or as much as comes before the server ends the connection.

        Raises `LabError` if it is not taken.
        """
        try:
            self.sock.sendall(data)
        except ConnectionError:
            return
        except TimeoutError:
            raise LabError(f"a server read nothing for {PATIENCE:g} s") from None

    def end_sending(self) -> None:
        """Send a FIN; nothing if the server has reset the connection."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def receive_some(self, most: int = _READ) -> bytes:
        """Wait for bytes; return none at the end, by FIN or by RST. Raises `LabError`."""
        try:
            return self.sock.recv(most)
        except ConnectionError:
            return b""
        except TimeoutError:
            raise LabError(f"nothing came from a server within {PATIENCE:g} s") from None

    def receive(self, size: int) -> bytes:
        """Receive exactly as many bytes, fewer only at the end. Raises `LabError`."""
        received = bytearray()
        while len(received) < size:
            data = self.receive_some(min(size - len(received), _READ))
            if not data:
                break
            received += data
        return bytes(received)

    def next_body(self) -> bytes | None:
        """Receive a frame and return its body; None at the end. Raises `LabError`."""
        header = self.receive(HEADER_SIZE)
        if len(header) < HEADER_SIZE:
            return None
        (length,) = read_length(header)
        body = self.receive(length)
        return body if len(body) == length else None

    def ping(self, body: bytes = b"ping") -> float:
        """Have a frame echoed; return the seconds that it took. Raises `LabError`."""
        began = time.perf_counter()
        self.send(frame(body))
        echo = self.next_body()
        if echo is None:
            raise LabError("the server ended a connection and owed an echo")
        if echo != body:
            raise LabError("an echo is wrong")
        return time.perf_counter() - began

    def has_input(self, seconds: float) -> bool:
        """Wait for input, or the end, up to so many seconds; whether there is any."""
        waiting = select.poll()
        waiting.register(self.sock, select.POLLIN)
        return bool(waiting.poll(max(0, 1000 * seconds)))  # a negative one is for ever

    def wait_until_taken(self) -> None:
        """Wait until the server's kernel has all that was sent. Raises `LabError`."""
        until = time.monotonic() + PATIENCE
        while struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4))[0]:
            if time.monotonic() > until:
                raise LabError("a server's kernel takes no more")
            time.sleep(_STEP)

    def wait_until_served(self, other: LabClient) -> None:
        """Wait until the server has had its chance to act on what was sent: `other` is echoed."""
        self.wait_until_taken()
        for _ in range(_SETTLING_PINGS):
            other.ping()


def allow_connections(wanted: int) -> int:
    """Raise the limit on descriptors as needed; return how many of the `wanted` ones it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _SPARE
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(0, min(wanted, soft - _SPARE))
