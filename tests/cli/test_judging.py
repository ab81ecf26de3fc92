"""Whatever way a wrong value comes, it is refused with the same sentence."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from app.cli.reloading import Reloader
from app.cli.serve import serve as serve_command
from app.core.commands import Set
from app.core.settings import RULES, RUNTIME_SETTINGS, Rule, SettingError
from app.ui.dialogs import CapDialog
from app.ui.settings_dialog import FIELDS, SettingsDialog
from screenshots.scenes import overview
from tests.making import FixedSource
from tests.peers import Running
from tests.ui.driving import running as dashboard

NUMBERS = ["-1", "9" * 30, "4" * 400]
"""Out of range everywhere; a file has them as numbers."""
WORDS = ["x", "true", "1_0", "\u0663", "\uff17", "0x10", "1.5.2", "1,000", "\x1b[2J"]
"""No values of any setting; a file has them as text."""
NEVER = {
    "size": ["nan", "2GiB", "1.5MiB", "0", "9" * 5000],
    "whole": ["nan", "2.5x", "9" * 5000],
    "decimal": [],
    "choice": ["9" * 5000],
    "addresses": ["9" * 5000],
    "fault": ["9" * 5000, "slice=0", "gap=1", "stall@1,eof@2", "seed=1"],
}
"""More of them, by the kind of the value."""
JUDGED = [name for name in RULES if name != "host"]
"""Any text may be the name of a host; only binding shows whether it is one."""


def wrong_texts(rule: Rule) -> list[str]:
    never = NEVER[rule.kind]
    if rule.name.startswith("capture"):
        never = [text for text in never if text != "0"]  # then no bytes are kept
    return [*NUMBERS, *WORDS, *never]


def in_toml(rule: Rule, text: str) -> str:
    """The value as a file has it: a number where the setting is one."""
    is_number = text in NUMBERS and rule.kind in ("whole", "decimal")
    return text if is_number else json.dumps(text)


def refusal(judge: Callable[[], object]) -> str:
    with pytest.raises(SettingError) as caught:
        judge()
    return str(caught.value)


def start(*arguments: str) -> object:
    """Judge what the command line, the environment and the file say, and start nothing."""
    return serve_command.make_context("serve", list(arguments))


def by_flag(rule: Rule, text: str) -> str:
    if rule.name == "port":
        return refusal(lambda: start("--", "127.0.0.1", text))
    return refusal(lambda: start(rule.option, text))


def by_variable(rule: Rule, text: str) -> str:
    name = f"ECHO_TUI_{rule.name.upper()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, text)
        told = refusal(start)
    assert told.startswith(f"{name}=")
    return told


def by_file(path: Path, rule: Rule, text: str) -> str:
    path.write_text(f"{rule.name} = {in_toml(rule, text)}", "utf-8")
    told = refusal(lambda: start("--config", str(path)))
    assert told.startswith(f"{path}: {rule.name} = ")
    return told


def by_hangup(path: Path, rule: Rule, text: str) -> str:
    path.write_text("")
    told: list[tuple[str, str]] = []
    context = serve_command.make_context("serve", ["--config", str(path)])
    reload = Reloader(context, {}, lambda *notice: told.append(notice))
    path.write_text(f"{rule.name} = {in_toml(rule, text)}", "utf-8")
    reload()
    ((level, words),) = told
    assert level == "error"
    return words.removesuffix("; nothing was changed")


def test_a_pipe_is_read_at_the_start_only(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text("cap = 5")
    told: list[str] = []
    context = serve_command.make_context("serve", ["--config", str(path)])
    reload = Reloader(context, {}, lambda _level, text: told.append(text))
    path.unlink()
    os.mkfifo(path)
    reload()  # and does not wait for a writer
    assert told == [
        f"{path} is no regular file, and is read at the start only; nothing was changed"
    ]


def test_a_file_that_cannot_be_reached_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "echo.toml"
    path.write_text("cap = 5")
    told: list[tuple[str, str]] = []
    context = serve_command.make_context("serve", ["--config", str(path)])
    reload = Reloader(context, {}, lambda *notice: told.append(notice))

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))  # root may go everywhere

    with monkeypatch.context() as patched:
        patched.setattr("os.stat", refuse)
        patched.setattr("builtins.open", refuse)
        reload()
    assert told == [("error", f"--config {path}: Permission denied; nothing was changed")]


def test_what_a_restart_would_change_is_told_as_the_options_write_it(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text("")
    told: list[str] = []
    context = serve_command.make_context("serve", ["--config", str(path)])
    reload = Reloader(context, {}, lambda _level, text: told.append(text))
    path.write_text(
        'metrics = 19000\nrecord-keep = "500MiB"\nlisten = ["127.0.0.1:1", "[::1]:2"]\n'
    )
    reload()
    values = {text.removeprefix(f"{path}: ").partition(": from")[0] for text in told}
    assert values >= {
        "metrics = 127.0.0.1:19000",
        "record-keep = 500MiB",
        "listen = 127.0.0.1:1, [::1]:2",
    }


def end_of(told: str, rule: Rule) -> str:
    """The sentence, without the place that stands before it."""
    assert "\n" not in told
    assert len(told) < 400
    return told[told.index(f"{rule.option} ") :]


@pytest.mark.parametrize("name", JUDGED)
def test_flag_variable_file_and_hangup_refuse_alike(name: str, tmp_path: Path) -> None:
    rule, path = RULES[name], tmp_path / "echo.toml"
    for text in wrong_texts(rule):
        sentence = by_flag(rule, text)
        assert sentence.startswith(f"{rule.option} "), text[:30]
        for told in (
            by_variable(rule, text),
            by_file(path, rule, text),
            by_hangup(path, rule, text),
        ):
            assert end_of(told, rule) == sentence, text[:30]


def answers(running: Running, rule: Rule, values: Iterable[str | int]) -> list[str]:
    found = []
    for value in values:
        answer = running.submit(Set, name=rule.name, value=value)
        assert not answer.ok
        found.append(answer.message)
    return found


@pytest.mark.parametrize("name", RUNTIME_SETTINGS)
def test_the_server_refuses_as_the_command_line(name: str, serve: Callable[..., Running]) -> None:
    rule = RULES[name]
    texts = wrong_texts(rule)
    told = answers(serve(), rule, texts)
    assert told == [by_flag(rule, text) for text in texts]


@pytest.mark.parametrize("name", ["cap", *FIELDS])
async def test_the_dialogs_refuse_as_the_command_line(name: str) -> None:
    rule = RULES[name]
    async with dashboard(FixedSource(overview())) as (app, pilot):
        await pilot.press("c" if name == "cap" else "t")
        assert isinstance(app.screen, CapDialog | SettingsDialog)
        field = app.screen.query_one(f"#{name}", Input)
        for text in wrong_texts(rule):
            field.value = text
            await pilot.pause()
            verdict = str(app.screen.query_one("#verdict", Static).content)
            assert verdict == f"✕ {by_flag(rule, field.value)}", text[:30]


@pytest.mark.parametrize("value", [True, None, [1], 1.5, float("nan"), float("inf"), 10**400])
@pytest.mark.parametrize("name", RULES)
def test_a_value_of_a_wrong_type_is_refused_in_words_of_ours(name: str, value: object) -> None:
    rule = RULES[name]
    if rule.kind == "decimal" and value == 1.5:
        return
    told = refusal(lambda: rule.judge(value))
    assert told.startswith(f"{rule.option} ")
    assert "Expected" not in told
    assert "$" not in told


def test_a_number_that_no_python_reads_is_a_mistake_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text(f"cap = {'9' * 5000}")
    told = refusal(lambda: start("--config", str(path)))
    assert told.startswith(f"{path}: not valid TOML: ")
    assert "\n" not in told
