"""Commands: every one is answered, and does what its answer says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.core.commands import Kill, KillMode, Set, Stop, TraceLevel
from app.core.commands import Trace as TraceCommand
from app.core.events import CommandResult, Reason, SettingChanged, Stopped
from app.core.framing import frame, header
from app.server.command_queue import CommandQueue
from app.server.loop import COMMAND_BUDGET
from tests.peers import PATIENCE, Running, exchange, read_to_end

Serve = Callable[..., Running]


def trace(request: int, connection_id: int = 1) -> TraceCommand:
    return TraceCommand(request=request, id=connection_id, level=TraceLevel.OFF)


@pytest.mark.parametrize("mode", list(KillMode))
def test_kill_of_an_idle_connection(serve: Serve, mode: KillMode) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    answer = running.submit(Kill, ids=(connection_id,), mode=mode)
    assert (answer.ok, answer.id, answer.command) == (True, connection_id, "kill")
    closed = running.closed(connection_id)
    assert (closed.reason, closed.detail) == (Reason.KILLED, f"mode {mode}")
    if mode is KillMode.RESET:
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    else:
        assert client.recv(1) == b""


def test_kill_answers_for_each_id(serve: Serve) -> None:
    running = serve()
    _, first = running.connect_known()
    _, second = running.connect_known()
    running.submit(Kill, ids=(first, 99, second, first))
    watcher = running.watcher
    watcher.until(lambda: len(watcher.all(CommandResult)) == 4)
    answers = watcher.all(CommandResult)
    assert [(answer.id, answer.ok) for answer in answers] == [
        (first, True),
        (99, False),
        (second, True),
        (first, False),
    ]
    assert answers[1].message == "no such connection"


def test_kill_of_a_connection_that_is_ending_already(serve: Serve) -> None:
    running = serve(cap=10)
    client, connection_id = running.connect_known()
    client.sendall(header(11))
    assert read_to_end(client) == b""
    answer = running.submit(Kill, ids=(connection_id,), mode=KillMode.DRAIN)
    assert answer.message == "was ending already: frame_too_large"
    running.submit(Kill, ids=(connection_id,), mode=KillMode.CLOSE)
    assert running.closed(connection_id).reason is Reason.FRAME_TOO_LARGE


def test_a_new_cap_is_in_force_from_the_next_frame_on(serve: Serve) -> None:
    running = serve(cap=100)
    client, connection_id = running.connect_known()
    begun = frame(b"x" * 80)
    client.sendall(begun[:40])
    running.shown(connection_id, lambda snapshot: snapshot.body_read == 36)
    answer = running.submit(Set, name="cap", value="50")
    assert (answer.ok, answer.message) == (True, "cap: 100 → 50")
    changed = running.watcher.wait_for(SettingChanged)
    assert (changed.name, changed.old, changed.new) == ("cap", 100, 50)
    assert exchange(client, [begun[40:]], len(begun)) == begun
    client.sendall(header(51))
    assert read_to_end(client) == b""
    client.close()
    assert "CAP is 50" in running.closed(connection_id).detail


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("cap", 0, "--cap 0 is out of range"),
        ("cap", 2**31, "--cap 2147483648 is out of range"),
        ("write_mode", "sideways", "'sideways': choose from"),
        ("port", 1, "'port' cannot be changed at run time"),
    ],
)
def test_a_setting_that_is_refused_changes_nothing(
    serve: Serve, name: str, value: int | str, says: str
) -> None:
    running = serve()
    answer = running.submit(Set, name=name, value=value)
    assert not answer.ok
    assert says in answer.message
    assert not running.watcher.all(SettingChanged)


def test_a_shorter_timeout_reaches_connections_that_wait_already(serve: Serve) -> None:
    running = serve()
    client, connection_id = running.connect_known()
    assert running.submit(Set, name="idle_timeout", value=0.01).ok
    assert running.closed(connection_id).reason is Reason.TIMEOUT_IDLE
    assert client.recv(1) == b""


def test_trace_of_an_unknown_connection(serve: Serve) -> None:
    answer = serve().submit(TraceCommand, id=42, level=TraceLevel.IO)
    assert (answer.ok, answer.id, answer.message) == (False, 42, "no such connection")


def test_more_commands_than_one_batch_takes_are_all_answered_in_order(serve: Serve) -> None:
    running = serve()
    count = 3 * COMMAND_BUDGET + 1
    for request in range(count):
        running.server.submit(trace(request))
    watcher = running.watcher
    watcher.until(lambda: len(watcher.all(CommandResult)) == count)
    assert [answer.request for answer in watcher.all(CommandResult)] == list(range(count))


def test_a_command_that_comes_with_the_end_is_answered_too() -> None:
    running = Running()
    for request in range(COMMAND_BUDGET - 1):
        running.server.submit(trace(request))
    running.server.submit(Stop(request=1000, cause="test", now=True))
    running.server.submit(trace(2000))
    running.start()
    running.watcher.wait_for(Stopped)
    late = running.watcher.all(CommandResult)[-1]
    assert (late.request, late.ok, late.message) == (2000, False, "the server has stopped")
    running.end()


def test_a_second_stop_cuts_the_grace_short(serve: Serve) -> None:
    running = serve(grace=60)
    client, connection_id = running.connect_known()
    client.sendall(header(10))
    running.shown(connection_id, lambda snapshot: snapshot.header_read == 4)
    running.server.stop("SIGTERM")
    running.server.stop("SIGINT", now=True)
    assert running.closed(connection_id).reason is Reason.SHUTDOWN
    assert running.watcher.wait_for(Stopped).cause == "SIGTERM"


def test_a_stop_without_a_cause_ends_too(serve: Serve) -> None:
    running = serve()
    running.server.stop("")
    assert running.watcher.wait_for(Stopped).cause == ""
    assert running.server.join(PATIENCE)


# --- the queue alone ---


def test_the_queue_wakes_and_gives_in_order() -> None:
    queue = CommandQueue()
    assert queue.take(10) == []
    commands = [trace(number) for number in range(5)]
    for command in commands:
        queue.submit(command)
    assert queue.take(3) == commands[:3]
    assert queue.take(3) == commands[3:]
    assert queue.take(3) == []
    queue.submit(commands[0])
    assert queue.take_all() == commands[:1]
    assert queue.take_all() == []
    queue.close()


def test_a_full_pipe_and_a_closed_queue_are_fine() -> None:
    queue = CommandQueue()
    for number in range(20_000):
        queue.submit(trace(number))
    taken = 0
    while batch := queue.take(1000):
        assert batch[0].request == taken
        taken += len(batch)
    assert taken == 20_000
    queue.close()
    queue.submit(trace(1))
