"""The dashboard's actions on a real server: what a key does is seen when the event is back.

All of it is the same for a server in this process and for one at the other end of a control socket.
"""

from __future__ import annotations

import socket

import pytest
from textual.widgets import Input

from app.core.framing import frame, header
from tests.dashboards import Dashboard, dashboard, echo, until

__all__ = ["dashboard"]
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mode", ["drain", "close", "reset"])
async def test_k_ends_the_connection_that_it_names_and_no_other(
    dashboard: Dashboard, mode: str
) -> None:
    async with dashboard() as (server, app, pilot):
        with (
            socket.create_connection(("127.0.0.1", server.port), 10) as first,
            socket.create_connection(("127.0.0.1", server.port), 10) as second,
        ):
            assert echo(first, b"one") == frame(b"one")
            assert echo(second, b"two") == frame(b"two")
            await until(app, pilot, lambda: len(app.model.rows) == 2)
            await pilot.press("home", "k")
            await pilot.click(f"#{mode}")
            await until(app, pilot, lambda: app.model.rows[1].closed is not None)
            if mode == "reset":
                with pytest.raises(ConnectionResetError):
                    first.recv(1)
            else:
                assert first.recv(1) == b""
            assert echo(second, b"still here") == frame(b"still here")
            assert app.model.rows[2].closed is None


async def test_cancel_kills_nobody(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with socket.create_connection(("127.0.0.1", server.port), 10) as client:
            await until(app, pilot, lambda: len(app.model.rows) == 1)
            await pilot.press("k", "enter")
            assert echo(client, b"alive") == frame(b"alive")


async def test_c_changes_the_cap_for_the_next_frame(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with socket.create_connection(("127.0.0.1", server.port), 10) as client:
            assert echo(client, b"x" * 100) == frame(b"x" * 100)
            await pilot.press("c")
            app.screen.query_one("#cap", Input).value = "64"
            await pilot.press("enter")
            await until(app, pilot, lambda: "64" in app.export_screenshot(simplify=True))
            await until(app, pilot, lambda: app.model.cap == 64)
            client.sendall(header(65))
            assert client.recv(1) == b""
            await until(app, pilot, lambda: app.model.rows[1].closed is not None)
