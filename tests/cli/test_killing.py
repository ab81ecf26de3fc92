"""`ctl kill`: what it refuses, lists and asks before it destroys, and who the log says did it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from app.core.commands import Kill, Set
from app.core.events import Closed, CommandResult, SettingChanged
from app.core.framing import frame
from app.host.log import as_text
from app.server import lifecycle
from app.watch.journal import Level, level_of
from tests.cli.ctl_runs import Ctl, asking, objects
from tests.control.serving import Controlled
from tests.peers import connect, exchange
from tests.terminal import Terminal
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    """A server with three clients that have echoed 1, 2 and 3 frames."""
    with Controlled(tmp_path / "s") as running, ExitStack() as stack:
        for number in (1, 2, 3):
            client = stack.enter_context(connect(running.server.port))
            exchange(client, [frame(b"hi") * number], 6 * number)
        yield running


@pytest.fixture
def ask(controlled: Controlled) -> Ctl:
    return asking(controlled)


def open_ids(ask: Ctl) -> list[int]:
    return [found["id"] for found in objects(ask("list", "--json"))]


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0"])
@pytest.mark.parametrize("ids", [[], ["3"]])
def test_an_empty_filter_is_never_all(ask: Ctl, blank: str, ids: list[str]) -> None:
    ended = ask("kill", *ids, "--where", blank)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "is empty, and would mean every connection" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert open_ids(ask) == [1, 2, 3]


@pytest.mark.parametrize("where", ['""', 'peer:""', 'not (frames>1 or "")'])
def test_nor_is_an_empty_text_in_a_filter(ask: Ctl, where: str) -> None:
    assert ask("kill", "--where", where).returncode == 2
    assert open_ids(ask) == [1, 2, 3]


def test_ids_and_a_filter_are_not_given_together(ask: Ctl) -> None:
    assert ask("kill", "3", "--where", "frames>1").returncode == 2
    assert ask("kill").returncode == 2
    assert open_ids(ask) == [1, 2, 3]


def test_a_dry_run_lists_and_ends_none(controlled: Controlled, ask: Ctl) -> None:
    found = objects(ask("kill", "--where", "frames>1", "--dry-run", "--json"))
    assert [(one["instance"], one["id"]) for one in found] == [
        (controlled.server.instance, 2),
        (controlled.server.instance, 3),
    ]
    lines = ask("kill", "--dry-run", "1").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["id", "1"]
    missing = ask("kill", "--dry-run", "1", "99")
    assert missing.returncode == 1
    assert missing.stderr == "echo-tui ctl: no connection #99 is open\n"
    other = ask("kill", "--dry-run", "1", "--instance", "fedcba9876543210")
    assert (other.returncode, other.stdout) == (1, "")
    assert open_ids(ask) == [1, 2, 3]


def test_without_a_terminal_it_goes_on(ask: Ctl) -> None:
    ended = ask("kill", "--where", "frames>1")
    assert (ended.returncode, ended.stdout) == (0, "#2 closed\n#3 closed\n")


def kill_in_terminal(controlled: Controlled, *arguments: str) -> Terminal:
    return Terminal("ctl", "kill", "--control", str(controlled.path), *arguments)


@pytest.mark.parametrize(("answer", "left"), [("n\r", [1, 2, 3]), ("\r", [1, 2, 3]), ("y\r", [1])])
def test_on_a_terminal_it_asks_before_more_than_one(
    controlled: Controlled, ask: Ctl, answer: str, left: list[int]
) -> None:
    with kill_in_terminal(controlled, "--where", "frames>1") as terminal:
        terminal.wait_for(lambda text: "end 2 connections, #2 #3 (mode close)? [y/N]" in text)
        assert open_ids(ask) == [1, 2, 3]
        terminal.press(answer)
        assert terminal.exit_code() == (0 if left == [1] else 1)
    assert open_ids(ask) == left


@pytest.mark.parametrize("arguments", [("--where", "frames>1", "--yes"), ("2", "3", "--yes")])
def test_yes_answers(controlled: Controlled, ask: Ctl, arguments: tuple[str, ...]) -> None:
    with kill_in_terminal(controlled, *arguments) as terminal:
        assert terminal.exit_code() == 0
        assert "[y/N]" not in terminal.text
    assert open_ids(ask) == [1]


def test_of_one_it_asks_nothing(controlled: Controlled, ask: Ctl) -> None:
    with kill_in_terminal(controlled, "--where", "frames>2") as terminal:
        assert terminal.exit_code() == 0
        assert "[y/N]" not in terminal.text
    assert open_ids(ask) == [1, 2]


def test_who_did_it_is_in_the_log_at_warning(controlled: Controlled) -> None:
    with controlled.link() as link:
        # The server asks the kernel, and not the client.
        forged = Kill(request=1, ids=(2,), by_pid=1, by_name="init")
        assert [result.ok for result in link.carry_out(forged)]
        assert [result.ok for result in link.carry_out(Set(request=2, name="cap", value=64))]
    watcher = controlled.watcher
    change = watcher.wait_for(SettingChanged)
    kill = watcher.wait_for(CommandResult, lambda result: result.command == "kill")
    name = Path("/proc/self/comm").read_text().strip()
    for event in (change, kill):
        assert (event.by_pid, event.by_name) == (os.getpid(), name)
        assert level_of(event) is Level.WARNING
        assert as_text(event).endswith(f", by {name} (pid {os.getpid()})")
    events = watcher.events
    closed = watcher.wait_for(Closed)
    assert events.index(closed) < events.index(kill)
    answer = watcher.wait_for(CommandResult, lambda result: result.command == "set")
    assert events.index(change) < events.index(answer)


def test_a_peer_that_does_not_fetch_is_told_with_what_was_lost(
    controlled: Controlled, ask: Ctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "CLOSE_BOUND", 0.3)
    clients = [connect(controlled.server.port, receive_buffer=4096) for _ in range(2)]
    for client in clients:
        client.sendall(frame(bytes(200_000)))
    until(lambda: all(row["unacked_bytes"] for row in objects(ask("list", "--json"))[3:]), "echoes")
    ended = ask("kill", "4")
    assert ended.returncode == 0
    assert re.fullmatch(
        r"#4 closed with loss: [\d,]+ of 200,004 bytes that the kernel had accepted"
        r" were not acknowledged\n",
        ended.stdout,
    )
    (told,) = objects(ask("kill", "5", "--json"))
    assert 0 < told["lost_bytes"] < 200_004
    assert f"{told['lost_bytes']:,} of 200,004 bytes" in told["message"]
    (whole,) = objects(ask("kill", "1", "--json"))
    assert (whole["message"], whole["lost_bytes"]) == ("closed", 0)
    for client in clients:
        client.close()


def exit_code_after(terminal: Terminal, key: str) -> int:
    """Press a key, and again after two seconds, as a person does, until the program ends.

    CPython's input() looks for signals and then waits for keys: Ctrl-C between the two is seen at
    the next key only (my_fgets, Parser/myreadline.c).
    """
    for _ in range(4):
        terminal.press(key)
        with suppress(AssertionError):
            return terminal.exit_code(2)
    return terminal.exit_code()


@pytest.mark.parametrize(("key", "code"), [("\x04", 1), ("n\r", 1), ("\x03", 130)])
def test_ctrl_d_at_the_question_is_a_no(controlled: Controlled, key: str, code: int) -> None:
    with kill_in_terminal(controlled, "--where", "id>0") as terminal:
        terminal.wait_for(lambda text: "[y/N]" in text)
        assert exit_code_after(terminal, key) == code
