"""`echo-tui ctl` from outside: what it prints, and its exit codes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.control.protocol import Watch, Welcome, pack
from app.core.framing import frame, header
from app.watch.columns import LISTED
from tests.cli.ctl_runs import Ctl, asking, ctl, objects
from tests.control.serving import Controlled, Raw
from tests.peers import connect, exchange, read_to_end
from tests.program import PATIENCE, ROOT, Headless, environment
from tests.waiting import until

pytestmark = pytest.mark.slow
WELCOME = Welcome(version=2, program="1", pid=1, instance="5eed0123456789ab", t=1.0)


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime directory in which no other server is."""
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    return directory / "echo-tui"


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


@pytest.fixture
def ask(controlled: Controlled) -> Ctl:
    """Run `ctl` on the server of this test."""
    return asking(controlled)


def test_list_is_a_line_of_names_and_a_line_for_each_connection(
    controlled: Controlled, ask: Ctl
) -> None:
    assert ask("list", "--no-header").stdout == ""
    with connect(controlled.server.port) as one, connect(controlled.server.port) as other:
        exchange(one, [frame(b"hi")], 6)
        exchange(other, [frame(b"hi") * 3], 18)
        ended = ask("list")
        assert (ended.returncode, ended.stderr) == (0, "")
        names, first, second = [line.split(None, 10) for line in ended.stdout.splitlines()]
        assert names[:3] == ["id", "peer", "state"]
        peer = "{}:{}".format(*one.getsockname())
        assert first[:8] == ["1", peer, "READ_LEN", "no", "0", "0", "1", first[7]]
        assert (second[0], second[6]) == ("2", "3")
        assert len(first) == len(names)
        assert "\x1b" not in ended.stdout
        (found,) = objects(ask("list", "--json", "--where", "frames>2"))
        assert found.pop("instance") == controlled.server.instance
        assert (found["notes"], found["diagnosis"]) == ([], None)
        assert list(found) == [column.json_name for column in LISTED]
        assert (found["id"], found["frames_out"]) == (2, 3)
        chosen = ask("list", "--json", "--columns", "frames_in,id", "--sort", "frames_in",
                     "--reverse")  # fmt: skip
        assert objects(chosen) == [{"frames_in": 3, "id": 2}, {"frames_in": 1, "id": 1}]


def test_show_tells_all_of_one(controlled: Controlled, ask: Ctl) -> None:
    with connect(controlled.server.port) as client:
        exchange(client, [frame(b"hi"), header(100) + b"x" * 42], 6)
        (found,) = objects(ask("show", "1", "--json"))
        assert (found["state"], found["body_read"], found["body_length"]) == ("READ_BODY", 42, 100)
        assert found["header"] == "00000064"
        assert {column.json_name for column in LISTED} <= set(found)
        lines = dict(line.split(None, 1) for line in ask("show", "1").stdout.splitlines())
        assert (lines["frames_in"], lines["header"], lines["reason"]) == ("1", "00000064", "-")
    ended = ask("show", "7")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "echo-tui ctl: no connection #7 is open, or among those that closed last\n"
    )


def test_why_tells_a_code_words_and_the_figures_behind_them(
    controlled: Controlled, ask: Ctl
) -> None:
    with connect(controlled.server.port) as client:
        exchange(client, [frame(b"hi"), header(100) + b"x" * 42], 6)
        (found,) = objects(ask("why", "1", "--json"))
        assert (found["why_code"], found["notes"], found["diagnosis"]) == ("needs_body", [], None)
        assert found["why"].startswith("waiting for 58 body bytes")
        assert (found["state"], found["unacked_bytes"], found["unread"]) == ("READ_BODY", 0, 0)
    assert ask("why", "7").returncode == 1


def test_kill_where_ends_exactly_those_that_pass(controlled: Controlled, ask: Ctl) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(controlled.server.port)) for _ in range(500)]
        for number, client in enumerate(clients):
            marked = number % 5 == 0
            client.sendall(frame(b"x" * (2 if marked else 1)) * (2 if marked else 1))
        for number, client in enumerate(clients):
            marked = number % 5 == 0
            exchange(client, [], 12 if marked else 5)
        killed = ask("kill", "--where", "frames>=2")
        assert (killed.returncode, killed.stderr) == (0, "")
        lines = killed.stdout.splitlines()
        assert len(lines) == 100
        assert all(line.endswith(" closed") for line in lines)
        for number, client in enumerate(clients):
            if number % 5 == 0:
                assert read_to_end(client) == b""
            else:
                assert exchange(client, [frame(b"alive")], 9) == frame(b"alive")
        assert len(ask("list", "--no-header").stdout.splitlines()) == 400


