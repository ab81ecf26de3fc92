"""A loop with `--step`: held before its calls, stepped, stopped at breakpoints, with its clock."""

from __future__ import annotations

import socket
from collections.abc import Callable
from operator import sub

import pytest

from app.core.commands import Kill, KillMode, Look, ReadBytes, Set, Step, StepAction
from app.core.events import Closed, CommandResult, Reason
from app.core.framing import frame
from app.core.iteration import Iterations
from app.core.settings import SettingError, Settings
from app.core.stepping import LoopHeld, LoopResumed, Stepped
from tests.peers import Running, exchange, read_exactly

Serve = Callable[..., Running]
HELLO = frame(b"hello")


def step(running: Running, action: StepAction, **fields: object) -> CommandResult:
    return running.submit(Step, action=action, **fields)


def calls(running: Running, since: int = 0) -> list[str]:
    """The names of the calls that were told, but for those of the wakeup and of polls."""
    told = running.watcher.all(Stepped)[since:]
    return [each.call for each in told if each.call != "poll" and (each.id or each.call != "read")]


def held_with_a_frame(running: Running, data: bytes = HELLO) -> socket.socket:
    """Hold the loop, then connect a client that has sent something."""
    assert step(running, StepAction.HOLD).ok
    client = running.connect()
    client.sendall(data)
    return client


def test_each_step_is_one_call_in_the_order_of_the_loop(serve: Serve) -> None:
    running = serve(step=True)
    client = held_with_a_frame(running)
    for _ in range(30):
        assert step(running, StepAction.CALL).ok
        if calls(running)[-1:] == ["write"]:
            break
    assert calls(running) == ["accept", "watch", "accept", "read", "write"]
    read = next(each for each in running.watcher.all(Stepped) if each.call == "read" and each.id)
    assert (read.id, read.result, read.line) == (1, len(HELLO), 5)
    assert read_exactly(client, len(HELLO)) == HELLO
    held = running.watcher.all(LoopHeld)[-1]
    assert held.cause == "step"


def test_a_held_loop_shows_the_state_between_its_calls(serve: Serve) -> None:
    running = serve(step=True)
    client = held_with_a_frame(running)
    running.submit(Step, action=StepAction.ADD, text="READ_LEN>READ_BODY")
    for _ in range(30):
        step(running, StepAction.CALL)
        if running.watcher.all(LoopHeld)[-1].call == "write":
            break
    shown = running.shown(1, lambda snapshot: snapshot.pending == len(HELLO))
    assert shown.state == "WRITE_BODY"
    assert step(running, StepAction.GO).ok
    assert read_exactly(client, len(HELLO)) == HELLO


def test_an_iteration_ends_before_the_next_poll(serve: Serve) -> None:
    running = serve(step=True)
    held_with_a_frame(running)
    assert running.watcher.all(LoopHeld)[-1].call == "poll" or step(running, StepAction.ITERATION)
    for _ in range(3):
        assert step(running, StepAction.ITERATION).ok
        assert running.watcher.all(LoopHeld)[-1].call == "poll"
    assert step(running, StepAction.ITERATION, count=2).ok


def test_an_iteration_may_poll_again_and_shows_it(serve: Serve) -> None:
    running = serve(step=True)
    held_with_a_frame(running)

    def polled() -> tuple[int, int, int]:
        """Iterations and the polls within them so far, and the polls that were shown."""
        running.stream.asked_at = running.server.now()  # figures are due: so it polls again
        assert step(running, StepAction.ITERATION).ok
        stats = running.watcher.stats
        assert stats is not None
        shown = [told for told in running.watcher.all(Stepped) if told.call == "poll"]
        return stats.polls, stats.repolls, len(shown)

    before, *_, after = (polled() for _ in range(7))
    iterations, again, shown = map(sub, after, before)
    assert iterations == 6
    assert again > 0
    assert shown == iterations + again


