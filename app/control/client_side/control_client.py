"""A client's side of the control socket: one connection, with and without waiting."""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from ...core.commands import (
    ClientCommand,
    Fault,
    Kill,
    Look,
    ReadBytes,
    answer_bound,
    expected_results,
    results_left,
)
from ...core.events import (
    CommandResult,
    Event,
)
from ...core.framing import FrameDecoder, TooLong
from ...core.iteration import Iteration, Iterations
from ...core.kept_bytes import KeptBytes
from ...core.printable import reason_of
from ...core.statistics import MeasuredRate
from ...watch.stream import Drained
from ..credentials import peer_uid
from ..protocol import (
    LARGEST_ANSWER,
    MOST_IDS,
    VERSION,
    Do,
    FromServer,
    Hello,
    News,
    Page,
    ProtocolError,
    Refused,
    ToServer,
    Watch,
    Welcome,
    pack,
    read_from_server,
)

Many = TypeVar("Many", bound=Kill | Fault)
"""A command that names connections."""
ANSWER_WITHIN: Final = 10.0
"""Seconds to wait for the next message of a server that should send one."""
_READ_SIZE: Final = 256 * 1024
_AT_ONCE: Final = 8 * 1024**2
"""Bytes read at most in one call that does not wait."""


class ControlError(Exception):
    """A failure of the control socket; the text is one line for a person."""


class ServerGone(ControlError):
    """The server has closed the connection, or never was there."""


class NobodyThere(ServerGone):
    """There was no connection at all."""


class NotOurs(ControlError):
    """Another user's process listens there; nothing was sent to it."""


class NotInTime(ControlError):
    """The server is there and says nothing."""


class Unanswered(ControlError):
    """A command was sent, and its answer did not come."""


class Link:
    """One connection to a server's control socket; the socket never blocks."""

    def __init__(self, address: Path, hello: Hello) -> None:
        """Connect and say hello. Raises `NobodyThere`, or `NotOurs` if it is not this user's."""
        self.address = address
        self.welcome: Welcome | None = None
        self.on_wait: Callable[[str], None] = ignore
        """Told why the answer to a command takes long, once, if the server knows."""
        self._sock = _connect(address)
        self._inbox = FrameDecoder(LARGEST_ANSWER)
        self._messages: deque[FromServer] = deque()
        self._out = bytearray()
        self.send(hello)

    @classmethod
    def open(cls, address: Path, hello: Hello) -> Link:
        """A connection whose hello was answered. Raises `ControlError`."""
        link = cls(address, hello)
        try:
            if not isinstance(link.receive(), Welcome):
                raise ControlError(f"{address}: what answers there is no echo-tui")
        except BaseException:
            link.close()
            raise
        return link

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def send(self, message: ToServer) -> None:
        """Send as much as the socket takes; the rest goes with the next call of any method."""
        self._out += pack(message)
        self._flush()

    def receive_ready(self) -> list[FromServer]:
        """Return the messages that have arrived, without waiting.

        Raises `ControlError` when nothing more can come.
        """
        try:
            self._flush()
            taken = 0
            while taken < _AT_ONCE:
                size = self._read()
                if not size:
                    break
                taken += size
        except ServerGone:
            if not self._messages:
                raise
        messages = list(self._messages)
        self._messages.clear()
        return messages

    def receive(self, within: float | None = ANSWER_WITHIN) -> FromServer:
        """Wait for the next message, at most `within` seconds. Raises `ControlError`."""
        deadline = None if within is None else time.monotonic() + within
        while not self._messages:
            self._flush()
            if self._read():
                continue
            rest = None if deadline is None else deadline - time.monotonic()
            if rest is not None and rest <= 0:
                raise NotInTime(f"{self.address} did not answer within {within:g} s")
            select.select([self._sock], [self._sock] if self._out else [], [], rest)
        return self._messages.popleft()

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except BlockingIOError:
            return
        except OSError:
            # The reason may still be there to be read; if not, reading finds the end.
            self._out.clear()

    def _read(self) -> int:
        """Read what has arrived; return how many bytes, 0 for none yet."""
        try:
            data = self._sock.recv(_READ_SIZE)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if not data:
            raise ServerGone(f"{self.address}: the server has closed the connection")
        self._inbox.feed(data)
        try:
            for body in iter(self._inbox.next_body, None):
                self._take(read_from_server(body))
        except (ProtocolError, TooLong) as error:
            raise ControlError(f"{self.address}: {error}") from None
        return len(data)

    def _take(self, message: FromServer) -> None:
        if isinstance(message, Refused):
            raise ControlError(f"{self.address} refuses: {message.text}")
        if isinstance(message, Welcome):
            self.welcome = message
        self._messages.append(message)

    # --- what commands of the command line need ---

    @property
    def instance(self) -> str:
        """The server that has welcomed this client; empty before."""
        return "" if self.welcome is None else self.welcome.instance

    def fetch_pages(self, closed: bool = False) -> list[Page]:
        """Ask once for everything that is known; with `closed`, for the last closed ones too.

        Waits for all pages. Raises `ControlError`.
        """
        self.send(Watch(detail=False, once=True, closed=closed))
        pages: list[Page] = []
        while not pages or not pages[-1].last:
            message = self.receive()
            if isinstance(message, Page):
                if message.number == 1:
                    pages.clear()
                pages.append(message)
        return pages

    def carry_out(self, command: ClientCommand) -> Iterator[CommandResult]:
        """Send a command to the server that welcomed us, and wait for all its results.

        Raises `ControlError`; `Unanswered` if the command was sent and no answer came within
        `ANSWER_WITHIN` seconds, those that it may take by design added, or the server went away.
        While the loop is held it waits without an end, and `on_wait` is told.
        """
        for event in self._answers(command):
            if isinstance(event, CommandResult):
                yield event

    def read_bytes(self, connection_id: int) -> KeptBytes | None:
        """Ask for the bytes that are kept of a connection; None if none are, or it is unknown.

        Raises `ControlError`, as `carry_out` does.
        """
        answers = list(self._answers(ReadBytes(request=1, id=connection_id)))
        return next((event for event in answers if isinstance(event, KeptBytes)), None)

    def read_iterations(self, last: int, seconds: float) -> list[Iteration]:
        """Have the loop observed for `seconds`; return up to `last` iterations of each loop.

        Raises `ControlError`, as `carry_out` does.
        """
        answers = list(self._answers(Look(request=1, seconds=seconds, last=last)))
        told = (event.told for event in answers if isinstance(event, Iterations))
        return [iteration for each in told for iteration in each]

    def _answers(self, command: ClientCommand) -> Iterator[CommandResult | KeptBytes | Iterations]:
        """Send a command, and wait for all that answers it; as `carry_out`."""
        expected = expected_results(command)
        command = msgspec.structs.replace(command, instance=command.instance or self.instance)
        while self.receive_ready():
            pass  # raises if the server has gone already: then nothing is sent
        self.send(Do(command=command))
        within = ANSWER_WITHIN + answer_bound(command)
        deadline = time.monotonic() + within
        while expected > 0:
            news = self._next_news(deadline, within)
            if news.waits:
                deadline = inf
                self.on_wait(news.waits)
            for event in news.events:
                if isinstance(event, KeptBytes | Iterations) and event.request == command.request:
                    yield event
                if isinstance(event, CommandResult) and event.request == command.request:
                    expected = results_left(expected, event)
                    deadline = time.monotonic() + within
                    yield event

    def _next_news(self, deadline: float, within: float) -> News:
        """Wait for the next message after a command. Raises `Unanswered`."""
        rest = None if deadline == inf else max(0.0, deadline - time.monotonic())
        try:
            message = self.receive(within=rest)
        except ServerGone as error:
            raise Unanswered(f"{error}: the command may have been carried out") from None
        except NotInTime:
            raise Unanswered(
                f"{self.address}: no answer within {within:g} s: the command was sent,"
                " and it may still be carried out"
            ) from None
        return message if isinstance(message, News) else News(t=0.0)


