"""The page that Prometheus fetches, on the WSGI server of prometheus-client.

Each fetch has a thread of its own, with a time-out for each read and write. The number of threads
is bounded. If all are in use, the oldest connection that has not sent its request is closed for
the newest, once it had `GRACE` for that: so clients that say nothing do not keep Prometheus out,
however often they come again. A client that has asked is answered.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from socketserver import TCPServer
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from ..core.addresses import Address, format_address, scoped_host
from ..core.settings import SettingError

TIMEOUT: Final = 5.0
"""Seconds that a client may let a read or a write wait."""
MOST: Final = 16
"""Threads that serve fetches at a time."""
GRACE: Final = 0.25
"""Seconds that a client has for its request where others wait."""
PAUSE: Final = 0.5
"""Seconds without accepting after an accept that failed."""


class MetricsPage:
    """An HTTP server for the figures of one registry, at any path."""

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, complain: Callable[[str], None]
    ) -> None:
        """Listen, and answer once `start` is called. Raises `SettingError`.

        `complain` gets a line for each fault of ours, in the thread of the fetch.
        """
        try:
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self._server = _Server(family, address, complain)
        except (OSError, UnicodeError) as error:
            raise SettingError(_explain(Address(host, port), error)) from None
        self._server.set_app(_reporting(make_wsgi_app(registry), complain))
        self.host, self.port = self._server.server_name, self._server.server_port
        self._thread = threading.Thread(target=self._run, name="echo-tui metrics", daemon=True)

    @property
    def url(self) -> str:
        """The address to scrape."""
        return f"http://{format_address((self.host, self.port))}/metrics"

    def start(self) -> None:
        """Begin to answer, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Accept no more connections, and close the listening socket."""
        self._server.ending.set()
        if self._thread.is_alive():
            # The thread waits for a connection, without a time-out: here is one.
            with contextlib.suppress(OSError):
                socket.create_connection((self.host, self.port), timeout=1).close()
            self._thread.join(1.0)
        self._server.server_close()

    def _run(self) -> None:
        while not self._server.ending.is_set():
            self._server.handle_request()


class _Handler(WSGIRequestHandler):
    timeout = TIMEOUT

    def setup(self) -> None:
        """Have the server know of each read: see `_Server.read`."""
        super().setup()
        if isinstance(self.server, _Server):
            self.rfile = io.BufferedReader(_Reading(self.server, self.connection))

    def parse_request(self) -> bool:
        """Parse the request line and the headers; the client is not mute any more."""
        is_request = super().parse_request()
        if is_request and isinstance(self.server, _Server):
            self.server.note_request(self.connection)
        return is_request

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log no fetch."""

    def get_stderr(self) -> Any:
        """Return a place for the tracebacks of wsgiref: our own faults are reported elsewhere."""
        return io.StringIO()


class _Reading(io.RawIOBase):
    """The reads of one fetch."""

    def __init__(self, server: _Server, sock: socket.socket) -> None:
        self._server = server
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._server.read(self._sock, buffer)


class _Server(ThreadingWSGIServer):
    request_queue_size = 128

    def __init__(
        self, family: socket.AddressFamily, address: Any, complain: Callable[[str], None]
    ) -> None:
        self.address_family = family
        self.ending = threading.Event()
        self._complain = complain
        self._slots = threading.Semaphore(MOST)
        self._lock = threading.Lock()
        self._fetching: set[socket.socket] = set()
        self._mute: dict[socket.socket, float] = {}  # no request yet, the oldest first; since when
        self._parsed: set[socket.socket] = set()  # those whose thread has read something, and works
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without the name of the address, for which HTTPServer asks the network."""
        TCPServer.server_bind(self)
        self.server_name = scoped_host(self.socket.getsockname())
        self.server_port = self.socket.getsockname()[1]
        self.setup_environ()

    def get_request(self) -> tuple[Any, Any]:
        try:
            return super().get_request()
        except OSError:
            self.ending.wait(PAUSE)  # out of descriptors, the next accept would fail at once
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._acquire_slot():
            self.shutdown_request(request)
            return
        with self._lock:
            self._fetching.add(request)
            self._mute[request] = time.monotonic()
        super().process_request(request, client_address)

    def read(self, request: socket.socket, buffer: Any) -> int:
        """Read what a client has sent, in the thread of the fetch. Raises `OSError`.

        Between the read and the end of the parsing the client must not be taken for mute: the
        thread may wait for the CPU there. So reading and noting it are one step for `_make_room`.
        """
        with self._lock:
            self._parsed.discard(request)  # what it had sent was no whole request
        waiting = select.poll()
        waiting.register(request, select.POLLIN)
        if not waiting.poll((request.gettimeout() or TIMEOUT) * 1000):
            raise TimeoutError("timed out")
        with self._lock:
            self._parsed.add(request)
            return request.recv_into(buffer)

    def note_request(self, request: socket.socket) -> None:
        """Note that a client has sent its whole request, in the thread of the fetch."""
        with self._lock:
            self._forget(request)

    def _forget(self, request: socket.socket) -> None:
        self._mute.pop(request, None)
        self._parsed.discard(request)

    def _acquire_slot(self) -> bool:
        deadline = time.monotonic() + TIMEOUT
        while not self._slots.acquire(blocking=False):
            if self._slots.acquire(timeout=self._make_room()):
                return True
            if self.ending.is_set() or time.monotonic() > deadline:
                return False
        return True

    def _make_room(self) -> float:
        """Close the oldest mute connection that had its `GRACE`; return the seconds to wait."""
        with self._lock:
            for request, since in self._mute.items():
                if (rest := since + GRACE - time.monotonic()) > 0:
                    return rest
                if request in self._parsed or _has_said_something(request):
                    continue  # its thread has not come to look at that yet
                del self._mute[request]
                with contextlib.suppress(OSError):  # its client has gone
                    request.shutdown(socket.SHUT_RDWR)
                break
        return GRACE

    def shutdown_request(self, request: Any) -> None:
        with self._lock:  # a socket in the table is open
            self._forget(request)
            if request in self._fetching:
                self._fetching.discard(request)
                self._slots.release()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # a client that is slow or gone is no fault of ours
            self._complain(_fault(error))


def _has_said_something(request: socket.socket) -> bool:
    waiting = select.poll()
    waiting.register(request, select.POLLIN)
    return bool(waiting.poll(0))


def _reporting(page: Any, complain: Callable[[str], None]) -> Any:
    """Return the page as an application whose faults go to `complain`; wsgiref answers with 500."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            return page(environ, start_response)
        except Exception as error:
            complain(_fault(error))
            raise

    return app


def _fault(error: BaseException | None) -> str:
    return f"the metrics failed: {type(error).__name__}: {error}"


def _explain(address: Address, error: Exception) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        return f"--metrics {address} is in use: choose another PORT (0 = any free one)"
    words = os.strerror(code) if code and code > 0 else error
    return f"--metrics {address}: {words}; give an address of this machine, such as 127.0.0.1"
