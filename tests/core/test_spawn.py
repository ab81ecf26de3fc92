"""Helper processes run this very package, whatever is named like it elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.client import echo
from app.core.spawn import STOP_SIGNALS, helper_command, start_helper
from tests.peers import PATIENCE
from tests.program import ROOT
from tests.terminal import Terminal

FOREIGN = "raise SystemExit('the wrong package was imported')\n"
SCRIPT = """\
import sys
sys.path.insert(0, {folder!r})
from echo_tui.__main__ import main
main()
"""


def write_package(folder: Path, name: str) -> None:
    """Write a package that ends whoever imports it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(FOREIGN)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, and a PYTHONPATH, with an `app` and an `echo_tui` of somebody else."""
    for folder, name in (("work", "app"), ("work", "echo_tui"), ("path", "app")):
        write_package(tmp_path / folder, name)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    return tmp_path


@pytest.fixture(params=["script", "module"])
def program(request: pytest.FixtureRequest, elsewhere: Path) -> tuple[str, ...]:
    """How the program is started: as an installed script, or as a module of a checkout."""
    if request.param == "script":
        (elsewhere / "site").mkdir()
        (elsewhere / "site" / "echo_tui").symlink_to(ROOT / "app")
        script = elsewhere / "echo-tui"
        script.write_text(SCRIPT.format(folder=str(elsewhere / "site")))
        return (str(script),)
    # Python puts the working directory first: a checkout is one. Its helpers are then started from
    # a process whose path has the foreign packages behind it.
    os.chdir(ROOT)
    return ("-m", "app")


@contextlib.contextmanager
def workers(program: tuple[str, ...]) -> Iterator[int]:
    """The port of a server with two workers."""
    command = [sys.executable, *program, "--no-ui", "--log-format", "json", "--workers", "2"]
    with subprocess.Popen([*command, "127.0.0.1", "0"], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["port"]
        finally:
            server.send_signal(signal.SIGTERM)
            server.stdout.read()
    assert server.returncode == 0


@pytest.mark.slow
def test_no_other_package_is_run_as_worker_or_load_process(program: tuple[str, ...]) -> None:
    with workers(program) as port:
        assert echo("127.0.0.1", port, b"hello", PATIENCE) == b"hello"
        options = ("--frames", "20", "--connections", "4", "--processes", "2")
        ended = subprocess.run(
            [sys.executable, *program, "load", "127.0.0.1", str(port), *options],
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            text=True,
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("every byte of 20 echoes was right\n")


@pytest.mark.slow
def test_no_other_package_is_run_as_the_clients_of_the_demo(program: tuple[str, ...]) -> None:
    with Terminal("demo", program=program, columns=140) as terminal:
        terminal.wait_for(lambda screen: "READ_BODY" in screen and "open" in screen)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.exit_code() == 0


def test_a_folder_of_the_path_is_named_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative one would mean another folder once the helper is started elsewhere."""
    monkeypatch.setattr(sys, "path", ["", "some/folder"])
    code = helper_command("load.load_process")[-1]
    assert f"sys.path[:] = {[os.getcwd(), os.path.abspath('some/folder')]!r}" in code


def test_no_stop_signal_reaches_a_helper() -> None:
    code = "import signal; print(*signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    helper = start_helper([sys.executable, "-c", code], stdout=subprocess.PIPE)
    told, _ = helper.communicate(timeout=PATIENCE)
    assert {int(number) for number in told.split()} >= set(STOP_SIGNALS)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(STOP_SIGNALS)
