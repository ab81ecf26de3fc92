"""The clients that misbehave: how each behaves, and how a correct server answers it.

Each client opens connection after connection until the time is up, then closes in order. A correct
server echoes late but right to a client that reads slowly or half-closes, refuses a client that
announces too large a body, and serves the next connection whatever the one before did.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from time import monotonic
from typing import Final

from ..core.framing import HEADER_SIZE, MAX_LENGTH, header
from .clients import (
    SLOW_RECEIVE_BUFFER,
    EchoStream,
    Profile,
    ProfileError,
    ProfileTally,
    RunContext,
    run_client,
)
from .frame_loop import FrameLoop
from .load_plan import LoadShare
from .outcome import PROGRESS_INTERVAL, Outcome, ProfileOutcome, Progress

BURST: Final = 8
"""Frames sent at once before a half-close or a reset."""
SLOW_TICK: Final = 0.1
SLOW_READ: Final = 6554
"""Bytes read per tick: 64 KiB per second."""
DRIBBLE: Final = 0.05
"""Seconds between two bytes."""
DRIBBLED: Final = 32
"""Bytes of a frame that are sent one by one.

The rest follows at once: else a large body would time out.
"""
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""The value of SO_LINGER that makes a close send RST."""


async def slow_reader(context: RunContext, tally: ProfileTally, connection: EchoStream) -> None:
    """Send as much as the server accepts, read slowly; at the end read the rest at full speed."""

    async def send() -> None:
        while True:
            connection.send()
            await connection.writer.drain()

    started = monotonic()
    sending = asyncio.create_task(send())
    try:
        while not context.stopping.is_set():
            if not await connection.read(SLOW_READ):
                raise connection.missing_error("closed by the server")
            await context.sleep(SLOW_TICK)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    connection.set_socket_option(socket.SO_RCVBUF, 1 << 20)
    await connection.read_all()
    tally.record_duration(monotonic() - started)


async def dribbler(context: RunContext, tally: ProfileTally, connection: EchoStream) -> None:
    """Send the start of each frame one byte at a time, header first."""
    while not context.stopping.is_set():
        started = monotonic()
        frame = connection.next_frame()
        for byte in frame[:DRIBBLED]:
            if connection.writer.is_closing():
                break  # the connection is lost: the read below raises
            connection.writer.write(bytes([byte]))
            await context.sleep(DRIBBLE)
        else:
            connection.writer.write(frame[DRIBBLED:])
        await connection.read_all()
        tally.record_duration(monotonic() - started)


async def oversize(context: RunContext, tally: ProfileTally, connection: EchoStream) -> None:
    """Send a good frame, then the header of a 4 GiB body; the server must close without an echo."""
    connection.send()
    await connection.read_all()
    started = monotonic()
    connection.writer.write(header(MAX_LENGTH) + b"never to be read")
    try:
        data = await asyncio.wait_for(connection.reader.read(HEADER_SIZE), context.share.timeout)
    except ConnectionResetError:
        data = b""
    except TimeoutError:
        text = (
            f"not refused: still open {context.share.timeout:g} s after the header of a 4 GiB body"
        )
        raise ProfileError("accepted", 1, HEADER_SIZE, text) from None
    if data:
        raise ProfileError("accepted", 1, 0, f"not refused: {data!r} came for a 4 GiB body")
    tally.record_duration(monotonic() - started)


async def half_close(_context: RunContext, tally: ProfileTally, connection: EchoStream) -> None:
    """Send a burst and half-close: every echo must come, and then the server's FIN."""
    started = monotonic()
    connection.send(BURST)
    connection.writer.write_eof()
    await connection.read_all()
    if await connection.read():
        raise AssertionError("a byte too many is a wrong echo")
    tally.record_duration(monotonic() - started)


async def reset(_context: RunContext, tally: ProfileTally, connection: EchoStream) -> None:
    """Verify one echo, then send a burst whose echoes are not read, and reset."""
    started = monotonic()
    connection.send()
    await connection.read_all()
    tally.record_duration(monotonic() - started)
    connection.send_uncounted(BURST)
    await connection.writer.drain()
    connection.set_socket_option(socket.SO_LINGER, _RESET_ON_CLOSE)
    await connection.close(reset=True)


