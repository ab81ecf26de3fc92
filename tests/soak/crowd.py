"""The clients of a soak: threads that connect, send, read at their own speed, and keep count.

Each client tells its `Ledger` what it knows of a connection that has ended: its own address, which
the server's log calls `peer`, and what was sent and came back.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.faults.crowd import body, frame, name_of, receive

PATIENCE: Final = 20.0
"""Seconds that a client which reads at once waits for an echo."""
STEP: Final = 0.1
"""Seconds between two reads of a slow reader."""


class Ended(NamedTuple):
    """One connection as its client saw it."""

    frames: int  # whole echoes that came back
    bytes_in: int  # of them, headers included
    clean: bool  # the client ended it, after the last echo that it had asked for


@dataclass(slots=True)
class Ledger:
    """All that the clients count together; from any thread."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    connects: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    ended: dict[str, deque[Ended]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    """The kind of the client that last had an address."""

    def connected(self, kind: str, name: str) -> None:
        """Count a connection of a client of `kind`, from the address `name`."""
        with self.lock:
            self.connects[kind] += 1
            self.kinds[name] = kind

    def add(self, kind: str, name: str, ended: Ended) -> None:
        """Keep what is known of a connection that has ended."""
        with self.lock:
            self.frames[kind] += ended.frames
            self.cut[kind] += not ended.clean
            self.ended.setdefault(name, deque()).append(ended)

    def found_wrong(self, kind: str) -> None:
        """Count an echo that was not what had been sent."""
        with self.lock:
            self.wrong[kind] += 1


class Client(ABC):
    """One connection after the other of one kind, until `stop` is set."""

    kind = ""

    def __init__(
        self, address: tuple[str, int], ledger: Ledger, stop: threading.Event, seed: int
    ) -> None:
        self.address = address
        self.ledger = ledger
        self.stop = stop
        self.chance = random.Random(seed)
        self.frames = self.bytes_in = 0

    def run(self) -> None:
        """Serve as the target of a thread."""
        while not self.stop.is_set():
            self.frames = self.bytes_in = 0
            try:
                sock = self.connect()
            except OSError:
                self.stop.wait(1.0)
                continue
            name = name_of(sock)
            self.ledger.connected(self.kind, name)
            clean = False
            with sock, contextlib.suppress(OSError):
                clean = self.talk(sock)
            self.ledger.add(self.kind, name, Ended(self.frames, self.bytes_in, clean))

    def connect(self) -> socket.socket:
        """Connect; raises OSError."""
        return socket.create_connection(self.address, PATIENCE)

    @abstractmethod
    def talk(self, sock: socket.socket) -> bool:
        """Use one connection; return whether it ended as the client wanted. May raise OSError."""

    def exchange(self, sock: socket.socket, contents: list[bytes]) -> bool:
        """Send frames together and read their echoes; False if the peer ended first."""
        sent = b"".join(map(frame, contents))
        sock.sendall(sent)
        came = receive(sock, len(sent))
        if came != sent:
            if not sent.startswith(came):
                self.ledger.found_wrong(self.kind)
            return False
        self.frames += len(contents)
        self.bytes_in += len(sent)
        return True


class Churn(Client):
    """Connect, a few frames of many sizes, an end of one of three kinds; at once again."""

    kind = "churn"

    def talk(self, sock: socket.socket) -> bool:
        for _ in range(self.chance.randrange(4)):
            size = self.chance.choice((0, 1, 64, 1_000, 20_000, 300_000))
            count = 1 if size > 20_000 else self.chance.choice((1, 1, 3))
            if not self.exchange(sock, [body(size, self.chance.randrange(100))] * count):
                return False
        if self.chance.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)
            if sock.recv(1):
                self.ledger.found_wrong(self.kind)
        self.stop.wait(0.04)
        return True


class Steady(Client):
    """One connection for as long as it lasts: a small frame twenty times a second."""

    kind = "steady"

    def talk(self, sock: socket.socket) -> bool:
        while not self.stop.wait(0.05):
            if not self.exchange(sock, [body(64, self.chance.randrange(100))]):
                return False
        return True


class SlowReader(Client):
    """Sends frames of 400 KiB as they are taken, and reads 20 to 60 kB/s without long pauses.

    Nobody may end it: it takes what it asked for.
    """

    kind = "slow_reader"
    SIZE: Final = 400 * 1024

    def talk(self, sock: socket.socket) -> bool:
        sent = memoryview(frame(body(self.SIZE, 7)))
        rate = self.chance.randrange(20_000, 60_000)
        leave_at = time.monotonic() + self.chance.uniform(60, 120)
        sock.setblocking(False)
        offered = came = 0
        while time.monotonic() < leave_at and not self.stop.wait(STEP):
            with contextlib.suppress(BlockingIOError):
                offered += sock.send(sent[offered % len(sent) :])
            with contextlib.suppress(BlockingIOError):
                data = sock.recv(int(rate * STEP))
                if not data:
                    return False
                start = came % len(sent)
                expected = bytes(sent[start:]) + bytes(
                    sent[: max(0, start + len(data) - len(sent))]
                )
                if data != expected[: len(data)]:
                    self.ledger.found_wrong(self.kind)
                came += len(data)
        self.frames = came // len(sent)
        self.bytes_in = self.frames * len(sent)
        return True


class NeverReads(Client):
    """Sends one frame that the kernel's buffer swallows, and never reads.

    The server must end it by its write time-out; half of them half-close first.
    """

    kind = "never_reads"

    def talk(self, sock: socket.socket) -> bool:
        sock.sendall(frame(body(self.chance.choice((200, 400, 1_000)) * 1024)))
        if self.chance.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)
        ended = select.poll()
        ended.register(sock, 0)  # POLLERR and POLLHUP are reported for every interest
        while not self.stop.is_set() and not ended.poll(1000):
            continue
        return False


class Victim(Client):
    """Sends a heartbeat every two seconds, and waits to be killed."""

    kind = "victim"

    def talk(self, sock: socket.socket) -> bool:
        while not self.stop.wait(2.0):
            if not self.exchange(sock, [b"beat"]):
                return False
        return True


KINDS: Final[tuple[tuple[Callable[..., Client], int], ...]] = (
    (Churn, 6),
    (Steady, 4),
    (SlowReader, 3),
    (NeverReads, 2),
    (Victim, 4),
)
"""The kinds of clients, and the threads of each."""


def start(
    address: tuple[str, int], ledger: Ledger, stop: threading.Event, seed: int
) -> list[threading.Thread]:
    """Start every client in a thread of its own."""
    threads: list[threading.Thread] = []
    for kind, count in KINDS:
        for _ in range(count):
            client = kind(address, ledger, stop, seed + len(threads))
            threads.append(threading.Thread(target=client.run, name=client.kind, daemon=True))
    for thread in threads:
        thread.start()
    return threads
