"""The attached source: a server that comes, goes and comes back, as the dashboard sees it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from app.control.client_side.attached_source import RETRY, AttachedSource
from app.control.client_side.control_client import ControlError
from app.control.protocol import (
    VERSION,
    Do,
    FromServer,
    Hello,
    KnownConnection,
    News,
    Page,
    Refused,
    Watch,
    Welcome,
    pack,
    read_to_server,
)
from app.core.commands import Kill, KillMode, Set, Trace, TraceLevel
from app.core.events import CommandResult, Event, Notice, Opened, Reason, Snapshot, Stopped
from app.core.framing import FrameDecoder
from app.watch.screen_state import ScreenState
from app.watch.source import Source
from app.watch.stream import Drained
from tests.control.serving import Clock, Controlled
from tests.making import INSTANCE, closed, listening, loop_stats, opened, snapshot, worker
from tests.peers import PATIENCE, connect
from tests.waiting import until

EOF = closed(2, Reason.EOF)
ANOTHER = "fedcba9876543210"
STOPPED = Stopped(t=9.0, cause="SIGTERM", opened=1, closed=1, frames_out=0, bytes_in=0, bytes_out=0)


class ScriptedServer:
    """The other end of the socket, which says what a test has it say."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.listener.settimeout(PATIENCE)
        self.client: socket.socket | None = None
        self._inbox = FrameDecoder(1 << 20)

    def say(self, *messages: FromServer) -> None:
        if self.client is None:
            self.client, _ = self.listener.accept()
            self.client.settimeout(PATIENCE)
        self.client.sendall(b"".join(map(pack, messages)))

    def heard(self) -> object:
        assert self.client is not None
        while (body := self._inbox.next_body()) is None:
            self._inbox.feed(self.client.recv(65536))
        return read_to_server(body)

    def end(self) -> None:
        assert self.client is not None
        self.client.close()
        self.listener.close()
        self.path.unlink()


def welcome(t: float = 1000.0, instance: str = INSTANCE) -> Welcome:
    return Welcome(version=VERSION, program="1", pid=1, instance=instance, t=t)


def page(*ids: int, missed: int = 0, number: int = 1, last: bool = True) -> Page:
    known = tuple(KnownConnection(opened=opened(one), snapshot=snapshot(one)) for one in ids)
    first = number == 1
    return Page(
        t=1000.0,
        number=number,
        last=last,
        connections=known,
        missed=missed,
        listening=listening() if first else None,
        stats=loop_stats(5.0, 10, 64, 2) if first else None,
    )


