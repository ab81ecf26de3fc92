"""Stopping: what was sent in full before the signal is echoed, and the end comes in time."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import time

import pytest

from tests.faults.crowd import EOF, Peer, body, connect, crowd, drive, echoes, frame, receive
from tests.faults.harness import FIGURES, KIB, MIB, ROOT, program, serving, wait_until

GRACE = 3.0
EXIT_SLACK = 0.2
"""Seconds for the interpreter's own end, on top of the grace."""
ACCEPT_ENDS = 0.5
ENDS_AT_ONCE = 0.5


def _send_as_much_as_fits(sock: socket.socket, content: bytes, most: int) -> int:
    """Fill the way to the server; the whole frames that the kernel took for it."""
    sock.setblocking(False)
    sent = 0
    while sent < most * len(content):
        try:
            sent += sock.send(memoryview(content)[sent % len(content) :])
        except BlockingIOError:
            with selectors.DefaultSelector() as selector:
                selector.register(sock, selectors.EVENT_WRITE)
                if not selector.select(0.1):
                    break
    return sent // len(content)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "poller"),
    [
        (signal.SIGTERM, "epoll"),
        (signal.SIGINT, "epoll"),
        (signal.SIGHUP, "epoll"),
        (signal.SIGTERM, "epoll-et"),
    ],
)
def test_a_stop_under_load_echoes_every_frame_received(number: signal.Signals, poller: str) -> None:
    promise = f"{number.name} under load, {poller}"
    with serving("--grace", str(GRACE), "--poller", poller) as server:
        mark = server.mark()
        with crowd(server.address, 60) as socks:
            expected = []
            for index, sock in enumerate(socks):
                size, most = [(64, 40), (9 * KIB, 30), (200 * KIB, 8), (0, 50)][index % 4]
                content = frame(body(size, index))
                expected.append(content * _send_as_much_as_fits(sock, content, most))
            began = time.monotonic()
            server.signal(number)
            accepted_until = _last_accepted(server.address, began)
            peers = [Peer(sock, b"") for sock in socks]
            drive(peers, GRACE + 1)
            code = server.wait(GRACE + 2)
            took = time.monotonic() - began
            lost = [
                (peer.name, len(peer.received), len(content))
                for peer, content in zip(peers, expected, strict=True)
                if not bytes(peer.received).startswith(content)
            ]
            ends = {peer.ended for peer in peers}
        assert not lost
        assert ends == {EOF}
        assert (code, server.log.events[-1]["event"]) == (0, "stopped")
        assert accepted_until < ACCEPT_ENDS
        assert took < GRACE + EXIT_SLACK
        assert server.log.events[-1]["cause"] == number.name
        assert server.log.open == 0
        assert server.reasons(mark)["shutdown"] >= 60
        frames = sum(len(content) for content in expected) / MIB
        FIGURES[promise] = f"{frames:.0f} MiB sent before it all echoed, exit 0 in {took:.2f} s"


