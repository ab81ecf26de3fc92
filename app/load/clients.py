"""The part that all misbehaving clients share: connections that verify echoes, and the tally."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from bisect import bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, NamedTuple, TypeAlias

from ..core.printable import reason_of
from .connecting import refuse_own_peer
from .findings import Finding, counted, locate_wrong_echo
from .frame_loop import FrameLoop
from .load_plan import LoadShare
from .outcome import MOST_FINDINGS

READ_SIZE: Final = 64 * 1024
SLOW_RECEIVE_BUFFER: Final = 16 * 1024

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(eq=False)
class ProfileError(Exception):
    """The server did what it should not; the fields are those of a `Finding`."""

    kind: str
    frame: int
    offset: int
    text: str
    count: int = 1
    """Number of echoes concerned."""


@dataclass
class ProfileTally:
    """Counts and findings of all clients of one profile."""

    profile: str
    clients: int
    connections: int = 0
    alive: int = 0
    """Connections that are open now."""
    sent: int = 0
    echoed: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    """Counts of ``wrong`` and ``missing`` echoes, and of all else that was ``unexpected``."""
    completed: int = 0
    """Runs of the profile that went through to the end."""
    longest: float = 0.0
    """The longest duration passed to `record_duration`, in seconds."""
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    """Number of findings, including those beyond `MOST_FINDINGS`, which are not kept."""

    def record_duration(self, seconds: float) -> None:
        """Note how long the server took for the part that the profile measures."""
        self.longest = max(self.longest, seconds)

    def add_problem(self, client: int, problem: ProfileError) -> None:
        """Count a problem, and keep it as a finding while there is room."""
        self.found += 1
        kind = problem.kind if problem.kind in ("wrong", "missing") else "unexpected"
        self.problems[kind] += problem.count
        if len(self.findings) < MOST_FINDINGS:
            where = (problem.frame, problem.offset, problem.kind, problem.text)
            self.findings.append(Finding(client, *where, self.profile))


@dataclass
class RunContext:
    """The context of all clients: the share of the plan, the frames, and the signal to stop."""

    share: LoadShare
    frame_loop: FrameLoop
    stopping: asyncio.Event

    async def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`, or less if the run stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def connect(self, receive_buffer: int = 0) -> Streams:
        """Open a connection as `open_streams` does, within the time-out of the run."""
        opening = open_streams(self.share.family, self.share.address, receive_buffer)
        return await asyncio.wait_for(opening, self.share.timeout)


async def open_streams(
    family: int, address: tuple[str | int, ...], receive_buffer: int = 0
) -> Streams:
    """Open a connection. Raises `OSError`.

    A slow reader needs a small `receive_buffer` (bytes): else the kernel reads on its behalf.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(sock, address)
        refuse_own_peer(sock)
        return await asyncio.open_connection(sock=sock, limit=receive_buffer or READ_SIZE)
    except BaseException:
        sock.close()
        raise