def _slow(tally: ProfileTally) -> str:
    return f"all {tally.echoed:,} echoes came, late ({tally.longest:.1f} s) but right"


def _dribbled(tally: ProfileTally) -> str:
    return f"all {tally.echoed:,} echoes came, {tally.longest:.1f} s at most after a first byte"


def _refused(tally: ProfileTally) -> str:
    return f"all {tally.completed:,} refused with a close, within {1000 * tally.longest:.1f} ms"


def _half_closed(tally: ProfileTally) -> str:
    return f"all {tally.echoed:,} echoes came after the half-close, and then the server's end"


def _reset(tally: ProfileTally) -> str:
    return f"{tally.completed:,} resets; each connection was served before, and so was the next"


BEHAVIOURS: Final = {
    "slow-reader": Profile(slow_reader, _slow, receive_buffer=SLOW_RECEIVE_BUFFER),
    "dribbler": Profile(dribbler, _dribbled),
    "oversize": Profile(oversize, _refused),
    "half-close": Profile(half_close, _half_closed),
    "reset": Profile(reset, _reset),
}


Publish = Callable[[Progress], None]


def run_profiles(
    share: LoadShare, frame_loop: FrameLoop, control: int, publish: Publish
) -> Outcome:
    """Run the profiles of a share until the time is up or `control` becomes readable.

    `publish` is called with a `Progress` every `PROGRESS_INTERVAL` seconds.
    """
    return asyncio.run(_run_profiles(share, frame_loop, control, publish))


async def _run_profiles(
    share: LoadShare, frame_loop: FrameLoop, control: int, publish: Publish
) -> Outcome:
    context = RunContext(share, frame_loop, asyncio.Event())
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(control)
        context.stopping.set()

    loop.add_reader(control, stop)
    loop.call_later(share.duration, context.stopping.set)
    tallies: list[ProfileTally] = []
    playing, client = [], 0
    for name, clients in share.profiles:
        tally = ProfileTally(name, clients)
        tallies.append(tally)
        profile = BEHAVIOURS[name]
        for _ in range(clients):
            playing.append(run_client(context, tally, client, profile))
            client += 1
    publishing = asyncio.create_task(_publish_progress(tallies, publish))
    await asyncio.gather(*playing)
    publishing.cancel()
    return Outcome(
        wrong=sum(tally.wrong for tally in tallies),
        missing=sum(tally.missing for tally in tallies),
        unexpected=sum(tally.unexpected for tally in tallies),
        findings=tuple(finding for tally in tallies for finding in tally.findings),
        found=sum(tally.found for tally in tallies),
        profiles=tuple(_outcome(tally) for tally in tallies),
    )


async def _publish_progress(tallies: list[ProfileTally], publish: Publish) -> None:
    started = monotonic()
    while True:
        publish(
            Progress(
                seconds=monotonic() - started,
                alive=sum(tally.alive for tally in tallies),
                frames=sum(tally.echoed for tally in tallies),
                bytes=0,
                wrong=sum(tally.wrong + tally.missing + tally.unexpected for tally in tallies),
                latency=(),
            )
        )
        await asyncio.sleep(PROGRESS_INTERVAL)


def _outcome(tally: ProfileTally) -> ProfileOutcome:
    well = not (tally.wrong or tally.missing or tally.unexpected)
    bad = (
        f"{tally.wrong:,} wrong and {tally.missing:,} missing echoes, {tally.unexpected:,} other "
        f"surprises on {tally.connections:,} connections; {tally.echoed:,} echoes were right"
    )
    return ProfileOutcome(
        profile=tally.profile,
        clients=tally.clients,
        connections=tally.connections,
        sent=tally.sent,
        echoed=tally.echoed,
        as_expected=well,
        saw=BEHAVIOURS[tally.profile].describe(tally) if well else bad,
    )
