"""A server is restarted on the same path while a dashboard is attached, with everything open.

Nothing of the one before is acted upon: its cursor, tags and dialogs are void, also where the new
one has the same process id (both run in this process, as in two containers) and the same ids.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest
from textual.pilot import Pilot

from app.control.client_side.attached_source import AttachedSource
from app.core.framing import frame
from app.ui.app import EchoApp
from tests.control.serving import Controlled
from tests.peers import connect, exchange
from tests.program import Headless
from tests.terminal import Terminal
from tests.ui.driving import refresh, table

pytestmark = pytest.mark.slow


async def refresh_until(app: EchoApp, pilot: Pilot[int], holds: Callable[[], object]) -> None:
    deadline = monotonic() + 20
    while not holds():
        assert monotonic() < deadline, app._notifications
        await refresh(app, pilot)
        await asyncio.sleep(0.05)


@asynccontextmanager
async def attached_to(path: Path) -> AsyncIterator[tuple[EchoApp, Pilot[int]]]:
    source = AttachedSource(path)
    app = EchoApp(source, control=str(path))
    try:
        async with app.run_test(size=(160, 50)) as pilot:
            yield app, pilot
    finally:
        source.close()


@pytest.mark.parametrize("is_told", [True, False], ids=["stopped", "lost"])
@pytest.mark.parametrize(
    "keys",
    [
        ("k",),
        ("k", "f1"),
        ("space", "down", "space", "K"),
        ("slash", *"id>0", "enter", "K"),
        ("down", "down", "slash", *"id>1"),
        ("p", "k"),
        ("c", *["backspace"] * 9, *"3KiB"),
        ("t", *["backspace"] * 9, "7"),
        ("ctrl+p", *"#2"),
    ],
    ids=lambda keys: "".join(key[:1] for key in keys),
)
async def test_nothing_of_the_server_before_is_acted_upon(
    keys: tuple[str, ...], is_told: bool, tmp_path: Path
) -> None:
    path = tmp_path / "s"
    with ExitStack() as peers:
        first = Controlled(path)
        with first:
            for _ in range(3):
                peers.enter_context(connect(first.server.port))
            async with attached_to(path) as (app, pilot):
                await refresh_until(app, pilot, lambda: len(app.model.rows) == 3)
                await pilot.press(*keys)
                await pilot.pause()
                if is_told:
                    first.server.stop("test", now=True)
                    await refresh_until(app, pilot, lambda: app.model.gone)
                first.service.close()
                await refresh_until(app, pilot, lambda: app.model.gone)
                with Controlled(path) as second:
                    clients = [connect(second.server.port) for _ in range(3)]

                    def is_shown() -> bool:
                        listening = app.model.listening
                        is_second = listening and listening.instance == second.server.instance
                        return bool(is_second) and app.model.open == 3

                    await refresh_until(app, pilot, is_shown)
                    await refresh(app, pilot)
                    if keys[-1] != "1":  # the filter is no dialog: it stays
                        assert len(app.screen_stack) == 1
                        said = [notice.message for notice in app._notifications]
                        assert any("nothing was done" in each for each in said), said
                    assert not table(app).tagged
                    settings = app.model.settings
                    for client in clients:
                        assert exchange(client, [frame(b"alive")], 9) == frame(b"alive")
                    selected = table(app).selected_id
                    assert selected == (2 if keys[-1] == "1" else 1)
                    row = app.model.rows[selected]
                    if keys[-1] == "1":
                        await pilot.press("backspace", "0")
                        await refresh(app, pilot)
                        assert table(app).selected_id == 2

                    def is_traced() -> bool:
                        for client in clients:
                            assert exchange(client, [frame(b"alive")], 9) == frame(b"alive")
                        return bool(row.recent)

                    await refresh_until(app, pilot, is_traced)
                    await pilot.press("enter", "tab", "enter", "enter")
                    await refresh(app, pilot)
                    for client in clients:
                        assert exchange(client, [frame(b"alive")], 9) == frame(b"alive")
                    assert app.model.settings == settings
                    for client in clients:
                        client.close()


def test_a_kill_dialog_over_a_server_that_is_restarted_says_why_it_closes(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with (
        Headless("--control", path) as program,
        connect(program.port),
        Terminal("attach", "--control", path, columns=140) as terminal,
    ):
        terminal.wait_for(lambda text: "1 open" in text)
        terminal.press(" k")
        terminal.wait_for(lambda text: "kill connection #1?" in text and "--control" in text)
        program.end(signal.SIGKILL)
        terminal.wait_for(lambda text: "GONE: " in text and "as last heard of" in text)
        with Headless("--control", path) as again, connect(again.port) as client:
            terminal.wait_for(lambda text: "another server answers now" in text)
            terminal.wait_for(lambda text: "kill connection" not in text and "1 open" in text)
            terminal.wait_for(lambda text: "1 tagged" not in text)
            terminal.press("\r")  # the page of the new connection
            terminal.wait_for(lambda text: "queues, from the peer" in text)

            def is_traced(text: str) -> bool:
                assert exchange(client, [frame(b"alive")], 9) == frame(b"alive")
                return "write 9 B" in text

            terminal.wait_for(is_traced)
        terminal.press("q")  # back to the table
        terminal.wait_for(lambda text: "queues, from the peer" not in text)
        terminal.press("q")
        assert terminal.exit_code() == 0
