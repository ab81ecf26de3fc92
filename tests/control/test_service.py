"""The service on a real server: who may come in, what is answered, and what harms nobody."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.control.address import TcpAddress
from app.control.client import ControlError, Link, ServerGone, hello
from app.control.entrance import Entrance
from app.control.listening import listen_on_tcp
from app.control.owner import OwnerGate, peer_uid
from app.control.protocol import (
    LARGEST_HELLO,
    LARGEST_MESSAGE,
    Do,
    FromServer,
    Hello,
    News,
    Page,
    Refused,
    Watch,
    Welcome,
    pack,
)
from app.control.service import MOST_CLIENTS, Service
from app.control.session import ANSWER_WITHIN, HELLO_WITHIN, MESSAGE_WITHIN
from app.control.token import TokenGate
from app.events import (
    Closed,
    CommandResult,
    Kill,
    Notice,
    Opened,
    Set,
    SettingChanged,
    Stop,
    Stopped,
    Stopping,
    Trace,
    TraceLevel,
)
from app.framing import frame, header
from tests.control.serving import Controlled, Raw, ask, news_until, until
from tests.peers import connect, exchange
from tests.program import ROOT, environment

pytestmark = pytest.mark.slow


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


def is_well(controlled: Controlled) -> bool:
    """Whether a client of the control socket and one of the server are served."""
    with controlled.link() as link, connect(controlled.server.port) as client:
        (answer,) = ask(link, Set(request=5, name="cap", value=1000))
        return answer.ok and exchange(client, [frame(b"hi")], 6) == frame(b"hi")


# --- garbage ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "too_large"),
        (b"\xff" * 8, "too_large"),
        (header(2**32 - 1), "too_large"),
        (header(LARGEST_HELLO + 1), "too_large"),
        (header(0), "garbage"),
        (frame(b"\0" * 100), "garbage"),
        (frame(b"[" * 4000), "garbage"),
        (frame(b'{"type":"watch"}'), "garbage"),
        (frame(b'{"type":"hello","version":1,"client":7}'), "garbage"),
        (frame(b'{"type":"hello","version":2}'), "version"),
        (frame(b'{"type":"hello","version":-1,"client":[]}'), "version"),
    ],
)
def test_a_first_message_that_is_none_is_answered_and_the_connection_ended(
    controlled: Controlled, said: bytes, code: str
) -> None:
    with controlled.raw() as client:
        client.sock.sendall(said)
        answer = client.receive()
        assert isinstance(answer, Refused)
        assert answer.code == code
        assert answer.text
        assert client.receive() is None
    assert is_well(controlled)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (header(2**32 - 1), "too_large"),
        (header(LARGEST_MESSAGE + 1), "too_large"),
        (frame(b"[" * LARGEST_MESSAGE), "garbage"),
        (frame(b'{"type":"watch","x":' + b'{"a":' * 5000), "garbage"),
        (frame(b"nonsense"), "garbage"),
        (pack(Hello(version=1)), "garbage"),
        (pack(Watch()) + pack(Watch()), "garbage"),
        (frame(b'{"type":"do","command":{"command":"kill","request":0,"ids":[1]}}'), "garbage"),
    ],
)
def test_garbage_after_the_hello_too(controlled: Controlled, said: bytes, code: str) -> None:
    with controlled.raw() as client:
        assert isinstance(client.greet(), Welcome)
        client.sock.sendall(said)
        last: FromServer | None = None
        while (message := client.receive()) is not None:
            last = message
        assert isinstance(last, Refused)
        assert last.code == code
    assert is_well(controlled)


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.mark.parametrize(
    ("greets", "said", "after"),
    [
        (False, b"", HELLO_WITHIN),
        (False, header(50) + b"{", HELLO_WITHIN),
        (True, header(50) + b"half a message", MESSAGE_WITHIN),
        (True, b"\0\0", MESSAGE_WITHIN),
    ],
)
def test_half_a_message_is_not_waited_for_without_end(
    tmp_path: Path, greets: bool, said: bytes, after: float
) -> None:
    clock = Clock()
    with Controlled(tmp_path / "s", clock=clock) as controlled, controlled.raw() as client:
        if greets:
            assert isinstance(client.greet(), Welcome)
        client.sock.sendall(said)
        until(lambda: controlled.service.clients == 1, "taken in")
        waiting = threading.Thread(target=lambda: answers.append(client.receive()))
        answers: list[FromServer | None] = []
        waiting.start()
        # The message may not have been read yet: time passes until its time is up.
        while waiting.is_alive():
            clock.time += after / 4
            with controlled.raw():  # wakes the service
                waiting.join(0.05)
        assert isinstance(answers[0], Refused)
        assert answers[0].code == "slow"
        assert clock.time >= after


def test_a_silent_client_that_has_said_hello_may_stay(tmp_path: Path) -> None:
    clock = Clock()
    with Controlled(tmp_path / "s", clock=clock) as controlled, controlled.raw() as client:
        assert isinstance(client.greet(), Welcome)
        for _ in range(3):
            clock.time += 1000.0
            with controlled.raw() as other:
                other.greet()
        client.send(Do(command=Set(request=1, name="cap", value=64)))
        assert isinstance(client.receive(), News)


# --- who may come in ----------------------------------------------------------------------------


def test_another_user_is_told_so_and_refused(tmp_path: Path) -> None:
    with Controlled(tmp_path / "s", gate=OwnerGate(uid_of=lambda sock: 65534)) as controlled:
        with controlled.raw() as client:
            answer = client.receive()
            assert isinstance(answer, Refused)
            assert answer.code == "uid"
            assert f"user 65534 may not control the server of user {os.geteuid()}" in answer.text
            assert client.receive() is None
        controlled.watcher.wait_for(Notice, lambda notice: "65534" in notice.text)


def test_the_kernel_names_the_peer() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert peer_uid(here) == os.geteuid()
        assert OwnerGate().on_connect(here) == ""
    assert "unknown" in OwnerGate(uid_of=lambda sock: None).on_connect(here)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("opened_up", [False, True])
def test_a_process_of_another_user_does_not_get_in(tmp_path: Path, opened_up: bool) -> None:
    """By the file's mode, and by its uid where the modes would let it in."""
    directory = Path(f"/tmp/echo-tui-test-{os.getpid()}-{opened_up}")
    code = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.settimeout(10)\n"
        "s.connect(sys.argv[1]); print(s.recv(999)[4:].decode())"
    )
    try:
        with Controlled(directory / "s") as controlled:
            if opened_up:
                directory.chmod(0o755)
                controlled.path.chmod(0o666)
            ended = subprocess.run(
                [sys.executable, "-c", code, str(controlled.path)],
                capture_output=True,
                text=True,
                timeout=15,
                check=False,
            )
            if opened_up:
                assert json.loads(ended.stdout)["code"] == "uid"
            else:
                assert "PermissionError" in ended.stderr
            assert is_well(controlled)
    finally:
        directory.rmdir()


