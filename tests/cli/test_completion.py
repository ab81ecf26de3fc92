"""Completion in the shells: the scripts, and what they are answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import PATIENCE, ROOT, environment, run

pytestmark = pytest.mark.slow

SHELLS = ("bash", "zsh", "fish")


def complete(*words: str, **more: str) -> list[str]:
    """What bash is offered for the last of `words`."""
    asked = {
        "_ECHO_TUI_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["echo-tui", *words]),
        "COMP_CWORD": str(len(words)),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "app"],
        env={**environment(), **asked, **more},
        capture_output=True,
        timeout=PATIENCE,
        check=True,
        cwd=ROOT,
        text=True,
    )
    assert ended.stderr == ""
    return [line.partition(",")[2] for line in ended.stdout.splitlines() if line]


def test_the_first_word_is_a_command_or_an_option_of_the_server() -> None:
    assert "client" in complete("cl")  # loaded when it is run
    assert complete("de") == ["demo"]
    assert complete("--max") == ["--max-connections", "--max-per-peer"]
    assert complete("--ver") == ["--version"]
    assert complete("--he").count("--help") == 1


def test_the_words_after_a_command_are_its_own() -> None:
    assert complete("demo", "--max") == ["--max-connections", "--max-per-peer"]
    assert complete("client", "--t") == ["--timeout"]
    assert complete("completion", "f") == ["fish"]


def test_values_are_offered() -> None:
    assert complete("--no-ui", "--log-format", "j") == ["json"]
    assert complete("--cap", "5", "--poller", "epoll") == ["epoll", "epoll-et"]
    assert complete("--write-mode", "a") == ["armed"]
    assert complete("--trace", "st") == ["state"]


def test_values_of_the_other_commands_are_offered() -> None:
    assert complete("load", "--profile", "s") == ["slow-reader"]
    assert complete("ctl", "list", "--sort", "pen") == ["pending"]
    assert complete("ctl", "list", "--columns", "id,pe") == ["id,peer", "id,pending"]
    assert complete("ctl", "list", "--columns", "peer,pe") == ["peer,pending"]
    assert complete("ctl", "watch", "--events", "opened,clo") == ["opened,closed"]
    assert complete("ctl", "set", "wr") == ["write-mode", "write-timeout"]
    assert complete("ctl", "set", "write-mode", "") == ["direct", "armed"]
    assert complete("ctl", "set", "cap", "") == []


def test_a_mistake_in_the_environment_or_the_file_does_not_spoil_it() -> None:
    assert complete("--max", ECHO_TUI_CPA="1") == ["--max-connections", "--max-per-peer"]
    assert complete("--config", "/no/such/file", "--max") == ["--max-connections", "--max-per-peer"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_can_read(shell: str, tmp_path: Path) -> None:
    ended = run("completion", shell)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert f"_ECHO_TUI_COMPLETE={shell}_complete".encode() in ended.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_bytes(ended.stdout)
    subprocess.run([shell, "-n", script], check=True, timeout=PATIENCE)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_by_the_script(tmp_path: Path) -> None:
    """The script calls the program by its first word: here a file that is `python -m app`."""
    program = tmp_path / "echo-tui"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m app "$@"\n')
    program.chmod(0o755)
    ask = (
        'eval "$(echo-tui completion bash)"; COMP_WORDS=(echo-tui --wri); COMP_CWORD=1;'
        ' _echo_tui_completion echo-tui; echo "${COMPREPLY[*]}"'
    )
    ended = subprocess.run(
        ["bash", "--norc", "-c", ask],
        env={**environment(), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        timeout=PATIENCE,
        check=True,
        cwd=ROOT,
    )
    assert ended.stdout.split() == [b"--write-mode", b"--write-timeout"]