class EchoStream:
    """One connection of a client: sends frames of the frame loop and verifies each echo."""

    def __init__(
        self, context: RunContext, tally: ProfileTally, client: int, streams: Streams
    ) -> None:
        self._timeout = context.share.timeout
        self._frame_loop = context.frame_loop
        self._tally = tally
        self.reader, self.writer = streams
        self._send_index = self._index = context.frame_loop.first_frame(client)
        self._position = context.frame_loop.starts[self._index]
        self.sent = self.echoed = 0
        self._in_flight_bytes = 0
        tally.connections += 1
        tally.alive += 1

    def send(self, frames: int = 1) -> None:
        """Write the next frames, without waiting until they are sent."""
        self.writer.write(b"".join(self.next_frame() for _ in range(frames)))

    def send_uncounted(self, frames: int) -> None:
        """Write frames whose echoes will not be read; they are not counted as sent."""
        first = self._send_index
        self.writer.write(b"".join(self._frame_loop.frame(first + n) for n in range(frames)))

    def next_frame(self) -> bytes:
        """Return the next frame and count it as sent."""
        data = self._frame_loop.frame(self._send_index)
        self._send_index += 1
        self._in_flight_bytes += len(data)
        self.sent += 1
        self._tally.sent += 1
        return data

    async def read(self, size: int = READ_SIZE) -> bytes:
        """Read up to `size` bytes and verify them; empty at the end. Raises `ProfileError`."""
        try:
            data = await asyncio.wait_for(self.reader.read(size), self._timeout)
        except TimeoutError:
            raise self.missing_error(f"not a byte for {self._timeout:g} s") from None
        except OSError as error:
            raise self.missing_error(error_words(error)) from None
        self._verify(data)
        return data

    async def read_all(self) -> None:
        """Read until every frame sent is echoed. Raises `ProfileError`."""
        while self.echoed < self.sent:
            if not await self.read():
                raise self.missing_error("closed by the server")

    def _verify(self, data: bytes) -> None:
        frame_loop, position, due = self._frame_loop, self._position, self._in_flight_bytes
        if len(data) > due or not frame_loop.stream.startswith(data, position):
            at = position, self._index, self.echoed, self.sent - self.echoed
            raise ProfileError("wrong", *locate_wrong_echo(frame_loop, *at, data, due))
        self._in_flight_bytes -= len(data)
        position += len(data)
        index = bisect_right(frame_loop.starts, position) - 1
        self.echoed += index - self._index
        self._tally.echoed += index - self._index
        self._index, self._position = index % frame_loop.frames, position % frame_loop.size

    def missing_error(self, how: str) -> ProfileError:
        """Make the error for echoes that are missing when nothing more comes."""
        missing = self.sent - self.echoed
        came = self._position - self._frame_loop.starts[self._index]
        text = f"{how} with {counted(missing, 'echo', 'echoes')} missing"
        return ProfileError("missing", self.echoed, came, text, missing)

    def lost_error(self, error: OSError) -> ProfileError:
        """Make the error for a lost connection, whether or not an echo is missing."""
        how = error_words(error)
        if self.sent > self.echoed:
            return self.missing_error(how)
        return ProfileError("lost", self.echoed, 0, f"{how}, no echo missing")

    def set_socket_option(self, option: int, value: int | bytes) -> None:
        """Set an option of level SOL_SOCKET; do nothing if the connection is lost."""
        if not self.writer.is_closing():
            sock: socket.socket = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, option, value)

    async def close(self, reset: bool = False) -> None:
        """Close the connection, in order or with a reset."""
        if reset:
            self.writer.transport.abort()
        else:
            self.writer.close()
        with contextlib.suppress(OSError):  # the server has reset it: it is closed all the same
            await self.writer.wait_closed()


def error_words(error: OSError) -> str:
    """Describe a connection error in the system's words, not asyncio's."""
    if error.errno == errno.ENOTCONN:  # a shutdown(2) after a reset says this
        return os.strerror(errno.ECONNRESET).lower()
    words = os.strerror(error.errno) if error.errno else reason_of(error)
    return words.lower()


class Profile(NamedTuple):
    """One profile: its behaviour on a connection, and its result in words."""

    behave: Callable[[RunContext, ProfileTally, EchoStream], Awaitable[None]]
    result: str
    """Format of the sentence for a run in which all was as expected, given the tally and the
    longest duration in milliseconds."""
    pause: float = 0.5
    """Least time from the start of one connection to the next, in seconds."""
    receive_buffer: int = 0


async def run_client(
    context: RunContext, tally: ProfileTally, client: int, profile: Profile
) -> None:
    """Connect, behave and pause, once at least, until the run stops; problems go into the tally."""
    has_begun = False
    while not (has_begun and context.stopping.is_set()):
        has_begun = True
        try:
            streams = await context.connect(profile.receive_buffer)
        except OSError as error:
            lost = ProfileError("lost", 0, 0, f"no connection: {error_words(error)}")
            tally.add_problem(client, lost)
            await context.sleep(max(profile.pause, 1.0))
            continue
        connection = EchoStream(context, tally, client, streams)
        started = monotonic()
        try:
            await profile.behave(context, tally, connection)
            tally.completed += 1
        except (ProfileError, OSError) as error:
            problem = connection.lost_error(error) if isinstance(error, OSError) else error
            tally.add_problem(client, problem)
            # A close in order would wait for the server to read the rest, perhaps for ever.
            await connection.close(reset=True)
        else:
            await connection.close()
        tally.alive -= 1
        await context.sleep(max(0.0, profile.pause - (monotonic() - started)))
