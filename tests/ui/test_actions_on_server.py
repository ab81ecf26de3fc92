"""The other actions of the dashboard on a real server, checked at both ends."""

from __future__ import annotations

import csv
import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from app.core.events import Reason
from app.core.framing import frame
from app.server.server import Server
from app.ui.app import EchoApp
from app.ui.lines_panel import LinesPanel
from tests.dashboards import Dashboard, dashboard, echo, until
from tests.ui.driving import panel_text

__all__ = ["dashboard"]
pytestmark = pytest.mark.slow


@contextmanager
def clients(server: Server, number: int) -> Iterator[list[socket.socket]]:
    """Open connections that have echoed a frame, in the order of their ids."""
    with ExitStack() as stack:
        every = []
        for _ in range(number):
            client = socket.create_connection(("127.0.0.1", server.port), 10)
            every.append(stack.enter_context(client))
            assert echo(client, b"hi") == frame(b"hi")
        yield every


def name_of(client: socket.socket) -> str:
    return f"127.0.0.1:{client.getsockname()[1]}"


def text_of(app: EchoApp) -> str:
    without_style = re.sub(r"<[^>]*>", "", app.export_screenshot(simplify=True))
    return without_style.replace("&#160;", " ")


async def test_all_tagged_are_killed_and_no_other(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 3) as (first, second, third):
            await until(app, pilot, lambda: len(app.model.rows) == 3)
            await pilot.press("home", "space", "down", "down", "space", "K")
            await pilot.click("#close")
            await until(app, pilot, lambda: app.model.open == 1)
            assert first.recv(1) == third.recv(1) == b""
            assert echo(second, b"still here") == frame(b"still here")
            reasons = [row.closed and row.closed.reason for row in app.model.rows.values()]
            assert reasons == [Reason.KILLED, None, Reason.KILLED]
            await until(app, pilot, lambda: bool(app._notifications))
            assert [each.message for each in app._notifications] == ["2 closed"]


async def test_all_that_the_filter_shows_are_killed_and_no_other(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 3) as (first, second, third):
            await until(app, pilot, lambda: len(app.model.rows) == 3)
            await pilot.press("slash", *f"not {name_of(second)}", "enter", "K")
            await pilot.click("#reset")
            await until(app, pilot, lambda: app.model.open == 1)
            for killed in (first, third):
                with pytest.raises(ConnectionResetError):
                    killed.recv(1)
            assert echo(second, b"still here") == frame(b"still here")


async def test_a_timeout_is_in_force_from_the_dialog_on(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 1) as (client,):
            await until(app, pilot, lambda: "idle_timeout" in app.model.settings)
            await pilot.press("t")
            app.screen.query_one("#idle_timeout", Input).value = "0.2"
            await pilot.press("enter")
            await until(app, pilot, lambda: app.model.settings["idle_timeout"] == 0.2)
            assert client.recv(1) == b""
            await until(app, pilot, lambda: app.model.rows[1].closed is not None)
            assert app.model.rows[1].reason == Reason.TIMEOUT_IDLE


async def test_the_write_mode_is_in_force_from_the_dialog_on(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 1) as (client,):
            await until(app, pilot, lambda: "write_mode" in app.model.settings)
            await until(app, pilot, lambda: len(app.model.rows) == 1)
            assert app.model.rows[1].count("toggles") == 0
            await pilot.press("t")
            app.screen.query_one("#write_mode", Input).value = "armed"
            await pilot.press("enter")
            await until(app, pilot, lambda: app.model.settings["write_mode"] == "armed")
            assert echo(client, b"again") == frame(b"again")
            await until(app, pilot, lambda: app.model.rows[1].count("toggles") == 2)


