"""The generator against servers that echo, and against servers that lie."""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
from collections.abc import Callable
from itertools import cycle
from time import monotonic_ns
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.framing import frame, header
from app.core.histogram import Histogram
from app.load.findings import locate_wrong_echo
from app.load.frame_loop import FrameLoop
from app.load.generator import Generator
from app.load.load_connection import LoadConnection
from app.load.outcome import HISTOGRAM_BITS, MOST_FINDINGS, Outcome, Progress
from app.load.sizes import parse_sizes
from tests.load.lying import generate, lying_server, share
from tests.peers import Running

Serve = Callable[..., Running]


def assert_well(outcome: Outcome, frames: int) -> None:
    assert outcome.findings == ()
    assert (outcome.wrong, outcome.missing, outcome.lost, outcome.late) == (0, 0, 0, 0)
    assert outcome.frames == frames == sum(times for _, times in outcome.latency)


@pytest.mark.parametrize("size", ["0", "1", "64", "0-300", "64:80,4KiB:15,100KiB:5", "700kB"])
@pytest.mark.parametrize("depth", [1, 7])
def test_every_echo_of_a_server_that_is_well(serve: Serve, size: str, depth: int) -> None:
    port = serve().server.port
    outcome = generate(port, connections=3, depth=depth, size=size, frames=200)
    assert_well(outcome, 200)


def test_round_and_round_the_frame_loop(serve: Serve) -> None:
    port = serve().server.port
    frame_loop = FrameLoop(parse_sizes("100kB"), 3, 7)
    assert_well(
        generate(port, depth=3, size="100kB", frames=9 * frame_loop.frames), 9 * frame_loop.frames
    )


def test_the_server_has_seen_what_was_counted(serve: Serve) -> None:
    running = serve()
    outcome = generate(running.server.port, connections=2, depth=4, frames=100)
    watcher = running.watcher
    watcher.until(lambda: watcher.stats and watcher.stats.closed == 2, "closed")
    assert watcher.stats
    assert watcher.stats.frames_in == outcome.frames == 100


@pytest.mark.parametrize("piece", [1, 3, 67, 69])
def test_echoes_in_pieces(piece: int) -> None:
    def in_pieces(client: socket.socket, frames: list[bytes]) -> None:
        data = b"".join(frames)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), piece):
            client.sendall(data[start : start + piece])

    with lying_server(6, in_pieces) as port:
        assert_well(generate(port, depth=6, frames=6), 6)


def test_a_duration_ends_it(serve: Serve) -> None:
    told: list[Progress] = []
    outcome = generate(serve().server.port, told, connections=2, duration=0.05)
    assert_well(outcome, outcome.frames)
    assert outcome.frames >= outcome.measured_frames > 0
    assert outcome.measured_s >= 0.05
    assert outcome.measured_bytes == 64 * outcome.measured_frames
    assert told[0].alive == 2


# --- the open loop ---


def test_an_open_loop_sends_what_is_due_and_no_more(serve: Serve) -> None:
    outcome = generate(
        serve().server.port, connections=3, depth=50, rate=400.0, duration=60.0, frames=40
    )
    assert_well(outcome, 40)
    # Frame 39 is due after 39/400 s: sooner would be a burst.
    assert outcome.measured_s >= 39 / 400


def test_a_stall_is_charged_to_every_frame_that_was_due_meanwhile() -> None:
    def stall(client: socket.socket, frames: list[bytes]) -> None:
        threading.Event().wait(0.3)
        client.sendall(frames[0])

    with lying_server(1, stall) as port:
        outcome = generate(port, depth=1, rate=100.0, frames=40)
    latency = Histogram.from_counts(outcome.latency, HISTOGRAM_BITS)
    assert (outcome.frames, outcome.findings) == (40, ())
    assert latency.percentile(100) >= 300_000
    # One frame was on its way; those due 10, 20 … 200 ms into the stall waited over 90 ms too.
    assert sum(bucket.times for bucket in latency.buckets() if bucket.high >= 90_000) >= 20


def test_frames_that_could_not_be_sent_in_time_are_counted() -> None:
    def late(client: socket.socket, frames: list[bytes]) -> None:
        threading.Event().wait(0.3)
        client.sendall(frames[0])

    with lying_server(1, late) as port:
        outcome = generate(port, depth=1, rate=100.0, duration=0.2)
    assert (outcome.frames, outcome.missing, outcome.wrong) == (1, 0, 0)
    assert outcome.late >= 10
    assert outcome.stranded == 0