def test_over_tcp_the_token_is_asked_for(tmp_path: Path) -> None:
    token = "correct horse battery staple"
    with Controlled(tmp_path / "s") as controlled:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = TcpAddress("127.0.0.1", free.getsockname()[1])
        listener = listen_on_tcp(address)
        entrance = Entrance(listener, TokenGate(token), str(address))
        service = Service(entrance, controlled.fanout, controlled.server.submit)
        service.start()
        try:
            with Link.open(address, hello("test", token)) as link:
                assert ask(link, Set(request=1, name="cap", value=64))[0].ok
            for wrong in ("", token[:-1], "café"):
                with pytest.raises(ControlError, match="the token is not the server's"):
                    Link.open(address, hello("test", wrong))
        finally:
            service.close()


def test_there_is_a_limit_on_clients(controlled: Controlled) -> None:
    links = [controlled.link() for _ in range(MOST_CLIENTS)]
    try:
        with pytest.raises(ControlError, match="32 clients are attached already"):
            controlled.link()
        links.pop().close()
        until(lambda: controlled.service.clients < MOST_CLIENTS, "room again")
        controlled.link().close()
    finally:
        for link in links:
            link.close()


# --- commands -----------------------------------------------------------------------------------


def test_requests_of_the_same_number_are_told_apart(controlled: Controlled) -> None:
    with controlled.link() as one, controlled.link() as other:
        one.pages()
        assert ask(one, Set(request=1, name="cap", value="64"))[0].message.endswith("→ 64")
        assert ask(other, Set(request=1, name="cap", value="65"))[0].message == "cap: 64 → 65"
        told = news_until(one, lambda news: any(isinstance(e, CommandResult) for e in news.events))
        results = [e for news in told for e in news.events if isinstance(e, CommandResult)]
        assert [(result.request, result.message) for result in results] == [(0, "cap: 64 → 65")]


