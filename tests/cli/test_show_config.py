"""What --show-config prints: a file with which another run is the same run."""

from __future__ import annotations

import copy
import re
import tomllib
from typing import Any

import click
import pytest
from click.testing import CliRunner

from app.cli.configuration import chosen_ui, variable
from app.cli.serve import serve, split_options
from tests.cli.test_configuration import WriteFile, complaint, show


def plan(*arguments: str, **environment: str) -> object:
    """What a run of the server is told: settings, what runs beside it, the choices of the log."""
    told: list[object] = []

    @click.pass_context
    def callback(ctx: click.Context, /, no_ui: bool, **options: Any) -> None:
        log = options.pop("log_format"), options.pop("log_level")
        told.append((no_ui, log, chosen_ui(ctx), split_options(options)))

    command = copy.copy(serve)
    command.callback = callback
    result = CliRunner().invoke(command, arguments, env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return told.pop()


def test_what_is_shown_is_a_file_that_says_the_same(write: WriteFile) -> None:
    """For every option that there is, also those that are yet to come."""
    environment = {"ECHO_TUI_CAP": "5000", "ECHO_TUI_HOST": 'a"b\\c\t\x7fé'}
    first = show("--trace", "io", **environment)
    table = tomllib.loads(first)
    again = tomllib.loads(show("--config", write(first)))
    assert again == table
    assert table["host"] == environment["ECHO_TUI_HOST"]
    told = set(re.findall(r"^(?:# )?([a-z-]+) ", first, re.MULTILINE))
    settable = {
        parameter.name for parameter in serve.params if not getattr(parameter, "hidden", False)
    } - {"config", "show_config"}
    assert told == {name.replace("_", "-") for name in settable if name}


OTHERWISE: dict[str, str] = {
    "host": "::1",
    "port": "7001",
    "listen": "127.0.0.1:7001,[::1]:7002",
    "poller": "poll",
    "write_mode": "armed",
    "trace": "io",
    "theme": "light",
    "lang": "ko",
    "metrics": "[::1]:19000",
    "record_keep": "90m",
    "log_format": "json",
    "log_level": "warning",
    "control": "/tmp/x.sock",
    "record": "x y.rec",
    "cap": "12345",
    "record_max_size": "3MiB",
    "record_max_age": "100",
    "fault": "slice=1..3,seed=7",
}
"""For some options a value that is not the default; the others are switches and numbers."""


@pytest.mark.parametrize(
    "options",
    [
        *[
            {parameter.name: None}
            for parameter in serve.params
            if not getattr(parameter, "hidden", False)
            and parameter.name not in ("config", "show_config")
        ],
        {"record_keep": "1500MiB"},
        {"record_keep": "7d"},
        {"listen": None, "workers": "2"},
        {"host": None, "port": "0"},
    ],
    ids=str,
)
def test_a_run_with_what_is_shown_as_its_file_is_the_same_run(
    options: dict[str, str | None], write: WriteFile
) -> None:
    environment = {}
    for name, text in options.items():
        is_flag = getattr(next(p for p in serve.params if p.name == name), "is_flag", False)
        environment[variable(name)] = text or OTHERWISE.get(name) or ("1" if is_flag else "7")
    first = show(**environment)
    path = write(first)
    assert tomllib.loads(show("--config", path)) == tomllib.loads(first)
    runs = [plan(), plan(**environment), plan("--config", path)]
    assert runs[0] != runs[1] == runs[2]


def test_what_is_beaten_is_not_shown_as_a_value(write: WriteFile) -> None:
    file = write('listen = "127.0.0.1:7001"')
    told = re.findall(r"# (host|port) is not set +# listen says it", show("--config", file))
    assert told == ["host", "port"]
    shown = show("--config", file, "::1")
    assert "# listen is not set" in shown
    assert tomllib.loads(shown)["host"] == "::1"
    assert "give one of them" in complaint("--listen", "127.0.0.1:1", "127.0.0.1")
