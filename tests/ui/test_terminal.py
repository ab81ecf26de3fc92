"""The whole program in a terminal: its screen, and the terminal restored at its end."""

from __future__ import annotations

import base64
import re
import signal
import socket
import time
import urllib.request
from pathlib import Path

import pytest

from app.core.framing import header
from tests.terminal import Terminal

pytestmark = pytest.mark.slow


def port_on(screen: str) -> int | None:
    found = re.search(r"127\.0\.0\.1:(\d+)", screen)
    return int(found[1]) if found else None


def wait_for_port(terminal: Terminal) -> int:
    terminal.wait_for(lambda screen: port_on(screen) is not None)
    port = port_on(terminal.text)
    assert port is not None
    return port


def test_a_connection_is_seen_in_its_state_and_q_restores_the_terminal() -> None:
    with Terminal("127.0.0.1", "0", columns=140) as terminal:
        port = wait_for_port(terminal)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            own = f"127.0.0.1:{peer.getsockname()[1]}"
            terminal.wait_for(lambda screen: own in screen and "READ_LEN" in screen)
            peer.sendall(header(100) + b"x" * 40)
            terminal.wait_for(lambda screen: "READ_BODY" in screen and "40/100" in screen)
        terminal.wait_for(lambda screen: "eof_mid_body" in screen)
        terminal.press("q")
        assert terminal.exit_code() == 0
        assert terminal.restored()


def test_the_demo_shows_every_state_within_seconds() -> None:
    with Terminal("demo", columns=160, lines=50) as terminal:
        seen: set[str] = set()

        def every_state(screen: str) -> bool:
            rows = [line for line in screen.split("\n") if "127.0.0.1:" in line]
            for state in ("READ_LEN", "READ_BODY", "WRITE_BODY", "DRAINING", "CLOSED"):
                if any(state in row for row in rows):
                    seen.add(state)
            return len(seen) == 5

        terminal.wait_for(every_state)
        terminal.press("q")
        terminal.wait_for(lambda screen: "stops with the dashboard" in screen)
        terminal.press("q")
        assert terminal.exit_code() == 0
        assert terminal.restored()


def test_a_hangup_is_a_lost_terminal_also_with_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text("cap = 5")
    with Terminal("--config", str(path), "127.0.0.1", "0") as terminal:
        wait_for_port(terminal)
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.exit_code() == 0
        assert terminal.restored()


def test_the_dashboard_has_metrics_too() -> None:
    with Terminal("--metrics", "0", "127.0.0.1", "0", columns=140) as terminal:
        port = wait_for_port(terminal)
        found = re.compile(r"http://127\.0\.0\.1:\d+/")
        terminal.wait_for(lambda screen: found.search(screen) is not None)
        url = found.search(terminal.text)
        assert url is not None
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(header(100) + b"x" * 40)
            terminal.wait_for(lambda screen: "READ_BODY" in screen and "40/100" in screen)
            with urllib.request.urlopen(url[0] + "metrics", timeout=10) as answer:
                assert b'echo_tui_connections{state="READ_BODY"} 1.0' in answer.read()
            # The screen goes on being told.
            peer.sendall(b"x" * 20)
            terminal.wait_for(lambda screen: "60/100" in screen)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.exit_code() == 0
        assert terminal.restored()


def test_keys_that_come_with_the_filters_key_are_the_filters() -> None:
    with Terminal("127.0.0.1", "0") as terminal:
        wait_for_port(terminal)
        terminal.press("/peq>1")  # p pauses, e exports, q quits elsewhere
        terminal.wait_for(lambda screen: "peq>1" in screen)
        assert "PAUSED" not in terminal.text


@pytest.mark.parametrize("keys", ["/id=7\r", "/id=75\x7f\r", "/a\x15id=7\r", "/d=7\x1b[Hi\r"])
def test_a_filter_with_its_enter_in_one_read_filters(keys: str) -> None:
    with Terminal("127.0.0.1", "0") as terminal:
        port = wait_for_port(terminal)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            own = f"127.0.0.1:{peer.getsockname()[1]}"
            terminal.wait_for(lambda screen: f" {own} " in screen)
            terminal.press(keys)
            terminal.wait_for(lambda screen: "filter id=7 " in screen and f" {own} " not in screen)


@pytest.mark.parametrize("controlling", [True, False])
def test_a_lost_terminal_ends_the_program(controlling: bool) -> None:
    with Terminal("127.0.0.1", "0", controlling=controlling) as terminal:
        wait_for_port(terminal)
        terminal.hang_up()
        assert terminal.process.wait(timeout=15) == 0


def test_a_copy_reaches_the_terminals_clipboard_and_ctrl_c_asks() -> None:
    with Terminal("127.0.0.1", "0") as terminal:
        port = wait_for_port(terminal)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            own = f"127.0.0.1:{peer.getsockname()[1]}"
            terminal.wait_for(lambda screen: own in screen)
            terminal.press("y")
            terminal.wait_for(lambda screen: "sent to the clipboard" in screen)
            copied = re.search(rb"\x1b\]52;c;([^\a]+)\a", terminal.output)
            assert copied is not None
            assert f"peer={own} " in base64.b64decode(copied[1]).decode()
            terminal.press("\x03")
            terminal.wait_for(lambda screen: "stops with the dashboard" in screen)
            terminal.press("\r")
            assert terminal.exit_code() == 0
        assert terminal.restored()