async def test_the_bytes_are_those_that_the_client_sent(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 1) as (client,):
            await until(app, pilot, lambda: len(app.model.rows) == 1)
            assert not app.model.rows[1].last_in  # nobody asked for them yet
            await pilot.press("home", "B")

            def is_told() -> bool:
                assert echo(client, b"\xfe\xffA") == frame(b"\xfe\xffA")
                return bool(app.model.rows[1].last_in)

            await until(app, pilot, is_told)
            row, sent = app.model.rows[1], frame(b"\xfe\xffA")
            await until(app, pilot, lambda: row.last_in == row.last_out)
            assert row.last_in == sent * (len(row.last_in) // len(sent))
            await until(app, pilot, lambda: "00 00 00 03 fe ff 41" in text_of(app))


async def test_the_charts_are_of_what_the_server_did(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 2) as (client, _):
            await pilot.press("v")

            def is_charted() -> bool:
                assert echo(client, b"x" * 1000) == frame(b"x" * 1000)
                text = text_of(app)
                return "service time p50" in text and "connections 2" in text

            await until(app, pilot, is_charted)
            await pilot.press("v")
            await until(app, pilot, lambda: "service time" not in text_of(app))


async def test_the_audit_tells_what_was_done_and_what_came_of_it(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 1):
            await until(app, pilot, lambda: len(app.model.rows) == 1)
            await pilot.press("c")
            app.screen.query_one("#cap", Input).value = "64KiB"
            await pilot.press("enter")
            await until(app, pilot, lambda: app.model.cap == 65536)
            await pilot.press("home", "k")
            await pilot.click("#drain")
            await until(app, pilot, lambda: app.model.rows[1].closed is not None)
            await pilot.press("a")
            await until(app, pilot, lambda: "kill #1" in text_of(app))
            listed = panel_text(app.screen.query_one("#audit-list LinesPanel", LinesPanel))
            changes = [line.split()[1] for line in listed.split("\n") if line[0] != " "]
            assert changes == ["kill", "cap"]
            assert "1MiB → 64KiB" in listed
            told = [
                (deed.what, deed.change.split(", by ")[0], deed.ok)
                for deed in app.model.audit.changes
            ]
            assert told == [("cap", "1MiB → 64KiB", True), ("kill #1", "", True)]
            assert all(deed.result for deed in app.model.audit.changes)


async def test_a_hidden_column_is_gone_and_comes_back(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 1) as (client,):
            table = app._pane.table
            await until(app, pilot, lambda: len(table.shown) == 1)
            before = [column.key for column in table.columns]
            assert before[:2] == ["id", "peer"]
            await pilot.press("o", "down", "space", "enter")
            await until(app, pilot, lambda: len(app.screen_stack) == 1)
            assert [column.key for column in table.columns] == ["id", *before[2:]]
            assert echo(client, b"more") == frame(b"more")
            await until(app, pilot, lambda: table.shown[0].frames == 2)
            await pilot.press("o")
            await pilot.click("#automatic")
            await until(app, pilot, lambda: len(app.screen_stack) == 1)
            assert [column.key for column in table.columns] == before


async def test_the_copy_is_of_the_connection(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 2) as (_, second):
            await until(app, pilot, lambda: [r.frames for r in app.model.rows.values()] == [1, 1])
            await pilot.press("end", "y")
            assert f"id=2 fd={app.model.rows[2].opened.fd} peer={name_of(second)} " in app.clipboard
            await pilot.press("Y")
            copied = json.loads(app.clipboard)
            assert (copied["peer"], copied["frames_in"]) == (name_of(second), 1)
            assert (copied["bytes_in"], copied["bytes_out"]) == (6, 6)


async def test_the_exports_are_of_what_is_shown(
    dashboard: Dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "exported"
    folder.mkdir()
    monkeypatch.chdir(folder)
    async with dashboard() as (server, app, pilot):
        with clients(server, 3) as (_, second, _third):
            await until(app, pilot, lambda: [r.frames for r in app.model.rows.values()] == [1] * 3)
            await pilot.press("slash", *name_of(second), "enter", "e", "S")
            (as_json,) = folder.glob("*.json")
            (as_csv,) = folder.glob("*.csv")
            (as_svg,) = folder.glob("*.svg")
            whole = json.loads(as_json.read_text())
            assert whole["filter"] == name_of(second)
            assert [(each["id"], each["peer"], each["frames_in"], each["bytes_out"])
                    for each in whole["connections"]] == [(2, name_of(second), 1, 6)]  # fmt: skip
            (row,) = csv.DictReader(as_csv.read_text().splitlines())
            assert (row["id"], row["peer"], row["frames_out"]) == ("2", name_of(second), "1")
            assert name_of(second) in as_svg.read_text()


async def test_a_paused_screen_stands_still_while_the_counters_go_on(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with clients(server, 1) as (client,):
            table = app._pane.table
            await until(app, pilot, lambda: bool(table.shown) and table.shown[0].frames == 1)
            await pilot.press("p")
            assert "PAUSED" in text_of(app)
            for _ in range(5):
                assert echo(client, b"on") == frame(b"on")
            with clients(server, 1):
                await until(app, pilot, lambda: app.model.open == 2)
                await until(app, pilot, lambda: app.model.rows[1].frames == 6)
                assert [(row.id, row.frames) for row in table.shown] == [(1, 1)]
                await pilot.press("p")
                assert "PAUSED" not in text_of(app)
                assert [row.id for row in table.shown] == [1, 2]
                assert table.shown[0].frames == 6
