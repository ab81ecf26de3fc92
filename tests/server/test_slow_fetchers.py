"""Peers that do not fetch what was written, in each state: what is waited for, and how long."""

from __future__ import annotations

import errno
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.core.commands import Kill, KillMode
from app.core.events import Closed, CommandResult, ConnectionState, Reason, Snapshot
from app.core.framing import frame, header
from app.server import lifecycle
from tests.peers import Running, exchange, read_exactly, read_to_end
from tests.waiting import until

pytestmark = pytest.mark.slow
Serve = Callable[..., Running]

DRAINING = ConnectionState.DRAINING
TCP_CLOSE = 7  # include/net/tcp_states.h
SMALL = 4096
"""Bytes of a receive buffer that takes next to nothing."""
ECHO = 200 * 1024
"""Bytes of a body whose echo the kernel's send queue swallows whole."""


def is_unacknowledged(snapshot: Snapshot) -> bool:
    return snapshot.unacked_bytes > 100_000


@pytest.mark.parametrize("half_closed", [False, True])
def test_who_never_fetches_an_echo_that_the_kernel_took_is_ended(
    serve: Serve, half_closed: bool
) -> None:
    running = serve(write_timeout=0.5)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    client.sendall(frame(bytes(ECHO)))
    if half_closed:
        client.shutdown(socket.SHUT_WR)
        seen = running.shown(connection_id, lambda snapshot: snapshot.state is DRAINING)
        assert seen.closing is Reason.EOF
    closed = running.closed(connection_id)
    assert (closed.reason, closed.bytes_out) == (Reason.TIMEOUT_WRITE, ECHO + 4)
    assert closed.t - closed.opened_at < 2.0
    assert "none acknowledged" in closed.detail
    with pytest.raises(ConnectionResetError):
        read_to_end(client)


def test_a_peer_that_half_closed_is_counted_and_shown_until_it_has_fetched(
    serve: Serve,
) -> None:
    running = serve(cap=4 << 20, max_connections=1)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    client.sendall(frame(bytes(ECHO)))
    client.shutdown(socket.SHUT_WR)
    seen = running.shown(connection_id, is_unacknowledged)
    assert (seen.state, seen.closing) == (DRAINING, Reason.EOF)
    assert running.connect().recv(1) == b"", "over the limit: the first is still there"
    assert len(read_to_end(client)) == ECHO + 4
    closed = running.closed(connection_id)
    assert (closed.reason, closed.bytes_out) == (Reason.EOF, ECHO + 4)


def test_a_peer_that_half_closed_and_reset_has_not_ended_in_order(serve: Serve) -> None:
    running = serve()
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    client.sendall(frame(bytes(ECHO)))
    client.shutdown(socket.SHUT_WR)
    running.shown(connection_id, is_unacknowledged)
    client.close()  # with unread input: RST
    closed = running.closed(connection_id)
    assert closed.reason is Reason.RESET
    assert "not acknowledged" in closed.detail


@pytest.mark.parametrize(
    ("number", "reason", "words"),
    [
        (errno.ETIMEDOUT, Reason.TIMEOUT_PEER, "Connection timed out"),
        (errno.EHOSTUNREACH, Reason.UNREACHABLE, "No route to host"),
        (errno.EPIPE, Reason.RESET, "Connection reset by peer"),
    ],
)
def test_a_half_closed_peer_that_the_kernel_gave_up_has_the_reason_of_its_error(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, number: int, reason: Reason, words: str
) -> None:
    running = serve()
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    client.sendall(frame(bytes(ECHO)))
    client.shutdown(socket.SHUT_WR)
    running.shown(connection_id, is_unacknowledged)
    real = socket.socket.getsockopt

    def getsockopt(sock: socket.socket, level: int, option: int, size: int = 0) -> Any:
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            return number
        found = real(sock, level, option, size)
        if (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO):
            return bytes([TCP_CLOSE]) + found[1:]
        return found

    monkeypatch.setattr(socket.socket, "getsockopt", getsockopt)
    closed = running.closed(connection_id)
    assert closed.reason is reason
    assert closed.detail.startswith(f"{words}: ")
    assert closed.detail.endswith(" bytes not acknowledged; it was ending as eof")


@pytest.mark.parametrize("poller", ["epoll", "epoll-et", "poll", "select"])
def test_while_a_half_closed_peer_is_waited_for_the_loop_sleeps(serve: Serve, poller: str) -> None:
    running = serve(poller=poller)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    client.sendall(frame(bytes(ECHO)))
    client.shutdown(socket.SHUT_WR)
    running.shown(connection_id, is_unacknowledged)
    polls = running.server.polls
    assert exchange(running.connect(), [frame(b"x")] * 9, 45) == frame(b"x") * 9
    assert running.server.polls - polls < 300
    assert len(read_to_end(client)) == ECHO + 4
    assert running.closed(connection_id).reason is Reason.EOF


def test_a_write_timeout_of_0_is_off_while_draining_too(serve: Serve) -> None:
    running = serve(cap=ECHO, write_timeout=0)
    refused, refused_id = running.connect_known(receive_buffer=SMALL)
    refused.sendall(frame(bytes(ECHO)) + header(2**31))
    ended, ended_id = running.connect_known(receive_buffer=SMALL)
    ended.sendall(frame(bytes(ECHO)))
    ended.shutdown(socket.SHUT_WR)
    for connection_id in (refused_id, ended_id):
        running.shown(connection_id, is_unacknowledged)
    other, other_id = running.connect_known()
    running.submit(Kill, ids=(other_id,), mode=KillMode.DRAIN)
    assert other.recv(1) == b""
    threading.Event().wait(1.5)
    assert len(running.watcher.all(Closed)) == 1
    assert len(read_to_end(refused)) == len(read_to_end(ended)) == ECHO + 4
    assert running.closed(refused_id).reason is Reason.FRAME_TOO_LARGE
    assert running.closed(ended_id).reason is Reason.EOF


