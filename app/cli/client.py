"""One frame there and back, for `echo-tui client` (source document, section 11)."""

from __future__ import annotations

import os
import socket
import sys
from typing import Annotated, TypeAlias

import click

from ..core.addresses import format_address
from ..core.framing import HEADER_SIZE, MAX_LENGTH, FrameDecoder, frame
from ..core.printable import printable
from ..core.settings import PeerPort, Rule, bounds
from .options import Host, Judged, option

Timeout: TypeAlias = Annotated[float, bounds(0.001, 86_400, "Seconds to wait.", unit="s")]


class ClientError(Exception):
    """Why there is no echo; the text is one line for a person."""


def echo(host: str, port: int, body: bytes, timeout: float) -> bytes:
    """Send `body` as one frame and return the body of the echo.

    `timeout` is in seconds, for the connection and for each wait for the server. Raises
    `ClientError` if the server refuses, ends early, or answers with something else.
    """
    if len(body) > MAX_LENGTH:
        raise ClientError(f"a frame of {len(body):,} bytes does not fit a 4-byte header")
    where = format_address((host, port))
    try:
        with socket.create_connection((host, port), timeout) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _exchange(sock, body, where)
    except socket.gaierror as error:
        raise ClientError(f"unknown host {host!r}: {error.strerror}") from None
    except UnicodeError:
        raise ClientError(f"unknown host {host!r}: not a valid name") from None
    except TimeoutError:
        raise ClientError(f"{where} did not answer within {timeout:g} s") from None
    except OSError as error:
        raise ClientError(f"{where}: {error.strerror or error}") from None


def _exchange(sock: socket.socket, body: bytes, where: str) -> bytes:
    try:
        sock.sendall(frame(body))
    except (BrokenPipeError, ConnectionResetError):
        # The server gave up reading. What it said before that may still be there to read.
        sock.settimeout(1.0)
    decoder, echoed = FrameDecoder(), None
    while echoed is None:
        try:
            chunk = sock.recv(1 << 20)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            raise ClientError(
                f"{where} closed the connection after {_progress(decoder)} of the echo"
                f" (sent: one frame of {len(body):,} bytes; a CAP below that refuses it)"
            )
        decoder.feed(chunk)
        announced = decoder.announced
        if announced is not None and announced != len(body):
            raise ClientError(
                f"{where} announces an echo of {announced:,} bytes, sent were {len(body):,}"
            )
        echoed = decoder.next_body()
    return echoed


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
