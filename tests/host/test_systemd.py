"""The program under systemd: what it is told, the socket that it passes, the unit files."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.events import Notice, Stopping
from app.core.framing import frame
from app.core.settings import SettingError
from app.host.systemd import BEATS, Notifier, passed_socket
from app.server.listener import adopt_listener
from app.watch.stream import Drained
from tests.making import listening
from tests.peers import PATIENCE, connect, exchange
from tests.program import ROOT, environment

UNITS = ROOT / "docs" / "systemd"


class Manager:
    """The side of systemd: a datagram socket that is told."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.settimeout(PATIENCE)

    def told(self) -> list[str]:
        """The lines of the next datagram."""
        return self._socket.recv(4096).decode().split("\n")

    def told_already(self) -> list[str]:
        """The datagrams that are there now."""
        self._socket.setblocking(False)
        told = []
        while True:
            try:
                told.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return told

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


class Service:
    """The headless program with the environment that systemd gives it."""

    def __init__(self, *options: str, passed: socket.socket | None = None, **more: str) -> None:
        # LISTEN_PID is the program's own id, which is known once it runs: a shell becomes it.
        setting = "LISTEN_PID=$$ LISTEN_FDS=1 " if passed else ""
        self.process = subprocess.Popen(
            ["sh", "-c", f'{setting}exec "$0" "$@"', sys.executable, "-m", "app", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment(), **more},
            cwd=ROOT,
            text=True,
            pass_fds=(3,) if passed else (),
            preexec_fn=(lambda: os.dup2(passed.fileno(), 3) and None) if passed else None,
        )

    def end(self, *signals: int) -> tuple[int, str, str]:
        for number in signals:
            self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, errors

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


HEADLESS = ("--no-ui", "127.0.0.1", "0")


@pytest.mark.slow
def test_it_tells_when_it_is_ready_and_when_it_stops(manager: Manager) -> None:
    with Service(*HEADLESS, NOTIFY_SOCKET=manager.path) as service:
        ready, status = manager.told()
        assert ready == "READY=1"
        port = int(status.removeprefix("STATUS=listening on 127.0.0.1:"))
        with connect(port) as client:  # it is ready
            assert exchange(client, [frame(b"hi")], 6) == frame(b"hi")
        service.process.send_signal(signal.SIGTERM)
        stopping, status = manager.told()
        assert stopping == "STOPPING=1"
        assert status.startswith("STATUS=stopping on SIGTERM")
        code, _, errors = service.end()
    assert (code, errors) == (0, "")


@pytest.mark.slow
def test_it_tells_of_a_reload(manager: Manager, tmp_path: Path) -> None:
    path = tmp_path / "echo.toml"
    path.write_text("cap = 5")
    with Service("--config", str(path), *HEADLESS, NOTIFY_SOCKET=manager.path) as service:
        assert manager.told()[0] == "READY=1"
        service.process.send_signal(signal.SIGHUP)
        reloading, at = manager.told()
        assert reloading == "RELOADING=1"
        assert at.startswith("MONOTONIC_USEC=")
        assert manager.told()[0] == "READY=1"
        assert service.end(signal.SIGTERM)[0] == 0


@pytest.mark.slow
def test_an_idle_server_is_alive_to_the_watchdog(manager: Manager) -> None:
    with Service(*HEADLESS, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="300000") as service:
        assert manager.told()[0] == "READY=1"
        for _ in range(3):
            assert manager.told() == ["WATCHDOG=1"]
        assert service.end(signal.SIGTERM)[0] == 0


@pytest.mark.slow
def test_a_manager_that_cannot_be_told_is_told_of_once(tmp_path: Path) -> None:
    with Service(*HEADLESS, NOTIFY_SOCKET=str(tmp_path / "gone"), WATCHDOG_USEC="1") as service:
        assert service.process.stdout is not None
        lines = [service.process.stdout.readline() for _ in range(2)]
        assert "systemd cannot be told" in lines[1]
        code, out, errors = service.end(signal.SIGTERM)
    assert (code, errors) == (0, "")
    assert "systemd" not in out


# --- what is told, and when -----------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_hangs_is_not_told_to_be_alive(manager: Manager) -> None:
    clock, woken = Clock(), []
    told = Notifier(
        {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(BEATS * 1_000_000)}, pytest.fail, clock
    )
    for polls in (10, 11, 12, 12, 12, 13):
        told.beat(polls, lambda: woken.append(clock.now))
        told.beat(polls, pytest.fail)  # too early for another
        clock.now += 1.0
    assert manager.told_already() == ["WATCHDOG=1"] * 4
    assert woken == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_one_beat_that_cannot_be_told_ends_none_that_follows(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    complaints: list[str] = []
    environment = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(BEATS * 1_000_000)}
    told = Notifier(environment, complaints.append, clock)

    def no_descriptors(*_kind: int) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as without:
        without.setattr("app.host.systemd.socket.socket", no_descriptors)
        for polls in (1, 2):
            told.beat(polls, lambda: None)
            clock.now += 1.0
    assert complaints == [f"systemd cannot be told: {manager.path}: Too many open files"]
    assert manager.told_already() == []
    told.beat(3, lambda: None)
    assert manager.told_already() == ["WATCHDOG=1"]


