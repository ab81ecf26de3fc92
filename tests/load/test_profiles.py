"""Clients that misbehave, against a correct server and against wrong ones."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from app.core.framing import HEADER_SIZE, header
from app.load.clients import EchoStream, Profile, ProfileTally, RunContext, run_client
from app.load.frame_loop import FrameLoop
from app.load.load_plan import PROFILES
from app.load.outcome import Outcome, Progress
from app.load.profiles import run_profiles
from tests.load.lying import lying_server, share
from tests.peers import PATIENCE, Running

Serve = Callable[..., Running]


def misbehave_once(
    port: int, *profiles: str, size: str = "64", timeout: float = 5.0, duration: float = 0.05
) -> Outcome:
    """Run one client of each profile that stops as soon as it has started, so it runs once."""
    return misbehave_and_tell([], port, *profiles, size=size, timeout=timeout, duration=duration)


def misbehave_and_tell(told: list[Progress], port: int, *profiles: str, **how: Any) -> Outcome:
    asked = share(
        port,
        connections=0,
        **how,
        profiles=tuple((profile, 1) for profile in profiles),
    )
    control, keeps_open = os.pipe()
    try:
        frame_loop = FrameLoop(asked.sizes, asked.depth, asked.seed)
        return asyncio.run(run_profiles(asked, frame_loop, control, told.append))
    finally:
        os.close(control)
        os.close(keeps_open)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.slow
def test_a_server_that_is_well(serve: Serve, profile: str) -> None:
    outcome = misbehave_once(serve().server.port, profile)
    (seen,) = outcome.profiles
    assert outcome.findings == ()
    assert (outcome.wrong, outcome.missing) == (0, 0)
    assert seen.as_expected, seen
    assert seen.profile == profile
    assert seen.echoed == seen.sent > 0
    says = {
        "slow-reader": "late",
        "dribbler": "after a first byte",
        "oversize": "all 1 refused with a close",
        "half-close": "all 8 echoes came after the half-close",
        "reset": "1 resets",
    }
    assert says[profile] in seen.saw


def test_a_slow_reader_fills_the_buffers_on_the_way(serve: Serve) -> None:
    running = serve()
    watcher = running.watcher
    asked = share(
        running.server.port,
        connections=0,
        size="100kB",
        duration=PATIENCE,
        profiles=(("slow-reader", 1),),
    )
    frame_loop = FrameLoop(asked.sizes, asked.depth, asked.seed)
    outcomes: list[Outcome] = []
    control, stop = os.pipe()
    with os.fdopen(control):
        client = threading.Thread(
            target=lambda: outcomes.append(
                asyncio.run(run_profiles(asked, frame_loop, control, lambda _progress: None))
            )
        )
        client.start()
        try:
            watcher.until(lambda: watcher.stats and watcher.stats.armed == 1, "armed")
        finally:
            os.close(stop)  # the client reads the rest and ends
            client.join(PATIENCE)
    watcher.until(lambda: watcher.stats and watcher.stats.closed == 1, "closed")
    assert watcher.stats
    assert watcher.stats.toggles >= 2, "POLLOUT was armed, and disarmed"
    assert outcomes[0].profiles[0].as_expected


def test_the_ends_are_those_that_the_server_tells(serve: Serve) -> None:
    running = serve()
    for profile in ("oversize", "half-close", "reset"):
        misbehave_once(running.server.port, profile)
    reasons = [running.closed(number).reason.value for number in (1, 2, 3)]
    assert reasons == ["frame_too_large", "eof", "reset"]


def flipped(client: socket.socket, frames: list[bytes]) -> None:
    client.sendall(frames[0][:-1] + bytes([frames[0][-1] ^ 1]))


@pytest.mark.parametrize("profile", PROFILES)
def test_a_run_that_is_over_before_it_begins_has_been_played_once(
    serve: Serve, profile: str
) -> None:
    port = serve().server.port
    asked = share(port, connections=0, duration=PATIENCE, profiles=((profile, 1),))
    frame_loop = FrameLoop(asked.sizes, asked.depth, asked.seed)
    control, stop = os.pipe()
    os.close(stop)
    with os.fdopen(control):
        outcome = asyncio.run(run_profiles(asked, frame_loop, control, lambda _progress: None))
    assert outcome.findings == ()
    assert outcome.profiles[0].echoed > 0


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.slow
def test_a_wrong_echo(profile: str) -> None:
    with lying_server(1, flipped) as port:
        outcome = misbehave_once(port, profile)
    assert outcome.wrong == 1
    assert not outcome.profiles[0].as_expected
    assert "1 wrong" in outcome.profiles[0].saw
    assert str(outcome.findings[0]).startswith(f"{profile} client 0, frame 0, offset 67: this byte")


def test_a_server_that_ends_with_echoes_missing() -> None:
    def leave(client: socket.socket, frames: list[bytes]) -> None:
        client.sendall(b"".join(frames[:5]))
        client.close()

    with lying_server(8, leave) as port:
        outcome = misbehave_once(port, "half-close")
    assert (outcome.missing, outcome.profiles[0].as_expected) == (3, False)
    assert "with 3 echoes missing" in outcome.findings[0].text


def test_a_dribbler_whose_server_is_gone_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio would warn of each byte written to a failed connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=reset_at_the_first_byte, args=(listening,))
        thread.start()
        outcome = misbehave_once(listening.getsockname()[1], "dribbler", duration=0.4)
        thread.join()
    assert outcome.missing == 1
    assert caplog.records == []


def reset_at_the_first_byte(listening: socket.socket) -> None:
    client, _ = listening.accept()
    client.recv(1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@contextmanager
def ending_server(echoes: int, reset: bool) -> Iterator[int]:
    """Run a server that ends each connection after some echoes of 64 bytes; yield its port."""

    class Ends(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            client: socket.socket = self.request
            client.settimeout(PATIENCE)
            with suppress(ConnectionError):  # clients reset too
                for _ in range(echoes):
                    client.sendall(client.recv(HEADER_SIZE + 64, socket.MSG_WAITALL))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", reset, 0))
            client.close()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Ends) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("echoes", "reset"), [(0, False), (0, True), (1, False), (1, True), (2, True)]
)
@pytest.mark.slow
def test_a_server_that_ends_connections_is_a_finding_for_each(
    echoes: int, reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with ending_server(echoes, reset) as port:
        outcome = misbehave_once(port, *PROFILES, duration=0.6)
    assert [profile.profile for profile in outcome.profiles] == list(PROFILES)
    found = {finding.profile: finding.text for finding in outcome.findings}
    assert set(found) >= {"slow-reader", "dribbler", "half-close"}
    assert re.match("closed by the server|.*connection reset by peer", found["half-close"])
    assert caplog.records == [], "asyncio warns of writes to a connection that has failed"


def test_a_connection_that_is_lost_with_no_echo_missing() -> None:
    with lying_server(1, lambda client, frames: client.sendall(frames[0])) as port:
        asked = share(port, connections=0, duration=1.0, profiles=(("reset", 1),))
        tally = ProfileTally("reset", 1)

        async def lose(context: RunContext, _tally: ProfileTally, connection: EchoStream) -> None:
            connection.send()
            await connection.read_all()
            context.stopping.set()
            raise ConnectionResetError("Connection lost")

        async def play() -> None:
            context = RunContext(asked, FrameLoop(asked.sizes, 1, 1), asyncio.Event())
            await run_client(context, tally, 3, Profile(lose, "", pause=0))

        asyncio.run(play())
    assert [str(finding) for finding in tally.findings] == [
        "reset client 3, frame 1, offset 0: connection lost, no echo missing"
    ]
    assert (tally.problems, tally.completed) == ({"unexpected": 1}, 0)


@pytest.mark.parametrize("answer", [b"", header(3) + b"yes"], ids=["waits", "answers"])
def test_a_server_that_does_not_refuse(answer: bytes) -> None:
    def accept_it(client: socket.socket, frames: list[bytes]) -> None:
        client.sendall(frames[0])
        assert client.recv(4) == header(2**32 - 1)
        client.sendall(answer)
        while client.recv(100):
            continue

    with lying_server(1, accept_it) as port:
        outcome = misbehave_once(port, "oversize", timeout=0.3)
    assert not outcome.profiles[0].as_expected
    assert "not refused" in str(outcome.findings[0])
    assert (outcome.unexpected, outcome.found) == (1, 1)


def test_progress_is_told(serve: Serve) -> None:
    told: list[Progress] = []
    misbehave_and_tell(
        told, serve().server.port, "half-close", "dribbler", duration=0.3, size="64", timeout=5.0
    )
    assert told[0].frames == 0
    assert told[-1].alive == 1, "the dribbler"
    assert told[-1].frames == 8
    assert told[-1].wrong == 0


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    outcome = misbehave_once(port, "reset")
    assert not outcome.profiles[0].as_expected
    assert outcome.findings[0].text == "no connection: connection refused"