@pytest.mark.slow
@pytest.mark.parametrize("poller", ["epoll", "epoll-et"])
def test_a_stop_while_clients_go_on_sending(poller: str) -> None:
    """They never stop by themselves: what they sent before the signal is echoed all the same."""
    promise = f"SIGTERM while 20 clients go on sending, {poller}"
    with serving("--grace", str(GRACE), "--poller", poller) as server:
        with crowd(server.address, 20) as socks:
            sizes = (64, 3000, 100 * KIB, 700 * KIB)
            contents = [frame(body(sizes[index % 4], index)) for index in range(20)]
            floods = [content * (48 * MIB // len(content)) for content in contents]
            peers = [Peer(sock, flood) for sock, flood in zip(socks, floods, strict=True)]
            drive(peers, 0.3)
            due = [peer.sent - peer.sent % len(contents[n]) for n, peer in enumerate(peers)]
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            drive(peers, GRACE + 1)
            code = server.wait(GRACE)
            took = time.monotonic() - began
            closed = server.closed(0, 20, 1)
            for peer, flood, size in zip(peers, floods, due, strict=True):
                got = bytes(peer.received)
                event = closed[peer.name]
                assert len(got) >= size, f"{len(got):,} of {size:,}, {peer.ended_at:.2f} s, {event}"
                assert flood.startswith(got)
        assert code == 0
        assert took < GRACE + EXIT_SLACK
        FIGURES[promise] = f"{sum(due) / MIB:.0f} MiB, all echoed, exit 0 in {took:.2f} s"


def _last_accepted(address: tuple[str, int], began: float) -> float:
    """Seconds from `began` until the last connect that was taken.

    The beginning of that connect: one that comes as the listener closes may get no answer at all
    and be refused a second later, when it is repeated.
    """
    last = 0.0
    while last < 2 * ACCEPT_ENDS:
        now = time.monotonic() - began
        try:
            connect(address).close()
        except (ConnectionRefusedError, ConnectionResetError, TimeoutError):
            break
        last = now
    return last


@pytest.mark.slow
def test_a_stop_lets_a_slow_reader_finish_within_the_grace() -> None:
    """Its frames were received long before; it reads for nearly half of the grace."""
    with serving("--grace", str(GRACE)) as server, connect(server.address, 64 * KIB) as sock:
        content = frame(body(60 * KIB))
        count = _send_as_much_as_fits(sock, content, 150)
        total = count * len(content)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        size = 48 * KIB
        pause = 0.3 * GRACE / (total / size)
        peer = Peer(sock, b"", read_size=size, read_every=pause)
        drive([peer], GRACE + 2)
        assert peer.received == content * count, f"{len(peer.received):,} of {total:,}"
        assert peer.ended_at > GRACE / 4
        assert server.wait(GRACE) == 0
        assert time.monotonic() - began < GRACE + EXIT_SLACK


@pytest.mark.slow
def test_connections_that_were_waiting_to_be_accepted_are_served_at_a_stop() -> None:
    with serving("--grace", str(GRACE)) as server:
        server.signal(server.STOP)
        with crowd(server.address, 400) as socks:
            peers = [Peer(sock, frame(b"in time")) for sock in socks]
            for peer in peers:
                peer.sent = peer.sock.send(peer.to_send)
            server.signal(signal.SIGTERM)
            server.signal(server.CONTINUE)
            drive(peers, GRACE)
            assert [bytes(peer.received) for peer in peers] == [frame(b"in time")] * 400
            assert server.wait(GRACE + 1) == 0


@pytest.mark.slow
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(second: signal.Signals) -> None:
    promise = f"second signal ({second.name})"
    with serving("--grace", "30") as server, connect(server.address, 8 * KIB) as sock:
        _send_as_much_as_fits(sock, frame(body(MIB)), 20)
        mark = server.mark()
        server.signal(signal.SIGTERM)
        assert server.log.wait_for(mark, "stopping", 1, 3)
        assert server.process.poll() is None
        began = time.monotonic()
        server.signal(second)
        assert server.wait(5) == 0
        took = time.monotonic() - began
        FIGURES[promise] = f"exit 0 in {took:.2f} s with an echo pending"
        assert took < ENDS_AT_ONCE
        assert server.log.events[-1]["event"] == "stopped"
        assert server.reasons(mark) == {"shutdown": 1}


@pytest.mark.slow
def test_a_reader_that_never_reads_does_not_outlast_the_grace() -> None:
    with serving("--grace", "1") as server, crowd(server.address, 5, 8 * KIB) as socks:
        for sock in socks:
            _send_as_much_as_fits(sock, frame(body(MIB)), 20)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait(5) == 0
        assert time.monotonic() - began < 1.0 + EXIT_SLACK
        assert server.reasons(0) == {"shutdown": 5}


@pytest.mark.slow
def test_many_signals_in_a_row_still_exit_in_order() -> None:
    with serving("--grace", "30") as server, connect(server.address, 8 * KIB) as sock:
        _send_as_much_as_fits(sock, frame(body(MIB)), 20)
        while server.process.poll() is None:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                with contextlib.suppress(ProcessLookupError):
                    server.signal(number)
            wait_until(lambda: server.process.poll() is not None, 0.005)
        assert server.wait(5) == 0


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["stuck", "gone"])
def test_a_log_that_nobody_reads_does_not_hold_the_server(reader: str) -> None:
    from_server, to_log = os.pipe()
    with subprocess.Popen(
        program("--grace", "2"), cwd=ROOT, stdout=to_log, stderr=subprocess.PIPE
    ) as process:
        os.close(to_log)
        try:
            line = b""
            while not line.endswith(b"\n"):
                line += os.read(from_server, 1)
            port = int(line.split(b'"port":')[1].split(b",")[0])
            if reader == "gone":
                os.close(from_server)
            for _ in range(20):
                with crowd(("127.0.0.1", port), 50):
                    pass
            assert echoes(("127.0.0.1", port))
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            code = process.wait(6)
            took = time.monotonic() - began
            assert process.stderr is not None
            said = process.stderr.read().decode()
        finally:
            if process.poll() is None:
                process.kill()
            if reader == "stuck":
                os.close(from_server)
    FIGURES[f"log pipe {reader}"] = f"exit {code} in {took:.2f} s"
    assert code == 0, said
    assert took < 2
    assert "Traceback" not in said
    assert "Exception" not in said
    assert len(said.splitlines()) <= 1


@pytest.mark.slow
def test_an_idle_server_stops_at_once() -> None:
    with serving() as server, connect(server.address) as sock:
        sock.sendall(frame(b"once"))
        assert receive(sock, 8) == frame(b"once")
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert receive(sock, 1) == b""
        sock.close()
        assert server.wait(5) == 0
        assert time.monotonic() - began < 1
