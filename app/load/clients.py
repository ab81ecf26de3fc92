"""What the misbehaving clients have in common: a place on the reel, and notes of what they saw."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from .findings import Finding, counted, wrong_echo
from .frame_loop import FrameLoop
from .load_plan import LoadShare
from .outcome import MOST_FINDINGS

READ_SIZE = 64 * 1024


class Misbehaved(Exception):
    """The server did what it should not; the fields are those of a `Finding`.

    `count` is how many echoes it concerns.
    """

    def __init__(self, kind: str, frame: int, offset: int, text: str, count: int = 1) -> None:
        super().__init__(text)
        self.kind, self.frame, self.offset, self.text = kind, frame, offset, text
        self.count = count


@dataclass
class Notes:
    """What all clients of one profile saw together."""

    profile: str
    clients: int
    connections: int = 0
    alive: int = 0
    """Connections that are open now."""
    sent: int = 0
    echoed: int = 0
    wrong: int = 0
    missing: int = 0
    unexpected: int = 0
    """Everything else that the server should not have done."""
    done: int = 0
    """Times that the profile was played to its end."""
    longest: float = 0.0
    """Seconds that the server took for what the profile is about, at most."""
    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    """Findings in all, those included that are not kept."""

    def took(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)

    def find(self, client: int, problem: Misbehaved) -> None:
        """Keep it and count it."""
        self.found += 1
        if problem.kind == "wrong":
            self.wrong += problem.count
        elif problem.kind == "missing":
            self.missing += problem.count
        else:
            self.unexpected += problem.count
        if len(self.findings) < MOST_FINDINGS:
            where = (problem.frame, problem.offset, problem.kind, problem.text)
            self.findings.append(Finding(client, *where, self.profile))


@dataclass
class Stage:
    """Where the clients play: the server, the frames, and when it ends."""

    share: LoadShare
    reel: FrameLoop
    stopping: asyncio.Event

    async def pause(self, seconds: float) -> None:
        """Sleep, or until the end."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return

    async def connect(
        self, receive_buffer: int = 0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection; with a small receive buffer the kernel does not read for a slow reader."""
        sock = socket.socket(self.share.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connecting = asyncio.get_running_loop().sock_connect(sock, self.share.address)
            await asyncio.wait_for(connecting, self.share.timeout)
            return await asyncio.open_connection(sock=sock, limit=receive_buffer or READ_SIZE)
        except BaseException:
            sock.close()
            raise


class Peer:
    """One connection of a client: goes round the reel and verifies what comes back."""

    def __init__(
        self,
        stage: Stage,
        notes: Notes,
        client: int,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._timeout = stage.share.timeout
        self._reel = stage.reel
        self._notes = notes
        self.reader, self.writer = streams
        self._send_index = self._index = stage.reel.first_frame(client)
        self._position = stage.reel.starts[self._index]
        self.sent = self.echoed = 0
        self._in_flight_bytes = 0
        notes.connections += 1
        notes.alive += 1

    def send(self, frames: int = 1) -> None:
        """Hand over the next frames to be sent."""
        self.writer.write(b"".join(self.next_frame() for _ in range(frames)))

    def send_unwanted(self, frames: int) -> None:
        """Hand over frames whose echoes nobody will read: they are not counted."""
        first = self._send_index
        self.writer.write(b"".join(self._reel.frame(first + n) for n in range(frames)))

    def next_frame(self) -> bytes:
        """The next frame, counted as sent."""
        data = self._reel.frame(self._send_index)
        self._send_index += 1
        self._in_flight_bytes += len(data)
        self.sent += 1
        self._notes.sent += 1
        return data

    async def read(self, size: int = READ_SIZE) -> bytes:
        """Read and verify; empty at the end. Raises `Misbehaved`."""
        try:
            data = await asyncio.wait_for(self.reader.read(size), self._timeout)
        except TimeoutError:
            raise self.missing(f"not a byte for {self._timeout:g} s") from None
        except OSError as error:
            raise self.missing(reason(error)) from None
        self._verify(data)
        return data

    async def read_all(self) -> None:
        """Read until every frame sent is echoed. Raises `Misbehaved`."""
        while self.echoed < self.sent:
            if not await self.read():
                raise self.missing("closed by the server")

    def _verify(self, data: bytes) -> None:
        reel, position, due = self._reel, self._position, self._in_flight_bytes
        if len(data) > due or not reel.stream.startswith(data, position):
            in_flight = self.sent - self.echoed
            raise Misbehaved(
                "wrong",
                *wrong_echo(reel, position, self._index, self.echoed, in_flight, data, due),
            )
        self._in_flight_bytes -= len(data)
        position += len(data)
        index = bisect_right(reel.starts, position) - 1
        self.echoed += index - self._index
        self._notes.echoed += index - self._index
        self._index, self._position = index % reel.frames, position % reel.size

    def missing(self, how: str) -> Misbehaved:
        """What to raise when nothing more comes."""
        missing = self.sent - self.echoed
        came = self._position - self._reel.starts[self._index]
        text = f"{how} with {counted(missing, 'echo', 'echoes')} missing"
        return Misbehaved("missing", self.echoed, came, text, missing)

    def failed(self, error: OSError) -> Misbehaved:
        """What to raise when the connection is lost, whether or not an echo is missing."""
        how = reason(error)
        if self.sent > self.echoed:
            return self.missing(how)
        return Misbehaved("lost", self.echoed, 0, f"{how}, no echo missing")

    def set_socket_option(self, option: int, value: int | bytes) -> None:
        """Set an option of the socket level; a connection that is lost has none to set."""
        if not self.writer.is_closing():
            sock: socket.socket = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, option, value)

    async def close(self, reset: bool = False) -> None:
        """End the connection, in order or with a reset."""
        if reset:
            self.writer.transport.abort()
        else:
            self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return  # the server has reset it: it is closed all the same


def reason(error: OSError) -> str:
    """Why a connection could not be opened or was lost, in the system's words and not asyncio's."""
    if error.errno == errno.ENOTCONN:  # what ending one's side says after a reset
        return os.strerror(errno.ECONNRESET).lower()
    return os.strerror(error.errno).lower() if error.errno else str(error).lower() or "timed out"


Play = Callable[[Stage, Notes, Peer], Awaitable[None]]


async def keep_playing(
    stage: Stage, notes: Notes, client: int, play: Play, receive_buffer: int, pause: float
) -> None:
    """Connect, play, and again after a pause, until the end; problems go into the notes."""
    while not stage.stopping.is_set():
        try:
            peer = Peer(stage, notes, client, await stage.connect(receive_buffer))
        except OSError as error:
            notes.find(client, Misbehaved("lost", 0, 0, f"no connection: {reason(error)}"))
            await stage.pause(max(pause, 1.0))
            continue
        started = monotonic()
        try:
            await play(stage, notes, peer)
            notes.done += 1
        except (Misbehaved, OSError) as problem:
            notes.find(client, peer.failed(problem) if isinstance(problem, OSError) else problem)
            # What is still to be written could wait for ever for such a server to read it.
            await peer.close(reset=True)
        else:
            await peer.close()
        notes.alive -= 1
        await stage.pause(max(0.0, pause - (monotonic() - started)))
