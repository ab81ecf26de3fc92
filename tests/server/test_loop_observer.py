"""The iterations of a loop, as they are told to whoever looks."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from itertools import pairwise

import pytest

from app.core.commands import Look, Trace, TraceLevel
from app.core.events import POLLIN, POLLOUT
from app.core.framing import frame
from app.core.iteration import Iteration, Iterations, Served
from app.server.calls import CallNote, Note, PollNote, StateNote
from app.server.loop_observer import lines_of
from app.server.machine import READ_BODY, READ_LEN, WRITE_BODY
from tests.peers import Running, exchange, read_exactly
from tests.waiting import until

Serve = Callable[..., Running]
HELLO = frame(b"hello")
CYCLE = ("READ_LEN", "READ_BODY", "WRITE_BODY", "READ_LEN")


def served(running: Running, accepts: Callable[[Served], object]) -> Served:
    """Wait for a descriptor that was served so."""
    told = running.watcher.wait_for(Iteration, lambda each: any(map(accepts, each.ready)))
    return next(each for each in told.ready if accepts(each))


def calls(line: Served) -> list[tuple[str, int]]:
    return [(call.call, call.result) for call in line.calls]


def looked_at(serve: Serve, **settings: object) -> Running:
    running = serve(**settings)
    assert running.submit(Look, seconds=60.0).ok
    return running


def test_a_frame_that_comes_whole_passes_all_states(serve: Serve) -> None:
    running = looked_at(serve)
    client, number = running.connect_known()
    assert exchange(client, [HELLO], len(HELLO)) == HELLO
    line = served(running, lambda each: each.states == CYCLE)
    assert (line.kind, line.id, line.interest, line.revents) == (
        "connection",
        number,
        POLLIN,
        POLLIN,
    )
    assert calls(line) == [("read", len(HELLO)), ("write", len(HELLO))]
    assert line.progress
    assert line.us == sum(call.us for call in line.calls)


def test_the_listener_accepts_all_that_wait(serve: Serve) -> None:
    running = looked_at(serve)
    running.connect()
    line = served(running, lambda each: each.kind == "listener")
    assert [call.call for call in line.calls] == ["accept", "watch", "accept"]
    assert line.calls[-1].error == "EAGAIN"
    assert line.progress


def test_a_partial_write_arms_and_the_rest_disarms(serve: Serve) -> None:
    running = looked_at(serve, cap=1 << 24)
    client = running.connect(receive_buffer=4096)
    client.sendall(frame(bytes(1 << 23)))
    armed = served(running, lambda each: any(call.call == "arm" for call in each.calls))
    assert any(call.call == "write" and 0 <= call.result < call.asked for call in armed.calls)
    assert armed.states[-1] == "WRITE_BODY"
    assert read_exactly(client, 4 + (1 << 23))
    done = served(running, lambda each: any(call.call == "disarm" for call in each.calls))
    assert (done.interest, done.revents & POLLOUT) == (POLLOUT, POLLOUT)
    assert done.states == ("WRITE_BODY", "READ_LEN")


def test_an_end_is_a_read_of_nothing_and_a_close(serve: Serve) -> None:
    running = looked_at(serve)
    client, number = running.connect_known()
    client.close()
    running.closed(number)
    line = served(running, lambda each: any(call.call == "close" for call in each.calls))
    assert calls(line) == [("read", 0), ("unwatch", 0), ("close", 0)]
    assert line.states == ("READ_LEN", "DRAINING", "CLOSED")


def test_a_wake_up_for_nothing_is_marked(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    read, refused = os.read, [True]

    def refuses_once(fd: int, size: int) -> bytes:
        if refused:
            refused.clear()
            raise BlockingIOError(errno.EAGAIN, "")
        return read(fd, size)

    monkeypatch.setattr(os, "read", refuses_once)
    running = looked_at(serve)
    client, number = running.connect_known()
    assert exchange(client, [HELLO], len(HELLO)) == HELLO
    line = served(running, lambda each: each.id == number and not each.progress)
    assert [call.error for call in line.calls] == ["EAGAIN"]


def test_time_is_told_apart(serve: Serve) -> None:
    running = looked_at(serve)
    client = running.connect()
    for _ in range(20):
        assert exchange(client, [HELLO], len(HELLO)) == HELLO
    told = running.watcher.all(Iteration)
    running.watcher.until(lambda: len(running.watcher.all(Iteration)) > 10)
    told = running.watcher.all(Iteration)
    assert all(one.number < other.number for one, other in pairwise(told))
    for each in told:
        assert min(each.slept_us, each.poll_us, each.serving_us, each.telling_us, each.cpu_us) >= 0
        assert each.watched >= 2


def test_the_latest_are_kept_and_told_in_a_row(serve: Serve) -> None:
    running = looked_at(serve)
    client = running.connect()
    for _ in range(30):
        assert exchange(client, [HELLO], len(HELLO)) == HELLO
    running.stream.expect_answer(77)
    running.server.submit(Look(request=77, last=5))
    told = running.watcher.wait_for(Iterations).told
    assert len(told) == 5
    assert [one.number + 1 for one in told[:-1]] == [one.number for one in told[1:]]


def test_it_is_observed_only_while_somebody_looks(serve: Serve) -> None:
    now = [100.0]
    running = serve(clock=lambda: now[0])
    assert running.submit(Look, seconds=5.0).ok
    client = running.connect()
    assert exchange(client, [HELLO], len(HELLO)) == HELLO
    now[0] += 6.0
    assert exchange(client, [HELLO], len(HELLO)) == HELLO
    running.server.wake()
    before = running.server._reporter.observed  # as LoopStats tells
    for _ in range(5):
        assert exchange(client, [HELLO], len(HELLO)) == HELLO
    assert running.server._reporter.observed == before


def test_calls_are_counted_however_they_are_made(serve: Serve) -> None:
    running = serve()
    client = running.connect()
    for _ in range(10):
        assert exchange(client, [HELLO], len(HELLO)) == HELLO
    assert exchange(client, [HELLO[:2], HELLO[2:]], len(HELLO)) == HELLO
    counts = running.server._reporter.calls
    until(lambda: counts.writes == 11, "the writes")
    assert counts.reads in (11, 12)
    assert counts.ctls == 3


def test_a_level_of_the_loop_is_of_no_connection(serve: Serve) -> None:
    running = serve()
    _, number = running.connect_known()
    assert not running.submit(Trace, id=number, level=TraceLevel.LOOP).ok


def test_what_a_second_poll_returned_is_told_as_what_it_is() -> None:
    """After the first poll's descriptors, with its own revents, numbers and times."""
    notes: list[Note] = [
        CallNote("read", 9, 100, 8, 1.000_010),
        StateNote(9, 1, POLLIN, READ_LEN, READ_BODY),
        PollNote([(9, POLLIN, 1), (4, POLLIN, 0)], 1.000_500),
        CallNote("read", 9, 100, 8, 1.000_520),
        CallNote("write", 9, 16, 16, 1.000_550),
        StateNote(9, 1, POLLIN, READ_BODY, READ_LEN),
        CallNote("read", 4, 100, 1, 1.000_560),
    ]
    told = list(lines_of([(9, POLLIN, 1)], notes, 1.0, [3], 4))
    assert [(line.kind, line.revents) for line in told] == [
        ("connection", POLLIN), ("connection", POLLIN), ("wakeup", POLLIN)
    ]  # fmt: skip
    assert [line.us for line in told] == pytest.approx([10, 50, 10], abs=1)
    assert [line.states for line in told] == [
        ("READ_LEN", "READ_BODY"), ("READ_BODY", "WRITE_BODY", "READ_LEN"), ()
    ]  # fmt: skip


def test_states_of_one_that_is_served_twice_are_joined() -> None:
    notes: list[Note] = [
        CallNote("write", 9, 16, 16, 1.0),
        StateNote(9, 1, POLLOUT, WRITE_BODY, READ_LEN),
        CallNote("disarm", 9, POLLIN, 0, 1.0),
        StateNote(9, 1, POLLIN, READ_LEN, READ_BODY),
    ]
    (line,) = lines_of([(9, POLLOUT, 1)], notes, 1.0, [3], 4)
    assert (line.interest, line.states) == (POLLOUT, ("WRITE_BODY", "READ_LEN", "READ_BODY"))
