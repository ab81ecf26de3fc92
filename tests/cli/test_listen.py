"""`--listen`: several addresses, from flag, environment and file; HOST and PORT beside it."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path

import pytest

from app.control.address import default_path
from app.core.framing import frame
from app.core.settings import RULES, SettingError
from tests.cli.test_configuration import complaint, line, show
from tests.peers import exchange
from tests.program import Headless, run

needs_ipv6 = pytest.mark.skipif(not socket.has_ipv6, reason="this platform has no IPv6")

RIGHT = {
    "127.0.0.1:9000": ("127.0.0.1", 9000),
    "localhost:0": ("localhost", 0),
    "[::1]:9000": ("::1", 9000),
    "[::]:9000": ("::", 9000),
    "[fe80::1%lo]:9000": ("fe80::1%lo", 9000),
}


@pytest.mark.parametrize("text", RIGHT)
def test_an_address_is_read(text: str) -> None:
    assert RULES["listen"].read(text) == (RIGHT[text],)
    assert RULES["listen"].judge([text, text]) == (RIGHT[text], RIGHT[text])
    assert RULES["listen"].words(RULES["listen"].read(text)) == [text]


@pytest.mark.parametrize(
    "wrong",
    *[["", " ", "9000", ":9000", "::1:9000", "[::1]", "[]:9000", "h:70000", "h:-1", "h:x", "h:"]],
)
def test_a_wrong_address_is_told_with_what_to_write(wrong: str) -> None:
    with pytest.raises(SettingError, match=re.escape(f"--listen '{wrong.strip() or wrong}'")):
        RULES["listen"].read(wrong)


@pytest.mark.parametrize("wrong", [5, True, [5], {"host": "x"}])
def test_what_is_no_list_of_text_is_refused(wrong: object) -> None:
    with pytest.raises(SettingError, match="is not a list of HOST:PORT"):
        RULES["listen"].judge(wrong)


@pytest.mark.parametrize("wrong", ["", " ", "[]"])
def test_an_empty_host_is_no_host(wrong: str) -> None:
    assert complaint(wrong, "0") == (
        f"HOST '{wrong}' is empty: write 127.0.0.1 for this machine alone,"
        " or :: for all its addresses"
    )


def test_brackets_around_an_address_are_taken_off() -> None:
    assert line(show("[::1]", "7"), "host") == 'host = "::1" # command line'
    assert line(show(ECHO_TUI_HOST="[::1]"), "host") == 'host = "::1" # environment ECHO_TUI_HOST'


def test_where_the_addresses_come_from(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text('listen = ["127.0.0.1:1", "[::1]:2"]')
    file = ["--config", str(path)]
    both = 'listen = ["127.0.0.1:1", "[::1]:2"]'
    assert line(show(), "listen") == "listen = [] # default"
    assert line(show(*file), "listen") == f"{both} # file {path}"
    for text in ("127.0.0.1:3 [::1]:4", "127.0.0.1:3,[::1]:4"):
        shown = line(show(*file, ECHO_TUI_LISTEN=text), "listen")
        assert shown == 'listen = ["127.0.0.1:3", "[::1]:4"] # environment ECHO_TUI_LISTEN'
    flags = ["--listen", "127.0.0.1:5", "--listen", "localhost:6"]
    shown = line(show(*file, *flags, ECHO_TUI_LISTEN="127.0.0.1:3"), "listen")
    assert shown == 'listen = ["127.0.0.1:5", "localhost:6"] # command line'
    path.write_text('listen = "127.0.0.1:1"')
    assert line(show(*file), "listen") == f'listen = ["127.0.0.1:1"] # file {path}'


def test_a_mistake_in_the_file_or_the_environment_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text('listen = ["127.0.0.1:1", "x"]')
    assert complaint("--config", str(path)).startswith(
        f'{path}: listen = ["127.0.0.1:1", "x"]: --listen \'x\' is not HOST:PORT'
    )
    assert complaint(ECHO_TUI_LISTEN="x").startswith("ECHO_TUI_LISTEN=x: --listen 'x' is not")


def test_host_and_port_beside_it() -> None:
    """The stronger place counts; both in one place are a mistake."""
    for arguments in (["::1"], ["127.0.0.1", "0"]):
        ended = run("--no-ui", "--listen", "127.0.0.1:0", *arguments)
        assert ended.returncode == 2
        assert ended.stdout == b""
        assert b"give one of them; --listen says both host and port" in ended.stderr
        assert ended.stderr.count(b"\n") == 1


def test_an_argument_beats_the_files_addresses(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text('listen = ["192.0.2.1:1"]')
    with Headless("--config", str(path), "--control", "none") as server:
        assert server.first.startswith("listening on 127.0.0.1:")


@needs_ipv6
@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_server_on_several_addresses(workers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = "127.0.0.1:0 [::1]:0"
    monkeypatch.setenv("ECHO_TUI_LISTEN", addresses)
    options = ("--no-ui", "--log-format", "json", "--workers", workers)
    with Headless(*options, arguments=()) as server:
        listening = json.loads(server.first)
        first, second = listening["listeners"]
        assert (first["host"], second["host"]) == ("127.0.0.1", "::1")
        assert (listening["host"], listening["port"]) == (first["host"], first["port"])
        assert default_path(first["port"]).is_socket()
        assert not default_path(second["port"]).exists()
        with (
            socket.create_connection((first["host"], first["port"]), 5) as one,
            socket.create_connection((second["host"], second["port"]), 5) as two,
            socket.create_connection((second["host"], second["port"]), 5) as three,
        ):
            for client in (one, two, three):
                assert exchange(client, [frame(b"hello")], 9) == frame(b"hello")
            control = ("--control", str(first["port"]))
            stats = json.loads(run("ctl", "stats", "--json", *control).stdout)
            assert stats["listeners"] == [{**first, "accepts": 1}, {**second, "accepts": 2}]
            text = run("ctl", "stats", *control).stdout.decode()
            assert re.search(rf"listeners +127.0.0.1:{first['port']} accepts 1\n", text)
            assert re.search(rf"listeners +\[::1\]:{second['port']} accepts 2\n", text)
        assert server.end(signal.SIGTERM)[0] == 0
