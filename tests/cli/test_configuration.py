"""Where values come from: flag, environment, file, default; and how a mistake is told."""

from __future__ import annotations

import json
import re
import signal
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from app.cli.configuration import ConfiguredCommand, chosen_ui, file_option, show_option
from app.cli.main import cli
from app.core.settings import RULES, SettingError
from tests.peers import PATIENCE
from tests.program import Headless, run

WriteFile = Callable[[str], str]


def show(*arguments: str, **environment: str) -> str:
    """What --show-config prints."""
    runner = CliRunner()
    result = runner.invoke(
        cli, [*arguments, "--show-config"], env=environment, standalone_mode=False
    )
    if result.exception is not None:
        raise result.exception
    return result.output


def line(output: str, key: str) -> str:
    """The line of one key, its spaces as they may be."""
    (found,) = (line for line in output.splitlines() if line.startswith(f"{key} "))
    return " ".join(found.split())


def complaint(*arguments: str, **environment: str) -> str:
    """The one line that a mistake is told in."""
    with pytest.raises((SettingError, click.ClickException)) as caught:
        show(*arguments, **environment)
    error = caught.value
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    assert "\n" not in text
    return text


# --- precedence -----------------------------------------------------------------------------------

SOMETHING_ELSE = {
    "host": ("127.0.0.2", "127.0.0.3", "127.0.0.4"),
    "port": (7001, 7002, 7003),
    "cap": ("2KiB", "3KiB", "4KiB"),
    "poller": ("poll", "select", "epoll"),
    "max-connections": (101, 102, 103),
    "idle-timeout": (1.5, 2.5, 3.5),
    "log-format": ("json", "text", "json"),
}


@pytest.mark.parametrize("key", SOMETHING_ELSE)
def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(
    key: str, write: WriteFile
) -> None:
    by_file, by_environment, by_flag = SOMETHING_ELSE[key]
    variable = "ECHO_TUI_" + key.upper().replace("-", "_")
    environment = {variable: str(by_environment)}
    path = write(f"{key} = {json.dumps(by_file)}")
    file = ["--config", path]
    flag = {"host": [str(by_flag)], "port": ["127.0.0.1", str(by_flag)]}.get(
        key, [f"--{key}", str(by_flag)]
    )
    assert line(show(), key).endswith("# default")
    assert line(show(*file), key) == f"{key} = {json.dumps(by_file)} # file {path}"
    assert line(show(*file, **environment), key) == (
        f"{key} = {json.dumps(by_environment)} # environment {variable}"
    )
    assert line(show(*file, *flag, **environment), key) == (
        f"{key} = {json.dumps(by_flag)} # command line"
    )


def test_a_switch_can_be_set_in_all_places(write: WriteFile) -> None:
    path = write("no-ui = true")
    assert line(show(), "no-ui") == "no-ui = false # default"
    assert line(show("--config", path), "no-ui") == f"no-ui = true # file {path}"
    shown = show("--config", path, ECHO_TUI_NO_UI="0")
    assert line(shown, "no-ui") == "no-ui = false # environment ECHO_TUI_NO_UI"
    assert line(show("--no-ui"), "no-ui") == "no-ui = true # command line"


def test_the_environment_may_name_the_file(write: WriteFile) -> None:
    path = write("cap = 77")
    assert line(show(ECHO_TUI_CONFIG=path), "cap") == f'cap = "77B" # file {path}'


def test_an_empty_variable_is_none() -> None:
    assert line(show(ECHO_TUI_CAP=""), "cap") == 'cap = "1MiB" # default'


def test_every_setting_of_the_server_is_shown() -> None:
    table = tomllib.loads(show())
    assert {name.replace("_", "-") for name in RULES} <= set(table)


def test_the_table_of_the_dashboard_is_passed_through(write: WriteFile) -> None:
    ui = {"sort": "-id", "columns": ["id", "peer"], "keys": {"kill": "x"}}
    path = write('[ui]\nsort = "-id"\ncolumns = ["id", "peer"]\n[ui.keys]\nkill = "x"')
    assert ui.items() <= tomllib.loads(show("--config", path))["ui"].items()


