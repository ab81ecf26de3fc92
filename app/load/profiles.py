"""Clients that misbehave, in a process of their own: what they do, and what they should see.

Each goes on, connection after connection, until the time is up, and ends in order. A server that
is well lets none of them go without what is theirs: echoes late but right for who reads slowly or
half-closes, a refusal for who announces too much, and the next connection served whatever the one
before did.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple

from ..core.framing import HEADER_SIZE, MAX_LENGTH, header
from .clients import Misbehaved, Notes, Peer, Play, Stage, keep_playing
from .frame_loop import FrameLoop
from .load_plan import LoadShare
from .outcome import TELL_EVERY, Outcome, ProfileOutcome, Progress

BURST: Final = 8
"""Frames sent at once by those who half-close or reset."""
SLOW_TICK: Final = 0.1
SLOW_READ: Final = 6554
"""Bytes a tick: 64 KiB a second."""
SLOW_RECEIVE_BUFFER: Final = 16 * 1024
DRIBBLE: Final = 0.05
"""Seconds between two bytes."""
DRIBBLED: Final = 32
"""Bytes of a frame that dribble; the rest follows at once, or a large body would time out."""
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which a close sends RST."""


async def slow_reader(stage: Stage, notes: Notes, peer: Peer) -> None:
    """Send as much as the server takes, read slowly; at the end read the rest at full speed."""

    async def send() -> None:
        while True:
            peer.send()
            await peer.writer.drain()

    started = monotonic()
    sending = asyncio.create_task(send())
    try:
        while not stage.stopping.is_set():
            if not await peer.read(SLOW_READ):
                raise peer.missing("closed by the server")
            await stage.pause(SLOW_TICK)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    peer.set_socket_option(socket.SO_RCVBUF, 1 << 20)
    await peer.read_all()
    notes.took(monotonic() - started)


async def dribbler(stage: Stage, notes: Notes, peer: Peer) -> None:
    """Send the start of each frame one byte at a time, header first."""
    while not stage.stopping.is_set():
        started = monotonic()
        frame = peer.next_frame()
        for byte in frame[:DRIBBLED]:
            if peer.writer.is_closing():
                break  # the connection is gone, as the read below will tell
            peer.writer.write(bytes([byte]))
            await stage.pause(DRIBBLE)
        else:
            peer.writer.write(frame[DRIBBLED:])
        await peer.read_all()
        notes.took(monotonic() - started)


async def oversize(stage: Stage, notes: Notes, peer: Peer) -> None:
    """After a good frame announce the largest body there is; no echo but an end must follow."""
    peer.send()
    await peer.read_all()
    started = monotonic()
    peer.writer.write(header(MAX_LENGTH) + b"never to be read")
    try:
        data = await asyncio.wait_for(peer.reader.read(HEADER_SIZE), stage.share.timeout)
    except ConnectionResetError:
        data = b""
    except TimeoutError:
        text = f"not refused: still open {stage.share.timeout:g} s after the header of a 4 GiB body"
        raise Misbehaved("accepted", 1, HEADER_SIZE, text) from None
    if data:
        raise Misbehaved("accepted", 1, 0, f"not refused: {data!r} came for a 4 GiB body")
    notes.took(monotonic() - started)


async def half_close(_stage: Stage, notes: Notes, peer: Peer) -> None:
    """Send a burst and end this side: every echo must come, and then the server's end."""
    started = monotonic()
    peer.send(BURST)
    peer.writer.write_eof()
    await peer.read_all()
    if await peer.read():
        raise AssertionError("a byte too many is a wrong echo")
    notes.took(monotonic() - started)


async def reset(_stage: Stage, notes: Notes, peer: Peer) -> None:
    """One echo, to see that the server is well; then a burst whose echoes nobody reads, and RST."""
    started = monotonic()
    peer.send()
    await peer.read_all()
    notes.took(monotonic() - started)
    peer.send_unwanted(BURST)
    await peer.writer.drain()
    peer.set_socket_option(socket.SO_LINGER, _RESET_ON_CLOSE)
    await peer.close(reset=True)


