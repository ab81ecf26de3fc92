"""The service on a real server: commands and their results, coming, going, flooding."""

from __future__ import annotations

import errno
import os
import re
import selectors
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.control.client_side.control_client import ServerGone
from app.control.protocol import (
    Do,
    FromServer,
    Hello,
    News,
    Refused,
)
from app.control.server_side import service as service_module
from app.control.server_side.session import ANSWER_WITHIN, CLOSING_WITHIN
from app.core.commands import Command, Kill, Set, Stop, Trace, TraceLevel
from app.core.events import (
    Closed,
    CommandResult,
    Listening,
    Notice,
    Opened,
    SettingChanged,
    Stopped,
    Stopping,
)
from app.core.framing import frame, header
from tests.control.serving import Clock, Controlled, ask, is_well, news_until
from tests.peers import connect, exchange
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


class FailingSelector(selectors.DefaultSelector):
    """epoll_ctl(2) has no watch left, as often as `fails` says."""

    fails = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if type(self).fails:
            type(self).fails -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().register(fileobj, events, data)


def test_a_client_that_cannot_be_watched_ends_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "make_selector", FailingSelector)
    with Controlled(tmp_path / "s") as controlled, controlled.link() as other:
        other.fetch_pages()
        for fails in (1, 3):
            # Of these the listener's, or the new client's: which is first depends on the threads.
            monkeypatch.setattr(FailingSelector, "fails", fails)
            raw = controlled.raw()
            controlled.until(lambda: not FailingSelector.fails, "the failures")
            raw.sock.close()
            with controlled.link() as late:
                assert late.fetch_pages()
        controlled.watcher.wait_for(Notice, lambda event: "control socket: " in event.text)
        connect(controlled.server.port).close()
        assert news_until(other, lambda news: any(isinstance(e, Closed) for e in news.events))


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
        assert not controlled.server.join(0)


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


def test_a_kill_that_waits_for_a_peer_holds_up_no_other_command(tmp_path: Path) -> None:
    """The answer of mode `close` may take ten seconds; it then has the number of its command."""
    clock = Clock()
    with Controlled(tmp_path / "s", clock=clock) as controlled, controlled.raw() as client:
        client.greet()
        held: list[Command] = []
        controlled.service._submit_to_loop = held.append
        kill = Kill(request=7, ids=(99,), instance=controlled.server.instance)
        client.send(Do(command=kill))
        until(lambda: held, "the kill under way")
        controlled.service._submit_to_loop = controlled.server.submit
        client.send(Do(command=Set(request=8, name="cap", value=64)))
        clock.time += CLOSING_WITHIN
        with controlled.raw():  # wakes the service
            assert result_in(client.receive()).request == 8
        controlled.server.submit(held[0])
        late = result_in(client.receive())
        assert (late.request, late.id, late.message) == (7, 99, "no such connection")


def result_in(message: FromServer | None) -> CommandResult:
    """The only event of a message, which is the result of a command."""
    assert isinstance(message, News)
    (result,) = message.events
    assert isinstance(result, CommandResult)
    return result


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
        assert "another server listens there: choose another path, or `none` (--control" in line
        assert is_well(controlled)
