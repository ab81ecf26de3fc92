"""Accepting through a socket that fails as the kernel does."""

from __future__ import annotations

import errno
import itertools
import os
import select
import socket
from math import inf
from time import monotonic
from typing import cast

import pytest

from app.core.addresses import Address
from app.server.acceptor import (
    ACCEPT_BUDGET,
    FAILURES,
    LONGEST_INTERVAL,
    NOTICE_INTERVAL,
    PAUSE,
    Acceptor,
)
from app.server.calls import CallCounts, Calls
from app.server.listener import Listener, make_listeners
from app.server.poller import SelectPoller


class FakeAccepted:
    """An accepted socket; `gone` when the peer has reset it already."""

    def __init__(self, gone: bool = False) -> None:
        self.gone = gone
        self.closed = False
        self.blocking = True

    def setblocking(self, flag: bool) -> None:
        if self.gone:
            raise OSError(errno.EINVAL, "gone")
        self.blocking = flag

    def close(self) -> None:
        self.closed = True


class FakeListening:
    """A listening socket that gives what it was told to, then has nobody waiting."""

    def __init__(self, *outcomes: FakeAccepted | int) -> None:
        self.outcomes = list(outcomes)
        self.fd = 5

    def fileno(self) -> int:
        return self.fd

    def setsockopt(self, level: int, option: int, value: int) -> None:
        pass

    def accept(self) -> tuple[FakeAccepted, tuple[str, int]]:
        if not self.outcomes:
            raise BlockingIOError(errno.EAGAIN, "nobody")
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, int):
            raise OSError(outcome, os.strerror(outcome))
        return outcome, ("192.0.2.1", 7)

    def close(self) -> None:
        self.fd = -1


def acceptor_of(*outcomes: FakeAccepted | int) -> Acceptor:
    sock = cast("socket.socket", FakeListening(*outcomes))
    return Acceptor(Listener(sock, "127.0.0.1", 1))


def accepted(acceptor: Acceptor) -> list[object]:
    return [sock for sock, _ in acceptor.accept(Calls(SelectPoller(), monotonic, CallCounts()))]


def test_a_connection_has_no_delay_and_is_probed_when_idle() -> None:
    acceptor = Acceptor(make_listeners([Address("127.0.0.1", 0)], 8).loops[0][0])
    with acceptor.sock, socket.create_connection(acceptor.sock.getsockname(), 5):
        select.select([acceptor.sock], [], [], 5)
        ((sock, _),) = acceptor.accept(Calls(SelectPoller(), monotonic, CallCounts()))
        with sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert not sock.getblocking()


def test_everyone_who_waits_is_taken_non_blocking() -> None:
    waiting = [FakeAccepted() for _ in range(3)]
    acceptor = acceptor_of(*waiting)
    assert accepted(acceptor) == waiting
    for sock in waiting:
        assert not sock.blocking
        assert not sock.closed
    assert accepted(acceptor) == []
    assert acceptor.errors == 0


def test_one_wake_up_takes_a_bounded_number() -> None:
    acceptor = acceptor_of(*(FakeAccepted() for _ in range(ACCEPT_BUDGET + 1)))
    assert len(accepted(acceptor)) == ACCEPT_BUDGET
    assert len(accepted(acceptor)) == 1


STAYS = [
    *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
    *(errno.EPERM, errno.EACCES, errno.ENOSR, errno.EINVAL, errno.EIO, 0),
]


@pytest.mark.parametrize("code", STAYS)
def test_an_error_that_stays_pauses_and_is_told_now_and_then(code: int) -> None:
    before, after = FakeAccepted(), FakeAccepted()
    acceptor = acceptor_of(before, code, after, code, code)
    assert acceptor.resume_at == inf
    assert accepted(acceptor) == [before]
    assert acceptor.failure
    assert acceptor.failure in acceptor.pause(100.0)
    assert acceptor.resume_at == 100.0 + PAUSE
    assert accepted(acceptor) == [after]
    assert acceptor.pause(100.0 + PAUSE) == ""
    assert accepted(acceptor) == []
    assert "(3 accept errors so far on 127.0.0.1:1)" in acceptor.pause(100.0 + NOTICE_INTERVAL)
    assert accepted(acceptor) == []
    assert acceptor.failure == ""


OF_ONE_PEER = [errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH]


@pytest.mark.parametrize("code", OF_ONE_PEER)
def test_an_error_of_one_connection_does_not_end_the_listening(code: int) -> None:
    after = FakeAccepted()
    acceptor = acceptor_of(code, after, code)
    assert accepted(acceptor) == [after]
    assert acceptor.errors == 2
    assert acceptor.failure == ""
    assert acceptor.accepted == 1


@pytest.mark.parametrize("code", OF_ONE_PEER)
def test_an_error_of_one_connection_that_comes_for_ever_pauses(code: int) -> None:
    acceptor = acceptor_of(*[code] * 100)
    assert accepted(acceptor) == []
    assert acceptor.errors == FAILURES
    assert acceptor.failure


def test_errors_are_counted_in_a_row() -> None:
    nearly = [errno.ECONNABORTED] * (FAILURES - 1)
    acceptor = acceptor_of(*nearly, FakeAccepted(), *nearly, FakeAccepted())
    assert len(accepted(acceptor)) == 2
    assert not acceptor.failure


def test_an_error_for_ever_is_told_less_and_less_often() -> None:
    calls = int(600 / PAUSE)
    acceptor = acceptor_of(*[errno.EPERM] * (2 * calls))
    told = []
    for number in range(calls):
        now = 1000 + number * PAUSE
        assert accepted(acceptor) == []
        if acceptor.pause(now):
            told.append(now)
    between = [later - earlier for earlier, later in itertools.pairwise(told)]
    assert between[:4] == [5, 10, 20, 40]
    assert set(between[4:]) == {LONGEST_INTERVAL}
    assert acceptor.pause(told[-1] + 3 * LONGEST_INTERVAL)
    assert acceptor.pause(told[-1] + 3 * LONGEST_INTERVAL + NOTICE_INTERVAL)


def test_a_peer_that_is_gone_already_costs_only_its_own_connection() -> None:
    gone, after = FakeAccepted(gone=True), FakeAccepted()
    acceptor = acceptor_of(gone, after)
    assert accepted(acceptor) == [after]
    assert gone.closed
    assert not after.closed
    assert acceptor.errors == 1


@pytest.mark.parametrize("code", [errno.EBADF, errno.ENOTSOCK])
def test_a_listening_socket_that_is_broken_is_a_crash_not_a_spin(code: int) -> None:
    with pytest.raises(OSError, match=os.strerror(code)):
        accepted(acceptor_of(code))


def test_close_stops_listening_and_any_pause() -> None:
    acceptor = acceptor_of(errno.EMFILE)
    accepted(acceptor)
    acceptor.pause(1.0)
    acceptor.close()
    assert acceptor.resume_at == inf
    assert acceptor.sock.fileno() == -1
