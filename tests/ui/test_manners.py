"""The manners of a program in a terminal: its title, its cursor, Ctrl-Z, the mouse."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.events import Reason
from app.core.framing import header
from app.ui import commanding_app
from app.ui.app import EchoApp
from app.ui.attention import BELL_INTERVAL, SLICE, Attention, StuckCounter
from app.ui.questions import EndRecordingDialog
from app.watch.state import State
from tests.making import NOW, FixedSource, closed, listening, opened, snapshot
from tests.terminal import Terminal
from tests.ui.driving import refresh, running
from tests.ui.test_terminal import wait_for_port

SHELL = ("-c", "import os; os.execvp('bash', ['bash', '--norc', '--noediting', '-i'])")
PROMPT = "a shell> "


def titles(terminal: Terminal) -> list[bytes]:
    return re.findall(rb"\x1b\]2;([^\a]*)\a", terminal.output)


# --- title and bell ---


def test_the_title_tells_how_many_are_stuck_and_the_bell_rings_once_a_minute() -> None:
    attention = Attention("echo-tui", may_ring=True)
    assert attention.tell(0, False, 0.0) == ("echo-tui", False)
    assert attention.tell(2, False, 1.0) == ("echo-tui: 2 stuck", True)
    assert attention.tell(2, False, 2.0) == ("echo-tui: 2 stuck", False)
    assert attention.tell(3, False, 3.0) == ("echo-tui: 3 stuck", False)
    later = 2.0 + BELL_INTERVAL
    assert attention.tell(3, False, later) == ("echo-tui: 3 stuck", True), "the third, late"
    assert attention.tell(3, False, 2 * later) == ("echo-tui: 3 stuck", False)
    assert attention.tell(1, False, 2 * later) == ("echo-tui: 1 stuck", False)
    assert attention.tell(2, False, 2 * later) == ("echo-tui: 2 stuck", True)
    assert attention.tell(2, True, 2 * later + 1) == ("echo-tui: the server is gone", False)


def test_without_notify_nothing_rings() -> None:
    assert not Attention("echo-tui", may_ring=False).tell(5, False, 0.0).rings


def test_many_are_counted_in_slices_and_none_of_the_closed() -> None:
    state, count = State(), SLICE + 20
    for number in range(1, count + 1):
        state.apply_event(opened(number))
        state.apply_event(snapshot(number, header=b"\0", quiet=5))
    counter = StuckCounter()
    assert [counter.count(state, NOW) for _ in range(2)] == [0, count]
    state.apply_event(closed(1, Reason.EOF))
    assert [counter.count(state, NOW) for _ in range(2)] == [count, count - 1]


@pytest.mark.slow
def test_the_title_is_told_and_the_old_one_comes_back() -> None:
    with Terminal("127.0.0.1", "0", columns=140) as terminal:
        port = wait_for_port(terminal)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(header(100))
            terminal.wait_for(lambda _: titles(terminal)[-1] == b"echo-tui: 1 stuck")
        terminal.wait_for(lambda _: titles(terminal)[-1] == b"echo-tui")
        assert b"\a" not in re.sub(rb"\x1b\][^\a]*\a", b"", terminal.output)
        terminal.press("q")
        assert terminal.exit_code() == 0
        assert titles(terminal)[-1] == b""
        assert terminal.output.count(b"\x1b[22;2t") == terminal.output.count(b"\x1b[23;2t") == 1
        assert terminal.output.rindex(b"\x1b[23;2t") > terminal.output.rindex(b"\x1b]2;\a")


@pytest.mark.slow
def test_the_bell_rings_if_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text("[ui]\nnotify = true\n")
    with Terminal("--config", str(path), "127.0.0.1", "0") as terminal:
        port = wait_for_port(terminal)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(header(100))
            terminal.wait_for(lambda _: b"\a" in re.sub(rb"\x1b\][^\a]*\a", b"", terminal.output))


@pytest.mark.slow
def test_the_console_of_linux_would_show_a_title_as_text() -> None:
    with Terminal("127.0.0.1", "0", environment={"TERM": "linux"}) as terminal:
        wait_for_port(terminal)
        assert titles(terminal) == []


# --- cursor and mouse ---


@pytest.mark.slow
def test_the_terminals_own_cursor_stands_at_the_selected_row_and_in_dialogs() -> None:
    with Terminal("127.0.0.1", "0", columns=140) as terminal:
        port = wait_for_port(terminal)
        peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        own = [f"127.0.0.1:{peer.getsockname()[1]}" for peer in peers]

        def stands_at(text: str) -> bool:
            return text in terminal.screen.display[terminal.screen.cursor.y]

        terminal.wait_for(lambda _: stands_at(own[0]))
        terminal.press("\x1b[B")
        terminal.wait_for(lambda _: stands_at(own[1]) and terminal.screen.cursor.x < 3)
        terminal.press("k")
        terminal.wait_for(lambda _: stands_at("Cancel"))
        terminal.press("\x1b")
        terminal.wait_for(lambda _: stands_at(own[1]))
        for peer in peers:
            peer.close()


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--no-mouse",)])
def test_the_mouse_may_be_left_to_the_terminal(options: tuple[str, ...]) -> None:
    with Terminal(*options, "127.0.0.1", "0") as terminal:
        wait_for_port(terminal)
        assert (b"\x1b[?1000h" in terminal.output) == (not options)


async def test_help_tells_how_the_mouse_selects_text() -> None:
    async with running(FixedSource([listening()])) as (app, pilot):
        await pilot.press("?")
        await refresh(app, pilot)
        legend = app.screen.query_one("#help-legend")
        assert "Shift" in str(legend.render())
        assert "--no-mouse" in str(legend.render())


# --- Ctrl-Z ---


@pytest.fixture
def shell() -> Iterator[Terminal]:
    """A real shell with job control, in a terminal."""
    environment = {"PS1": PROMPT, "BASH_SILENCE_DEPRECATION_WARNING": "1"}
    with Terminal(program=SHELL, columns=140, environment=environment) as terminal:
        terminal.press(f"PS1='{PROMPT}'\n")
        terminal.wait_for(lambda screen: PROMPT in screen)
        yield terminal
        terminal.press("exit\n")
        assert terminal.exit_code() == 0


@pytest.mark.slow
def test_ctrl_z_asks_suspends_and_fg_comes_back_with_the_whole_screen(shell: Terminal) -> None:
    shell.press(f"{sys.executable} -m app 127.0.0.1 0\n")
    port = wait_for_port(shell)
    with socket.create_connection(("127.0.0.1", port)) as peer:
        own = f"127.0.0.1:{peer.getsockname()[1]}"
        shell.wait_for(lambda screen: own in screen)
        shell.press("\x1a")
        shell.wait_for(lambda screen: "stands still too" in screen and "1 connection is" in screen)
        shell.press("\x1a")
        shell.wait_for(lambda screen: "Stopped" in screen)
        assert titles(shell)[-1] == b""
        before = len(shell.output)
        shell.press("echo; echo something else\n")
        shell.wait_for(lambda screen: screen.count("something else") > 1)
        shell.press("fg\n")
        shell.wait_for(lambda _: titles(shell)[-1] == b"echo-tui")
        # The emulator has no alternate screen: what the shell wrote is written over.
        shell.wait_for(lambda screen: "something else" not in screen and own in screen)
        assert "? Help" in shell.text
        assert len(shell.output) - before > 2000
        peer.sendall(header(3) + b"abc")
        peer.settimeout(10)
        assert peer.recv(7) == header(3) + b"abc"
        shell.press("q")
        shell.wait_for(lambda screen: "stops with the dashboard" in screen)
        shell.press("q")
        shell.wait_for(lambda screen: PROMPT.rstrip() in screen)
    shell.press("echo code $?\n")
    shell.wait_for(lambda screen: "code 0" in screen)


async def test_without_a_shell_nothing_is_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commanding_app, "has_job_control", lambda: False)
    async with running(FixedSource([listening()])) as (app, pilot):
        await pilot.press("ctrl+z")
        assert len(app.screen_stack) == 1
        (notice,) = app._notifications
        assert "no shell" in notice.message


# --- recording ---


class PlannedRecording:
    """A recording that the command line asked for, until it is ended."""

    def __init__(self) -> None:
        self.planned: Path | None = Path("/var/log/echo.rec")
        self.toggled = 0

    @property
    def path(self) -> Path | None:
        return self.planned

    def toggle(self) -> str:
        self.toggled += 1
        self.planned = None
        return "recorded"


@pytest.mark.parametrize(("answer", "ended"), [("escape", 0), ("enter", 1), ("R", 1)])
async def test_a_recording_of_the_command_line_is_ended_after_a_question(
    answer: str, ended: int
) -> None:
    recording = PlannedRecording()
    app = EchoApp(FixedSource([listening()]), recorder=recording, control="9000")
    async with app.run_test(size=(100, 30)) as pilot:
        await refresh(app, pilot)
        await pilot.press("R")
        assert isinstance(app.screen, EndRecordingDialog)
        await pilot.pause()
        assert app.screen.ctl_line.command == "echo-tui ctl record stop --control 9000"
        await pilot.press(answer)
        await pilot.pause()
        assert recording.toggled == ended
        await pilot.press("R")
        assert (len(app.screen_stack) == 1) == bool(ended)


async def test_the_question_closes_once_the_recording_has_ended_by_itself() -> None:
    recording = PlannedRecording()
    app = EchoApp(FixedSource([listening()]), recorder=recording)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("R")
        assert isinstance(app.screen, EndRecordingDialog)
        recording.planned = None  # its limit, a full disk, `ctl record stop`
        await pilot.press("enter")
        assert recording.toggled == 0, "it would have begun another"
        recording.planned = Path("/var/log/echo.rec")
        await pilot.press("R")
        recording.planned = None
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1
