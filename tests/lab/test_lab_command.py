"""`echo-tui lab`: what it lists, prints and refuses, and its exit codes."""

from __future__ import annotations

import json
from dataclasses import replace

import click
import pytest
from click.testing import CliRunner

import app.cli.lab as lab_command
from app.cli.main import cli
from app.core.settings import SettingError
from app.lab.composing import marked_source
from app.lab.lab_server import LabError, LabServer
from app.lab.scenario import Measured, Scenario
from app.lab.scenarios import SCENARIOS
from tests import program

NAMES = [scenario.name for scenario in SCENARIOS]


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["lab", *words], standalone_mode=False)
    if isinstance(result.exception, click.ClickException):
        return 2, result.exception.format_message()
    if isinstance(result.exception, SettingError):
        return 2, str(result.exception)
    assert result.exception is None, result.exception
    return result.return_value, result.output


@pytest.mark.parametrize("words", [(), ("--list",)])
def test_scenarios_are_listed_a_line_each_name_first(words: tuple[str, ...]) -> None:
    code, output = run(*words)
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == NAMES
    assert max(map(len, output.splitlines())) <= 100


def test_the_list_is_json_too() -> None:
    code, output = run("--list", "--json")
    listed = json.loads(output)["scenarios"]
    assert code == 0
    assert [each["name"] for each in listed] == NAMES
    assert {"title", "question", "answers", "right_answer", "why", "line", "section", "man"} <= set(
        listed[0]
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("polout-always",), "did you mean 'pollout-always'"),
        (("polout-always", "--check"), "did you mean 'pollout-always'"),
        (("a\nb",), "'a\\nb' is no scenario: --list names them"),
        (("nodelay",), "the dashboard needs a terminal: use --check"),
        (("--source",), "NAME is missing"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(words: tuple[str, ...], told: str) -> None:
    code, output = run(*words)
    assert code == 2
    assert told in output
    assert "\n" not in output


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_the_wrong_loop_with_its_mistake_marked(name: str) -> None:
    code, output = run(name, "--source")
    assert code == 0
    assert marked_source(name) in output
    assert len(output.splitlines()) < 80
    assert ("differs in more lines" in output) == (name == "thread-each")


@pytest.mark.parametrize("words", [("--source", "--right"), ("nodelay", "--source", "--right")])
def test_the_source_of_the_right_loop_has_no_marks(words: tuple[str, ...]) -> None:
    code, output = run(*words)
    assert code == 0
    assert "class EchoLoop:" in output
    assert "class Conn:" in output
    assert not [line for line in output.splitlines() if line.startswith(("> ", "- "))]


@pytest.mark.slow
def test_a_check_tells_two_figures_and_succeeds() -> None:
    ended = program.run("lab", "zero-length", "--check", "--json")
    told = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert ended.stderr == b""
    assert (told["name"], told["unit"], told["ok"]) == ("zero-length", "frames", True)
    assert told["right"] == 0
    assert told["wrong"] >= 50
    assert told["text"].startswith("Of a hundred frames")
    assert told["seconds"] < 25


@pytest.mark.slow
def test_a_check_is_read_by_people_too() -> None:
    code, output = run("edge-no-drain", "--check")
    assert code == 0
    first, second, *_ = output.splitlines()
    assert first.split()[:2] == ["ok", "edge-no-drain"]
    assert first.endswith("0 -> 99 frames")
    assert second.startswith("     Of a hundred frames")


def with_scenario(monkeypatch: pytest.MonkeyPatch, scenario: Scenario) -> None:
    monkeypatch.setattr(lab_command, "SCENARIOS", (scenario,))


@pytest.mark.slow
def test_a_mistake_that_does_not_show_fails_after_some_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds: list[LabServer] = []

    def measure(server: LabServer, _: object) -> Measured:
        rounds.append(server)
        return Measured(1)

    with_scenario(monkeypatch, replace(SCENARIOS[0], measure=measure))
    code, output = run("--check", "--json")
    told = json.loads(output)
    assert code == 1
    assert (told["right"], told["wrong"], told["ok"]) == (1, 1, False)
    assert told["text"].endswith("That is not enough to show the mistake.")
    assert len(rounds) == 6


@pytest.mark.slow
def test_a_scenario_that_cannot_be_played_fails_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measure(server: LabServer, _: object) -> Measured:
        raise LabError("an echo is wrong")

    with_scenario(monkeypatch, replace(SCENARIOS[0], measure=measure))
    code, output = run("--check", "--json")
    told = json.loads(output)
    assert code == 1
    assert (told["right"], told["wrong"], told["ok"]) == (None, None, False)
    assert told["text"] == "It could not be played: an echo is wrong."


def test_a_scenario_that_this_machine_cannot_show_is_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skipped = replace(SCENARIOS[0], find_obstacle=lambda: "There is no IPv6 here.")
    with_scenario(monkeypatch, skipped)
    code, output = run("--check", "--json")
    told = json.loads(output)
    assert code == 0
    assert (told["skipped"], told["ok"], told["right"]) == (True, True, None)
    assert told["text"] == "There is no IPv6 here."
    code, output = run("--check")
    assert code == 0
    assert output.startswith("skip pollout-always")