def test_frames_are_due_in_turn_over_the_connections() -> None:
    frame_loop = FrameLoop(parse_sizes("8"), 1, 1)
    with socket.socket() as sock:
        connections = [LoadConnection(place, 10 + place, sock, frame_loop) for place in range(3)]
    due = [connections[n % 3].due_after(n // 3, turns=3, rate=50.0) for n in range(9)]
    assert due == [20_000 * n for n in range(9)]


class LookedAt(list[LoadConnection]):
    """Counts the accesses to its connections."""

    times = 0

    def __getitem__(self, place: Any) -> Any:
        self.times += 1
        return super().__getitem__(place)


def test_however_much_is_due_each_connection_is_looked_at_once() -> None:
    """With one access per frame, too high a rate would leave no time for the echoes."""
    asked = share(1, connections=3, depth=2, rate=1e6, duration=1.0)
    sockets = [socket.socketpair() for _ in range(3)]
    control, keeps_open = os.pipe()
    opened = {number: pair[0] for number, pair in enumerate(sockets)}
    frame_loop = FrameLoop(asked.sizes, asked.depth, asked.seed)
    generator = Generator(asked, frame_loop, opened, control, lambda _: None)
    generator._connections = looked_at = LookedAt(generator._connections)
    generator._started_us = monotonic_ns() // 1000 - 1_000_000
    generator._send_what_is_due()
    assert looked_at.times == 3
    assert generator._next_frame >= 1_000_000
    shares = [connection.due + connection.in_flight for connection in list(looked_at)]
    assert shares == [len(range(place, generator._next_frame, 3)) for place in range(3)]
    assert [connection.in_flight for connection in list(looked_at)] == [2, 2, 2]
    generator._poller.close()
    for pair in sockets:
        for sock in pair:
            sock.close()
    os.close(control)
    os.close(keeps_open)


def test_an_open_loop_ends_without_those_who_are_gone(serve: Serve) -> None:
    port = serve(max_connections=1).server.port
    outcome = generate(port, connections=2, depth=50, rate=400.0, frames=20)
    assert outcome.lost == 1
    assert outcome.frames == 10
    assert outcome.missing + outcome.late == 10
    assert outcome.stranded == outcome.late


def test_findings_are_counted_beyond_those_that_are_told(serve: Serve) -> None:
    port = serve(max_connections=1).server.port
    outcome = generate(port, connections=MOST_FINDINGS + 6, frames=200)
    assert (outcome.lost, outcome.found) == (MOST_FINDINGS + 5, MOST_FINDINGS + 5)
    assert len(outcome.findings) == MOST_FINDINGS


# --- servers that lie ---

GROUP = 4
SIZE = 4 + 64


def sent(data: Callable[[list[bytes]], bytes]) -> Callable[[socket.socket, list[bytes]], None]:
    return lambda client, frames: client.sendall(data(frames))


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("lie", "where", "says"),
    [
        (lambda f: flip(b"".join(f), SIZE + 10), (1, 10), "this byte came back as 0x"),
        (lambda f: flip(b"".join(f), 2 * SIZE - 1), (1, SIZE - 1), "sent was 0x"),
        (lambda f: flip(b"".join(f), 2 * SIZE + 3), (2, 3), "announces a body of 65 bytes"),
        (lambda f: f[0] + f[2] + f[1] + f[3], (1, 4), "the echo of frame 2 came in its place"),
        (lambda f: f[0] + f[2] + f[3], (1, 4), "swapped, or this one was dropped"),
        (lambda f: f[0] + f[1] + f[1] + f[2] + f[3], (2, 4), "echo of frame 1 came once more"),
        (lambda f: f[0] + frame(f[1][4:20]) + f[2], (1, 3), "announces a body of 16 bytes"),
        (lambda f: f[0] + f[1][:-1] + f[2] + f[3], (1, SIZE - 1), "this byte came back as 0x00"),
        (lambda f: b"".join(f) + f[3], (4, 0), "more came back than was sent"),
        (lambda f: header(1 << 31) + b"".join(f), (0, 0), "announces a body of 2,147,483,648"),
    ],
    ids=[
        "flip", "flip-last", "flip-header", "swap", "drop", "twice", "short", "shift", "surplus",
        "huge",
    ],
)  # fmt: skip
def test_a_wrong_echo_is_told(
    lie: Callable[[list[bytes]], bytes], where: tuple[int, int], says: str
) -> None:
    with lying_server(GROUP, sent(lie)) as port:
        outcome = generate(port, depth=GROUP, frames=GROUP)
    (finding,) = outcome.findings
    assert (finding.frame, finding.offset) == where
    assert finding.kind == "wrong"
    assert says in str(finding)
    assert str(finding).startswith(f"connection 0, frame {where[0]}, offset {where[1]}: ")
    assert (outcome.wrong, outcome.missing) == (1, 0)


def test_the_last_echo_never_comes() -> None:
    with lying_server(GROUP, sent(lambda frames: b"".join(frames)[:-5])) as port:
        outcome = generate(port, depth=GROUP, frames=GROUP, timeout=0.2)
    (finding,) = outcome.findings
    assert (outcome.frames, outcome.missing, outcome.wrong) == (3, 1, 0)
    assert (finding.frame, finding.offset, finding.kind) == (3, SIZE - 5, "missing")
    assert "not a byte for 0.2 s with 1 echo missing; of this one came 63 of 68" in finding.text
    assert re.search(r", it was begun 0\.\d s ago; 5 bytes were sent that have not", finding.text)


@pytest.mark.parametrize("lingering", [b"", struct.pack("ii", 1, 0)], ids=["end", "reset"])
def test_an_early_end(lingering: bytes) -> None:
    def leave(client: socket.socket, frames: list[bytes]) -> None:
        if lingering:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
        else:
            client.sendall(frames[0] + frames[1][:20])
        client.close()

    with lying_server(GROUP, leave) as port:
        outcome = generate(port, depth=GROUP, frames=GROUP)
    (finding,) = outcome.findings
    assert (outcome.lost, outcome.wrong, finding.kind) == (1, 0, "missing")
    if lingering:
        assert (outcome.missing, finding.frame) == (4, 0)
        assert "reset" in finding.text
    else:
        assert (outcome.missing, finding.frame, finding.offset) == (3, 1, 20)
        assert "closed by the server with 3 echoes missing" in finding.text


def test_echoes_before_an_end_that_a_write_sees_first() -> None:
    sizes = "10:1,8MiB:1"

    def small_then_large(seed: int) -> bool:
        frame_loop = FrameLoop(parse_sizes(sizes), 2, seed)
        return (
            len(frame_loop.frame(frame_loop.first_frame(0)))
            < 100
            < len(frame_loop.frame(frame_loop.first_frame(0) + 1))
        )

    seed = next(seed for seed in range(50) if small_then_large(seed))

    def echo_one_and_reset(client: socket.socket, frames: list[bytes]) -> None:
        client.sendall(frames[0])
        client.close()  # with input unread: the kernel sends RST

    with lying_server(1, echo_one_and_reset) as port:
        outcome = generate(port, depth=2, size=sizes, frames=2, seed=seed)
    assert (outcome.frames, outcome.missing, outcome.lost) == (1, 1, 1)


frame_loops = cycle([FrameLoop(parse_sizes("60-80"), 8, 1)])


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(0, 10**6), st.integers(1, 255))
def test_whichever_byte_is_wrong_is_found(start: int, frames: int, at: int, change: int) -> None:
    frame_loop = next(frame_loops)
    first = start % frame_loop.frames
    begin, end = frame_loop.starts[first], frame_loop.starts[first + frames]
    at %= end - begin
    data = bytearray(frame_loop.stream[begin:end])
    data[at] ^= change
    number, offset, _ = locate_wrong_echo(
        frame_loop, begin, first, 1000, frames, bytes(data), end - begin
    )
    assert frame_loop.starts[first + number - 1000] + offset - begin == at
    assert 0 <= offset < len(frame_loop.frame(first + number - 1000))


def test_a_server_that_does_not_read_is_told_as_that() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        outcome = generate(listening.getsockname()[1], depth=1, frames=1, size="16MiB", timeout=0.3)
    (finding,) = outcome.findings
    assert re.search(r"; [\d,]+ bytes of ours wait, as the server does not read$", finding.text)