def test_a_loop_that_is_held_is_alive_to_the_watchdog(manager: Manager) -> None:
    clock = Clock()
    watchdog = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(BEATS * 1_000_000)}
    told = Notifier(watchdog, pytest.fail, clock)
    for is_held in (True, True, False):
        told.beat(7, lambda: None, is_held)
        clock.now += 1.0
    assert manager.told_already() == ["WATCHDOG=1", "WATCHDOG=1"]


@pytest.mark.parametrize(
    "watchdog", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}]
)
def test_without_a_watchdog_nobody_is_woken(manager: Manager, watchdog: dict[str, str]) -> None:
    told = Notifier({"NOTIFY_SOCKET": manager.path, **watchdog}, pytest.fail)
    told.beat(1, pytest.fail)
    assert manager.told_already() == []


def test_it_is_ready_once_the_server_says_that_it_listens(manager: Manager) -> None:
    told = Notifier({"NOTIFY_SOCKET": manager.path}, pytest.fail)
    told.hear(Drained([Notice(t=1.0, level="info", text="metrics on …")], [], None, 0))
    assert manager.told_already() == []
    told.hear(Drained([listening()], [], None, 0))
    assert manager.told_already() == ["READY=1\nSTATUS=listening on 127.0.0.1:9000"]


def test_outside_of_systemd_nothing_is_told() -> None:
    told = Notifier({}, pytest.fail)
    told.ready("listening")
    told.hear(Drained([Stopping(t=1.0, cause="q", grace=1.0, open=0)], [], None, 0))


def test_an_abstract_address() -> None:
    name = f"echo-tui-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}, pytest.fail).ready("well")
        manager.settimeout(PATIENCE)
        assert manager.recv(100) == b"READY=1\nSTATUS=well"


# --- the socket that is passed --------------------------------------------------------------------


@pytest.mark.slow
def test_it_serves_the_socket_that_it_was_started_with() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        options = ("--no-ui", "--log-format", "json", "127.0.0.1", "1")
        with connect(port) as early, Service(*options, passed=held) as service:
            assert service.process.stdout is not None
            first = json.loads(service.process.stdout.readline())
            assert (first["event"], first["port"]) == ("listening", port)
            assert first["notes"] == ["listening on a socket that was passed, not on HOST, PORT"]
            assert exchange(early, [frame(b"hi")], 6) == frame(b"hi")
            assert service.end(signal.SIGTERM)[0] == 0
        # The service has stopped, the port has not: who comes now waits for the next one.
        with connect(port) as late, Service(*options, passed=held) as service:
            assert exchange(late, [frame(b"hi")], 6) == frame(b"hi")
            assert service.end(signal.SIGTERM)[0] == 0


@pytest.mark.slow
def test_in_text_the_note_is_the_second_line() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as held,
        Service("--no-ui", passed=held) as service,
    ):
        assert service.process.stdout is not None
        lines = [service.process.stdout.readline() for _ in range(2)]
        assert lines[0] == f"listening on 127.0.0.1:{held.getsockname()[1]}\n"
        assert "listening on a socket that was passed" in lines[1]
        assert service.end(signal.SIGTERM)[0] == 0


@pytest.mark.slow
def test_a_socket_that_does_not_listen_is_told_at_start_up() -> None:
    with socket.socket() as idle, Service("--no-ui", passed=idle) as service:
        code, out, errors = service.end()
    assert (code, out) == (2, "")
    assert errors == (
        "echo-tui: the socket that was passed does not listen on TCP: use ListenStream=\n"
    )


def test_a_socket_of_another_kind_is_refused(tmp_path: Path) -> None:
    local = socket.socket(socket.AF_UNIX)
    local.bind(str(tmp_path / "socket"))
    local.listen()
    with pytest.raises(SettingError):
        adopt_listener(local)
    assert local.fileno() == -1


def test_what_is_meant_for_another_process_is_left_alone() -> None:
    assert passed_socket({}) is None
    assert passed_socket({"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}) is None


@pytest.mark.parametrize("count", ["", "0", "2", "x"])
def test_anything_but_one_socket_is_refused(count: str) -> None:
    with pytest.raises(SettingError):
        passed_socket({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count})


# --- the unit files -------------------------------------------------------------------------------


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """Copies of the units, with a program that is here, as systemd wants to see it."""
    program = tmp_path / "echo-tui"
    program.write_text("#!/bin/sh\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    copies = []
    for unit in ("echo-tui.service", "echo-tui.socket"):
        text = (UNITS / unit).read_text().replace("/opt/echo-tui/bin/echo-tui", str(program))
        (tmp_path / unit).write_text(text)
        copies.append(str(tmp_path / unit))
    return copies


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.slow
def test_systemd_has_no_objection_to_the_units(units: list[str]) -> None:
    ended = analyze("verify", "--man=no", *units)
    # Other units of the machine may be complained about: only ours count.
    ours = [line for line in ended.stderr.splitlines() if "echo-tui" in line]
    assert ours == []


@pytest.mark.slow
def test_the_service_is_hardened(units: list[str]) -> None:
    ended = analyze("security", "--offline=true", "--no-pager", units[0])
    if "unrecognized option" in ended.stderr:
        pytest.skip("this systemd-analyze judges no files")
    found = re.search(r"Overall exposure level for echo-tui.service: ([\d.]+)", ended.stdout)
    assert found, ended.stdout + ended.stderr
    assert float(found[1]) <= 2.0