def test_it_is_held_before_each_call_of_a_life(serve: Serve) -> None:
    running = serve(step=True)
    held_with_a_frame(running).shutdown(socket.SHUT_WR)
    for _ in range(40):
        assert step(running, StepAction.CALL).ok
        if running.watcher.all(LoopHeld)[-1].call == "close":
            break
    held = {told.call for told in running.watcher.all(LoopHeld) if told.id}
    assert held >= {"read", "write", "unwatch", "close"}
    assert step(running, StepAction.GO).ok
    assert running.closed(1).reason is Reason.EOF


def test_its_clock_stands_while_it_is_held(serve: Serve) -> None:
    now = [100.0]
    running = serve(step=True, clock=lambda: now[0], idle_timeout=5.0)
    client = running.connect()
    assert exchange(client, [HELLO], len(HELLO)) == HELLO
    assert step(running, StepAction.HOLD).ok
    before = running.server.now()
    now[0] += 1000.0
    assert running.server.now() == before
    assert step(running, StepAction.GO).ok
    assert exchange(client, [HELLO], len(HELLO)) == HELLO
    assert running.server.now() - before < 1.0
    assert not running.watcher.all(Closed)


def test_commands_to_a_held_loop_wait_until_it_goes_on(serve: Serve) -> None:
    running = serve(step=True)
    client, number = running.connect_known()
    assert step(running, StepAction.HOLD).ok
    running.server.submit(Kill(request=99, ids=(number,), mode=KillMode.RESET))
    running.server.submit(Set(request=98, name="cap", value=10))
    assert step(running, StepAction.LIST).message == "no breakpoints"
    answered = {event.request for event in running.watcher.all(CommandResult)}
    assert not answered & {98, 99}
    assert step(running, StepAction.GO).ok
    assert running.closed(number).reason is Reason.KILLED
    assert running.watcher.wait_for(CommandResult, lambda event: event.request == 98).ok
    client.close()


def test_a_stop_ends_a_hold(serve: Serve) -> None:
    running = serve(step=True)
    held_with_a_frame(running)
    running.end()
    assert running.watcher.all(LoopResumed)[-1].cause == "stop"


@pytest.mark.parametrize(
    ("text", "call"),
    [("toggle", "arm"), ("partial", None), ("pending>64K", None)],
)
def test_it_is_held_at_a_breakpoint(serve: Serve, text: str, call: str | None) -> None:
    running = serve(step=True, cap=1 << 24)
    assert step(running, StepAction.ADD, text=text).ok
    client = running.connect(receive_buffer=4096)
    client.sendall(frame(bytes(1 << 23)))
    cause = f"breakpoint 1, {text}"
    held = running.watcher.wait_for(LoopHeld, lambda event: event.cause == cause)
    assert call is None or held.call == call
    assert step(running, StepAction.REMOVE, count=1).ok
    assert step(running, StepAction.GO).ok
    assert read_exactly(client, 4 + (1 << 23)) == frame(bytes(1 << 23))


@pytest.mark.parametrize("arrow", ["READ_LEN>READ_BODY", "WRITE_BODY>READ_LEN"])
def test_it_is_held_at_an_arrow_that_a_whole_frame_passes_at_once(serve: Serve, arrow: str) -> None:
    running = serve(step=True)
    client, number = running.connect_known()
    assert step(running, StepAction.ADD, text=arrow).ok
    client.sendall(HELLO)
    running.watcher.wait_for(LoopHeld, lambda event: event.cause == f"breakpoint 1, {arrow}")
    assert number == 1


def test_a_loop_at_a_pace_can_be_held(serve: Serve) -> None:
    running = serve(step=True)
    assert step(running, StepAction.PACE, pace=1.0).ok
    client, _ = running.connect_known()
    held = [running.server.is_held]
    assert step(running, StepAction.HOLD).message.startswith("held before")
    assert [*held, running.server.is_held] == [False, True]
    assert step(running, StepAction.GO).ok
    assert exchange(client, [HELLO], len(HELLO)) == HELLO


