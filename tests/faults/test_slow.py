"""Slow and greedy peers: their time is bounded, and so is the memory that they can hold."""

from __future__ import annotations

import contextlib
import random
import time

import pytest

from tests.faults.crowd import EOF, Peer, body, connect, crowd, drive, frame, name_of, receive
from tests.faults.harness import FIGURES, KIB, MIB, WellBehaved, serving, wait_until

LATE = 1.5
"""Seconds behind its time-out at which a connection must have ended."""
HEADER_TIMEOUT = 1.0
BODY_TIMEOUT = 2.0


def _loris(number: int) -> tuple[bytes, bytes, float, str]:
    """Return the bytes sent at once, the dribbled bytes, their interval, and the close reason."""
    header = (1000 + number).to_bytes(4, "big")
    kinds = [
        (header[:1], b"", 1.0, "timeout_header"),
        (header[:2], b"", 1.0, "timeout_header"),
        (header[:3], b"", 1.0, "timeout_header"),
        (header[:1], header[1:3], 0.45, "timeout_header"),
        (frame(b"served") + header[:2], b"", 1.0, "timeout_header"),
        (header, b"", 1.0, "timeout_body"),
        (header + bytes(999), b"", 1.0, "timeout_body"),
        (header, bytes(900), 0.2, "timeout_body"),
        (frame(b"") * 3 + header, bytes(900), 0.05, "timeout_body"),
    ]
    return kinds[number % len(kinds)]


@pytest.mark.slow
@pytest.mark.parametrize("poller", ["epoll", "epoll-et"])
def test_slow_loris_connections_end_in_time(poller: str) -> None:
    promise = f"400 slow-loris, {poller}"
    options = ["--header-timeout", str(HEADER_TIMEOUT), "--body-timeout", str(BODY_TIMEOUT)]
    with serving(*options, "--poller", poller) as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise), crowd(server.address, 400) as socks:
            peers = []
            reasons = {}
            for number, sock in enumerate(socks):
                first, dribble, every, reason = _loris(number)
                peers.append(Peer(sock, first, dribble=dribble, dribble_every=every))
                reasons[name_of(sock)] = reason
            began = time.time()
            drive(peers, BODY_TIMEOUT + LATE + 1)
            closed = server.closed(mark, 400, 1)
            latest = 0.0
            for peer in peers:
                event = closed[peer.name]
                assert event["reason"] == reasons[peer.name], event
                timeout = BODY_TIMEOUT if event["reason"] == "timeout_body" else HEADER_TIMEOUT
                assert peer.ended == EOF, peer
                assert peer.received == peer.to_send[: len(peer.received)]
                for took in (peer.ended_at, event["t"] - began):
                    assert timeout - 0.05 <= took <= timeout + LATE, event
                    latest = max(latest, took - timeout)
        FIGURES[promise] = f"right reason, at most {latest:.2f} s after the time-out"
        server.assert_recovers(before)


@pytest.mark.slow
def test_readers_that_never_read_or_read_a_byte_a_second() -> None:
    promise = "40 readers that do not read"
    flood = frame(body(MIB)) * 12
    with serving("--write-timeout", "1") as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise), crowd(server.address, 40, 8 * KIB) as socks:
            peers = [
                Peer(
                    sock,
                    flood,
                    read_from=60.0 if number % 4 else 0.1,
                    read_size=1,
                    read_every=0.25,
                )
                for number, sock in enumerate(socks)
            ]
            began = time.time()
            drive(peers, 3.5)
            closed = server.closed(mark, 40, 2)
            latest = max(event["t"] - began for event in closed.values())
            assert {event["reason"] for event in closed.values()} == {"timeout_write"}
            assert min(event["t"] - began for event in closed.values()) >= 1.0
            assert latest < 1.0 + LATE
        FIGURES[promise] = f"timeout_write at most {latest - 1:.2f} s after the time-out"
        server.assert_recovers(before)


