"""`--record` and `replay` from outside: files, exit codes, lines, the dashboard in a terminal."""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.core.events import Event
from app.core.framing import frame
from app.recording.reader import Recording
from tests.making import NOW, listening, opened, worker
from tests.peers import connect, exchange
from tests.program import ROOT, Headless, environment, run
from tests.recording.making import drain, history, write_recording
from tests.terminal import Terminal
from tests.ui.test_terminal import wait_for_port
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def life(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "life.rec", history(7))


def lines(*arguments: str) -> list[dict[str, Any]]:
    ended = run("replay", *arguments)
    assert (ended.returncode, ended.stderr) == (0, b"")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def table_of(path: Path, moment: str) -> dict[str, Any]:
    ended = run("replay", str(path), "--json", "--at", moment)
    assert (ended.returncode, ended.stderr) == (0, b"")
    table: dict[str, Any] = json.loads(ended.stdout)
    return table


def test_what_a_headless_server_recorded_is_what_it_logged(tmp_path: Path) -> None:
    path = tmp_path / "server.rec"
    with Headless("--log-format", "json", "--record", str(path)) as program:
        with connect(program.port) as client:
            exchange(client, [frame(b"hi")], 6)
        closed = program.event("closed")
        code, out, errors = program.end(signal.SIGTERM)
    assert (code, errors) == (0, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = lines(str(path), "--json")
    assert told[0] == json.loads(program.first)
    assert [event["event"] for event in told] == [
        "listening",
        "opened",
        "closed",
        "stopping",
        "stopped",
    ]
    assert told[2] == closed
    assert told[3:] == [json.loads(line) for line in out.splitlines()]
    table = table_of(path, str(closed["t"]))
    [row] = table["connections"]
    assert (row["state"], row["reason"], row["frames_out"]) == ("CLOSED", "eof", 1)


def test_figures_are_told_on_request_only(tmp_path: Path) -> None:
    told: list[Event] = [listening(), worker(1, NOW), opened(1)]
    path = write_recording(tmp_path / "a.rec", [drain(NOW, *told, frames=3)])
    kinds = ["listening", "worker_stats", "opened", "loop_stats"]
    assert [event["event"] for event in lines(str(path), "--json", "--all")] == kinds
    assert [event["event"] for event in lines(str(path), "--json")] == ["listening", "opened"]


def test_a_limit_ends_the_recording_and_the_log_says_so(tmp_path: Path) -> None:
    path = tmp_path / "server.rec"
    options = ("--log-format", "json", "--record", str(path), "--record-max-age", "0.5")
    with Headless(*options) as program:
        notice = program.event("notice")
        assert notice["text"] == (
            f"recording stopped: it is 0.5 s old, as --record-max-age allows ({path})"
        )
        with connect(program.port) as client:  # the server goes on
            assert exchange(client, [frame(b"hi")], 6) == frame(b"hi")
        assert program.end(signal.SIGTERM)[0] == 0
    with Recording(path) as recording:
        assert recording.damage is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--record", "/nowhere/a.rec"], "--record /nowhere/a.rec: No such file or directory"),
        (["--record", "/dev/null"], "the file exists"),
        (
            ["--record", "a.rec", "--record-max-size", "1K"],
            "--record-max-size 1K is out of range",
        ),
        (["--record", "a.rec", "--record-max-age", "-1"], "--record-max-age -1 is out of range"),
        (["--record", "a.rec", "--record-max-age", "nan"], "--record-max-age nan is out of range"),
    ],
)
def test_mistakes_about_recording_are_told_at_start_up(options: list[str], words: str) -> None:
    ended = run("--no-ui", *options, "127.0.0.1", "0")
    assert ended.returncode == 2
    assert words in ended.stderr.decode()
    assert ended.stderr.count(b"\n") == 1
    assert ended.stdout == b""
    assert not Path("a.rec").exists()


def test_a_killed_servers_recording_is_good_up_to_its_last_moment(tmp_path: Path) -> None:
    path = tmp_path / "server.rec"
    with Headless("--log-format", "json", "--record", str(path)) as program:
        with connect(program.port) as client:
            exchange(client, [frame(b"hi")], 6)
        program.event("closed")
        until(lambda: b'"closed"' in run("replay", str(path), "--json").stdout)
        program.end(signal.SIGKILL)
    ended = run("replay", str(path), "--json")
    assert ended.returncode == 3
    assert b'"closed"' in ended.stdout
    assert "cut off, or still being written" in ended.stderr.decode()


def test_from_until_and_all(life: Path) -> None:
    everything = lines(str(life), "--json", "--all")
    assert {"snapshot", "loop_stats"} <= {event["event"] for event in everything}
    events = lines(str(life), "--json")
    figures = {"snapshot", "loop_stats", "process_stats"}
    assert events == [event for event in everything if event["event"] not in figures]
    some = lines(str(life), "--json", "--from", "+10", "--until", "+20")
    assert some
    assert some == [event for event in events if NOW + 10 <= event["t"] <= NOW + 20]


