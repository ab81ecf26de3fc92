"""A client whose every act is known: what it has sent, in which frames, and what it has read."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

_CHUNK: Final = 64 * 1024
_CLONE_NEWNET: Final = 0x40000000
_RESET: Final = struct.pack("ii", 1, 0)
_libc: Final = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Have this thread make its sockets in a network namespace; empty is the own one."""
    if not namespace:
        yield
        return
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        _enter(other)
        yield
    finally:
        _enter(own)
        os.close(other)
        os.close(own)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class ScriptedClient:
    """One connection. Sending and reading go on in threads until `stop`."""

    def __init__(
        self, address: tuple[str, int], receive_buffer: int = 0, namespace: str = ""
    ) -> None:
        """`receive_buffer` is SO_RCVBUF in bytes; 0 leaves it to the kernel."""
        with inside(namespace):
            self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(0.2)
        self.sock.connect(address)
        self.port: int = self.sock.getsockname()[1]
        self.layout: list[tuple[int, int]] = []
        """The frames that were begun, in their order: a whole size, header included, and how many
        of it in a row."""
        self.sent = 0
        self.received = 0
        self.has_half_closed = False
        self.ended = ""
        self._stopping = threading.Event()
        self._reads = threading.Event()
        self._reads.set()
        self._threads: list[threading.Thread] = []

    # --- at once ---

    def send(self, data: bytes) -> bool:
        """Send bytes, or as many as go until `stop`; whether all went."""
        view = memoryview(data)
        while view and not self._stopping.is_set():
            try:
                count = self.sock.send(view)
            except TimeoutError:
                continue
            except OSError as error:
                self.ended = error.strerror or "error"
                return False
            self.sent += count
            view = view[count:]
        return not view

    def send_frame(self, size: int, first: int | None = None) -> None:
        """Send a frame with a body of `size` bytes, or only its `first` bytes."""
        self.begin_frames(size)
        data = size.to_bytes(4, "big") + os.urandom(min(size, 4096)) * (size // 4096 + 1)
        self.send(data[: size + 4 if first is None else first])

    def begin_frames(self, size: int, count: int = 1) -> None:
        """Note that so many frames with bodies of `size` bytes are begun."""
        whole = size + 4
        if self.layout and self.layout[-1][0] == whole:
            self.layout[-1] = (whole, self.layout[-1][1] + count)
        else:
            self.layout.append((whole, count))

    def read(self, size: int) -> bool:
        """Read `size` bytes; False if the connection ended or `stop` came."""
        while size and not self._stopping.is_set():
            try:
                data = self.sock.recv(min(size, _CHUNK))
            except TimeoutError:
                continue
            except OSError as error:
                self.ended = error.strerror or "error"
                return False
            if not data:
                self.ended = "eof"
                return False
            self.received += len(data)
            size -= len(data)
        return not size

    def half_close(self) -> None:
        """Send FIN."""
        self.sock.shutdown(socket.SHUT_WR)
        self.has_half_closed = True

    def reset(self) -> None:
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.sock.close()

    def pause(self, seconds: float) -> bool:
        """Wait; False if `stop` came."""
        return not self._stopping.wait(seconds)

    # --- in a thread ---

    def go_on(self, act: Callable[[], object]) -> None:
        """Call `act` again and again until it returns False, the end, or `stop`."""

        def run() -> None:
            while not self._stopping.is_set() and not self.ended:
                if act() is False:
                    return

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def send_frames_for_ever(self, sizes: Callable[[], int], every: float = 0.0) -> None:
        """Send frames one behind the other, with a pause of `every` seconds between two."""

        def one() -> object:
            self.send_frame(sizes())
            return self.pause(every) if every else True

        self.go_on(one)

    def flood(self, size: int, at_once: int) -> None:
        """Send frames with bodies of `size` bytes without a pause, about `at_once` bytes a call."""
        count = max(1, at_once // (size + 4))
        burst = (size.to_bytes(4, "big") + bytes(size)) * count

        def one() -> bool:
            self.begin_frames(size, count)
            return self.send(burst)

        self.go_on(one)

    def read_steadily(self, rate: float, every: float = 0.05) -> None:
        """Read `rate` bytes a second, some of them each `every` seconds."""
        start = time.monotonic()
        base = self.received

        def one() -> object:
            if not self._reads.is_set():
                return False
            due = int((time.monotonic() - start) * rate) - (self.received - base)
            if due > 0:
                self.read(due)
            return self.pause(every)

        self.go_on(one)

    def read_all(self) -> None:
        """Read as fast as it comes."""

        def one() -> object:
            if not self._reads.is_set():
                return False
            try:
                data = self.sock.recv(_CHUNK)
            except TimeoutError:
                return True
            except OSError as error:
                self.ended = error.strerror or "error"
                return False
            self.received += len(data)
            self.ended = "" if data else "eof"
            return bool(data)

        self.go_on(one)

    def ping_pong(self, sizes: Callable[[], int], every: float = 0.0) -> None:
        """Send a frame, read its echo, pause for `every` seconds, and so on."""

        def one() -> object:
            size = sizes()
            self.send_frame(size)
            return self.read(size + 4) and (not every or self.pause(every))

        self.go_on(one)

    def stop_reading(self) -> None:
        """Read no more; the sending goes on."""
        self._reads.clear()

    def stop_threads(self) -> None:
        """End what goes on; the connection stays open."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(5)

    def stop(self) -> None:
        """End the threads and the connection."""
        self.stop_threads()
        self.sock.close()