def test_a_choice_for_the_dashboard_that_is_an_option_has_all_the_places(write: WriteFile) -> None:
    told: list[dict[str, object]] = []

    @click.command(cls=ConfiguredCommand)
    @click.option("--theme", default="dark")
    @click.option("--ascii", is_flag=True, default=None)
    @file_option
    @show_option
    @click.pass_context
    def program(ctx: click.Context, /, **_options: object) -> None:
        told.append(chosen_ui(ctx))

    def ask(*arguments: str, **environment: str) -> dict[str, object]:
        result = CliRunner().invoke(
            program, arguments, env=environment, standalone_mode=False, catch_exceptions=False
        )
        assert result.exit_code == 0
        return told.pop()

    path = write('[ui]\ntheme = "light"\nsort = "id"')
    assert ask() == {"theme": "dark"}
    assert ask("--config", path) == {"theme": "light", "sort": "id"}
    assert ask("--config", path, ECHO_TUI_ASCII="1") == {
        "theme": "light",
        "sort": "id",
        "ascii": True,
    }
    assert ask("--config", path, "--theme", "x", ECHO_TUI_THEME="y")["theme"] == "x"
    shown = CliRunner().invoke(program, ["--config", path, "--show-config"]).output
    assert shown.split("\n")[1] == "[ui]"
    assert tomllib.loads(shown) == {"ui": {"theme": "light", "sort": "id"}}
    assert "# ascii is not set" in shown
    wrong = write("[ui]\nascii = 3")
    with pytest.raises(SettingError) as caught:
        ask("--config", wrong)
    assert str(caught.value).startswith(f"{wrong}: ")
    assert re.search(r"ascii\b.* 3: it must be true or false$", str(caught.value))


# --- mistakes -------------------------------------------------------------------------------------

IN_THE_FILE = {
    "misspelt": ("cpa = 1", "unknown key 'cpa': did you mean 'cap'?"),
    "nothing like it": ("zzzzzz = 1", "unknown key 'zzzzzz': known are backlog,"),
    "control characters": ('"\\u001b[2J" = 1', r"unknown key '\x1b[2J'"),
    "a table": ("[server]\ncap = 1", "unknown key 'server'"),
    "a switch for a size": ("cap = true", "cap = true: --cap true is not a size"),
    "a list": ("cap = [1, 2]", "cap = [1, 2]: --cap [1, 2] is not a size"),
    "a date": ("grace = 1979-05-27", "grace = 1979-05-27: --grace 1979-05-27 is not a number"),
    "no size": ('cap = "abc"', "cap = \"abc\": --cap 'abc' is not a size"),
    "out of range": ("cap = 0", "cap = 0: --cap 0 is out of range"),
    "no whole number": ("backlog = 4096.7", "backlog = 4096.7: --backlog 4096.7 is not a whole"),
    "a number as text": ('backlog = "12"', "backlog = \"12\": --backlog '12' is not a whole"),
    "a port with a fraction": ("port = 9000.5", "port = 9000.5: PORT 9000.5 is not a whole number"),
    "text wanted": ("host = 5", "host = 5: HOST 5 is not text: write it in quotes"),
    "not a choice": ('poller = "iocp"', "poller = \"iocp\": --poller 'iocp': choose from auto"),
    "not a format": ('log-format = "xml"', "log-format = \"xml\": --log-format 'xml': choose from"),
    "a switch as text": ('no-ui = "yes"', 'no-ui = "yes": it must be true or false'),
    "twice": ("max_connections = 5\nmax-connections = 6", "max-connections stands there twice"),
    "a file in a file": ('config = "x"', "unknown key 'config'"),
    "no TOML": ("cap =", "not valid TOML: Invalid value (at "),
    "no table": ("ui = 3", "ui = 3: it must be a table, [ui]"),
    "outside of its table": ('theme = "dark"', "theme stands in the table [ui]"),
}


