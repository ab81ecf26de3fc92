"""Errors of a read or a write: whose doing the end is, by the errno."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from app.core.commands import Kill, KillMode
from app.core.events import Reason
from app.core.framing import frame
from app.server.machine import EchoMachine
from tests.peers import Running, exchange

Serve = Callable[..., Running]


def system_error(number: int) -> OSError:
    """Return the error that a system call raises for an errno."""
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EHOSTUNREACH, Reason.UNREACHABLE),
        (errno.ENETUNREACH, Reason.UNREACHABLE),
        (errno.EHOSTDOWN, Reason.UNREACHABLE),
        (errno.ENETDOWN, Reason.UNREACHABLE),
        (errno.EACCES, Reason.UNREACHABLE),
        (errno.ETIMEDOUT, Reason.TIMEOUT_PEER),
        (errno.ECONNRESET, Reason.RESET),
        (errno.EBADMSG, Reason.ERROR),
    ],
)
def test_an_errno_of_a_read_names_whose_doing_the_end_is(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, number: int, reason: Reason
) -> None:
    whole, read = frame(b"the network breaks here"), os.read

    def breaks(fd: int, size: int) -> bytes:
        data = read(fd, size)
        if data == whole:
            raise system_error(number)
        return data

    monkeypatch.setattr(os, "read", breaks)
    running = serve()
    client, connection_id = running.connect_known()
    client.sendall(whole)
    closed = running.closed(connection_id)
    assert (closed.reason, closed.detail) == (reason, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ECONNRESET])
@pytest.mark.parametrize("write_mode", ["direct", "armed"])
def test_an_error_that_the_kernel_tells_once_to_a_write_names_the_reason(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, number: int, write_mode: str
) -> None:
    """The next write fails with EPIPE, which would say that the peer had reset the connection."""
    whole, told = frame(b"the network breaks here"), [number]

    def fails(real: Callable[..., int]) -> Callable[..., int]:
        def write(fd: int, data: Any) -> int:
            if data == whole:
                raise system_error(told.pop() if told else errno.EPIPE)
            return real(fd, data)

        return write

    monkeypatch.setattr(os, "write", fails(os.write))
    running = serve(write_mode=write_mode)
    client, connection_id = running.connect_known()
    exchange(client, [frame(b"well")], 8)  # from now on it is served on the hot path
    client.sendall(whole)
    closed = running.closed(connection_id)
    expected = {errno.ETIMEDOUT: Reason.TIMEOUT_PEER, errno.ECONNRESET: Reason.RESET}
    assert closed.reason == expected.get(number, Reason.UNREACHABLE)
    assert closed.detail == os.strerror(number)


def test_the_error_of_a_write_is_not_told_of_another_connection(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, plain = frame(b"no memory for this"), frame(b"the peer is gone")
    read, write, receive = os.read, os.write, EchoMachine.receive

    def breaks(fd: int, data: Any) -> int:
        if data == poison:
            raise system_error(errno.EPIPE)
        return write(fd, data)

    def has_no_memory(machine: EchoMachine, data: bytes, *arguments: Any) -> bool:
        if data == poison:
            raise MemoryError
        return receive(machine, data, *arguments)

    def times_out(fd: int, size: int) -> bytes:
        data = read(fd, size)
        if data == plain:
            raise system_error(errno.ETIMEDOUT)
        return data

    monkeypatch.setattr(os, "write", breaks)
    monkeypatch.setattr(os, "read", times_out)
    running = serve()
    (first, first_id), (second, second_id) = (running.connect_known() for _ in range(2))
    exchange(first, [frame(b"well")], 8)  # from now on it is served on the hot path
    monkeypatch.setattr(EchoMachine, "receive", has_no_memory)
    first.sendall(poison)
    assert running.closed(first_id).reason is Reason.ERROR
    second.sendall(plain)
    assert running.closed(second_id).reason is Reason.TIMEOUT_PEER


def test_a_peer_that_breaks_while_it_drains_keeps_the_reason_and_tells_the_words(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, write, outcome = frame(b"pending"), os.write, errno.EAGAIN

    def on_the_echo(fd: int, data: Any) -> int:
        if data == whole:
            raise system_error(outcome)
        return write(fd, data)

    monkeypatch.setattr(os, "write", on_the_echo)
    running = serve(write_mode="armed")
    client, connection_id = running.connect_known()
    client.sendall(whole)
    snapshots = running.watcher.snapshots
    running.watcher.until(lambda: connection_id in snapshots and snapshots[connection_id].pending)
    running.submit(Kill, ids=(connection_id,), mode=KillMode.DRAIN)
    outcome = errno.EHOSTUNREACH
    closed = running.closed(connection_id)
    assert closed.reason is Reason.KILLED
    assert closed.detail == f"mode drain, then: {os.strerror(errno.EHOSTUNREACH)}"
