"""Text from a peer is escaped: on the screen, in the log and in JSON."""

from __future__ import annotations

import json
import socket
import unicodedata
from collections.abc import Callable
from functools import partial

import pytest

from app.core.events import Closed
from app.host.log import as_json, as_text
from tests.peers import Running
from tests.terminal import Terminal
from tests.ui.test_terminal import wait_for_port

HOSTILE = [
    b"[red]\x1b[31m",  # markup and a colour sequence
    b"\x1b]0;owned\x07\x1b\\",  # OSC: sets a window's title
    b"[/]]\x9b2J\x9d0;owned\x9c",  # C1: CSI and OSC in one byte
    "\u202e\u2066abc\u061c".encode(),  # bidi overrides and isolates
    b"a\nb\r\n\x00\x7f\x08\x0b\x0c",  # forged lines, NUL, DEL
    b"[@click=app.quit]x[/]",
]


def steers_a_terminal(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp", "Cs"}


def refusals_reach(number: int, screen: str) -> bool:
    return screen.count("frame_too_large") >= number


def is_selected(number: int, screen: str) -> bool:
    return any(line.startswith(f"│▌{number:>5} ") for line in screen.splitlines())


@pytest.mark.parametrize("bytes_sent", HOSTILE)
def test_events_and_lines_carry_it_escaped(
    serve: Callable[..., Running], bytes_sent: bytes
) -> None:
    running = serve(cap=16)
    client, connection_id = running.connect_known()
    client.sendall(bytes_sent)
    assert client.recv(1) == b""
    client.close()
    closed: Closed = running.closed(connection_id)
    assert closed.reason == "frame_too_large"
    line = as_text(closed)
    assert not any(map(steers_a_terminal, closed.detail + line))
    assert not any(map(steers_a_terminal, as_json(closed)))
    assert json.loads(as_json(closed))["detail"] == closed.detail


@pytest.mark.slow
def test_the_terminal_receives_none_of_it_raw() -> None:
    with Terminal("127.0.0.1", "0", "--cap", "16", columns=160, lines=50) as terminal:
        port = wait_for_port(terminal)
        for number, bytes_sent in enumerate(HOSTILE, 1):
            with socket.create_connection(("127.0.0.1", port)) as peer:
                peer.sendall(bytes_sent)
                assert peer.recv(1) == b""
            terminal.wait_for(partial(refusals_reach, number))
        terminal.press("C")
        terminal.wait_for(lambda screen: "CLOSED connections" in screen)
        terminal.press("\x1b[F")
        terminal.wait_for(partial(is_selected, 1))
        terminal.press("b")
        terminal.wait_for(lambda screen: "5b 72 65 64 5d 1b 5b 33 31 6d" in screen)
        assert "[red]·[31m" in terminal.text
        assert b"owned" not in terminal.output.replace(b";owned\\x", b"")
        assert b"\x1b]0;owned" not in terminal.output
        assert b"\x9b2J" not in terminal.output
        assert "\u202e".encode() not in terminal.output
        terminal.press("q")
        terminal.wait_for(lambda screen: "CLOSED connections" in screen)
        terminal.press("q")
        assert terminal.exit_code() == 0
