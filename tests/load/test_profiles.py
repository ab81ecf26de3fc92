"""Clients that misbehave: what they see of a server that is well, and of one that is not."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable

import pytest

from app.framing import header
from app.load.outcome import Outcome
from app.load.plan import PROFILES
from app.load.profiles import misbehave
from app.load.reel import Reel
from tests.load.lying import lying_server, share
from tests.peers import Running

Serve = Callable[..., Running]


def misbehave_once(
    port: int, profile: str, size: str = "64", timeout: float = 5.0, duration: float = 0.05
) -> Outcome:
    """One client that is asked to end as soon as it has begun: it plays its part once."""
    asked = share(
        port,
        connections=0,
        duration=duration,
        size=size,
        timeout=timeout,
        profiles=((profile, 1),),
    )
    control, keeps_open = os.pipe()
    try:
        return misbehave(asked, Reel(asked.sizes, asked.depth, asked.seed), control)
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
    outcome = misbehave_once(running.server.port, "slow-reader", size="100kB")
    watcher = running.watcher
    watcher.until(lambda: watcher.stats and watcher.stats.closed == 1, "closed")
    assert watcher.stats
    assert watcher.stats.toggles >= 2, "POLLOUT was armed, and disarmed"
    assert outcome.profiles[0].as_expected


def test_the_ends_are_those_that_the_server_tells(serve: Serve) -> None:
    running = serve()
    for profile in ("oversize", "half-close", "reset"):
        misbehave_once(running.server.port, profile)
    reasons = [running.closed(number).reason.value for number in (1, 2, 3)]
    assert reasons == ["frame_too_large", "eof", "reset"]


def flipped(client: socket.socket, frames: list[bytes]) -> None:
    client.sendall(frames[0][:-1] + bytes([frames[0][-1] ^ 1]))


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
    """asyncio warns of each byte that is written to a connection that has failed."""
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


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    outcome = misbehave_once(port, "reset")
    assert not outcome.profiles[0].as_expected
    assert "no connection: " in outcome.findings[0].text
