"""What is the same for each command that opens a dashboard: `serve`, `demo`, `attach`, `replay`."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from app.core.spawn import STOP_SIGNALS
from tests.program import run
from tests.recording.making import history, write_recording
from tests.terminal import Terminal
from tests.ui.test_terminal import wait_for_port

pytestmark = pytest.mark.slow

COMMANDS = ("serve", "demo", "attach", "replay")
ArgumentsOf: TypeAlias = Callable[[str], tuple[str, ...]]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(tmp_path_factory.mktemp("recording") / "life.rec", history(7))


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The control socket of a server that runs for all the tests here."""
    from tests.control.serving import Controlled  # noqa: PLC0415

    with Controlled(tmp_path_factory.mktemp("control") / "s") as running:
        yield str(running.path)


@pytest.fixture
def arguments_of(recording: Path, control: str) -> ArgumentsOf:
    """The arguments with which each command opens a dashboard."""
    arguments = {
        "serve": ("127.0.0.1", "0"),
        "demo": ("demo",),
        "attach": ("attach", "--control", control),
        "replay": ("replay", str(recording)),
    }
    return lambda command: arguments[command]


def is_drawn(screen: str) -> bool:
    return "127.0.0.1:" in screen and "Help" in screen


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_ends_it_with_0_and_restores_the_terminal(
    arguments_of: ArgumentsOf, command: str, number: signal.Signals
) -> None:
    with Terminal(*arguments_of(command)) as terminal:
        terminal.wait_for(is_drawn)
        terminal.process.send_signal(number)
        assert terminal.exit_code() == 0
        assert terminal.restored()
        assert b"Traceback" not in terminal.output


@pytest.mark.parametrize("command", COMMANDS)
def test_signals_that_come_together_are_one_end(arguments_of: ArgumentsOf, command: str) -> None:
    with Terminal(*arguments_of(command)) as terminal:
        terminal.wait_for(is_drawn)
        for number in STOP_SIGNALS * 3:
            terminal.process.send_signal(number)
        assert terminal.exit_code() == 0
        assert terminal.restored()


def test_a_second_signal_stops_the_server_at_once() -> None:
    """The first one leaves a minute to a client that does not close its connection."""
    with Terminal("--grace", "60", "127.0.0.1", "0") as terminal:
        port = wait_for_port(terminal)
        with socket.create_connection(("127.0.0.1", port)) as client:
            # A frame that is not complete: the server waits for the rest of it.
            client.sendall(b"\0\0\0\x09half")
            terminal.wait_for(lambda screen: "READ_BODY" in screen)
            terminal.process.send_signal(signal.SIGTERM)
            terminal.wait_until_restored()
            assert terminal.process.poll() is None
            terminal.process.send_signal(signal.SIGTERM)
            assert terminal.exit_code() == 0


# --- where there is only ASCII ---

WITHOUT_UTF8 = [
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX"},
    {"LC_ALL": "C", "PYTHONUTF8": "1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0"},
    {"LC_ALL": "", "LC_CTYPE": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
]


def leave_and_check_ascii(terminal: Terminal) -> None:
    terminal.wait_for(is_drawn)
    terminal.press("?")
    terminal.wait_for(lambda screen: "+- help -" in screen)
    terminal.press("q")
    terminal.wait_for(lambda screen: "+- help -" not in screen)
    terminal.press("q")
    assert terminal.exit_code() == 0
    assert terminal.restored()
    assert terminal.output.isascii()
    assert b"\\u" not in terminal.output, "an escape of Python instead of a character"


@pytest.mark.parametrize("variables", WITHOUT_UTF8, ids=lambda each: ",".join(each.values()))
@pytest.mark.parametrize("command", ["attach", "replay"])
def test_where_the_locale_is_not_utf8_all_is_drawn_in_ascii(
    arguments_of: ArgumentsOf, command: str, variables: dict[str, str]
) -> None:
    with Terminal(*arguments_of(command), environment=variables) as terminal:
        leave_and_check_ascii(terminal)


def test_the_servers_own_dashboard_is_in_ascii_there_too(arguments_of: ArgumentsOf) -> None:
    with Terminal(*arguments_of("serve"), environment={"LC_ALL": "C"}) as terminal:
        leave_and_check_ascii(terminal)


@pytest.mark.parametrize("command", ["serve", "attach", "replay"])
def test_ascii_can_be_chosen(arguments_of: ArgumentsOf, command: str) -> None:
    arguments = (*arguments_of(command), "--ascii")
    with Terminal(*arguments, environment={"LC_ALL": "C.UTF-8"}) as terminal:
        leave_and_check_ascii(terminal)


# --- where there is no terminal ---


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_terminal_one_line_says_what_to_do(
    arguments_of: ArgumentsOf, command: str
) -> None:
    ended = run(*arguments_of(command))
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.startswith(b"echo-tui: the dashboard needs a terminal: ")
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_that_moves_no_cursor_is_refused_in_one_line(
    arguments_of: ArgumentsOf, command: str
) -> None:
    with Terminal(*arguments_of(command), environment={"TERM": "dumb"}) as terminal:
        assert terminal.exit_code() == 2
        assert terminal.output.startswith(b"echo-tui: the dashboard cannot draw on TERM=dumb: ")
        assert terminal.output.count(b"\n") == 1