def test_a_theme_that_there_is_not_is_one_line() -> None:
    with Terminal("--theme", "lihgt") as terminal:
        assert terminal.exit_code() == 2
        assert b"did you mean 'light'" in terminal.output
        assert terminal.output.count(b"\n") == 1


def test_resizing_down_to_too_small_and_back() -> None:
    with Terminal("127.0.0.1", "0") as terminal:
        port = wait_for_port(terminal)
        terminal.resize(30, 8)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.wait_for(lambda screen: "60" in screen and "15" in screen)
        terminal.resize(80, 24)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.wait_for(lambda screen: str(port) in screen and "Quit" in screen)
        terminal.press("q")
        assert terminal.exit_code() == 0


@pytest.mark.parametrize("answers", [(), ("\x1b[0n",), ("\x1b[0n", "\x1b[0n"), ("\x1b[", "0n")])
def test_however_a_terminal_answers_it_is_drawn_on_and_no_answer_is_a_key(
    answers: tuple[str, ...],
) -> None:
    with Terminal("127.0.0.1", "0", answers=answers) as terminal:
        port = wait_for_port(terminal)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            own = f"127.0.0.1:{peer.getsockname()[1]}"
            terminal.wait_for(lambda screen: own in screen)
            terminal.press("/")  # every key would be seen in the field
            terminal.wait_for(lambda screen: "pending>64K" in screen)
            terminal.press("idle<")
            terminal.wait_for(lambda screen: " idle< " in screen)
            terminal.press("\x1b")
            terminal.wait_for(lambda screen: own in screen)
        assert "0n" not in terminal.text.replace("10n", "")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.exit_code() == 0
        assert terminal.restored()
        left = terminal.left_for_the_shell()
        if answers == ("\x1b[0n", "\x1b[0n"):
            # The program may end between the two: it cannot know that another one comes.
            left = left.replace(b"\x1b[0n", b"")
        assert left == b""


SLOW_LINE = """
import os, sys, time
from app.cli import main as cli
from app.ui import terminal
def slowly(fd, data):
    time.sleep(0.1)
    return os.write(fd, data)
terminal.Output.__init__.__defaults__ = (slowly,)
sys.exit(cli.main(["127.0.0.1", "0"]))
"""


def test_the_answer_to_what_is_still_being_written_at_the_end_is_not_left_to_the_shell() -> None:
    with Terminal(program=("-c", SLOW_LINE)) as terminal:
        terminal.wait_for(lambda screen: "Quit" in screen)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.exit_code() == 0
        assert terminal.left_for_the_shell() == b""


def test_ctrl_l_draws_again_what_another_program_has_cleared() -> None:
    with Terminal("127.0.0.1", "0") as terminal:
        port = wait_for_port(terminal)
        terminal.wait_for(lambda screen: "Quit" in screen)
        terminal.screen.erase_in_display(2)
        terminal.press("\x0c")
        terminal.wait_for(lambda screen: str(port) in screen and "Quit" in screen)
        assert "connections" in terminal.text


def test_a_terminal_far_away_is_told_that_its_link_is_slow() -> None:
    with Terminal("127.0.0.1", "0", answers=()) as terminal:
        for number in range(6):
            terminal.wait_for(lambda _screen, known=number: terminal.asked > known)  # type: ignore[misc]
            time.sleep(0.8)  # the way back
            terminal.press("\x1b[0n")
        terminal.wait_for(lambda screen: "slow link: every" in screen)


CRASHING_SCREEN = """
from app.cli import main as cli
from app.watch.screen_state import ScreenState
whole = ScreenState.apply
def apply(self, drained, now):
    if any(type(event).__name__ == "Opened" for event in drained.events):
        raise RuntimeError("a fault of the screen")
    return whole(self, drained, now)
ScreenState.apply = apply
cli.main(["127.0.0.1", "0"])
"""

CRASHING_LOOP = """
from app.cli import main as cli
from app.server.loop import Loop
def accept(self, ready):
    if ready and self._acceptors[0].fd in ready:
        raise RuntimeError("a fault of the loop")
Loop._accept = accept
cli.main(["127.0.0.1", "0"])
"""


def test_a_crash_of_the_screen_stops_the_server_and_restores_the_terminal() -> None:
    with Terminal(program=("-c", CRASHING_SCREEN)) as terminal:
        port = wait_for_port(terminal)
        with socket.create_connection(("127.0.0.1", port)):
            assert terminal.exit_code() == 1
        assert terminal.restored()
        assert b"a fault of the screen" in terminal.output


def test_a_dead_loop_is_said_on_the_screen_and_exits_1() -> None:
    with Terminal(program=("-c", CRASHING_LOOP)) as terminal:
        port = wait_for_port(terminal)
        with socket.create_connection(("127.0.0.1", port)):
            terminal.wait_for(lambda screen: "a fault of the loop" in screen)
        terminal.press("q")
        assert terminal.exit_code() == 1
        assert terminal.restored()
