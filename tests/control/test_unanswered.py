"""A command that was sent and not answered: a client says that it may still be carried out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.control.client_side import control_client
from app.control.client_side.control_client import Link, ServerGone, Unanswered, hello
from app.control.protocol import VERSION, News, Welcome, pack
from app.control.server_side.listening import SocketFile
from app.core.commands import Kill, KillMode, Set
from app.core.framing import FrameDecoder

SET = Set(request=1, name="cap", value=64)
WELCOME = Welcome(version=VERSION, program="1", pid=1, instance="5eed0123456789ab", t=1.0)


def served(path: Path, behave: Callable[[socket.socket], None]) -> threading.Thread:
    """Welcome one client at `path` in a thread, then behave as the test wants."""
    file = SocketFile(path)

    def serve() -> None:
        with file.listener, file.listener.accept()[0] as client:
            read_one(client)
            client.sendall(pack(WELCOME))
            behave(client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def read_one(client: socket.socket) -> None:
    """Read one whole message."""
    decoder = FrameDecoder()
    while decoder.next_body() is None:
        decoder.feed(client.recv(4096))


def test_no_answer_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where other messages come all the time."""
    monkeypatch.setattr(control_client, "ANSWER_WITHIN", 0.3)
    over = threading.Event()

    def chatter(client: socket.socket) -> None:
        read_one(client)
        while not over.wait(0.02):
            client.sendall(pack(News(t=1.0)))

    serving = served(tmp_path / "s", chatter)
    with Link.open(tmp_path / "s", hello("test")) as link:
        with pytest.raises(Unanswered, match=r"no answer within 0\.3 s.* may still be carried out"):
            list(link.carry_out(SET))
        over.set()
        serving.join(5)


def test_a_server_that_goes_away_with_the_command(tmp_path: Path) -> None:
    served(tmp_path / "s", read_one)
    gone = pytest.raises(Unanswered, match="the command may have been carried out")
    with Link.open(tmp_path / "s", hello("test")) as link, gone:
        list(link.carry_out(SET))


def test_to_a_server_that_has_gone_nothing_is_sent(tmp_path: Path) -> None:
    serving = served(tmp_path / "s", lambda client: None)
    with Link.open(tmp_path / "s", hello("test")) as link:
        serving.join(5)
        with pytest.raises(ServerGone, match=r"has closed the connection$"):
            list(link.carry_out(SET))


def test_a_kill_that_waits_for_the_peer_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has its bound for mode `close`, besides the time for an answer."""
    monkeypatch.setattr(control_client, "ANSWER_WITHIN", 0.1)
    kill = Kill(request=1, ids=(7,), mode=KillMode.CLOSE)

    def answer_late(client: socket.socket) -> None:
        read_one(client)
        threading.Event().wait(0.4)  # longer than any other command is waited for
        client.sendall(pack(News(t=1.0, events=(kill.answer(1.0, True, "closed", 7),))))
        read_one(client)

    served(tmp_path / "s", answer_late)
    with Link.open(tmp_path / "s", hello("test")) as link:
        assert [result.message for result in link.carry_out(kill)] == ["closed"]
        link.send(hello("test"))
