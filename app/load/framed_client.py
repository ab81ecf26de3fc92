"""A client that keeps its connection and verifies every echo, for the Locust user.

It uses plain blocking sockets, which gevent makes cooperative under Locust. It does not import
Locust, because that import patches the standard library.
"""

from __future__ import annotations

import socket
from time import monotonic_ns
from typing import Protocol

from ..core.addresses import split_host_port
from ..core.framing import HEADER_SIZE, FrameDecoder, frame
from .connecting import refuse_own_peer
from .findings import first_difference

REQUEST_TYPE = "FRAME"
LONG_OUTSTANDING = 1.0
"""Seconds for which an echo may be outstanding, when its user is stopped, without a failure."""


class EchoError(Exception):
    """An echo that was wrong or did not come.

    The text names the kind only: Locust's table has one row per text. `detail` is one line.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind)
        self.detail = detail


class RequestEvent(Protocol):
    """Locust's `events.request`."""

    def fire(self, **fields: object) -> None:
        """Call the listeners."""


class FramedClient:
    """Sends frames to `host`:`port` and fires a request event for each.

    `timeout` is in seconds, for the connect and for each wait. Times are measured in microseconds
    and reported in milliseconds, which is Locust's unit, with three decimals.
    """

    def __init__(self, host: str, port: int, request: RequestEvent, timeout: float = 10.0) -> None:
        self._address = (host, port)
        self._request = request
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._longest = 0.0
        """The longest time to a right echo, in seconds."""

    def echo(self, body: bytes, name: str = "echo") -> bool:
        """Send one frame, wait for its echo and compare every byte; return whether it was right.

        A failure is reported with the event and ends the connection; the next call opens another.
        Locust may stop a user while it waits. Then the echo counts as failed if it is outstanding
        for longer than `LONG_OUTSTANDING` and than twice the longest wait of this client before.
        """
        begun = monotonic_ns()
        try:
            self._exchange(body)
        except (OSError, EchoError) as error:
            self._fail(name, begun, error)
            return False
        except BaseException:
            waited = (monotonic_ns() - begun) / 1e9
            if waited > max(LONG_OUTSTANDING, 2 * self._longest):
                detail = f"no echo of a frame of {len(body):,} bytes {waited:.1f} s after it"
                self._fail(name, begun, EchoError("no echo when the user was stopped", detail))
            self.close()  # an echo that still comes would be taken for that of the next frame
            raise
        self._longest = max(self._longest, (monotonic_ns() - begun) / 1e9)
        self._report(name, begun, len(body), None)
        return True

    def _fail(self, name: str, begun: int, problem: Exception) -> None:
        self.close()
        self._report(name, begun, 0, problem)

    def _report(self, name: str, begun: int, length: int, problem: Exception | None) -> None:
        self._request.fire(
            request_type=REQUEST_TYPE,
            name=name,
            response_time=(monotonic_ns() - begun) // 1000 / 1000,
            response_length=length,
            exception=problem,
            context={},
        )

    def _exchange(self, body: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._timeout)
            refuse_own_peer(self._socket)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        left = memoryview(frame(body))
        while left:  # the time-out of `sendall` would be for the whole body
            left = left[self._socket.send(left) :]
        size = HEADER_SIZE + len(body)
        decoder, echoed = FrameDecoder(), None
        while echoed is None:
            data = self._socket.recv(1 << 18)
            if not data:
                missing = size - decoder.buffered
                raise EchoError(
                    "closed by the server with bytes of the echo missing",
                    f"closed by the server with {missing:,} of {size:,} bytes of the echo missing",
                )
            decoder.feed(data)
            length = decoder.announced
            if length is not None and length != len(body):
                raise EchoError(
                    "the echo announces another length than was sent",
                    f"the echo announces a body of {length:,} bytes, sent were {len(body):,}",
                )
            echoed = decoder.next_body()
        if echoed != body:
            at = first_difference(echoed, body)
            raise EchoError(
                "a byte of the body came back wrong",
                f"byte {at} of the body came back as 0x{echoed[at]:02x}, sent was 0x{body[at]:02x}",
            )
        if decoder.buffered:
            raise EchoError(
                "more came back than was sent",
                f"{decoder.buffered:,} bytes came back behind the echo of {len(body):,} bytes",
            )

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def split_address(text: str, default_port: int = 9000) -> tuple[str, int]:
    """Split ``HOST:PORT``, ``[::1]:9000``, ``tcp://HOST:PORT`` or a host. Raises `ValueError`."""
    rest = text.removeprefix("tcp://").rstrip("/")
    is_host = ":" not in rest or rest.endswith("]")
    host, port = split_host_port(f"{rest}:{default_port}" if is_host else rest) or ("", "")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port[:9]) < 65536):
        raise ValueError(f"--host {text!r}: write HOST:PORT, as in 127.0.0.1:9000")
    return host, int(port)
