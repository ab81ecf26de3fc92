"""Ends: what was received in full is echoed in full, whatever follows it."""

from __future__ import annotations

import contextlib
import random

import pytest

from tests.faults.crowd import EOF, Peer, body, connect, crowd, drive, frame, name_of, receive
from tests.faults.harness import FIGURES, KIB, MIB, WellBehaved, serving

CAP = MIB
FOREIGN = {
    b"GET /index.html HTTP/1.1\r\nHost: example.org\r\n\r\n": "http1",
    b"POST /form HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b": "http1",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32): "tls",
    b"SSH-2.0-OpenSSH_9.6\r\n": "ssh",
    (300).to_bytes(4, "little") + b"abc" * 100: "u32le",
    (2**31).to_bytes(4, "big") + b"some of it": None,
    (2**32 - 1).to_bytes(4, "big"): None,
    (CAP + 4).to_bytes(4, "big") + body(CAP): "over_cap",
    (CAP + 1).to_bytes(4, "big") + body(50_000): "over_cap",
    (CAP + 5).to_bytes(4, "big") + body(200_000): "over_cap",
}
"""First bytes that announce too much, and their diagnosis."""


def announced(first: bytes) -> str:
    """What the detail must say of the header in `first`."""
    return f"header announces {int.from_bytes(first[:4], 'big'):,} bytes, CAP is {CAP:,}"


@pytest.mark.slow
@pytest.mark.parametrize("poller", ["epoll", "epoll-et"])
def test_half_closed_clients_get_every_echo_and_then_eof(poller: str) -> None:
    chance = random.Random(5)
    promise = f"300 half-closed, {poller}"
    with serving("--poller", poller) as server, contextlib.ExitStack() as stack:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise):
            peers = []
            for number in range(300):
                late = number % 5 == 0
                sock = connect(server.address, 8 * KIB if number % 10 == 0 else 0)
                stack.enter_context(sock)
                sizes = [chance.randrange(MIB + 1)]
                if number % 3 == 0:
                    sizes = [chance.randrange(60 * KIB) for _ in range(12)] + [0, 1]
                data = b"".join(frame(body(size, number)) for size in sizes)
                peers.append(Peer(sock, data, half_close=True, read_from=1.2 if late else 0.0))
            drive(peers, 10)
            whole = sum(peer.received == peer.to_send for peer in peers)
            ends = {peer.ended for peer in peers}
            closed = server.closed(mark, 300, 3)
        assert whole == 300
        assert ends == {EOF}
        assert {closed[peer.name]["reason"] for peer in peers} == {"eof"}
        FIGURES[promise] = f"{whole} whole, {sum(len(p.received) for p in peers) / MIB:.0f} MiB"
        server.assert_recovers(before)


@pytest.mark.slow
@pytest.mark.parametrize("poller", ["epoll", "epoll-et"])
def test_bad_headers_behind_a_frame_leave_its_echo_whole(poller: str) -> None:
    promise = f"100 bad headers behind 64 KiB, {poller}"
    with serving("--poller", poller, "--cap", str(CAP)) as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise), crowd(server.address, 100) as socks:
            kinds = list(FOREIGN)
            peers = [
                Peer(sock, frame(body(64 * KIB, number)) + kinds[number % len(kinds)])
                for number, sock in enumerate(socks)
            ]
            drive(peers, 8)
            closed = server.closed(mark, 100, 4)
            for number, peer in enumerate(peers):
                foreign = kinds[number % len(kinds)]
                event = closed[peer.name]
                assert peer.received == frame(body(64 * KIB, number)), foreign[:20]
                assert peer.ended == EOF, foreign[:20]
                assert event["reason"] == "frame_too_large"
                assert event["detail"] == announced(foreign)
                assert event["frames_out"] == 1
        FIGURES[promise] = "100 whole, then EOF"
        server.assert_recovers(before)


@pytest.mark.slow
@pytest.mark.parametrize("poller", ["epoll", "epoll-et"])
def test_bad_headers_behind_an_echo_that_is_read_slowly(poller: str) -> None:
    promise = f"15 bad headers behind 1 MB read slowly, {poller}"
    kinds = list(FOREIGN)
    with serving("--poller", poller, "--cap", str(CAP)) as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise), crowd(server.address, 15, 16 * KIB) as socks:
            peers = [
                Peer(
                    sock,
                    frame(body(1_000_000, number)) + kinds[number % len(kinds)],
                    read_from=(0.1, 1.5, 2.5)[number % 3],
                    read_size=16 * KIB,
                    read_every=0.015,
                )
                for number, sock in enumerate(socks)
            ]
            drive(peers, 10)
            for number, peer in enumerate(peers):
                assert peer.received == frame(body(1_000_000, number)), (number, peer.ended)
                assert peer.ended == EOF
            closed = server.closed(mark, 15, 4)
            assert {event["reason"] for event in closed.values()} == {"frame_too_large"}
        FIGURES[promise] = "15 whole, then EOF"
        server.assert_recovers(before)


