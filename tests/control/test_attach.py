"""`echo-tui attach` in a terminal: looking, leaving, and a server that goes and comes back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.control.client_side.control_client import Link, hello
from app.core.commands import Set
from app.core.events import (
    Event,
    Notice,
)
from app.core.framing import frame
from app.ui.app import EchoApp
from app.ui.kill_dialog import KillDialog
from app.watch.stream import Drained
from tests.control.serving import Controlled
from tests.control.told import Told
from tests.making import listening, opened, snapshot
from tests.peers import connect, exchange
from tests.program import Headless, run
from tests.terminal import Terminal
from tests.ui.driving import refresh, screen_text, table

pytestmark = pytest.mark.slow


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Controlled]:
    with Controlled(tmp_path / "s") as running:
        yield running


def test_it_shows_the_server_and_leaves_it_alone(controlled: Controlled) -> None:
    with connect(controlled.server.port) as client:
        with Terminal("attach", "--control", str(controlled.path)) as terminal:
            peer = "{}:{}".format(*client.getsockname())
            terminal.wait_for(lambda text: peer in text and "LIVE" in text)
            assert str(controlled.server.port) in terminal.text
            terminal.press("q")
            assert terminal.exit_code() == 0
            assert terminal.restored()
            assert f"detached: the server at {controlled.path} goes on".encode() in terminal.output
        assert exchange(client, [frame(b"alive")], 9) == frame(b"alive")
    attached = controlled.watcher.wait_for(Notice, lambda notice: "attached, 1" in notice.text)
    detached = controlled.watcher.wait_for(Notice, lambda notice: "detached, 0" in notice.text)
    assert attached.text.startswith("dashboard")
    assert detached.t >= attached.t


def test_a_file_says_which_server_and_how_it_looks(controlled: Controlled, tmp_path: Path) -> None:
    file = tmp_path / "echo-tui.toml"
    file.write_text(f'control = "{controlled.path}"\n[ui]\npreset = "vim"\nascii = true\n')
    with Terminal("attach", "--config", str(file)) as terminal:
        terminal.wait_for(lambda text: "LIVE" in text and "x Kill" in text)
        assert "│" not in terminal.text
        terminal.press("q")
        assert terminal.exit_code() == 0
    file.write_text("[ui]\npreset = 'emacs'\n")
    ended = run("attach", "--config", str(file))
    assert ended.returncode == 2


def test_it_says_that_the_server_is_gone_and_shows_it_again(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with Headless("--control", path) as program, Terminal("attach", "--control", path) as terminal:
        terminal.wait_for(lambda text: f"pid {program.process.pid}" in text)
        program.end(signal.SIGKILL)
        terminal.wait_for(lambda text: "GONE: " in text and "closed the connection" in text)
        with Headless("--control", path) as again:
            terminal.wait_for(lambda text: f"pid {again.process.pid}" in text)
            assert "GONE" not in terminal.text
            again.end(signal.SIGTERM)
            terminal.wait_for(lambda text: "GONE: the server has stopped (SIGTERM)" in text)
        terminal.press("q")
        assert terminal.exit_code() == 0


def test_read_only_says_so_to_every_change(controlled: Controlled) -> None:
    with connect(controlled.server.port) as client:
        options = ("attach", "--read-only", "--control", str(controlled.path))
        with Terminal(*options) as terminal:
            terminal.wait_for(lambda text: "127.0.0.1:" in text and "LIVE" in text)
            terminal.press("k")
            terminal.wait_for(lambda text: "Reset" in text or "reset" in text)
            terminal.press("\t\r")
            terminal.wait_for(lambda text: "refused: attached read-only" in text)
            terminal.press("q")
            assert terminal.exit_code() == 0
        assert exchange(client, [frame(b"alive")], 9) == frame(b"alive")


def test_it_needs_a_terminal_and_a_server(tmp_path: Path) -> None:
    ended = run("attach", "--control", str(tmp_path / "s"))
    assert ended.returncode == 2
    assert b"needs a terminal: use `echo-tui ctl` for scripts" in ended.stderr
    with Terminal("attach", "--control", str(tmp_path / "s")) as terminal:
        assert terminal.exit_code() == 2
        assert b"no server listens there" in terminal.output
        assert b"Traceback" not in terminal.output


async def test_what_is_told_afresh_replaces_the_table_and_is_no_news() -> None:
    source = Told(Drained([listening(), opened(1), opened(2)], [], None, 0, afresh=True))
    app = EchoApp(source)
    async with app.run_test(size=(160, 50)) as pilot:
        await refresh(app, pilot)
        assert sorted(app.model.rows) == [1, 2]
        again: list[Event] = [listening(cap=64), opened(3)]
        source.drains.append(Drained(again, [snapshot(3)], None, 0, afresh=True))
        await refresh(app, pilot)
        assert sorted(app.model.rows) == [3]
        assert (app.model.open, app.model.cap) == (1, 64)
        assert [row.id for row in table(app).shown] == [3]
        assert not any("opened" in entry.brief for entry in app.model.log)


async def test_what_is_known_by_id_is_void_when_another_server_answers() -> None:
    source = Told(Drained([listening(), opened(1), opened(2)], [], None, 0, afresh=True))
    app = EchoApp(source)
    async with app.run_test(size=(160, 50)) as pilot:
        await refresh(app, pilot)
        await pilot.press("space", "k")
        assert isinstance(app.screen, KillDialog)
        assert table(app).tagged
        other = msgspec.structs.replace(listening(), instance="fedcba9876543210")
        source.drains.append(Drained([other, opened(1), opened(2)], [], None, 0, afresh=True))
        await refresh(app, pilot)
        assert len(app.screen_stack) == 1
        assert not table(app).tagged
        await pilot.press("k", "tab", "enter")
        await refresh(app, pilot)
        (kill,) = source.kills
        assert kill.instance == other.instance


async def test_a_server_that_is_gone_is_a_banner_and_not_the_end() -> None:
    source = Told(Drained([listening(), opened(1)], [], None, 0, afresh=True))
    app = EchoApp(source)
    async with app.run_test(size=(160, 50)) as pilot:
        await refresh(app, pilot)
        assert "GONE" not in screen_text(app)
        source.last = Drained([], [], None, 0, gone="the server has [red]crashed")
        await refresh(app, pilot)
        text = screen_text(app)
        assert "GONE: the server has [red]crashed." in text
        assert len(app.screen_stack) == 1
        source.last = Drained([], [], None, 0)
        await refresh(app, pilot)
        assert "GONE" not in screen_text(app)


def test_a_dashboard_has_a_control_socket_too(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with Terminal("--control", str(path), "127.0.0.1", "0") as terminal:
        terminal.wait_for(lambda text: "LIVE" in text)
        with Link.open(path, hello("test")) as link:
            (first,) = link.fetch_pages()
            assert first.listening is not None
            assert str(first.listening.port) in terminal.text
            (answer,) = link.carry_out(Set(request=1, name="cap", value="64KiB"))
            assert answer.ok
            terminal.wait_for(lambda text: "CAP 64KiB" in text)
        terminal.press("q")
        assert terminal.exit_code() == 0
        assert terminal.restored()
    assert not path.exists()
