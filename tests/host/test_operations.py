"""What docs/operations.md and the files beside it say is what the program does."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import cli
from app.core.events import Reason
from app.core.settings import RUNTIME_SETTINGS
from app.watch.journal import Level, level_of
from tests.making import closed
from tests.program import PATIENCE, ROOT, Headless, environment

DOCS = ROOT / "docs"
TEXT = (DOCS / "operations.md").read_text("utf-8")
CONTAINER = (ROOT / "Containerfile").read_text("utf-8")


def show(*arguments: str, **environment: str) -> str:
    result = CliRunner().invoke(
        cli, [*arguments, "--show-config"], env=environment, standalone_mode=False
    )
    assert result.exception is None, result.exception
    return result.output


def test_the_configurations_in_the_docs_are_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "example.toml"
    path.write_text(example)
    assert 'log-level = "warning"' in show("--config", str(path))
    assert 'metrics = "127.0.0.1:19000"' in show(
        "--config", str(DOCS / "systemd" / "echo-tui.toml")
    )


def test_the_service_of_systemd_is_started_with_options_that_there_are() -> None:
    unit = (DOCS / "systemd" / "echo-tui.service").read_text("utf-8")
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    program, *arguments = shlex.split(command)
    assert Path(program).name == "echo-tui"
    arguments[arguments.index("--config") + 1] = str(DOCS / "systemd" / "echo-tui.toml")
    shown = show(*arguments)
    assert re.search(r"^no-ui = true +# command line$", shown, re.MULTILINE)
    grace = re.search(r"^grace = ([\d.]+)", shown, re.MULTILINE)
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert grace
    assert stop
    assert float(grace[1]) < int(stop[1])


def test_the_container_sets_variables_that_there_are() -> None:
    variables = dict(re.findall(r"^ +(ECHO_TUI_[A-Z_]+)=(\S+)", CONTAINER, re.MULTILINE))
    assert set(variables) >= {"ECHO_TUI_HOST", "ECHO_TUI_PORT", "ECHO_TUI_LOG_FORMAT"}
    shown = show("--no-ui", **variables)
    assert 'host = "0.0.0.0"' in shown


def test_the_container_runs_without_privileges_and_is_asked_for_its_health() -> None:
    last_stage = CONTAINER[CONTAINER.rindex("\nFROM ") :]
    (user,) = re.findall(r"^USER (\d+):\d+$", last_stage, re.MULTILINE)
    assert int(user) > 0
    assert re.search(r"^HEALTHCHECK .*\n    CMD echo-tui ", last_stage, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in last_stage


@pytest.mark.parametrize("reason", Reason)
def test_the_level_of_every_end_is_in_the_table(reason: Reason) -> None:
    level = level_of(closed(1, reason)).name.lower()
    if reason is Reason.ERROR:
        assert level == "error"
        return
    (row,) = re.findall(rf"^\| `{level}`.*$", TEXT, re.MULTILINE)
    assert f"`{reason}`" in row


def test_every_level_has_a_row() -> None:
    told = re.findall(r"^\| `(error|warning|info|debug)`", TEXT, re.MULTILINE)
    assert told == [level.name.lower() for level in reversed(Level)]


def test_what_a_reload_changes_is_what_the_docs_say() -> None:
    (said,) = re.findall(r"new values of (.*?)\nand `log-level` are in force", TEXT)
    assert said == "`cap`, `max-connections`, `max-per-peer`, `write-mode`, the four time-outs"
    assert set(RUNTIME_SETTINGS) == {
        "cap", "max_connections", "max_per_peer", "write_mode",
        "header_timeout", "body_timeout", "write_timeout", "idle_timeout",
    }  # fmt: skip


def test_every_link_to_a_file_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    for link in links:
        assert (DOCS / link).exists(), link


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_the_alerts() -> None:
    ended = subprocess.run(
        ["promtool", "check", "rules", DOCS / "alerts.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "port_variable"),
    [
        (("--listen", "127.0.0.2:0"), "9"),
        (("0.0.0.0", "0"), "tcp://10.0.0.1:9"),
        (("--control", "none", "127.0.0.1", "0"), ""),
    ],
)
def test_the_images_health_check_follows_the_port_in_force(
    options: tuple[str, ...], port_variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = CONTAINER.replace("\\\n", " ")
    (check,) = re.findall(r"^HEALTHCHECK .*? CMD (.*)$", text, re.MULTILINE)
    program = tmp_path / "bin" / "echo-tui"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m app "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with Headless(*options, arguments=()) as server:
        variables = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "ECHO_TUI_PORT": port_variable or str(server.port),
        }

        def is_healthy() -> bool:
            ended = subprocess.run(
                ["/bin/sh", "-c", check],
                env={**environment(), **variables},
                cwd=ROOT,
                timeout=PATIENCE,
                capture_output=True,
                check=False,
            )
            return ended.returncode == 0

        assert is_healthy()
        assert server.end(signal.SIGTERM)[0] == 0
        assert not is_healthy()
