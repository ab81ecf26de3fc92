"""The page that Prometheus fetches: a small HTTP server that no client can hold up.

Every fetch has a thread of its own and a time-out for each of its waits. Their number is bounded:
where there are many, the oldest is hung up on for the newest, so that clients that say nothing, or
read nothing, do not keep the real one out.
"""

from __future__ import annotations

import errno
import io
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from ..core.addresses import format_address
from ..core.settings import SettingError

TIMEOUT: Final = 5.0
"""Seconds that a client may let a read or a write wait."""
ENOUGH: Final = 8
"""Fetches at a time; with one more, the oldest is hung up on."""
MOST: Final = 2 * ENOUGH
"""Threads at a time; while so many have not ended, newcomers wait in the kernel's queue."""
PAUSE: Final = 0.5
"""Seconds without accepting after the system ran out of something."""


class MetricsPage:
    """Listens from the constructor on, which raises `SettingError`, and answers after `start`."""

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, complain: Callable[[str], None]
    ) -> None:
        """`complain` is told of faults of ours, in one line."""
        try:
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self._server = _Server(family, address[:2], complain)
        except (OSError, UnicodeError) as error:
            raise SettingError(_explain(host, port, error)) from None
        self._server.set_app(_telling(make_wsgi_app(registry), complain))
        self.host, self.port = self._server.server_name, self._server.server_port
        self._thread = threading.Thread(target=self._run, name="echo-tui metrics", daemon=True)

    @property
    def url(self) -> str:
        """What to scrape."""
        return f"http://{format_address((self.host, self.port))}/metrics"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.ending.set()
        if self._thread.is_alive():
            try:
                # The thread waits for a connection, without a time-out: here is one.
                socket.create_connection((self.host, self.port), timeout=1).close()
                self._thread.join(1.0)
            except OSError as error:
                print(f"echo-tui: the metrics do not end: {error}", file=sys.stderr)
        self._server.server_close()

    def _run(self) -> None:
        while not self._server.ending.is_set():
            self._server.handle_request()


class _Handler(WSGIRequestHandler):
    timeout = TIMEOUT

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Fetches are not told of."""

    def get_stderr(self) -> Any:
        """For what wsgiref says of connections that break; our own faults are told elsewhere."""
        return io.StringIO()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, family: socket.AddressFamily, address: Any, complain: Callable[[str], None]
    ) -> None:
        self.address_family = family
        self.ending = threading.Event()
        self._complain = complain
        self._room = threading.Condition()
        self._fetching: dict[socket.socket, bool] = {}  # the oldest first; and whether hung up on
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without the name of the address, for which HTTPServer asks the network."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def get_request(self) -> tuple[Any, Any]:
        try:
            return super().get_request()
        except OSError:
            self.ending.wait(PAUSE)  # out of descriptors, it would be told again at once
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._room:
            if len(self._fetching) >= ENOUGH:
                self._hang_up_on_the_oldest()
            has_room = self._room.wait_for(lambda: len(self._fetching) < MOST, TIMEOUT)
            if has_room:
                self._fetching[request] = False
        if has_room:
            super().process_request(request, client_address)
        else:
            super().shutdown_request(request)

    def _hang_up_on_the_oldest(self) -> None:
        for request, is_hung_up in self._fetching.items():
            if not is_hung_up:
                self._fetching[request] = True
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError as error:
                    if error.errno not in (errno.ENOTCONN, errno.EBADF):  # it has gone by itself
                        raise
                return

    def shutdown_request(self, request: Any) -> None:
        with self._room:
            self._fetching.pop(request, None)
            self._room.notify()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # a client that is slow or gone is no fault of ours
            self._complain(f"the metrics failed: {type(error).__name__}: {error}")


def _telling(page: Any, complain: Callable[[str], None]) -> Any:
    """The page, with its failures told to the operator and not to the terminal."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            answer: Iterable[bytes] = page(environ, start_response)
        except Exception as error:
            complain(f"the metrics failed: {type(error).__name__}: {error}")
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"the metrics failed: see the server's log\n"]
        return answer

    return app


def _explain(host: str, port: int, error: Exception) -> str:
    where = f"--metrics {format_address((host, port))}"
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        return f"{where} is in use: choose another PORT (0 = any free one)"
    words = os.strerror(code) if code and code > 0 else error
    return f"{where}: {words}; give an address of this machine, such as 127.0.0.1"
