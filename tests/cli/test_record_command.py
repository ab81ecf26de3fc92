"""`ctl record` on a headless server: start, status, stop, and what a second start gets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.core.events import Closed, Opened
from app.core.framing import frame
from app.recording.reader import Recording
from tests.cli.ctl_runs import ctl, objects
from tests.peers import connect, exchange
from tests.program import ROOT, Headless, run
from tests.terminal import Terminal

pytestmark = pytest.mark.slow


class Recorded:
    """`ctl record` on one server."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, action: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return ctl("record", action, "--control", str(self.path), "--json", *arguments)

    def status(self) -> dict[str, Any]:
        (found,) = objects(self("status"))
        return found


NOTHING = {"recording": False, "file": None, "bytes": 0, "since": None, "interrupted": None}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_headless_server_is_recorded_on_request(tmp_path: Path, workers: str) -> None:
    record = Recorded(tmp_path / "s")
    file = tmp_path / "life.rec"
    options = ("--control", str(record.path), "--workers", workers, "--log-format", "json")
    with Headless(*options) as server:
        assert record.status() == NOTHING
        nothing = record("stop")
        assert (nothing.returncode, json.loads(nothing.stdout)) == (1, NOTHING)
        # FILE is of the directory in which `ctl` runs.
        (begun,) = objects(record("start", os.path.relpath(file, ROOT)))
        assert (begun["recording"], begun["file"]) == (True, str(file))
        with connect(server.port) as client:
            exchange(client, [frame(b"hi")], 6)
        again = record("start", str(tmp_path / "other.rec"))
        assert again.returncode == 1
        assert again.stderr == f"echo-tui ctl: a recording is on already: {file}\n"
        assert json.loads(again.stdout)["file"] == str(file)
        assert not (tmp_path / "other.rec").exists()
        assert record.status()["since"] == begun["since"]
        (ended,) = objects(record("stop"))
        assert (ended["recording"], ended["file"]) == (False, str(file))
        assert ended["bytes"] == file.stat().st_size
        assert record.status() == NOTHING
        existing = record("start", str(file))
        assert existing.returncode == 1
        assert existing.stderr == (f"echo-tui ctl: {file}: the file exists: choose another name\n")
        _, out, _ = server.end(signal.SIGTERM)
    assert file.stat().st_mode & 0o777 == 0o600
    with Recording(file) as recording:
        assert recording.damage is None
        events = [item.event for item in recording.items(recording.start, recording.end)]
    assert [type(event) for event in events if isinstance(event, Opened | Closed)]
    told = [json.loads(line) for line in out.splitlines()]
    answers = [e for e in told if e["event"] == "command_result" and e["ok"]]
    assert [e["command"] for e in answers] == ["record", "record"]
    assert all(e["by_pid"] for e in answers)


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    record = Recorded(tmp_path / "s")
    with Headless("--control", str(record.path)) as server:
        ended = record("start", str(tmp_path / "none" / "life.rec"))
        assert ended.returncode == 1
        assert ended.stderr.endswith("life.rec: No such file or directory\n")
        server.end(signal.SIGTERM)


def test_an_empty_name_of_a_file_is_told() -> None:
    ended = run("ctl", "record", "start", "")
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"echo-tui: FILE is empty: ")


def test_an_attached_dashboard_shows_that_its_server_is_recorded(tmp_path: Path) -> None:
    """Also one that attaches while it is, and until the recording ends, however it does."""
    record = Recorded(tmp_path / "s")
    attach = ("attach", "--control", str(record.path))
    with Headless("--control", str(record.path)) as server, Terminal(*attach) as early:
        early.wait_for(lambda screen: "LIVE" in screen)
        assert "REC" not in early.text
        record("start", str(tmp_path / "life.rec"))
        early.wait_for(lambda screen: "REC" in screen)
        early.press("R")
        early.wait_for(lambda screen: "an attached dashboard" in screen)
        with Terminal(*attach) as late:
            late.wait_for(lambda screen: "REC" in screen)
        (tmp_path / "life.rec").unlink()  # the server notices, and the recording ends
        early.wait_for(lambda screen: "REC" not in screen)
        server.end(signal.SIGTERM)