class Attached:
    """A source on a scripted server, under a clock of the test's."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        self.server = ScriptedServer(path)
        self.clock = Clock()
        self.clock.time = 100.0
        # The connection is queued: what the server will say can be there before it is asked.
        self.source = self._source(read_only)
        self.heard = [self.server.heard() for _ in range(2)]

    def _source(self, read_only: bool) -> AttachedSource:
        answer = threading.Thread(target=self.server.say, args=(welcome(),))
        answer.start()
        try:
            return AttachedSource(self.path, read_only=read_only, clock=self.clock)
        finally:
            answer.join()

    def restart(self) -> None:
        self.server = ScriptedServer(self.path)
        self.clock.time += RETRY

    def until(self, holds: Callable[[Drained], object]) -> Drained:
        found: list[Drained] = []

        def look() -> bool:
            found.append(self.source.drain())
            return bool(holds(found[-1]))

        until(look, f"drained; last {found[-1:]}")
        return found[-1]


@contextmanager
def attached(path: Path, read_only: bool = False) -> Iterator[Attached]:
    one = Attached(path, read_only)
    try:
        yield one
    finally:
        one.source.close()
        one.server.listener.close()
        if one.server.client is not None:
            one.server.client.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Attached]:
    with attached(tmp_path / "s") as found:
        yield found


def test_it_is_a_source_and_says_who_it_is(one: Attached) -> None:
    source: Source = one.source
    assert source.failure() is None
    assert not one.source.owns_server
    greeting, watch = one.heard
    assert greeting == Hello(version=VERSION, client="dashboard", announce=True)
    assert watch == Watch()


def test_all_pages_become_one_drain_that_begins_afresh(one: Attached) -> None:
    one.server.say(page(1, 2, last=False), page(3, number=2, last=False))
    one.server.say(page(4, number=3), News(t=1001.0, events=(EOF,)))
    first = one.until(lambda drained: drained.afresh)
    assert [event.id for event in first.events if isinstance(event, Opened)] == [1, 2, 3, 4]
    assert [one.id for one in first.snapshots] == [1, 2, 3, 4]
    assert first.stats is not None
    assert one.until(lambda drained: drained.events).events == [EOF]


def test_pages_that_begin_again_replace_those_before(one: Attached) -> None:
    one.server.say(page(1, 2, last=False), page(7, missed=3))
    told = one.until(lambda drained: drained.afresh)
    assert [event.id for event in told.events if isinstance(event, Opened)] == [7]
    assert "3 events missed" in notices(told)[0]


def notices(drained: Drained) -> list[str]:
    return [event.text for event in drained.events if isinstance(event, Notice)]


def test_of_snapshots_the_latest_is_handed_on(one: Attached) -> None:
    one.server.say(page(1))
    one.until(lambda drained: drained.afresh)
    seen: dict[int, Snapshot] = {}
    one.server.say(*(News(t=1000.0, snapshots=(snapshot(1, frames=n),)) for n in (1, 2, 3)))

    def latest(drained: Drained) -> bool:
        seen.update((one.id, one) for one in drained.snapshots)
        return bool(seen) and seen[1].frames_out == 3

    one.until(latest)


def test_a_server_that_is_gone_is_told_of_and_comes_back(one: Attached) -> None:
    one.server.say(page(1, 2))
    model = ScreenState()
    model.apply(one.until(lambda drained: drained.afresh), one.source.now())
    one.server.end()
    gone = one.until(lambda drained: drained.gone)
    assert "has closed the connection" in gone.gone
    model.apply(gone, one.source.now())
    assert model.gone
    assert len(model.rows) == 2  # what was known last stays to be looked at
    one.restart()
    one.source.drain()
    one.server.say(welcome(2000.0), page(1))
    back = one.until(lambda drained: drained.afresh)
    assert not back.gone
    assert notices(back) == ["attached again: pid 4242, 1 open connections"]
    model.apply(back, one.source.now())
    assert (len(model.rows), model.open, model.gone) == (1, 1, "")
    assert one.source.now() == pytest.approx(2000.0)


def test_another_server_in_its_place_has_its_own_drops_and_workers(one: Attached) -> None:
    model = ScreenState()
    one.server.say(page(1), News(t=1001.0, events=(worker(1),), dropped=7))
    until(lambda: model.apply(one.source.drain(), one.source.now()) or model.workers, "workers")
    assert model.drops == 7
    one.server.end()
    one.until(lambda drained: drained.gone)
    one.restart()
    one.source.drain()
    another = msgspec.structs.replace(listening(), instance=ANOTHER)
    one.server.say(welcome(instance=ANOTHER), msgspec.structs.replace(page(1), listening=another))
    model.apply(one.until(lambda drained: drained.afresh), one.source.now())
    assert (model.drops, model.workers) == (0, {})


def test_why_it_is_gone_is_what_the_server_said_last(one: Attached) -> None:
    one.server.say(page(1), News(t=1001.0, events=(STOPPED,)))
    told = one.until(lambda drained: STOPPED in drained.events)
    assert told.gone == "the server has stopped (SIGTERM)"
    one.server.end()
    for _ in range(3):
        one.clock.time += RETRY
        assert one.source.drain().gone == "the server has stopped (SIGTERM)"


def test_a_server_that_refuses_says_why(one: Attached) -> None:
    one.server.say(page(1))
    one.until(lambda drained: drained.afresh)
    one.server.end()
    one.until(lambda drained: drained.gone)
    one.restart()
    one.source.drain()
    one.server.say(Refused(code="version", text="the server speaks version 2"))
    one.until(lambda drained: "speaks version 2" in drained.gone)


def test_a_command_that_cannot_be_sent_is_answered(one: Attached) -> None:
    one.server.say(page(1))
    one.until(lambda drained: drained.afresh)
    one.server.end()
    one.until(lambda drained: drained.gone)
    one.source.submit(Kill(request=5, ids=(1, 2)))
    (answer,) = results(one.source.drain().events)
    assert (answer.request, answer.ok, answer.id) == (5, False, None)
    assert answer.message == "not sent: the server is gone"


def results(events: list[Event]) -> list[CommandResult]:
    return [event for event in events if isinstance(event, CommandResult)]


def test_read_only_changes_nothing_and_still_looks_closely(tmp_path: Path) -> None:
    with attached(tmp_path / "s", read_only=True) as one:
        greeting = one.heard[0]
        assert isinstance(greeting, Hello)
        assert greeting.read_only
        one.source.submit(Set(request=1, name="cap", value=1))
        trace = Trace(request=2, instance=INSTANCE, id=1, level=TraceLevel.IO)
        one.source.submit(trace)
        (answer,) = results(one.source.drain().events)
        assert answer.message == "refused: attached read-only"
        assert one.server.heard() == Do(command=trace)


def test_a_kill_of_many_is_sent_in_parts_that_the_server_takes(one: Attached) -> None:
    one.source.submit(Kill(request=5, ids=tuple(range(2500)), mode=KillMode.RESET))
    parts = [one.server.heard() for _ in range(3)]
    commands = [part.command for part in parts if isinstance(part, Do)]
    assert all(isinstance(part, Kill) and part.mode is KillMode.RESET for part in commands)
    assert [one for part in commands for one in getattr(part, "ids", ())] == list(range(2500))
    assert {part.request for part in commands} == {5}


def test_what_was_traced_is_traced_again_by_the_same_server(one: Attached) -> None:
    one.server.say(page(1))
    one.until(lambda drained: drained.afresh)
    one.source.submit(Trace(request=2, id=1, level=TraceLevel.IO))
    one.server.end()
    one.until(lambda drained: drained.gone)
    one.restart()
    one.source.drain()
    one.server.say(welcome(), page(1))
    one.until(lambda drained: drained.afresh)
    heard = [one.server.heard() for _ in range(3)]
    assert isinstance(heard[2], Do)
    command = heard[2].command
    assert isinstance(command, Trace)
    assert (command.id, command.level) == (1, TraceLevel.IO)


def restarted(one: Attached, instance: str) -> None:
    """Have a server with the same path, pid and connection ids take the place of the first."""
    one.server.end()
    one.until(lambda drained: drained.gone)
    one.restart()
    one.source.drain()
    listens = msgspec.structs.replace(listening(), instance=instance)
    first = msgspec.structs.replace(page(1), listening=listens)
    one.server.say(welcome(instance=instance), first)


def test_what_was_asked_of_a_server_is_void_when_another_one_answers(one: Attached) -> None:
    one.server.say(page(1))
    one.until(lambda drained: drained.afresh)
    for command in (
        Trace(request=1, instance=INSTANCE, id=1, level=TraceLevel.IO),
        Kill(request=2, instance=INSTANCE, ids=(1, 2)),
        Set(request=3, name="cap", value=1),
    ):
        one.source.submit(command)
        one.server.heard()
    done = CommandResult(t=1.0, request=3, command="set", ok=True, message="cap: 2 → 1")
    one.server.say(News(t=1001.0, events=(done,)))
    one.until(lambda drained: done in drained.events)
    restarted(one, ANOTHER)
    told = one.until(lambda drained: drained.afresh)
    (answer,) = results(told.events)
    assert (answer.request, answer.ok, answer.id) == (2, False, None)
    assert answer.message == "it may have been carried out: another server answers now"
    assert notices(told) == ["attached again, to another server: pid 4242, 1 open connections"]
    # A dialog that was opened before the restart is answered after it.
    one.source.submit(Kill(request=4, instance=INSTANCE, ids=(1,)))
    (refused,) = results(one.source.drain().events)
    assert refused.request == 4
    assert refused.message == "not carried out: another server answers now"
    one.source.submit(Kill(request=5, instance=ANOTHER, ids=(1,)))
    sent = [one.server.heard() for _ in range(3)]  # no trace is asked for again
    assert sent[1:] == [Watch(), Do(command=Kill(request=5, instance=ANOTHER, ids=(1,)))]


def test_what_was_under_way_when_the_connection_was_lost_is_not_known(one: Attached) -> None:
    one.server.say(page(1))
    one.until(lambda drained: drained.afresh)
    one.source.submit(Kill(request=2, instance=INSTANCE, ids=(1,)))
    restarted(one, INSTANCE)
    (answer,) = results(one.until(lambda drained: drained.afresh).events)
    assert answer.message == "whether it was carried out is not known: the connection was lost"


def test_nobody_there_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no server listens there"):
        AttachedSource(tmp_path / "s")


def test_what_is_no_echo_tui_is_an_error(tmp_path: Path) -> None:
    with attached(tmp_path / "s") as one:
        one.server.say(page(1))
        one.until(lambda drained: drained.afresh)
        assert one.server.client is not None
        one.server.client.sendall(b"\0\0\0\x02{}")
        one.until(lambda drained: "not understood" in drained.gone)


def test_several_see_the_same(tmp_path: Path) -> None:
    with Controlled(tmp_path / "s") as controlled, connect(controlled.server.port):
        sources = [AttachedSource(controlled.path) for _ in range(3)]
        models = [ScreenState() for _ in sources]
        try:
            for source, model in zip(sources, models, strict=True):

                def shows(source: AttachedSource = source, model: ScreenState = model) -> bool:
                    model.apply(source.drain(), source.now())
                    return len(model.rows) == 1

                until(shows, "one row")
            sources[0].submit(Set(request=1, name="cap", value=64))
            for source, model in zip(sources, models, strict=True):

                def changed(source: AttachedSource = source, model: ScreenState = model) -> bool:
                    model.apply(source.drain(), source.now())
                    return model.cap == 64

                until(changed, "the new CAP")
        finally:
            for source in sources:
                source.close()