@pytest.mark.slow
def test_a_slow_reader_that_goes_on_reading_is_not_ended() -> None:
    """Well above the floor of the rate and slower than the time-out, all told."""
    content = frame(body(1_000_000))
    with serving("--write-timeout", "1", "--body-timeout", "1") as server:
        before = server.figures()
        with connect(server.address, 8 * KIB) as sock:
            peer = Peer(sock, content, read_size=16 * KIB, read_every=0.04, until=len(content))
            drive([peer], 8)
            assert peer.received == content
            assert peer.ended_at > 2
        server.assert_recovers(before)


@pytest.mark.slow
def test_silence_between_frames() -> None:
    promise = "40 idle connections"
    with serving("--idle-timeout", "1") as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise), crowd(server.address, 40) as socks:
            peers = [
                Peer(sock, b"" if number % 2 else frame(b"x" * 100))
                for number, sock in enumerate(socks)
            ]
            drive(peers, 1.0 + LATE)
            closed = server.closed(mark, 40, 1)
            for peer in peers:
                assert (peer.ended, closed[peer.name]["reason"]) == (EOF, "timeout_idle")
                assert peer.received == peer.to_send
            latest = max(peer.ended_at for peer in peers)
        FIGURES[promise] = f"timeout_idle at most {latest - 1:.2f} s after the time-out"
        server.assert_recovers(before)


@pytest.mark.slow
def test_announced_bodies_that_never_come_cost_no_memory() -> None:
    promise = "500 announced bodies of 16 MiB"
    with serving("--cap", "16MiB") as server:
        before, mark = server.figures(), server.mark()
        highest = 0
        with WellBehaved(server, promise):
            with crowd(server.address, 500) as socks:
                for number, sock in enumerate(socks):
                    sock.sendall((16 * MIB).to_bytes(4, "big") + bytes(number % 3))
                server.log.wait_for(mark, "opened", 500, 3)
                # Another one's whole exchange lies behind all of these announcements.
                for sock in socks[:20]:
                    sock.sendall(b"more")
                    highest = max(highest, server.rss())
                with connect(server.address) as other:
                    other.sendall(frame(b"behind"))
                    assert receive(other, 10) == frame(b"behind")
                highest = max(highest, server.rss())
            server.closed(mark, 501, 3)
            assert server.reasons(mark) == {"eof_mid_body": 500, "eof": 1}
        risen = highest - before.rss
        FIGURES[promise] = f"{risen / MIB:.1f} MiB"
        assert risen < 32 * MIB
        server.assert_recovers(before)


@pytest.mark.slow
@pytest.mark.parametrize("size", [10 * KIB, 256 * KIB, MIB])
def test_readers_that_never_read_hold_one_frame_each(size: int) -> None:
    count = 200 if size < MIB else 50
    promise = f"{count} readers that never read, frames of {size // KIB} KiB"
    chance = random.Random(9)
    with serving() as server:
        before, mark = server.figures(), server.mark()
        risen = 0
        with WellBehaved(server, promise), contextlib.ExitStack() as stack:
            socks = []
            flood = memoryview(frame(body(size)) * max(1, 2 * MIB // size))
            for _ in range(count):
                sock = stack.enter_context(connect(server.address, 8 * KIB))
                sock.setblocking(False)
                socks.append(sock)
            sent = dict.fromkeys(socks, 0)
            moved = time.monotonic()
            # Until nobody could send for a while: then every echo is stuck.
            while time.monotonic() - moved < 0.3:
                for sock in socks:
                    start = sent[sock] % len(flood)
                    with contextlib.suppress(BlockingIOError):
                        # Uneven pieces, so that reads and frames do not fall together.
                        piece = flood[start : start + chance.randrange(1, 200_000)]
                        sent[sock] += sock.send(piece)
                        moved = time.monotonic()
                risen = max(risen, server.rss() - before.rss)
            for sock in socks[:150]:
                sock.close()
        allowed = count * (size + 64 * KIB) + 16 * MIB
        FIGURES[promise] = f"{risen / MIB:.0f} MiB of {allowed / MIB:.0f} allowed"
        assert risen < allowed, f"{risen / MIB:.0f} MiB of {allowed / MIB:.0f}"
        assert wait_until(lambda: len(server.log.since(mark, "closed")) >= count, 5)
        server.assert_recovers(before)
