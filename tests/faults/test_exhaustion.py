"""Too many of everything: descriptors, resets, connections at once."""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import time

import pytest

from tests.faults.crowd import (
    Peer,
    body,
    connect,
    crowd,
    drive,
    echoes,
    frame,
    many_descriptors,
    receive,
    reset,
)
from tests.faults.harness import FIGURES, KIB, WellBehaved, serving


@pytest.mark.slow
@pytest.mark.parametrize(("poller", "seconds"), [("epoll", 4.0), ("epoll-et", 1.2)])
def test_out_of_descriptors_is_waited_out(poller: str, seconds: float) -> None:
    promise = f"descriptors exhausted for {seconds:g} s, {poller}"
    with serving("--poller", poller) as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise), crowd(server.address, 30) as held:
            for sock in held:
                sock.sendall(frame(b"held"))
                assert receive(sock, 8) == frame(b"held")
            limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (server.fds(), limits[1]))
            lines = server.mark()
            with crowd(server.address, 200) as waiting:
                for sock in waiting:
                    sock.sendall(frame(b"waits"))
                share = server.cpu_share(seconds)
                said = server.mark() - lines
                for sock in held:
                    sock.sendall(frame(b"held on"))
                    assert receive(sock, 11) == frame(b"held on")
                resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
                began = time.monotonic()
                for sock in waiting:
                    assert receive(sock, 9) == frame(b"waits")
                recovered = time.monotonic() - began
        assert echoes(server.address)
        FIGURES[promise] = f"{share:.1%} CPU, {said} log lines, back after {recovered:.2f} s"
        assert share < 0.25
        assert said < 60
        assert any("accepting" in event["text"] for event in server.log.since(mark, "notice"))
        server.assert_recovers(before)


@pytest.mark.slow
def test_more_connections_than_the_limit_are_told_so() -> None:
    promise = "more connections than fit 160 descriptors"
    with serving(descriptors=160) as server:
        room = server.listening["max_connections"]
        assert room <= 160
        assert any("lowered" in note for note in server.listening["notes"])
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise), crowd(server.address, room + 40) as socks:
            peers = [Peer(sock, frame(b"hello"), until=9) for sock in socks]
            drive(peers, 5)
            served = sum(peer.ended == "enough" for peer in peers)
            assert served == room - 20
            assert server.log.wait_for(mark, "closed", 60, 3)
            assert server.reasons(mark) == {"limit": 60}
        FIGURES[promise] = f"{served + 20} served, 60 closed as limit"
        assert echoes(server.address)
        server.assert_recovers(before)


def _reset_at(stage: int, sock: socket.socket) -> None:
    """One connection's life up to its RST."""
    content = frame(body(100, stage))
    if stage == 1:
        sock.send(b"\0\0")
    elif stage == 2:
        sock.send(b"\0\0\1\0" + bytes(50))
    elif stage == 3:
        sock.send(content)
    elif stage == 4:
        sock.send(content)
        assert receive(sock, 104) == content
    elif stage == 5:
        sock.send(content * 200)
        sock.recv(10)
    elif stage == 6:
        sock.send(content + b"GET / HTTP/1.1\r\n\r\n")
    elif stage == 7:
        # Its echo is larger than what the kernel takes at once: it is pending when the RST comes.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        sock.send(frame(body(200 * KIB)))
    elif stage == 8:
        sock.send(content)
        sock.shutdown(socket.SHUT_WR)
    reset(sock)


@pytest.mark.slow
def test_resets_at_every_stage_leave_nothing() -> None:
    promise = "12,000 resets at every stage"
    count = 12_000
    with serving() as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise):
            for number in range(count):
                _reset_at(number % 9, connect(server.address, 4 * KIB if number % 9 == 7 else 0))
            closed = server.log.wait_for(mark, "closed", count, 10)
        assert len(closed) == count
        reasons = server.reasons(mark)
        assert set(reasons) <= {
            *("reset", "eof", "eof_mid_header", "eof_mid_body", "frame_too_large")
        }
        assert reasons["reset"] > count // 2
        risen = server.rss() - before.rss
        FIGURES[promise] = f"{risen / (1 << 20):.1f} MiB, no descriptor, no traceback left behind"
        server.assert_recovers(before)


@pytest.mark.slow
def test_a_storm_of_connects_and_closes_leaves_nothing() -> None:
    promise = "20,000 connect/close"
    count = 20_000
    with serving() as server:
        before, mark = server.figures(), server.mark()
        with WellBehaved(server, promise):
            for _ in range(count // 100):
                with crowd(server.address, 100):
                    pass
            closed = server.log.wait_for(mark, "closed", count, 10)
        assert len(closed) == count
        risen = server.rss() - before.rss
        FIGURES[promise] = f"{risen / (1 << 20):.1f} MiB left behind"
        server.assert_recovers(before)


@pytest.mark.slow
@pytest.mark.parametrize("poller", ["epoll", "epoll-et"])
def test_nine_thousand_connects_at_once_are_all_served(poller: str) -> None:
    count = 9_000
    promise = f"9,000 connects at once, {poller}"
    if not many_descriptors(count + 200):
        pytest.skip(f"the hard limit of descriptors is below {count + 200}")
    with serving("--max-connections", "9500", "--poller", poller) as server:
        before = server.figures()
        with WellBehaved(server, promise), contextlib.ExitStack() as stack:
            began = time.monotonic()
            pending = {}
            with selectors.DefaultSelector() as selector:
                for number in range(count):
                    sock = stack.enter_context(socket.socket())
                    sock.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        sock.connect(server.address)
                    pending[sock] = frame(body(20, number))
                    selector.register(sock, selectors.EVENT_WRITE, sock)
                while pending and time.monotonic() - began < 10:
                    for key, mask in selector.select(0.1):
                        sock = key.data
                        if mask & selectors.EVENT_WRITE:
                            sock.send(pending[sock])
                            selector.modify(sock, selectors.EVENT_READ, sock)
                        else:
                            assert sock.recv(100) == pending.pop(sock)
                            selector.unregister(sock)
            took = time.monotonic() - began
            assert not pending, f"{len(pending)} of {count} not served in 10 s"
            FIGURES[promise] = f"all echoed in {took:.1f} s"
        server.assert_recovers(before)


@pytest.mark.slow
@pytest.mark.parametrize("poller", ["epoll", "epoll-et", "poll", "select"])
def test_a_full_backlog_is_served_without_another_connect(poller: str) -> None:
    """More than one round of accepts is waiting when the server comes to look."""
    with serving("--poller", poller) as server:
        server.signal(server.STOP)
        with crowd(server.address, 700) as socks:
            peers = [Peer(sock, frame(b"waited"), until=10) for sock in socks]
            server.signal(server.CONTINUE)
            drive(peers, 3)
            assert [bytes(peer.received) for peer in peers] == [frame(b"waited")] * 700