def test_every_command_passes(controlled: Controlled) -> None:
    with controlled.link() as link, connect(controlled.server.port) as client:
        controlled.watcher.wait_for(Opened)
        exchange(client, [frame(b"hi")], 6)
        trace = Trace(request=1, id=1, level=TraceLevel.IO)
        assert ask(link, trace)[0].message == "trace io"
        assert [(r.id, r.ok) for r in ask(link, Kill(request=2, ids=(1, 2)))] == [
            (1, True),
            (2, False),
        ]
        assert client.recv(1) == b""
        assert ask(link, Set(request=3, name="cap", value=64))[0].ok
        refused = ask(link, Set(request=4, name="port", value=64))[0]
        assert not refused.ok
        assert "cannot be changed at run time" in refused.message
        link.send(Do(command=Kill(request=5, ids=())))  # has no results, and stops nothing
        link.pages()
        link.send(Do(command=Stop(request=6, cause="the test", now=True)))
        told = news_until(link, lambda news: any(isinstance(e, Stopped) for e in news.events))
        (stopping,) = [e for news in told for e in news.events if isinstance(e, Stopping)]
        assert stopping.cause == "the test"


def test_a_changed_cap_counts_from_the_next_frame(controlled: Controlled) -> None:
    with controlled.link() as link, connect(controlled.server.port) as client:
        assert exchange(client, [frame(b"x" * 100)], 104) == frame(b"x" * 100)
        assert ask(link, Set(request=1, name="cap", value="64"))[0].ok
        client.sendall(header(65))
        assert client.recv(1) == b""
    closed = controlled.watcher.wait_for(Closed)
    assert closed.reason == "frame_too_large"


def test_who_came_to_look_changes_nothing(controlled: Controlled) -> None:
    with controlled.link(read_only=True) as link, connect(controlled.server.port):
        controlled.watcher.wait_for(Opened)
        for command in (Kill(request=1, ids=(1,)), Set(request=2, name="cap", value=1)):
            (answer,) = ask(link, command)
            assert (answer.ok, answer.request) == (False, command.request)
            assert "read-only" in answer.message
        assert ask(link, Trace(request=3, id=1, level=TraceLevel.STATE))[0].ok
    assert not controlled.watcher.all(SettingChanged)
    assert not controlled.watcher.all(Closed)


def test_a_trace_ends_with_the_client_that_wanted_it_and_serves_who_wants_the_most(
    controlled: Controlled,
) -> None:
    with connect(controlled.server.port), controlled.link() as watcher:
        controlled.watcher.wait_for(Opened)
        watcher.pages()
        with controlled.link() as one:
            with controlled.link() as other:
                assert ask(one, Trace(request=1, id=1, level=TraceLevel.STATE))[0].ok
                answer = ask(other, Trace(request=1, id=1, level=TraceLevel.IO))
                assert answer[0].message == "trace io"
                answer = ask(one, Trace(request=2, id=1, level=TraceLevel.OFF))
                assert answer[0].message == "trace io"
                ask(one, Trace(request=3, id=1, level=TraceLevel.STATE))
            told = news_until(watcher, lambda news: said(news, "trace state"))
            assert said(told[-1], "trace state")
        assert said(news_until(watcher, lambda news: said(news, "trace off"))[-1], "trace off")


def said(news: News, message: str) -> bool:
    results = [event for event in news.events if isinstance(event, CommandResult)]
    # The latest: one piece of news may tell of all that led to it.
    return bool(results) and results[-1].message == message


# --- coming, going, flooding --------------------------------------------------------------------


def test_the_log_tells_of_who_wants_to_be_told_of(controlled: Controlled) -> None:
    with controlled.link():
        pass
    with controlled.raw() as client:
        client.greet(client="dash\x1b[31mboard", announce=True)
        attached = controlled.watcher.wait_for(Notice)
        assert attached.text == "dash\\x1b[31mboard attached, 1 attached now"
    text = "dash\\x1b[31mboard detached, 0 attached now"
    controlled.watcher.wait_for(Notice, lambda notice: notice.text == text)


def test_nobody_watching_means_no_figures_are_made(controlled: Controlled) -> None:
    assert not controlled.fanout.is_watched
    with controlled.link() as link:
        link.pages()
        until(lambda: controlled.fanout.is_watched, "watched")
    until(lambda: not controlled.fanout.is_watched, "unwatched again")