@pytest.mark.parametrize("mode", ["drain", "close", "reset"])
def test_kill_tells_what_became_of_each_and_fails_if_one_did(
    controlled: Controlled, ask: Ctl, mode: str
) -> None:
    with connect(controlled.server.port) as client:
        exchange(client, [frame(b"hi")], 6)
        ended = ask("kill", "99", "1", "1", "--mode", mode)
        assert (ended.returncode, ended.stderr) == (1, "")
        done = "reset" if mode == "reset" else "closed"
        assert ended.stdout == f"#99 no such connection\n#1 {done}\n"
        again = ask("kill", "1", "--json")
        assert again.returncode == 1
        assert json.loads(again.stdout) == {"id": 1, "ok": False, "message": "no such connection"}


def test_kill_with_an_instance_ends_nothing_of_another_server(
    controlled: Controlled, ask: Ctl
) -> None:
    with connect(controlled.server.port) as client:
        exchange(client, [frame(b"hi")], 6)
        (row,) = objects(ask("list", "--json"))
        refused = ask("kill", "1", "--instance", "fedcba9876543210")
        assert refused.returncode == 1
        assert refused.stdout.startswith("refused: meant for the server fedcba9876543210, and this")
        assert exchange(client, [frame(b"alive")], 9) == frame(b"alive")
        assert ask("kill", "1", "--instance", row["instance"]).stdout == "#1 closed\n"


def test_a_filter_that_nobody_passes_is_no_failure(ask: Ctl) -> None:
    ended = ask("kill", "--where", "pending>1G")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == "echo-tui ctl: no open connection passes the filter\n"


def test_set_is_seen_by_the_next_frame(controlled: Controlled, ask: Ctl) -> None:
    with connect(controlled.server.port) as client:
        assert exchange(client, [frame(b"x" * 65)], 69) == frame(b"x" * 65)
        ended = ask("set", "cap", "64")
        assert (ended.returncode, ended.stdout) == (0, "cap: 1048576 → 64\n")
        client.sendall(header(65))
        assert read_to_end(client) == b""
    assert ask("set", "header-timeout", "2.5").stdout == "header_timeout: 10.0 → 2.5\n"
    (answer,) = objects(ask("set", "write_mode", "armed", "--json"))
    assert answer["ok"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("cap", "much", "'much' is not a size"), ("poller", "poll", "cannot be changed at run time")],
)
def test_what_the_server_refuses_to_set_is_told_and_fails(
    ask: Ctl, name: str, value: str, words: str
) -> None:
    ended = ask("set", name, value)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_stats_agree_with_what_clients_counted(controlled: Controlled, ask: Ctl) -> None:
    with connect(controlled.server.port) as client:
        exchange(client, [frame(b"hi") * 10], 60)
        (found,) = objects(ask("stats", "--json"))
        assert (found["open"], found["frames_out"]) == (1, 10)
        assert (found["bytes_in"], found["bytes_out"]) == (60, 60)
        assert found["port"] == controlled.server.port
        assert found["cap"] == 1024**2
        assert found["instance"] == controlled.server.instance
        lines = dict(line.split(None, 1) for line in ask("stats").stdout.splitlines())
        assert set(lines) == set(found)
        assert 0 < found["service_us_p50"] <= found["service_us_p99"] <= found["service_us_p999"]


