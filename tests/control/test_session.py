"""What one client of the control socket may cost."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from itertools import count

import pytest

from app.control.protocol import VERSION, Do, Hello, Watch, pack
from app.control.server_side.session import ANSWER_WITHIN, Session, SessionContext
from app.core.commands import Kill, KillMode, Record, Set, Stop
from app.core.events import CommandResult, Event
from app.watch.fanout import Fanout
from app.watch.stream import Drained, EventStream
from tests.control.serving import Clock
from tests.making import listening, loop_stats, opened


class Client:
    """Both ends of a session, whose side of the socket takes little at once."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sock, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        theirs.setblocking(False)
        self.fanout = Fanout(EventStream(), lambda: None, now=lambda: 1000.0)
        self.carried_out: list[object] = []
        context = SessionContext(
            fanout=self.fanout,
            next_number=count(1 << 32).__next__,
            submit=lambda _session, command: self.carried_out.append(command),
            recording_status=self._status,
            wake=lambda: None,
            clock=self.clock,
            objection_to_one_more=str,
            pid=1,
            instance="5eed0123456789ab",
        )
        self.session = Session(theirs, context)
        self.fanout.add(self.session.follower)

    def _status(self, command: Record) -> CommandResult:
        return command.answer(1000.0, True, "nothing is recorded")

    def step(self, seconds: float = 0.0) -> None:
        """Do what the service does once, after so many seconds."""
        self.clock.time += seconds
        self.session.step(self.session.wants_input)

    def close(self) -> None:
        self.sock.close()
        self.session.sock.close()


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.close()


def test_nothing_is_read_from_a_client_that_does_not_read(client: Client) -> None:
    client.sock.sendall(pack(Hello(version=VERSION)))
    client.step()
    events: list[Event] = [listening(), *(opened(number) for number in range(1, 500))]
    client.fanout.hand_on(Drained(events, [], loop_stats(2000.0, 1, 64, 1), 0))
    client.sock.sendall(pack(Watch()))
    client.step(1.0)
    client.step(1.0)
    assert client.session.wants_output  # a page that nobody takes
    command = pack(Do(command=Set(request=1, name="cap", value=1)))
    client.sock.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < 16 * 1024**2:
            sent += client.sock.send(command)
            client.step(ANSWER_WITHIN)
    assert sent < 4 * 1024**2
    assert client.carried_out == []
    assert not client.session.ended


def test_after_a_large_kill_the_next_command_waits_for_the_loop_to_do_it(client: Client) -> None:
    """A tenth of a millisecond for each connection."""
    client.sock.sendall(pack(Hello(version=VERSION)))
    client.step()
    ids = tuple(range(1, 401))
    kill = Kill(request=1, ids=ids, instance="5eed0123456789ab", mode=KillMode.RESET)
    client.sock.sendall(pack(Do(command=kill)))
    client.sock.sendall(pack(Do(command=Set(request=2, name="cap", value=1))))
    client.step()
    (carried_out,) = client.carried_out
    assert isinstance(carried_out, Kill)
    results: list[Event] = [carried_out.answer(1000.0, True, "reset", one) for one in ids]
    client.fanout.hand_on(Drained(results, [], None, 0))
    client.sock.setblocking(False)
    for _ in range(100):
        client.step()
        with contextlib.suppress(BlockingIOError):
            client.sock.recv(1 << 16)
    assert not client.session.wants_output
    client.step(0.04)
    assert len(client.carried_out) == 1
    client.step(0.02)
    client.step()
    assert len(client.carried_out) == 2


def test_the_cause_of_a_stop_is_one_short_line_of_safe_text(client: Client) -> None:
    client.sock.sendall(pack(Hello(version=VERSION)))
    client.step()
    cause = "operator\nMAINPID=1\x1b[2J" + 100 * "!"
    client.sock.sendall(pack(Do(command=Stop(request=1, cause=cause))))
    client.step()
    (carried_out,) = client.carried_out
    assert isinstance(carried_out, Stop)
    assert carried_out.cause.startswith("operator\\nMAINPID=1\\x1b[2J!!!")
    assert len(carried_out.cause) < 80