def test_a_step_that_is_overtaken_is_answered(serve: Serve) -> None:
    """Else a script waits until somebody holds the loop again."""
    running = serve(step=True)
    assert step(running, StepAction.HOLD).ok
    running.server.submit(Step(request=77, action=StepAction.CALL, count=100_000))
    assert step(running, StepAction.GO).ok
    answer = running.watcher.wait_for(CommandResult, lambda event: event.request == 77)
    assert (answer.ok, answer.message) == (False, "somebody has let the loop go on before")


def test_what_only_looks_is_answered_while_it_is_held(serve: Serve) -> None:
    running = serve(step=True)
    client, number = running.connect_known()
    assert exchange(client, [HELLO], len(HELLO)) == HELLO
    assert step(running, StepAction.HOLD).ok
    running.server.submit(Look(request=50, seconds=1.0, last=5))
    assert running.watcher.wait_for(Iterations, lambda event: event.request == 50).told
    running.server.submit(ReadBytes(request=51, id=number))
    assert running.watcher.wait_for(CommandResult, lambda event: event.request == 51).ok
    assert running.server.is_held


def test_the_first_call_has_its_own_time(serve: Serve) -> None:
    running = serve(step=True)
    assert step(running, StepAction.CALL).ok
    assert running.watcher.wait_for(Stepped).us < 60_000_000


def test_it_is_held_behind_an_eagain(serve: Serve) -> None:
    running = serve(step=True)
    assert step(running, StepAction.ADD, text="EAGAIN").ok
    running.connect()
    running.watcher.wait_for(LoopHeld, lambda event: event.cause == "breakpoint 1, EAGAIN")


def test_it_is_held_before_each_call_of_one_connection(serve: Serve) -> None:
    running = serve(step=True)
    first, number = running.connect_known()
    second, _ = running.connect_known()
    assert step(running, StepAction.ADD, text=f"#{number}").ok
    assert exchange(second, [HELLO], len(HELLO)) == HELLO
    first.sendall(HELLO)
    held = running.watcher.wait_for(LoopHeld, lambda event: event.id == number)
    assert (held.call, held.cause) == ("read", f"breakpoint 1, #{number}")


def test_at_a_pace_each_call_is_told_and_all_is_echoed(serve: Serve) -> None:
    running = serve(step=True)
    assert step(running, StepAction.PACE, pace=0.01).ok
    client, number = running.connect_known()
    assert exchange(client, [HELLO], len(HELLO)) == HELLO
    written = running.watcher.wait_for(Stepped, lambda event: event.call == "write")
    assert (written.id, written.result) == (number, len(HELLO))
    assert step(running, StepAction.GO).ok


@pytest.mark.parametrize(
    "fields",
    [
        {"action": StepAction.CALL, "count": 0},
        {"action": StepAction.CALL, "count": 10**9},
        {"action": StepAction.PACE, "pace": 60.0},
        {"action": StepAction.ADD, "text": "nowhere>"},
        {"action": StepAction.REMOVE, "count": 7},
    ],
)
def test_a_wrong_step_is_refused_in_one_line(serve: Serve, fields: dict[str, object]) -> None:
    running = serve(step=True)
    answer = running.submit(Step, **fields)
    assert not answer.ok
    assert "\n" not in answer.message


@pytest.mark.parametrize("workers", [0, 2])
def test_a_server_without_step_refuses_in_words(serve: Serve, workers: int) -> None:
    running = serve(workers=workers)
    answer = step(running, StepAction.HOLD)
    assert not answer.ok
    assert "--step" in answer.message


def test_several_loops_cannot_be_stepped() -> None:
    with pytest.raises(SettingError, match="leave --workers out"):
        Settings(step=True, workers=2)


def test_a_fault_on_purpose_goes_step_by_step_too(serve: Serve) -> None:
    running = serve(step=True, fault="slice=3")
    client = held_with_a_frame(running)
    assert step(running, StepAction.CALL, count=12).ok
    assert step(running, StepAction.GO).ok
    assert read_exactly(client, len(HELLO)) == HELLO
