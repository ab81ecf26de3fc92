"""One frame there and back, for `echo-tui client` (source document, section 11)."""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
import time
from typing import Annotated, Final, TypeAlias

import click

from ..core.addresses import SELF_CONNECTED, format_address, lacks_interface
from ..core.framing import HEADER_SIZE, MAX_LENGTH, FrameDecoder, frame
from ..core.printable import printable, reason_of
from ..core.settings import PeerPort, Rule, bounds
from ..doctor.answers import describe_answer
from ..doctor.diagnose import MOST_JUDGED
from ..server.kernel import send_queue
from .options import Host, Judged, option

Timeout: TypeAlias = Annotated[
    float, bounds(0.001, 86_400, "Seconds without a byte that moves.", unit="s")
]


LOOK: Final = 0.1
"""Seconds between two looks whether bytes move."""


class ClientError(Exception):
    """Why there is no echo; the text is one line for a person."""


def echo(host: str, port: int, body: bytes, timeout: float) -> bytes:
    """Send `body` as one frame and return the body of the echo.

    `timeout` is in seconds, for the connection and for each wait until a byte moves. Raises
    `ClientError` if the server refuses, ends early, or answers with something else.
    """
    if len(body) > MAX_LENGTH:
        raise ClientError(f"a frame of {len(body):,} bytes does not fit a 4-byte header")
    where = format_address((host, port))
    try:
        with socket.create_connection((host, port), timeout) as sock:
            if sock.getsockname() == sock.getpeername():
                raise ClientError(f"{where}: {SELF_CONNECTED}")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Exchange(sock, body, where).run(timeout)
    except socket.gaierror as error:
        raise ClientError(f"unknown host {host!r}: {reason_of(error)}") from None
    except UnicodeError:
        raise ClientError(f"unknown host {host!r}: not a valid name") from None
    except TimeoutError as error:
        if error.errno:  # ETIMEDOUT: the kernel gave up, on the way
            raise ClientError(f"{where}: {reason_of(error)}") from None
        raise ClientError(
            f"{where} did not answer within {timeout:g} s: no connection, as nothing came back to"
            " our SYN (a firewall, or its queue of connections is full)"
        ) from None
    except OSError as error:
        if error.errno == errno.EINVAL and lacks_interface(host):
            raise ClientError(f"{where}: write its interface too, as in {host}%eth0") from None
        raise ClientError(f"{where}: {reason_of(error)}") from None


class _Exchange:
    """One frame that is sent while its echo is read: a server may echo before it has all of it."""

    def __init__(self, sock: socket.socket, body: bytes, where: str) -> None:
        self._sock = sock
        self._body = body
        self._where = where
        self._unsent = memoryview(frame(body))
        self._size = len(self._unsent)
        self._decoder = FrameDecoder()
        self._came = b""  # the first bytes of the answer

    def run(self, timeout: float) -> bytes:
        """Return the body of the echo. Raises `ClientError`, `OSError`."""
        self._sock.setblocking(False)
        moved, moved_at = self._moved(), time.monotonic()
        while True:
            writers = [self._sock] if self._unsent else []
            readable, writable, _ = select.select([self._sock], writers, [], min(LOOK, timeout / 4))
            if moved != (moved := self._moved()):
                moved_at = time.monotonic()
            elif not readable and not writable and time.monotonic() - moved_at >= timeout:
                raise ClientError(self._standstill(timeout))
            if writable:
                self._send()
            if readable and (echoed := self._receive()) is not None:
                return echoed

    def _moved(self) -> int:
        """Count the bytes that the server has acknowledged, and those of its echo.

        The kernel calls a socket writable only once a third of its queue is free: a server that
        reads slowly moves many bytes before that.
        """
        unacked = send_queue(self._sock.fileno()) or 0
        return self._size - len(self._unsent) - unacked + self._decoder.buffered

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            # The server gave up reading. What it said before that may still be there to read.
            self._unsent = memoryview(b"")

    def _receive(self) -> bytes | None:
        decoder, body = self._decoder, self._body
        try:
            chunk = self._sock.recv(1 << 20)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            raise self._ended("reset") from None
        if not chunk:
            raise self._ended("closed")
        decoder.feed(chunk)
        self._came += chunk[: MOST_JUDGED - len(self._came)]
        announced = decoder.announced
        if announced is not None and announced != len(body):
            raise ClientError(
                f"{self._where} announces an echo of {announced:,} bytes, sent were {len(body):,}"
                + self._judge(self._read_rest())
            )
        return decoder.next_body()

    def _read_rest(self) -> bool:
        """Read what else of an answer is on its way; return whether the server has closed."""
        while len(self._came) < MOST_JUDGED and select.select([self._sock], [], [], LOOK)[0]:
            try:
                chunk = self._sock.recv(MOST_JUDGED - len(self._came))
            except OSError:
                return False  # it was reset: more may have been on its way
            if not chunk:
                return True
            self._came += chunk
        return False

    def _judge(self, ended: bool) -> str:
        """Say what the answer fits; empty if that is not known."""
        words = describe_answer(self._came, self._body, ended)
        return f"; {words}" if words else ""

    def _ended(self, how: str) -> ClientError:
        return ClientError(
            f"{self._where} {how} the connection after {_progress(self._decoder)} of the echo"
            f" (sent: one frame of {len(self._body):,} bytes; a CAP below that refuses it)"
            + self._judge(ended=how == "closed")
        )

    def _standstill(self, timeout: float) -> str:
        """Say what hangs: our send, the way, or the answer."""
        sent, came = self._size - len(self._unsent), self._decoder.buffered
        unacked = send_queue(self._sock.fileno())
        arrived = "" if unacked is None else f", {sent - unacked:,} of them acknowledged"
        if self._unsent:
            why = f"it does not read: sent {sent:,} of {self._size:,} bytes{arrived}"
        elif unacked:
            why = f"it does not read, or the way is cut: sent all {sent:,} bytes{arrived}"
        else:
            why = f"its kernel has all {sent:,} bytes, its program does not answer"
        waited = "go on" if came else "answer"
        return (
            f"{self._where} did not {waited} within {timeout:g} s: {why};"
            f" came back {came:,}, missing {self._size - came:,} bytes of the echo"
            + self._judge(ended=False)
        )


def _progress(decoder: FrameDecoder) -> str:
    if decoder.announced is None:
        return f"{decoder.buffered} of {HEADER_SIZE} bytes of the header"
    return f"{decoder.buffered - HEADER_SIZE:,} of {decoder.announced:,} bytes of the body"


@click.command()
@click.argument("host", type=Host())
@click.argument("port", type=Judged(Rule("port", PeerPort)))
@click.argument("message")
@option(Rule("timeout", Timeout, 10.0))
def client(host: str, port: int, message: str, timeout: float) -> int:
    """Send MESSAGE as one frame and print its echo; `-` reads the body from stdin."""
    body = sys.stdin.buffer.read() if message == "-" else os.fsencode(message)
    try:
        answer = echo(host, port, body, timeout)
    except ClientError as error:
        print(f"echo-tui client: {error}", file=sys.stderr)
        return 1
    if answer != body:
        where = format_address((host, port))
        print(f"echo-tui client: {where} sent back other bytes", file=sys.stderr)
        return 1
    if sys.stdout.isatty():
        print("echo:", printable(answer.decode("utf-8", "backslashreplace"), len(answer)))
    else:
        sys.stdout.buffer.write(b"echo: " + answer + b"\n")
        sys.stdout.buffer.flush()
    return 0
