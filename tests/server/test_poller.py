"""Every poller gives the same answers."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import select
import socket
import sys
from collections.abc import Iterator

import pytest

from app.core.events import POLLIN, POLLOUT
from app.core.settings import RULES, SettingError
from app.server.poller import (
    FD_SETSIZE,
    POLLRDHUP,
    KqueuePoller,
    Poller,
    SelectPoller,
    available_pollers,
    make_poller,
)

KINDS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            name not in available_pollers(), reason=f"{sys.platform} has no {name}"
        ),
    )
    for name in RULES["poller"].choices
    if name != "auto"
]
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=KINDS)
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    made = make_poller(request.param)
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    with ours, peer:
        yield ours, peer


def ready(poller: Poller, timeout: float | None = 1.0) -> dict[int, int]:
    return {fd: mask & (POLLIN | POLLOUT) for fd, mask in poller.poll(timeout)}


def fill(sock: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.send(bytes(65536))


def empty(sock: socket.socket) -> None:
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recv(65536)


class Refusing:
    """A poller of the kernel that a sandbox forbids: at its creation, or at its first use."""

    number = errno.EPERM
    at_use = False

    def __init__(self) -> None:
        self.closed = False
        if not self.at_use:
            self.refuse()

    def refuse(self, *_arguments: object) -> None:
        raise OSError(self.number, os.strerror(self.number))

    register = modify = unregister = poll = refuse

    def close(self) -> None:
        self.closed = True


@pytest.mark.skipif("epoll" not in available_pollers(), reason="there is no epoll")
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
@pytest.mark.parametrize("at_use", [False, True])
def test_auto_takes_poll_where_a_sandbox_forbids_epoll_and_says_so(
    monkeypatch: pytest.MonkeyPatch, number: int, at_use: bool
) -> None:
    monkeypatch.setattr(Refusing, "number", number)
    monkeypatch.setattr(Refusing, "at_use", at_use)
    monkeypatch.setattr(select, "epoll", Refusing)
    poller = make_poller("auto")
    assert poller.name == "poll"
    assert poller.note == f"no epoll ({os.strerror(number)}): --poller poll is used"
    for name in ("epoll", "epoll-et"):
        with pytest.raises(SettingError, match=f"--poller {name}: {os.strerror(number)}; auto "):
            make_poller(name)


def test_the_poller_that_is_taken_has_no_note() -> None:
    assert make_poller("auto").note == ""


def test_nobody_is_ready(poller: Poller, pair: Pair) -> None:
    assert poller.poll(0) == []
    poller.add(pair[0].fileno(), POLLIN)
    assert poller.poll(0) == []
    assert poller.poll(0.001) == []


def test_readable(poller: Poller, pair: Pair) -> None:
    ours, peer = pair
    poller.add(ours.fileno(), POLLIN)
    peer.send(b"x")
    assert ready(poller, None) == {ours.fileno(): POLLIN}
    ours.recv(1)
    assert poller.poll(0) == []


def test_level_tells_again_and_edge_once(poller: Poller, pair: Pair) -> None:
    ours, peer = pair
    poller.add(ours.fileno(), POLLIN)
    peer.send(b"xy")
    assert ready(poller)
    ours.recv(1)
    assert bool(poller.poll(0)) is not poller.edge_triggered


def test_a_changed_interest_tells_what_is_true_already(poller: Poller, pair: Pair) -> None:
    ours, peer = pair
    poller.add(ours.fileno(), POLLIN)
    peer.send(b"x")
    assert ready(poller) == {ours.fileno(): POLLIN}
    poller.modify(ours.fileno(), POLLOUT)
    assert ready(poller) == {ours.fileno(): POLLOUT}
    poller.modify(ours.fileno(), POLLIN)
    assert ready(poller) == {ours.fileno(): POLLIN}


def test_both_directions_at_once(poller: Poller, pair: Pair) -> None:
    ours, peer = pair
    peer.send(b"x")
    poller.add(ours.fileno(), POLLIN | POLLOUT)
    assert ready(poller) == {ours.fileno(): POLLIN | POLLOUT}


def test_a_full_send_queue_is_not_writable_until_it_is_read(poller: Poller, pair: Pair) -> None:
    ours, peer = pair
    fill(ours)
    poller.add(ours.fileno(), POLLOUT)
    assert poller.poll(0) == []
    empty(peer)
    assert ready(poller) == {ours.fileno(): POLLOUT}


def test_the_end_of_the_peer_is_readable(poller: Poller, pair: Pair) -> None:
    ours, peer = pair
    poller.add(ours.fileno(), POLLIN)
    peer.send(b"last")
    peer.shutdown(socket.SHUT_WR)
    assert ready(poller)[ours.fileno()] & POLLIN
    assert (ours.recv(9), ours.recv(9)) == (b"last", b"")


def test_who_is_removed_is_told_no_more(poller: Poller, pair: Pair) -> None:
    ours, peer = pair
    poller.add(ours.fileno(), POLLIN)
    poller.add(peer.fileno(), POLLIN | POLLOUT)
    peer.send(b"x")
    poller.remove(ours.fileno())
    assert ready(poller) == {peer.fileno(): POLLOUT}
    poller.remove(peer.fileno())
    assert poller.poll(0) == []


def test_a_descriptor_number_is_used_again(poller: Poller) -> None:
    for _ in range(3):
        ours, peer = socket.socketpair()
        with ours, peer:
            poller.add(ours.fileno(), POLLIN)
            assert poller.poll(0) == []
            peer.send(b"x")
            assert ready(poller) == {ours.fileno(): POLLIN}
            poller.remove(ours.fileno())


def test_many_are_ready_at_once(poller: Poller) -> None:
    pairs = [socket.socketpair() for _ in range(40)]
    try:
        for ours, peer in pairs:
            poller.add(ours.fileno(), POLLIN)
            peer.send(b"x")
        assert ready(poller) == {ours.fileno(): POLLIN for ours, _ in pairs}
    finally:
        for ours, peer in pairs:
            poller.remove(ours.fileno())
            ours.close()
            peer.close()


def test_a_high_descriptor_is_watched_or_refused(poller: Poller, pair: Pair) -> None:
    ours, peer = pair
    high = fcntl.fcntl(ours.fileno(), fcntl.F_DUPFD_CLOEXEC, FD_SETSIZE)
    try:
        peer.send(b"x")
        if poller.fd_limit is None:
            poller.add(high, POLLIN)
            assert ready(poller) == {high: POLLIN}
            poller.remove(high)
        else:
            assert high >= poller.fd_limit
            with pytest.raises(ValueError, match=f"cannot watch descriptor {high}"):
                poller.add(high, POLLIN)
            assert poller.poll(0) == []
    finally:
        os.close(high)


def test_edge_triggered_epoll_tells_a_fin_behind_data(pair: Pair) -> None:
    if "epoll-et" not in available_pollers():
        pytest.skip(f"{sys.platform} has no epoll-et")
    ours, peer = pair
    poller = make_poller("epoll-et")
    poller.add(ours.fileno(), POLLIN)
    peer.send(b"x")
    peer.shutdown(socket.SHUT_WR)
    assert poller.poll(1)[0][1] & POLLRDHUP
    poller.close()


def test_auto_is_the_best_there_is() -> None:
    poller = make_poller("auto")
    assert poller.name == next(iter(available_pollers()))
    poller.close()


def test_the_choice_follows_what_the_platform_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("epoll", "poll", "kqueue"):
        monkeypatch.delattr(select, name, raising=False)
    assert available_pollers() == {"select": SelectPoller}
    monkeypatch.setattr(select, "kqueue", object(), raising=False)
    assert available_pollers() == {"kqueue": KqueuePoller, "select": SelectPoller}


def test_a_poller_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "kqueue", raising=False)
    with pytest.raises(SettingError, match=r"--poller kqueue: .* has no kqueue; it has .*select"):
        make_poller("kqueue")


@pytest.mark.parametrize("name", KINDS)
def test_a_limit_lowered_under_the_open_descriptors_ends_no_polling(name: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as opened:
        poller = make_poller(name)
        opened.callback(poller.close)
        pairs = [socket.socketpair() for _ in range(20)]
        for pair in pairs:
            poller.add(pair[0].fileno(), POLLIN)
            opened.callback(pair[0].close)
            opened.callback(pair[1].close)
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        pairs[7][1].send(b"x")
        for limit in (10, 1):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            assert [fd for fd, _ in poller.poll(1.0)] == [pairs[7][0].fileno()]
            poller.modify(pairs[7][0].fileno(), POLLIN)  # edge-triggered: looks afresh
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        poller.poll(0.001)  # at 0 poll(2) takes no descriptor at all, and is not to raise
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        poller.modify(pairs[7][0].fileno(), POLLIN)
        assert [fd for fd, _ in poller.poll(1.0)] == [pairs[7][0].fileno()]