@pytest.mark.parametrize("kind", IN_THE_FILE)
def test_a_mistake_in_the_file_is_told_with_file_key_and_value(kind: str, write: WriteFile) -> None:
    text, says = IN_THE_FILE[kind]
    path = write(text)
    assert complaint("--config", path).startswith(f"{path}: {says}")


def test_a_mistake_that_a_flag_beats_is_told_all_the_same(write: WriteFile) -> None:
    assert "cap = 0" in complaint("--cap", "5", "--config", write("cap = 0"))
    assert "ECHO_TUI_CAP=x" in complaint("--cap", "5", ECHO_TUI_CAP="x")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe\x00")
    assert complaint("--config", str(path)).startswith(f"{path}: not valid TOML")
    assert complaint("--config", str(tmp_path)) == f"--config {tmp_path}: Is a directory"


IN_THE_ENVIRONMENT = {
    "CPA": ("1", "unknown environment variable ECHO_TUI_CPA: did you mean 'ECHO_TUI_CAP'?"),
    "SHOW_CONFIG": ("1", "unknown environment variable ECHO_TUI_SHOW_CONFIG"),
    "CAP": ("x\x1b", "ECHO_TUI_CAP=x\\x1b: --cap 'x\\x1b' is not a size"),
    "PORT": ("70000", "ECHO_TUI_PORT=70000: PORT 70000 is out of range"),
    "NO_UI": ("perhaps", "ECHO_TUI_NO_UI=perhaps: 'perhaps' is not a valid boolean"),
    "POLLER": ("iocp", "ECHO_TUI_POLLER=iocp: --poller 'iocp': choose from auto"),
}


@pytest.mark.parametrize("name", IN_THE_ENVIRONMENT)
def test_a_mistake_in_the_environment_is_told_with_variable_and_value(name: str) -> None:
    value, says = IN_THE_ENVIRONMENT[name]
    assert complaint(**{f"ECHO_TUI_{name}": value}).startswith(says)


OF_KUBERNETES = {
    "ECHO_TUI_SERVICE_HOST": "10.0.0.11",
    "ECHO_TUI_SERVICE_PORT": "9000",
    "ECHO_TUI_SERVICE_PORT_ECHO": "9000",
    "ECHO_TUI_PORT": "tcp://10.0.0.11:9000",
    "ECHO_TUI_PORT_9000_TCP": "tcp://10.0.0.11:9000",
    "ECHO_TUI_PORT_9000_TCP_PROTO": "tcp",
    "ECHO_TUI_PORT_9000_TCP_PORT": "9000",
    "ECHO_TUI_PORT_9000_TCP_ADDR": "10.0.0.11",
    "ECHO_TUI_METRICS_SERVICE_HOST": "10.0.0.12",
    "ECHO_TUI_METRICS_PORT": "tcp://10.0.0.12:19000",
    "ECHO_TUI_METRICS_PORT_19000_TCP": "tcp://10.0.0.12:19000",
}


def test_variables_of_kubernetes_are_ignored() -> None:
    assert line(show(**OF_KUBERNETES), "port") == "port = 9000 # default"
    assert line(show("127.0.0.1", "7", **OF_KUBERNETES), "port") == "port = 7 # command line"
    assert show(ECHO_TUI_PURE="1") == show()


@pytest.mark.parametrize("name", ["ECHO_TUI_SERVICES", "ECHO_TUI_PROT", "ECHO_TUI_METRICS_PORT"])
def test_what_only_looks_like_a_variable_of_kubernetes_is_a_typing_mistake(name: str) -> None:
    assert complaint(**{name: "1"}).startswith(f"unknown environment variable {name}: ")


def test_the_log_tells_what_was_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OF_KUBERNETES.items():
        monkeypatch.setenv(name, value)
    with Headless("--control", "none", "--log-format", "json") as server:
        text = server.event("notice")["text"]
        assert text == f"ignored, as Kubernetes sets them: {', '.join(sorted(OF_KUBERNETES))}"
        code, _, errors = server.end(signal.SIGTERM)
    assert (code, errors) == (0, "")


