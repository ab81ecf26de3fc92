"""TCP control and its tokens were removed: whoever still writes them is told what to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.program import run


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime directory in which no other server is."""
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    return directory / "echo-tui"


REMOVED = "control over TCP, with its tokens, was removed: use the Unix socket; "


FORWARD = "forward it with ssh -L local.sock:/remote/path.sock HOST"


@pytest.mark.parametrize(
    "arguments",
    [
        ("ctl", "list", "--control", "tcp://127.0.0.1:9100"),
        ("ctl", "list", "--control", "[::1]:9100"),
        ("ctl", "list", "--control-token-file", "token"),
        ("attach", "--control", "TCP://localhost:9100"),
        ("--no-ui", "--control", "tcp://127.0.0.1:9100"),
        ("--no-ui", "--control-token-file", "token"),
    ],
)
def test_who_still_writes_tcp_or_a_token_is_told_what_to_do(arguments: tuple[str, ...]) -> None:
    assert_removed(run(*arguments))


def assert_removed(ended: subprocess.CompletedProcess[bytes]) -> None:
    assert (ended.returncode, ended.stdout) == (2, b"")
    (line,) = ended.stderr.decode().splitlines()
    assert REMOVED in line
    assert line.endswith(FORWARD)


def test_a_removed_key_or_variable_is_told_of_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "echo-tui.toml"
    for name, value in (("control", "tcp://127.0.0.1:9100"), ("control-token-file", "token")):
        file.write_text(f'{name} = "{value}"\n')
        ended = run("--no-ui", "--config", str(file))
        assert_removed(ended)
        assert f"echo-tui.toml: {name} = ".encode() in ended.stderr
        variable = f"ECHO_TUI_{name.upper().replace('-', '_')}"
        with monkeypatch.context() as patched:
            patched.setenv(variable, value)
            ended = run("--no-ui")
            assert_removed(ended)
            assert variable.encode() in ended.stderr
            assert_removed(run("ctl", "list"))
