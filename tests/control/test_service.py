"""The service on a real server: commands and their results, coming, going, flooding."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from app.control.client_side.attached_source import AttachedSource
from app.control.client_side.control_client import Link, ServerGone
from app.control.protocol import (
    Do,
    Hello,
    News,
    Page,
    Refused,
    Watch,
    pack,
)
from app.control.server_side.session import ANSWER_WITHIN
from app.core.commands import Command, Kill, Set, Stop, Trace
from app.core.events import (
    Closed,
    CommandResult,
    Listening,
    Notice,
    Opened,
    SettingChanged,
    Stopped,
    Stopping,
    TraceLevel,
)
from app.core.framing import frame, header
from app.watch.screen_state import ScreenState
from tests.control.serving import Clock, Controlled, Copy, ask, is_well, news_until
from tests.peers import connect, exchange, read_exactly
from tests.program import ROOT, environment
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


# --- commands -----------------------------------------------------------------------------------


def test_requests_of_the_same_number_are_told_apart(controlled: Controlled) -> None:
    with controlled.link() as one, controlled.link() as other:
        one.fetch_pages()
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
        link.fetch_pages()
        link.send(Do(command=Stop(request=6, cause="the test", now=True)))
        told = news_until(link, lambda news: any(isinstance(e, Stopped) for e in news.events))
        (stopping,) = [e for news in told for e in news.events if isinstance(e, Stopping)]
        assert stopping.cause == "the test"


def test_a_command_for_another_server_is_refused(controlled: Controlled) -> None:
    """As after a restart, when the ids of the connections are those of the first server again."""
    other = "fedcba9876543210"
    with controlled.link() as link, connect(controlled.server.port) as client:
        controlled.watcher.wait_for(Opened)
        for command in (
            Kill(request=1, instance=other, ids=(1, 2)),
            Trace(request=2, instance=other, id=1, level=TraceLevel.IO),
            Set(request=3, instance=other, name="cap", value=64),
        ):
            (answer,) = ask(link, command)
            assert (answer.request, answer.ok, answer.id) == (command.request, False, None)
            this = controlled.server.instance
            assert answer.message == f"refused: meant for the server {other}, and this is {this}"
        assert exchange(client, [frame(b"alive")], 9) == frame(b"alive")


def test_a_command_with_ids_must_name_its_server(controlled: Controlled) -> None:
    with controlled.raw() as client:
        client.greet()
        client.send(Do(command=Kill(request=1, ids=(1,))))
        answer = client.receive()
        assert isinstance(answer, News)
        (result,) = answer.events
        assert isinstance(result, CommandResult)
        assert not result.ok
        assert result.message.startswith("refused: no instance is given; this server's is ")


def test_the_instance_is_everywhere_the_same(controlled: Controlled) -> None:
    with controlled.link() as link:
        (first,) = link.fetch_pages()
        assert first.listening is not None
        told = controlled.watcher.wait_for(Listening)
        instances = {link.instance, first.listening.instance, told.instance}
    assert instances == {controlled.server.instance}
    assert re.fullmatch(r"[0-9a-f]{16}", controlled.server.instance)


def test_a_client_of_version_1_is_refused_with_words(controlled: Controlled) -> None:
    with controlled.raw() as client:
        client.send(Hello(version=1))
        answer = client.receive()
        assert isinstance(answer, Refused)
        assert answer.code == "version"
        assert "the server speaks version 2 of the protocol, not 1" in answer.text


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
        watcher.fetch_pages()
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


def test_traces_of_what_is_not_open_are_not_kept(controlled: Controlled) -> None:
    with controlled.link() as link:
        with connect(controlled.server.port):
            controlled.watcher.wait_for(Opened)
            ask(link, Trace(request=1, id=1, level=TraceLevel.IO))
            assert list(controlled.traces._wishes) == [1]
        controlled.watcher.wait_for(Closed)
        (answer,) = ask(link, Trace(request=2, id=99, level=TraceLevel.IO))
        assert not answer.ok
        assert not controlled.traces._wishes


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
    assert not controlled.stream.watched
    with controlled.link() as link:
        link.fetch_pages()
        until(lambda: controlled.stream.watched, "watched")
    until(lambda: not controlled.stream.watched, "unwatched again")


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
        link.fetch_pages()
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
        link.fetch_pages()
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


def test_thirty_clients_attach_while_connections_open_echo_and_close(
    controlled: Controlled,
) -> None:
    stop, kept = threading.Event(), ExitStack()

    def come_and_go() -> None:
        for number in count():
            client = connect(controlled.server.port)
            exchange(client, [frame(b"hi")], 6)
            if number % 10:
                client.close()
            else:
                kept.enter_context(client)
            if stop.wait(0.003):
                return

    churn = threading.Thread(target=come_and_go)
    with kept, ExitStack() as links:
        churn.start()
        clients = []
        try:
            for _ in range(30):
                link = links.enter_context(controlled.link())
                clients.append((link, Copy().apply(*link.fetch_pages())))
        finally:
            stop.set()
            churn.join()
        for link, copy in clients:
            until(partial(catches_up, controlled, link, copy), "all rows with their figures")
            assert copy.missed == 0


def catches_up(controlled: Controlled, link: Link, copy: Copy) -> bool:
    """Apply what has come; whether a copy has all rows of the server, and the echo of each."""
    for message in link.receive_ready():
        assert isinstance(message, Page | News)
        copy.apply(message)
    with controlled.fanout.lock:
        is_same = copy.open.keys() == controlled.fanout.state.rows.keys()
    return is_same and all(
        one in copy.figures and copy.figures[one].frames_out == 1 for one in copy.open
    )


def test_a_client_that_is_told_nothing_any_more_is_let_go(controlled: Controlled) -> None:
    with controlled.link() as link:
        link.fetch_pages()
        (session,) = controlled.service._sessions
        controlled.fanout.remove(session.follower)  # as the fan-out does when it raises
        with pytest.raises(ServerGone):
            news_until(link, lambda _news: False)
    assert is_well(controlled)


def test_attaching_and_detaching_often_loses_nothing(controlled: Controlled) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(controlled.server.port)) for _ in range(500)]
        controlled.watcher.until(lambda: len(controlled.watcher.all(Opened)) == 500, "open")
        over = threading.Event()
        rounds: list[int] = []
        busy = threading.Thread(target=keep_busy, args=(clients, over, rounds))
        busy.start()
        try:
            for _ in range(50):
                assert rows_seen(controlled) == 500
        finally:
            over.set()
            busy.join()
    watcher = controlled.watcher
    watcher.until(lambda: len(watcher.all(Closed)) == 500, "all closed")
    assert {closed.frames_out for closed in watcher.all(Closed)} == {len(rounds)}
    until(lambda: controlled.service.clients == 0, "all have gone")


def rows_seen(controlled: Controlled) -> int:
    """How many connections a dashboard shows that is attached, looks once and leaves."""
    source, model = AttachedSource(controlled.path), ScreenState()

    def shows() -> bool:
        model.apply(source.drain(), source.now())
        return bool(model.rows)

    try:
        until(shows, "rows")
        return len(model.rows)
    finally:
        source.close()


def keep_busy(clients: list[socket.socket], over: threading.Event, rounds: list[int]) -> None:
    """Echo a frame on every connection, again and again; every round that was right is kept."""
    while not over.is_set():
        body = b"%d" % len(rounds)
        for client in clients:
            client.sendall(frame(body))
        if not all(read_exactly(client, 4 + len(body)) == frame(body) for client in clients):
            return
        rounds.append(len(rounds))


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


def test_one_command_of_a_client_is_under_way_at_a_time(tmp_path: Path) -> None:
    clock = Clock()
    with Controlled(tmp_path / "s", clock=clock) as controlled, controlled.raw() as client:
        client.greet()
        held: list[Command] = []
        controlled.service._submit_to_loop = held.append
        commands = [Set(request=number, name="cap", value=number) for number in (1, 2)]
        client.send(*(Do(command=command) for command in commands))
        until(lambda: held, "the first under way")
        clock.time += 1.0
        with controlled.raw() as other:
            other.greet()  # the service has had its turn with everybody
        assert len(held) == 1
        for number in (1, 2):
            until(partial(reaches, held, number), "the next under way")
            controlled.server.submit(held[number - 1])
            answer = client.receive()
            assert isinstance(answer, News)
            (result,) = answer.events
            assert isinstance(result, CommandResult)
            assert (result.request, result.ok) == (number, True)


def reaches(held: list[Command], count: int) -> bool:
    return len(held) == count


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
