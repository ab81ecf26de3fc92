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
from itertools import chain, repeat
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
from .outcome import PROGRESS_INTERVAL, Outcome, ProfileOutcome, Progress, add_up

BURST: Final = 8
"""Frames sent at once before a half-close or a reset."""
SLOW_TICK: Final = 0.1
SLOW_READ: Final = 6554
"""Bytes read per tick: 64 KiB per second."""
DRIBBLE: Final = 0.05
"""Seconds between two bytes."""
DRIBBLED: Final = 32
"""Bytes of a frame that are sent one by one; the rest at once, else a large body times out."""
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
        while await connection.read(SLOW_READ):
            await context.sleep(SLOW_TICK)
            if context.stopping.is_set():
                break
        else:
            raise connection.missing_error("closed by the server")
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    connection.set_socket_option(socket.SO_RCVBUF, 1 << 20)
    await connection.read_all()
    tally.record_duration(monotonic() - started)


async def dribbler(context: RunContext, tally: ProfileTally, connection: EchoStream) -> None:
    """Send the start of each frame one byte at a time, header first."""
    has_begun = False
    while not (has_begun and context.stopping.is_set()):
        has_begun = True
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
        how_long = f"still open {context.share.timeout:g} s after the header of a 4 GiB body"
        raise ProfileError("accepted", 1, HEADER_SIZE, f"not refused: {how_long}") from None
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


BEHAVIOURS: Final = {
    "slow-reader": Profile(
        slow_reader,
        "all {0.echoed:,} echoes came, late ({0.longest:.1f} s) but right",
        receive_buffer=SLOW_RECEIVE_BUFFER,
    ),
    "dribbler": Profile(
        dribbler, "all {0.echoed:,} echoes came, {0.longest:.1f} s at most after a first byte"
    ),
    "oversize": Profile(oversize, "all {0.completed:,} refused with a close, within {1:.1f} ms"),
    "half-close": Profile(
        half_close, "all {0.echoed:,} echoes came after the half-close, and then the server's end"
    ),
    "reset": Profile(
        reset,
        "{0.completed:,} resets; each connection was served before, and so was the next",
    ),
}


async def run_profiles(
    share: LoadShare, frame_loop: FrameLoop, control: int, publish: Callable[[Progress], None]
) -> Outcome:
    """Run the profiles of a share until the time is up or `control` becomes readable.

    `publish` is called with a `Progress` every `PROGRESS_INTERVAL` seconds.
    """
    context = RunContext(share, frame_loop, asyncio.Event())
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(control)
        context.stopping.set()

    loop.add_reader(control, stop)
    loop.call_later(share.duration, context.stopping.set)
    tallies = [ProfileTally(name, clients) for name, clients in share.profiles]
    publishing = asyncio.create_task(_publish_progress(tallies, publish))
    clients = chain.from_iterable(repeat(tally, tally.clients) for tally in tallies)
    await asyncio.gather(
        *(
            run_client(context, tally, client, BEHAVIOURS[tally.profile])
            for client, tally in enumerate(clients)
        )
    )
    publishing.cancel()
    return Outcome(**add_up(map(_outcome, tallies)))


async def _publish_progress(
    tallies: list[ProfileTally], publish: Callable[[Progress], None]
) -> None:
    started = monotonic()
    while True:
        publish(
            Progress(
                seconds=monotonic() - started,
                alive=sum(tally.alive for tally in tallies),
                frames=sum(tally.echoed for tally in tallies),
                bytes=0,
                wrong=sum(tally.problems.total() for tally in tallies),
                latency=(),
            )
        )
        await asyncio.sleep(PROGRESS_INTERVAL)


def _outcome(tally: ProfileTally) -> Outcome:
    problems = tally.problems
    saw = BEHAVIOURS[tally.profile].result.format(tally, 1000 * tally.longest)
    if problems:
        saw = (
            f"{problems['wrong']:,} wrong and {problems['missing']:,} missing echoes, "
            f"{problems['unexpected']:,} other surprises on "
            f"{tally.connections:,} connections; {tally.echoed:,} echoes were right"
        )
    profile = ProfileOutcome(
        profile=tally.profile,
        clients=tally.clients,
        connections=tally.connections,
        sent=tally.sent,
        echoed=tally.echoed,
        as_expected=not problems,
        saw=saw,
    )
    return Outcome(
        wrong=problems["wrong"],
        missing=problems["missing"],
        unexpected=problems["unexpected"],
        findings=tuple(tally.findings),
        found=tally.found,
        profiles=(profile,),
    )