def test_idle_begins_when_everything_is_acknowledged(serve: Serve) -> None:
    running = serve(idle_timeout=0.6)
    client, connection_id = running.connect_known(receive_buffer=SMALL)
    client.sendall(frame(bytes(ECHO)))
    running.shown(connection_id, is_unacknowledged)
    threading.Event().wait(1.5)
    running.watcher.drain()
    assert not running.watcher.all(Closed)
    assert len(read_exactly(client, ECHO + 4)) == ECHO + 4
    closed = running.closed(connection_id)
    assert closed.reason is Reason.TIMEOUT_IDLE


def begin_flood(running: Running) -> tuple[socket.socket, int, threading.Thread]:
    """A client that sends 1 MiB frames for ever, from a thread, and reads nothing."""
    client, connection_id = running.connect_known(receive_buffer=SMALL)

    def send() -> None:
        block = frame(bytes(1 << 20))
        try:
            while True:
                client.sendall(block)
        except OSError:
            return

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    running.shown(connection_id, lambda snapshot: snapshot.pending and snapshot.unacked_bytes)
    return client, connection_id, thread


def test_a_kill_of_mode_close_delivers_what_was_written_while_the_peer_sends(
    serve: Serve,
) -> None:
    running = serve()
    client, connection_id, sender = begin_flood(running)
    running.server.submit(Kill(request=1, ids=(connection_id,), mode=KillMode.CLOSE))
    running.shown(connection_id, lambda snapshot: snapshot.state == "DRAINING")
    got = 0
    try:
        while data := client.recv(1 << 20):
            got += len(data)
    except ConnectionResetError:
        pass  # it was still sending when all was delivered
    closed = running.closed(connection_id)
    assert (closed.reason, closed.detail) == (Reason.KILLED, "mode close")
    assert got == closed.bytes_out
    answer = running.watcher.wait_for(CommandResult)
    assert (answer.ok, answer.message, answer.lost_bytes) == (True, "closed", 0)
    assert running.watcher.events.index(answer) > running.watcher.events.index(closed)
    sender.join(5)


def test_a_kill_of_mode_close_tells_what_was_lost(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "CLOSE_BOUND", 0.4)
    running = serve()
    client, connection_id, sender = begin_flood(running)
    answer = running.submit(Kill, ids=(connection_id,), mode=KillMode.CLOSE)
    closed = running.closed(connection_id)
    assert closed.reason is Reason.KILLED
    assert answer.lost_bytes
    lost = f"{answer.lost_bytes:,} of {closed.bytes_out:,} bytes"
    assert f"{lost} lost, not acknowledged in time" in closed.detail
    assert answer.message == (
        f"closed with loss: {lost} that the kernel had accepted were not acknowledged"
    )
    client.close()
    sender.join(5)


def test_a_kill_of_mode_close_tells_what_a_reset_of_the_peer_has_destroyed(serve: Serve) -> None:
    running = serve()
    client, connection_id, sender = begin_flood(running)
    running.server.submit(Kill(request=1, ids=(connection_id,), mode=KillMode.CLOSE))
    running.shown(connection_id, lambda snapshot: snapshot.state == "DRAINING")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    answer = running.watcher.wait_for(CommandResult)
    assert answer.lost_bytes
    assert answer.message.startswith(f"closed with loss: {answer.lost_bytes:,} of ")
    sender.join(5)


def test_two_kills_of_one_connection_have_an_answer_each(serve: Serve) -> None:
    running = serve()
    client, connection_id, sender = begin_flood(running)
    for request, mode in ((1, KillMode.CLOSE), (2, KillMode.CLOSE), (3, KillMode.RESET)):
        running.server.submit(Kill(request=request, ids=(connection_id,), mode=mode))
    watcher = running.watcher
    watcher.until(lambda: len(watcher.all(CommandResult)) == 3, "three answers")
    lost = {answer.request: answer.lost_bytes for answer in watcher.all(CommandResult)}
    assert lost[1] == lost[2]
    assert lost[1]
    assert lost[3] is None
    client.close()
    sender.join(5)


def test_a_kill_of_mode_close_of_one_who_owes_nothing_closes_at_once(serve: Serve) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    assert exchange(client, [frame(b"x")], 5) == frame(b"x")
    answer = running.submit(Kill, ids=(connection_id,), mode=KillMode.CLOSE)
    until(lambda: client.recv(1) == b"", "the end")
    assert answer.ok
    assert running.closed(connection_id).detail == "mode close"


def test_a_steady_reader_below_the_time_out_of_each_echo_is_never_ended(serve: Serve) -> None:
    """It takes 2 s for an echo, four times the time-out, and acknowledges all the while."""
    running = serve(write_timeout=1.0, cap=1 << 20)
    client, _ = running.connect_known(receive_buffer=SMALL)
    client.sendall(frame(bytes(400 * 1024)))
    left = 400 * 1024 + 4
    pause = threading.Event()
    while left:
        left -= len(client.recv(min(left, 8192)))
        pause.wait(0.04)
    running.watcher.drain()
    assert not running.watcher.all(Closed)
    assert exchange(client, [frame(b"x")], 5) == frame(b"x")