class Watching:
    """`ctl watch` as a subprocess; told of one event to know that it has begun."""

    def __init__(self, controlled: Controlled, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "ctl", "watch", "--control", str(controlled.path),
             *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=ROOT,
            # A shell ignores SIGINT in its background jobs, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        controlled.until(lambda: controlled.stream.watched, "watching")

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_watch_tells_events_as_json_lines(controlled: Controlled) -> None:
    with Watching(controlled) as watching:
        with connect(controlled.server.port):
            assert watching.line()["event"] == "opened"
        closed = watching.line()
        assert (closed["event"], closed["id"], closed["reason"]) == ("closed", 1, "eof")
        controlled.server.stop("the test", now=True)
        assert watching.line()["event"] == "stopping"
        assert watching.line()["event"] == "stopped"
        assert watching.process.wait(PATIENCE) == 0
        assert watching.process.communicate() == (b"", b"")


def test_watch_tells_the_kinds_that_were_asked_for_of_whom_the_filter_passes(
    controlled: Controlled,
) -> None:
    options = ("--events", "snapshot,closed", "--where", "frames>=2")
    with Watching(controlled, *options) as watching:
        with connect(controlled.server.port) as one, connect(controlled.server.port) as other:
            exchange(one, [frame(b"hi")], 6)
            exchange(other, [frame(b"hi") * 2], 12)
            snapshot = watching.line()
            assert (snapshot["event"], snapshot["frames_out"]) == ("snapshot", 2)
            one.close()
        while (told := watching.line())["event"] == "snapshot":
            assert told["id"] == snapshot["id"]
        assert (told["event"], told["id"]) == ("closed", snapshot["id"])


def test_watch_ends_quietly_when_nobody_reads_and_on_ctrl_c(controlled: Controlled) -> None:
    with Watching(controlled) as watching:
        assert watching.process.stdout is not None
        watching.process.stdout.close()
        with connect(controlled.server.port):
            assert watching.process.wait(PATIENCE) == 0
        assert watching.process.stderr is not None
        assert watching.process.stderr.read() == b""
        watching.process.stderr.close()
        watching.process.stdout = watching.process.stderr = None
    controlled.until(lambda: not controlled.stream.watched, "let go")
    with Watching(controlled) as watching:
        watching.process.send_signal(signal.SIGINT)
        out, errors = watching.process.communicate(timeout=PATIENCE)
        assert (watching.process.returncode, out, errors) == (130, b"", b"")


def test_watch_ends_with_its_reader_though_nothing_happens(controlled: Controlled) -> None:
    with Watching(controlled) as watching, connect(controlled.server.port):
        assert watching.line()["event"] == "opened"
        assert watching.process.stdout is not None
        watching.process.stdout.close()
        assert watching.process.wait(PATIENCE) == 0
        assert watching.process.stderr is not None
        assert watching.process.stderr.read() == b""
        watching.process.stderr.close()
        watching.process.stdout = watching.process.stderr = None


def test_watch_into_a_file_goes_on(controlled: Controlled, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        command = [sys.executable, "-m", "app", "ctl", "watch", "--control", str(controlled.path)]
        watching = subprocess.Popen(command, stdout=out, env=environment(), cwd=ROOT)
        try:
            controlled.until(lambda: controlled.stream.watched, "watching")
            with connect(controlled.server.port):
                until(lambda: b'"opened"' in (tmp_path / "out").read_bytes(), "a line")
            assert watching.poll() is None
        finally:
            watching.kill()
            watching.wait()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "--where", "pending>>"), "filter, character 9: '>' is not a size"),
        (("list", "--columns", "id,shoe"), "no column 'shoe'; there are id, fd, peer"),
        (("list", "--sort", "shoe"), "no column 'shoe'"),
        (("kill",), "ids, or --where FILTER, and not both"),
        (("kill", "1", "--where", "id=1"), "and not both"),
        (("kill", "x"), "'x' is not the id of a connection"),
        (("kill", "0"), "'0' is not the id of a connection"),
        (("show", "9" * 30), "is not the id of a connection"),
        (("watch", "--events", "shoe"), "no event is called 'shoe'; there are listening, opened"),
        (("list", "--control", "/no/such/file"), "no server listens there; no server runs in"),
        (("list",), "no server runs here: there is none in"),
    ],
)
def test_what_is_not_possible_at_all_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], words: str
) -> None:
    ended = ctl(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert words in line


def test_the_server_is_found_and_of_two_it_is_said_which_there_are(runtime: Path) -> None:
    with Headless() as first:
        assert ctl("list").returncode == 0
        with Headless("--control", "none"):
            assert ctl("list").returncode == 0
        with Headless() as second:
            ended = ctl("list")
            ports = sorted(map(str, (first.port, second.port)))
            assert ended.returncode == 2
            assert all(port in ended.stderr for port in ports)
            (found,) = objects(ctl("stats", "--json", "--control", ports[1]))
            assert str(found["port"]) == ports[1]
            assert second.end(signal.SIGTERM)[0] == 0
        assert sorted(path.name for path in runtime.iterdir()) == [f"{first.port}.sock"]
        assert first.end(signal.SIGTERM)[0] == 0
        assert list(runtime.iterdir()) == []


def test_the_environment_may_name_the_server(
    controlled: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_TUI_CONTROL", str(controlled.path))
    (found,) = objects(ctl("stats", "--json"))
    assert found["port"] == controlled.server.port
    ended = ctl("stats", "--control", "/no/such/file")  # a flag beats it
    assert ended.returncode == 2


def test_a_port_means_the_same_at_both_ends(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_TUI_CONTROL", "19070")
    with Headless() as program:
        assert [path.name for path in runtime.iterdir()] == ["19070.sock"]
        (found,) = objects(ctl("stats", "--json"))
        assert found["port"] == program.port


@pytest.mark.parametrize("command", [("kill", "1"), ("list",), ("watch",)])
def test_a_server_that_vanishes_meanwhile_is_a_failure(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def vanish() -> None:
            client, _ = listener.accept()
            with client:
                client.sendall(pack(WELCOME))
                client.recv(1)

        vanishing = threading.Thread(target=vanish)
        vanishing.start()
        ended = ctl(*command, "--control", str(tmp_path / "s"))
        vanishing.join()
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert "the server has closed the connection" in line


def test_a_server_ends_in_time_though_a_client_reads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s"
    options = ("--control", str(path), "--log-format", "json")
    with Headless(*options) as program, Raw(path) as lazy:
        assert isinstance(lazy.greet(announce=True), Welcome)
        assert program.event("notice")["text"] == "a client attached, 1 attached now"
        lazy.send(Watch())
        code, _, errors = program.end(signal.SIGTERM)
        assert (code, errors) == (0, "")
        assert not path.exists()


def test_a_killed_servers_socket_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with Headless("--control", path) as program:
        program.end(signal.SIGKILL)
    assert Path(path).exists()
    with Headless("--control", path):
        assert ctl("list", "--control", path).returncode == 0