@pytest.mark.slow
def test_a_timeout_does_not_destroy_an_earlier_echo() -> None:
    """The peer has not read its echo yet, and goes on to dribble a body past its time-out."""
    with serving("--body-timeout", "1", "--header-timeout", "1") as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server), crowd(server.address, 8, 8 * KIB) as socks:
            peers = [
                Peer(
                    sock,
                    frame(body(400_000, number)) + (5000).to_bytes(4, "big"),
                    dribble=bytes(200),
                    dribble_every=0.05,
                    read_from=2.5,
                )
                for number, sock in enumerate(socks)
            ]
            drive(peers, 6)
            closed = server.closed(mark, 8, 3)
            for number, peer in enumerate(peers):
                assert closed[peer.name]["reason"] == "timeout_body"
                assert len(peer.received) == 400_004, (len(peer.received), peer.ended)
                assert peer.received == frame(body(400_000, number))
        server.assert_recovers(before)


@pytest.mark.slow
def test_a_foreign_first_word_gets_eof_and_a_detail() -> None:
    with serving("--cap", str(CAP)) as server:
        mark = server.mark()
        with crowd(server.address, len(FOREIGN)) as socks:
            peers = [Peer(sock, first) for sock, first in zip(socks, FOREIGN, strict=True)]
            drive(peers, 5)
            closed = server.closed(mark, len(FOREIGN), 3)
            for peer in peers:
                assert (bytes(peer.received), peer.ended) == (b"", EOF), peer.to_send[:20]
                event = closed[peer.name]
                assert (event["reason"], event["frames_in"]) == ("frame_too_large", 0)
                assert event["detail"] == announced(peer.to_send)
                found = event["diagnosis"]
                assert (found and found["code"]) == FOREIGN[peer.to_send]


@pytest.mark.slow
def test_a_hundred_thousand_empty_frames_at_once() -> None:
    promise = "100,000 empty frames at once"
    with serving() as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise), crowd(server.address, 3) as socks:
            peers = [Peer(sock, bytes(400_000), half_close=True) for sock in socks]
            drive(peers, 8)
            assert [len(peer.received) for peer in peers] == [400_000] * 3
            assert {peer.ended for peer in peers} == {EOF}
            assert not any(peer.received.strip(b"\0") for peer in peers)
            closed = server.closed(mark, 3, 3).values()
            assert {event["frames_out"] for event in closed} == {100_000}
        FIGURES[promise] = "all echoed, on three connections side by side"
        server.assert_recovers(before)


@pytest.mark.slow
def test_an_end_within_a_frame_is_told_as_such() -> None:
    with serving() as server:
        mark = server.mark()
        cases = {
            b"": "eof",
            b"\0\0": "eof_mid_header",
            b"\0\0\0\5abc": "eof_mid_body",
            frame(b"x" * 9) + b"\0": "eof_mid_header",
            frame(b"x" * 70_000) + b"\0\0\0\1": "eof_mid_body",
        }
        with crowd(server.address, len(cases)) as socks:
            peers = [
                Peer(sock, data, half_close=True) for sock, data in zip(socks, cases, strict=True)
            ]
            for peer in peers:
                if not peer.to_send:
                    peer.sock.shutdown(1)
            drive(peers, 5)
            closed = server.closed(mark, len(cases), 3)
            for peer in peers:
                assert peer.ended == EOF
                assert closed[peer.name]["reason"] == cases[peer.to_send]


@pytest.mark.slow
def test_the_largest_body_and_one_byte_more() -> None:
    with serving("--cap", "100000") as server, connect(server.address) as sock:
        mark = server.mark()
        sock.sendall(frame(body(100_000)))
        assert receive(sock, 100_004) == frame(body(100_000))
        sock.sendall(frame(body(100_001)))
        assert receive(sock, 1) == b""
        assert server.closed(mark, 1, 3)[name_of(sock)]["reason"] == "frame_too_large"
