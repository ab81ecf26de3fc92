"""Garbage, half messages and strangers on the control socket: answered or closed, never fatal."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.control.client_side.control_client import ControlError
from app.control.credentials import peer_uid
from app.control.protocol import (
    LARGEST_HELLO,
    LARGEST_MESSAGE,
    VERSION,
    Do,
    FromServer,
    Hello,
    News,
    Refused,
    Watch,
    Welcome,
    pack,
)
from app.control.server_side.owner import OwnerGate
from app.control.server_side.service import MOST_CLIENTS, MOST_MUTE
from app.control.server_side.session import HELLO_WITHIN, MESSAGE_WITHIN, Session
from app.core.commands import Set
from app.core.events import (
    Notice,
)
from app.core.framing import frame, header
from tests.control.serving import Clock, Controlled, is_well
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


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
        (frame(b'{"type":"hello","version":2,"client":7}'), "garbage"),
        (frame(b'{"type":"hello","version":1}'), "version"),
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
        (pack(Hello(version=VERSION)), "garbage"),
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


def test_half_a_message_behind_a_hello_has_its_whole_time(tmp_path: Path) -> None:
    clock = Clock()
    with Controlled(tmp_path / "s", clock=clock) as controlled, controlled.raw() as client:
        client.sock.sendall(pack(Hello(version=VERSION)) + header(50) + b"half")
        assert isinstance(client.receive(), Welcome)
        clock.time += HELLO_WITHIN + 1
        with controlled.raw():  # wakes the service
            until(lambda: controlled.service.clients == 2, "taken in")
        client.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)


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
        with controlled.raw() as again:
            assert isinstance(again.receive(), Refused)
        notice = controlled.watcher.wait_for(Notice, lambda notice: "65534" in notice.text)
        assert notice.text.endswith("refused so far: 1")
    assert len(controlled.watcher.all(Notice)) == 1  # a flood of them does not fill the log


def test_the_kernel_names_the_peer() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert peer_uid(here) == os.geteuid()
        assert OwnerGate().objection(here) == ""
    assert "unknown" in OwnerGate(uid_of=lambda sock: None).objection(here)


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


def test_the_oldest_of_those_that_say_nothing_gives_way(controlled: Controlled) -> None:
    oldest = controlled.raw()
    others = [controlled.raw() for _ in range(MOST_MUTE)]
    try:
        assert oldest.receive() is None  # and not `Refused`, which comes after five seconds
        others[0].greet()
        assert is_well(controlled)
    finally:
        for one in (oldest, *others):
            one.sock.close()


def test_a_message_that_came_while_the_process_was_stopped_is_read_before_its_time_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After SIGSTOP and SIGCONT a selector says nothing first, whatever has arrived."""
    clock = Clock()
    with Controlled(tmp_path / "s", clock=clock) as controlled, controlled.raw() as client:
        until(lambda: controlled.service.clients == 1, "taken in")
        step = Session.step

        def stopped_step(session: Session, readable: bool) -> None:
            if readable:
                monkeypatch.setattr(Session, "step", step)
                clock.time += 1000.0
            step(session, False)

        monkeypatch.setattr(Session, "step", stopped_step)
        assert isinstance(client.greet(), Welcome)