def test_a_reader_that_has_seen_enough_is_no_failure(life: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "app", "replay", str(life), "--json", "--all"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert program.stdout is not None
    assert program.stdout.readline().startswith(b'{"event":"listening"')
    program.stdout.close()
    assert program.stderr is not None
    assert program.stderr.read() == b""
    program.stderr.close()
    assert program.wait(15) == 0


def test_the_table_at_a_time(life: Path) -> None:
    table = table_of(life, "+30")
    assert table["t"] == NOW + 30
    before = lines(str(life), "--json", "--until", "+30")
    opened = {event["id"] for event in before if event["event"] == "opened"}
    closed = {event["id"] for event in before if event["event"] == "closed"}
    live = {row["id"] for row in table["connections"] if row["state"] != "CLOSED"}
    assert live == opened - closed
    assert live


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--until", "soon"], "'soon' is no moment of a recording"),
        (["--from", "+9", "--until", "+3"], "--from +9 is later than --until +3"),
        (["--at", "+999999"], "--at +999999 is outside the recording, which tells of "),
        (["--from", "+999999"], "--from +999999 is outside the recording"),
        (["--until", "-999999"], "--until -999999 is outside the recording"),
        ([], "the dashboard needs a terminal: use --json"),
    ],
)
def test_mistakes_about_replaying_are_told(life: Path, options: list[str], words: str) -> None:
    ended = run("replay", str(life), *options)
    assert ended.returncode == 2
    assert words in ended.stderr.decode()
    assert ended.stderr.count(b"\n") == 1


def test_what_is_no_recording_is_a_mistake() -> None:
    ended = run("replay", __file__, "--json")
    assert ended.returncode == 2
    assert b"is not a recording of echo-tui" in ended.stderr


def test_a_damaged_recording_tells_what_is_readable_and_where_it_is_not(life: Path) -> None:
    whole = lines(str(life), "--json")
    data = bytearray(life.read_bytes())
    data[len(data) // 2] ^= 16
    life.write_bytes(data)
    ended = run("replay", str(life), "--json")
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 3
    assert 0 < len(told) < len(whole)
    assert told == whole[: len(told)]
    found = re.search(r"is damaged at byte ([\d,]+): ", ended.stderr.decode())
    assert found
    assert 0 < len(data) // 2 - int(found[1].replace(",", "")) < 20_000


def test_each_damaged_file_gets_a_line(life: Path) -> None:
    data = life.read_bytes()
    for number in range(1, 24):
        life.with_name(f"{life.name}.{number:06}").write_bytes(data[:-3])
    ended = run("replay", str(life), "--json", "--at", "+1")
    assert ended.returncode == 3
    told = ended.stderr.decode().splitlines()
    assert len(told) == 21
    assert " of life.rec.000020: a record is cut off" in told[19]
    assert told[20] == f"echo-tui: 3 more files of {life} are damaged"


def test_of_a_cut_header_there_is_nothing_to_show(life: Path) -> None:
    life.write_bytes(life.read_bytes()[:9])
    ended = run("replay", str(life), "--json")
    assert (ended.returncode, ended.stdout) == (3, b"")
    assert b"is damaged at byte 0: the file's header is cut off" in ended.stderr


def test_the_replayed_dashboard_in_a_terminal(life: Path) -> None:
    with Terminal("replay", str(life), columns=140) as terminal:
        terminal.wait_for(lambda screen: "REPLAY 1x" in screen and "127.0.0.1:9000" in screen)
        terminal.press("}")
        terminal.wait_for(lambda screen: "REPLAY 1x" not in screen and "paused" in screen)
        terminal.press("{")
        terminal.wait_for(lambda screen: " 0:00 of " in screen)
        terminal.press("d")
        terminal.wait_for(lambda screen: "just closed" in screen)
        terminal.press("q")
        assert terminal.exit_code() == 0
        assert terminal.restored()


def test_a_replay_looks_as_its_options_and_a_file_say(life: Path, tmp_path: Path) -> None:
    file = tmp_path / "echo-tui.toml"
    file.write_text('[ui]\ncolumns = ["id", "peer"]\n')
    arguments = ("replay", str(life), "--at", "+5", "--ascii", "--config", str(file))
    with Terminal(*arguments, columns=140) as terminal:
        terminal.wait_for(lambda screen: "paused" in screen and "peer" in screen)
        assert "│" not in terminal.text
        assert "body read" not in terminal.text
        terminal.press("q")
        assert terminal.exit_code() == 0


def test_a_damaged_recording_in_a_terminal_is_shown_and_exits_3(life: Path) -> None:
    life.write_bytes(life.read_bytes()[:-30])
    with Terminal("replay", str(life), "--at", "-5", columns=140) as terminal:
        terminal.wait_for(lambda screen: "damaged at byte" in screen and "paused" in screen)
        terminal.press("q")
        assert terminal.exit_code() == 3
        assert terminal.restored()
        assert "is damaged at byte" in terminal.text


def test_r_records_what_the_dashboard_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    with Terminal("127.0.0.1", "0", columns=140) as terminal:
        port = wait_for_port(terminal)
        terminal.press("R")
        terminal.wait_for(lambda screen: "● REC" in screen and "recording into" in screen)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(frame(b"hi"))
            assert peer.recv(6) == frame(b"hi")
        terminal.wait_for(lambda screen: "eof" in screen)
        terminal.press("R")
        terminal.wait_for(lambda screen: "● REC" not in screen and "recording stopped" in screen)
        terminal.press("q")
        assert terminal.exit_code() == 0
    [path] = tmp_path.glob("echo-tui-*.rec")
    kinds = [event["event"] for event in lines(str(path), "--json")]
    assert {"listening", "opened", "closed"} <= set(kinds)
