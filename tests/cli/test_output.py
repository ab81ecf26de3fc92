"""Standard streams that are closed or full, or that have a narrow encoding: no traceback for them,
and no exit code that means something else.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.cli.output import flush_streams, wait_for_outputs
from tests.control.serving import Controlled
from tests.peers import Running
from tests.program import PATIENCE, ROOT, environment

Serve = Callable[..., Running]
pytestmark = pytest.mark.slow
FULL = "the output cannot be written: No space left on device: choose another place for it"
needs_full = pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="there is no device that is full"
)
COMMANDS = {"client": ["hello"], "load": ["--frames", "5", "--connections", "1"]}


def shell(redirected: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program with its streams redirected as a shell does it."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-m", "app", *arguments],
        capture_output=True,
        timeout=PATIENCE,
        env={**environment(), **variables},
        check=False,
        cwd=ROOT,
        text=True,
    )


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_stdout_is_one_line_and_exit_code_2(
    serve: Serve, command: str, unbuffered: str
) -> None:
    where = "127.0.0.1", str(serve().server.port)
    ended = shell(">/dev/full", command, *where, *COMMANDS[command], PYTHONUNBUFFERED=unbuffered)
    assert (ended.returncode, ended.stderr) == (2, f"echo-tui: {FULL}\n")


@needs_full
def test_ctl_into_a_full_stdout(tmp_path: Path) -> None:
    with Controlled(tmp_path / "s") as controlled:
        where = "--control", str(controlled.path)
        for asked in (["stats"], ["stats", "--json"], ["list"]):
            ended = shell(">/dev/full", "ctl", *asked, *where)
            assert (ended.returncode, ended.stderr) == (2, f"echo-tui: {FULL}\n")
        ended = shell(">&-", "ctl", "list", *where)
        assert (ended.returncode, ended.stderr) == (0, "")


@needs_full
@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_server_whose_log_cannot_be_written_ends_with_2(workers: str) -> None:
    ended = shell(">/dev/full", "--no-ui", "127.0.0.1", "0", "--workers", workers)
    told = "echo-tui: the log cannot be written: No space left on device: choose another place"
    assert (ended.returncode, ended.stderr) == (2, f"{told} for it\n")


@needs_full
def test_a_mistake_is_exit_code_2_though_nobody_can_be_told() -> None:
    for unbuffered in ("", "1"):
        for redirected in ("2>/dev/full", "2>&-"):
            ended = shell(redirected, "load", "127.0.0.1", "0", PYTHONUNBUFFERED=unbuffered)
            assert ended.returncode == 2, (redirected, unbuffered)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_as_dev_null(serve: Serve, command: str, closed: str) -> None:
    port = str(serve().server.port)
    ended = shell(closed, command, "127.0.0.1", port, *COMMANDS[command])
    assert (ended.returncode, ended.stderr) == (0, "")
    told = {"client": "echo: hello\n", "load": "every byte of 5 echoes was right\n"}[command]
    assert ended.stdout.endswith(told if ">" not in closed.replace("2>", "") else "")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_an_encoding_without_bars_costs_no_result(serve: Serve, encoding: str) -> None:
    port = str(serve().server.port)
    ended = shell("", "load", "127.0.0.1", port, *COMMANDS["load"], PYTHONIOENCODING=encoding)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("every byte of 5 echoes was right\n")
    assert " ##" in ended.stdout
    assert "\\u" not in ended.stdout


def test_a_reader_that_has_seen_enough_is_no_wrong_echo(serve: Serve) -> None:
    port = str(serve().server.port)
    arguments = [sys.executable, "-m", "app", "load", "127.0.0.1", port, "--frames", "2000"]
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [*arguments, "--json"], stdout=writing, stderr=subprocess.PIPE, timeout=PATIENCE,
        env=environment(), check=False, cwd=ROOT,
    )  # fmt: skip
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_what_is_left_for_a_terminal_that_is_gone_is_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a dashboard outlives its terminal: the exit code is that of a stop."""
    master, slave = pty.openpty()
    with open(slave, "w", encoding="utf-8") as stream:
        stream.write("the last words")
        os.close(master)
        monkeypatch.setattr(sys, "stderr", stream)
        assert flush_streams() == ""


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_full_pipe_that_does_not_block_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As where another program that shares the pipe has made it non-blocking."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = "0123456789" * 100_000
    with (
        open(reading, encoding="utf-8") as pipe,
        ThreadPoolExecutor(1) as reader,
        open(writing, "w", encoding="utf-8") as given,
    ):
        monkeypatch.setattr(sys, name, given)
        wait_for_outputs()
        read = reader.submit(pipe.read)
        print(text, file=getattr(sys, name), flush=True)
        given.close()
        assert read.result(PATIENCE) == f"{text}\n"
