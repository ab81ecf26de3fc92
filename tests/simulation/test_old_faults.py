"""Faults that the server once had, put back one at a time: the simulation finds each of them."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from app.control.protocol import Page
from app.control.server_side.follower import Follower
from app.core.commands import Set
from app.core.events import POLLIN, Event, Reason
from app.server import lifecycle
from app.server.lifecycle import Lifecycle
from app.server.loop import Loop
from app.server.machine import WRITE_BODY, EchoMachine
from app.server.poller import POLLRDHUP, Ready
from app.server.reporter import Reporter
from app.server.serving import Serving
from app.watch.stream import EventStream

from .kernel import FIRST_FD
from .sockets import POLLHUP
from .world import simulate

SEEDS = range(600)
"""Within so many seeds each fault is found."""
Patch = pytest.MonkeyPatch


def act_on_hangup_before_reading(patch: Patch) -> None:
    """The source document's fault: data that came before the end is lost."""
    right = Serving.batch

    def batch(serving: Serving, ready: Ready, now: float) -> list[int]:
        life = serving._life
        for fd, mask in ready:
            if mask & (POLLHUP | POLLRDHUP) and fd in life.by_fd:
                life.close(life.by_fd[fd], Reason.EOF)
        others = [each for each in ready if each[0] in life.by_fd or each[0] < FIRST_FD]
        return right(serving, others, now)

    patch.setattr(Serving, "batch", batch)


def close_with_unread_input(patch: Patch) -> None:
    """close(2) then sends RST, and the RST destroys what the peer has not fetched."""

    def cut_off(life: Lifecycle, connection: Any, words: str) -> None:
        life.close(connection, Reason.SHUTDOWN, words)

    patch.setattr(lifecycle, "discard_input", lambda connection, calls, now: True)
    patch.setattr(Lifecycle, "cut_off", cut_off)


def take_an_empty_frame_for_the_end(patch: Patch) -> None:
    """The source document's fault: a body of 0 bytes is taken for EOF."""
    right = EchoMachine.receive

    def receive(machine: EchoMachine, data: bytes, *args: Any) -> bool:
        if data[:4] == bytes(4) and not machine.len_buf:
            machine.close(Reason.EOF)
            return False
        return right(machine, data, *args)

    patch.setattr(EchoMachine, "receive", receive)


def keep_reading_while_an_echo_is_pending(patch: Patch) -> None:
    """The source document's fault: POLLIN stays armed, so a pipelining client makes it spin."""
    patch.setattr(EchoMachine, "wanted_interest", property(lambda machine: 5 if machine.out else 1))


def forget_to_serve_what_a_budget_left(patch: Patch) -> None:
    """What was read behind a pending echo waits for the peer's next byte."""
    right = Serving._serve

    def serve(serving: Serving, connection: Any, now: float) -> None:
        was_writing = connection.machine.state is WRITE_BODY
        right(serving, connection, now)
        if was_writing:
            serving.unfinished.pop(connection, None)

    patch.setattr(Serving, "_serve", serve)


def judge_a_deadline_without_a_look(patch: Patch) -> None:
    """After a SIGSTOP whole frames had arrived, and yet their connections are ended."""
    patch.setattr(Loop, "_poll_again", lambda loop, now: [])
    patch.setattr(Lifecycle, "_must_read_first", lambda life, connection: False)


def count_an_armed_connection_for_ever(patch: Patch) -> None:
    """The gauge of POLLOUT stays up when an armed connection closes."""
    right = Lifecycle._remove

    def remove(life: Lifecycle, connection: Any) -> None:
        connection.interest = 1
        right(life, connection)

    patch.setattr(Lifecycle, "_remove", remove)


def leave_what_opens_meanwhile_without_figures(patch: Patch) -> None:
    """A connection that opens around a client's `watch` has no figures until it changes."""
    right = Follower._next_page

    def next_page(follower: Follower, to_page: list[Any]) -> Page | None:
        page = right(follower, to_page)
        follower._to_tell = array("Q")
        return page

    patch.setattr(Follower, "_next_page", next_page)


def keep_snapshots_of_closed_connections(patch: Patch) -> None:
    """A watcher that takes nothing for a while is told figures of what has closed."""
    patch.setattr(EventStream, "forget", lambda stream, connection_id: None)


def answer_before_the_change(patch: Patch) -> None:
    """The answer to a command comes before the events that it answers."""
    publish, publish_setting = Reporter.publish, Reporter.publish_setting
    late: list[Callable[[], None]] = []

    def hold(reporter: Reporter, command: Set, old: Any, new: Any) -> None:
        late.append(lambda: publish_setting(reporter, command, old, new))

    def publish_late(reporter: Reporter, event: Event) -> None:
        publish(reporter, event)
        while late:
            late.pop()()

    patch.setattr(Reporter, "publish", publish_late)
    patch.setattr(Reporter, "publish_setting", hold)


def stamp_events_with_the_clock_of_the_start(patch: Patch) -> None:
    """After an hour's suspend every event is told an hour too early."""
    patch.setattr(Loop, "_follow_wall_clock", lambda loop: loop._wall_clock.compare())


def follow_the_wall_clock_without_a_word(patch: Patch) -> None:
    """After a step back events are out of order, and nothing says why."""
    patch.setattr(Reporter, "publish_step", lambda reporter, seconds, connections: None)


def resume_only_once(patch: Patch) -> None:
    """A poller that has no room for a listener after a pause ends the server."""

    def resume(loop: Loop, now: float) -> None:
        for acceptor in loop._acceptors:
            if acceptor.resume_at <= now:
                acceptor.resume_at = inf
                loop._poller.add(acceptor.fd, POLLIN)
        loop._resume_at = min(acceptor.resume_at for acceptor in loop._acceptors)

    patch.setattr(Loop, "_resume_accepting", resume)


FAULTS: dict[Callable[[Patch], None], str] = {
    act_on_hangup_before_reading: "no EOF, or not between frames",
    close_with_unread_input: "with unread input, which resets it",
    take_an_empty_frame_for_the_end: "closed",
    keep_reading_while_an_echo_is_pending: "armed",
    forget_to_serve_what_a_budget_left: "at rest, and not everything is echoed",
    judge_a_deadline_without_a_look: "it had arrived in time, and nobody looked",
    count_an_armed_connection_for_ever: "are armed, but it counts",
    leave_what_opens_meanwhile_without_figures: "a client shows",
    keep_snapshots_of_closed_connections: "snapshots of closed connections were kept",
    answer_before_the_change: "came before the change",
    stamp_events_with_the_clock_of_the_start: "the wall clock was set, and events are",
    follow_the_wall_clock_without_a_word: "at a time that was not told",
    resume_only_once: "the server died",
}
"""With a part of what the simulation says of each."""


@pytest.mark.slow
@pytest.mark.parametrize("put_back", FAULTS, ids=lambda fault: fault.__name__)
def test_the_simulation_finds(put_back: Callable[[Patch], None], monkeypatch: Patch) -> None:
    put_back(monkeypatch)
    assert FAULTS[put_back] in next(filter(None, map(simulate, SEEDS)), "nothing was found")