def ignore(_text: str) -> None:
    """Tell nobody."""


def join_pages(pages: list[Page]) -> Drained:
    """Turn all pages into what a `State` applies, afresh."""
    first = pages[0]
    known = [connection for page in pages for connection in page.connections]
    told = (first.listening, first.held, first.process, *first.workers)
    events: list[Event] = [event for event in told if event is not None]
    for one in (one for page in pages for one in page.closed):
        events += filter(None, (one.opened, one.snapshot, one.closed))
    events += [connection.opened for connection in known]
    snapshots = [one.snapshot for one in known if one.snapshot is not None]
    rates = {
        one.opened.id: MeasuredRate(one.frames_per_second, one.measured_over)
        for one in known
        if one.frames_per_second is not None
    }
    return Drained(
        events, snapshots, first.stats, 0, True, rates=rates, host_notes=first.host_notes
    )


def split(command: Many) -> Iterator[Many]:
    """Split a command of any size into ones that the server takes, with one request number."""
    for start in range(0, len(command.ids), MOST_IDS):
        yield msgspec.structs.replace(command, ids=command.ids[start : start + MOST_IDS])


def hello(client: str, read_only: bool = False, announce: bool = False) -> Hello:
    """Make the first message of this version."""
    return Hello(version=VERSION, client=client, read_only=read_only, announce=announce)


def _connect(address: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        # The kernel answers at once, unless the queue of the listening socket is full.
        sock.settimeout(1.0)
        sock.connect(os.fspath(address))
    except OSError as error:
        sock.close()
        nobody = isinstance(error, ConnectionRefusedError | FileNotFoundError)
        why = "no server listens there" if nobody else reason_of(error)
        raise NobodyThere(f"{address}: {why}") from None
    uid, own = peer_uid(sock), os.geteuid()
    if uid != own:
        sock.close()
        who = "an unknown user" if uid is None else f"user {uid}"
        raise NotOurs(f"{address} is the socket of {who}, and you are user {own}: it is not used")
    sock.setblocking(False)
    return sock