class Profile(NamedTuple):
    """How a profile is played, and how what it saw is told."""

    play: Play
    saw: Callable[[Notes], str]
    """A sentence if all was as expected."""
    pause: float = 0.5
    """Seconds from the start of one connection to the next, at least."""
    receive_buffer: int = 0


def _slow(notes: Notes) -> str:
    return f"all {notes.echoed:,} echoes came, late ({notes.longest:.1f} s) but right"


def _dribbled(notes: Notes) -> str:
    return f"all {notes.echoed:,} echoes came, {notes.longest:.1f} s at most after a first byte"


def _refused(notes: Notes) -> str:
    return f"all {notes.done:,} refused with a close, within {1000 * notes.longest:.1f} ms"


def _half_closed(notes: Notes) -> str:
    return f"all {notes.echoed:,} echoes came after the half-close, and then the server's end"


def _reset(notes: Notes) -> str:
    return f"{notes.done:,} resets; each connection was served before, and so was the next"


CAST: Final = {
    "slow-reader": Profile(slow_reader, _slow, receive_buffer=SLOW_RECEIVE_BUFFER),
    "dribbler": Profile(dribbler, _dribbled),
    "oversize": Profile(oversize, _refused),
    "half-close": Profile(half_close, _half_closed),
    "reset": Profile(reset, _reset),
}


Tell = Callable[[Progress], None]


def misbehave(share: LoadShare, reel: FrameLoop, control: int, tell: Tell) -> Outcome:
    """Play the profiles of a share until the time is up or `control` becomes readable.

    `tell` takes a `Progress` now and then.
    """
    return asyncio.run(_misbehave(share, reel, control, tell))


async def _misbehave(share: LoadShare, reel: FrameLoop, control: int, tell: Tell) -> Outcome:
    stage = Stage(share, reel, asyncio.Event())
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(control)
        stage.stopping.set()

    loop.add_reader(control, stop)
    loop.call_later(share.duration, stage.stopping.set)
    all_notes: list[Notes] = []
    playing, client = [], 0
    for name, clients in share.profiles:
        notes = Notes(name, clients)
        all_notes.append(notes)
        profile = CAST[name]
        for _ in range(clients):
            playing.append(
                keep_playing(
                    stage, notes, client, profile.play, profile.receive_buffer, profile.pause
                )
            )
            client += 1
    telling = asyncio.create_task(_keep_telling(all_notes, tell))
    await asyncio.gather(*playing)
    telling.cancel()
    return Outcome(
        wrong=sum(notes.wrong for notes in all_notes),
        missing=sum(notes.missing for notes in all_notes),
        unexpected=sum(notes.unexpected for notes in all_notes),
        findings=tuple(finding for notes in all_notes for finding in notes.findings),
        found=sum(notes.found for notes in all_notes),
        profiles=tuple(_outcome(notes) for notes in all_notes),
    )


async def _keep_telling(all_notes: list[Notes], tell: Tell) -> None:
    started = monotonic()
    while True:
        tell(
            Progress(
                seconds=monotonic() - started,
                alive=sum(notes.alive for notes in all_notes),
                frames=sum(notes.echoed for notes in all_notes),
                bytes=0,
                wrong=sum(notes.wrong + notes.missing + notes.unexpected for notes in all_notes),
                latency=(),
            )
        )
        await asyncio.sleep(TELL_EVERY)


def _outcome(notes: Notes) -> ProfileOutcome:
    well = not (notes.wrong or notes.missing or notes.unexpected)
    bad = (
        f"{notes.wrong:,} wrong and {notes.missing:,} missing echoes, {notes.unexpected:,} other "
        f"surprises on {notes.connections:,} connections; {notes.echoed:,} echoes were right"
    )
    return ProfileOutcome(
        profile=notes.profile,
        clients=notes.clients,
        connections=notes.connections,
        sent=notes.sent,
        echoed=notes.echoed,
        as_expected=well,
        saw=CAST[notes.profile].saw(notes) if well else bad,
    )
