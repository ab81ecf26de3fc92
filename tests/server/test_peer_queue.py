"""What the peer's program has left unread is asked of this machine's kernel."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from app.server.peer_queue import PeerQueues

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sock_diag(7) is Linux's")


@pytest.fixture
def queues() -> Iterator[PeerQueues]:
    made = PeerQueues()
    yield made
    made.close()


def connected(family: socket.AddressFamily, at: str, to: str) -> tuple[socket.socket, ...]:
    """Return the listening socket, the accepted one and its peer."""
    listening = socket.create_server((at, 0), family=family, dualstack_ipv6=at == "::")
    peer = socket.create_connection((to, listening.getsockname()[1]))
    accepted, _ = listening.accept()
    return listening, accepted, peer


@pytest.mark.parametrize(
    ("family", "at", "to"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "127.0.0.1"),
    ],
)
def test_it_falls_as_the_peer_reads(
    family: socket.AddressFamily, at: str, to: str, queues: PeerQueues
) -> None:
    try:
        listening, accepted, peer = connected(family, at, to)
    except OSError as error:
        pytest.skip(f"no {at} here: {error}")
    with listening, accepted, peer:
        accepted.sendall(bytes(5000))
        peer.recv(1, socket.MSG_PEEK)
        if queues.unread(accepted) is None:
            pytest.skip("sock_diag(7) is not allowed here")
        assert queues.unread(accepted) == 5000
        assert len(peer.recv(1200)) == 1200
        queues.close()
        assert queues.unread(accepted) == 3800
        peer.shutdown(socket.SHUT_WR)
        assert queues.unread(accepted) == 3800


class Elsewhere(socket.socket):
    """A socket whose peer is said to be at another address."""

    asked = 0
    port = 9

    def getpeername(self) -> tuple[str, int]:
        self.asked += 1
        return "192.0.2.1", self.port


def test_a_peer_of_another_machine_is_asked_about_once(queues: PeerQueues) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listening, Elsewhere() as sock:
        sock.port = listening.getsockname()[1]  # which a listener of this machine has, too
        sock.connect(listening.getsockname())
        assert queues.unread(sock) is None
        assert queues.unread(sock) is None
        assert sock.asked == 1


def test_one_who_has_gone_is_not_known(queues: PeerQueues) -> None:
    listening, accepted, peer = connected(socket.AF_INET, "127.0.0.1", "127.0.0.1")
    with listening, accepted:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        assert queues.unread(accepted) is None


@pytest.mark.parametrize(
    ("number", "attempts"),
    [(errno.EMFILE, 2), (errno.ENOBUFS, 2), (errno.EPERM, 1), (errno.EAFNOSUPPORT, 1)],
)
def test_an_error_that_passes_is_no_answer_and_one_that_stays_is_met_once(
    queues: PeerQueues, monkeypatch: pytest.MonkeyPatch, number: int, attempts: int
) -> None:
    made, tried = socket.socket, 0
    listening, accepted, peer = connected(socket.AF_INET, "127.0.0.1", "127.0.0.1")

    def fails(*_arguments: object) -> socket.socket:
        nonlocal tried
        tried += 1
        raise OSError(number, os.strerror(number))

    with listening, accepted, peer:
        accepted.sendall(bytes(5000))
        peer.recv(1, socket.MSG_PEEK)
        known = queues.unread(accepted)  # None where sock_diag(7) is not allowed
        queues.close()
        monkeypatch.setattr(socket, "socket", fails)
        assert [queues.unread(accepted) for _ in range(2)] == [None, None]
        assert known is None or tried == attempts
        monkeypatch.setattr(socket, "socket", made)
        assert queues.unread(accepted) == (known if attempts == 2 else None)