def test_a_flood_of_commands_without_reading_harms_nobody(controlled: Controlled) -> None:
    with controlled.raw() as flooder:
        flooder.greet()
        flooder.send(Watch())
        flooder.sock.settimeout(0.3)
        command = pack(Do(command=Set(request=1, name="cap", value=1 << 20)))
        flood = threading.Thread(target=pour, args=(flooder.sock, command * 100))
        flood.start()
        for _ in range(5):
            assert is_well(controlled)
        flood.join()
    assert is_well(controlled)


def pour(sock: socket.socket, data: bytes) -> None:
    try:
        while True:
            sock.sendall(data)
    except TimeoutError:
        return  # nobody takes it any more: that is what should happen


def test_one_that_never_reads_holds_up_nobody(controlled: Controlled) -> None:
    with controlled.raw() as lazy, controlled.link() as link:
        lazy.greet()
        lazy.send(Watch())
        link.pages()
        clients = [connect(controlled.server.port) for _ in range(300)]
        for client in clients:
            exchange(client, [frame(b"x" * 50)], 54)
        for client in clients:
            client.close()
        closed = 0
        while closed < 300:
            message = link.receive()
            assert isinstance(message, News)
            closed += sum(isinstance(event, Closed) for event in message.events)


def test_the_last_words_reach_who_watches(tmp_path: Path) -> None:
    with Controlled(tmp_path / "s") as controlled:
        link = controlled.link()
        link.pages()
    with link:
        told = news_until(link, lambda news: any(isinstance(e, Stopped) for e in news.events))
        assert isinstance(told[-1].events[-1], Stopped)
        with pytest.raises(ServerGone):
            link.receive()
    assert not controlled.path.exists()


def test_the_file_is_gone_as_soon_as_the_server_stops_listening(controlled: Controlled) -> None:
    with connect(controlled.server.port) as client:
        client.sendall(header(10))
        controlled.watcher.wait_for(Opened)
        controlled.server.stop("test")
        until(lambda: not controlled.path.exists(), "the file removed")
        assert controlled.server.running


def test_attaching_and_detaching_often_loses_nothing(controlled: Controlled) -> None:
    with connect(controlled.server.port) as busy:
        for turn in range(50):
            body = b"%d" % turn * 100
            busy.sendall(frame(body))
            link = controlled.link()
            first = link.pages()[0]
            assert isinstance(first, Page)
            assert [one.opened.id for one in first.connections] == [1]
            link.close()
            assert exchange(busy, [], 4 + len(body)) == frame(body)
    assert controlled.watcher.wait_for(Closed).frames_out == 50
    until(lambda: controlled.service.clients == 0, "all have gone")


@pytest.mark.parametrize("linger", [False, True])
def test_a_client_that_vanishes_is_let_go(controlled: Controlled, linger: bool) -> None:
    client = controlled.raw()
    client.greet()
    client.send(Watch())
    if linger:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()
    until(lambda: controlled.service.clients == 0, "let go")
    assert is_well(controlled)


def test_no_answer_does_not_stall_a_client_for_ever(tmp_path: Path) -> None:
    clock = Clock()
    with Controlled(tmp_path / "s", clock=clock) as controlled, controlled.raw() as client:
        client.greet()
        controlled.service._submit_to_loop = lambda command: None
        client.send(Do(command=Set(request=1, name="cap", value=64)))
        client.send(Do(command=Set(request=2, name="cap", value=65)))
        until(lambda: any(s._results_due for s in controlled.service._sessions), "under way")
        controlled.service._submit_to_loop = controlled.server.submit
        clock.time = ANSWER_WITHIN
        with controlled.raw():  # wakes the service
            answer = client.receive()
        assert isinstance(answer, News)
        (result,) = answer.events
        assert isinstance(result, CommandResult)
        assert result.request == 2


def test_the_program_says_at_once_when_its_control_socket_is_taken(tmp_path: Path) -> None:
    with Controlled(tmp_path / "s") as controlled:
        ended = subprocess.run(
            [sys.executable, "-m", "app", "--no-ui", "--control", str(controlled.path), "::1", "0"],
            capture_output=True,
            timeout=15,
            check=False,
            cwd=ROOT,
            env=environment(),
            text=True,
        )
        assert ended.returncode == 2
        assert ended.stdout == ""
        (line,) = ended.stderr.splitlines()
        assert "another server listens there: choose another path, or `none`" in line
        assert is_well(controlled)


__all__ = ["Raw"]