def test_a_mistake_on_the_command_line_is_told_before_anything_is_shown() -> None:
    assert complaint("--cap", "0").startswith("--cap 0 is out of range")


@pytest.mark.slow
def test_the_program_ends_with_2_and_one_line(write: WriteFile) -> None:
    ended = run("--no-ui", "--config", write("cpa = 1"))
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.decode().count("\n") == 1
    ended = run("--config", "/no/such/file")
    assert ended.returncode == 2
    assert ended.stderr == b"echo-tui: --config /no/such/file: No such file or directory\n"


def test_a_slip_in_the_table_of_the_dashboard_is_told_with_what_was_meant(write: WriteFile) -> None:
    path = write("[ui]\nthem = 1")
    told = complaint("--config", path)
    assert told.startswith(f"{path}: ")
    assert "ui" in told
    assert "'them'" in told
    assert "'theme'" in told


# --- SIGHUP ---------------------------------------------------------------------------------------


class Configured(Headless):
    """The headless program with a configuration file that can be written anew."""

    def __init__(self, path: Path, text: str, *options: str) -> None:
        self.path = path
        path.write_text(text)
        super().__init__("--config", str(path), "--log-format", "json", *options)

    def reload(self, text: str) -> list[dict[str, Any]]:
        """Write the file, send SIGHUP; the events up to the last notice that it brings."""
        self.path.write_text(text)
        self.process.send_signal(signal.SIGHUP)
        events = []
        while True:
            assert self.process.stdout is not None
            events.append(json.loads(self.process.stdout.readline()))
            last = events[-1]
            if last["event"] == "notice" and last["level"] in ("info", "error"):
                # The answers to the changes may come behind the notice.
                return events + [self.event("setting_changed") for _ in self._missing(events)]

    def _missing(self, events: list[dict[str, Any]]) -> list[str]:
        told = {event["name"] for event in events if event["event"] == "setting_changed"}
        _, _, names = events[-1]["text"].partition("new values: ")
        asked = {name.replace("-", "_") for name in names.split(", ") if name not in ("", "none")}
        return sorted(asked - told)


def changes(events: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    return {
        event["name"]: (event["old"], event["new"])
        for event in events
        if event["event"] == "setting_changed"
    }


def texts(events: list[dict[str, Any]], level: str) -> list[str]:
    return [e["text"] for e in events if e["event"] == "notice" and e["level"] == level]


@pytest.mark.slow
def test_hangup_applies_what_may_change_and_tells_what_may_not(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    with Configured(path, 'cap = "64KiB"\nidle-timeout = 5', "--grace", "2") as program:
        events = program.reload('cap = "1KiB"\npoller = "poll"\ngrace = 1\nidle-timeout = 5')
        assert changes(events) == {"cap": (65536, 1024)}
        # A flag beats the file: the grace has not changed.
        (warning,) = texts(events, "warning")
        assert "poller = poll: from the next start on; until then it is auto" in warning
        assert texts(events, "info") == [f"{path} was read again; new values: cap"]

        events = program.reload('poller = "auto"')
        assert changes(events) == {"cap": (1024, 1 << 20), "idle_timeout": (5.0, 0.0)}
        assert texts(events, "warning") == []

        # News is what the file did not say the last time, though it did before.
        assert changes(program.reload('cap = "64KiB"')) == {"cap": (1 << 20, 65536)}
        code, _, errors = program.end(signal.SIGTERM)
    assert (code, errors) == (0, "")


@pytest.mark.slow
def test_hangup_with_a_broken_file_changes_nothing_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    with Configured(path, "cap = 1000") as program:
        for text, says in [("cap = ", "not valid TOML"), ("cap = 5\ncpa = 1", "'cpa'")]:
            events = program.reload(text)
            assert changes(events) == {}
            (error,) = texts(events, "error")
            assert says in error
            assert error.endswith("; nothing was changed")
        assert changes(program.reload("cap = 5")) == {"cap": (1000, 5)}
        assert program.process.poll() is None
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(PATIENCE) == 0
