"""The page of the bytes that are kept of a connection, on fed events and on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.commands import ReadBytes
from app.recording.reader import Recording
from app.ui.bytes_page import NOT_OF_A_RECORDING, BytesPage
from app.ui.connection_page import ConnectionPage
from app.ui.replay_app import ReplayApp
from app.ui.replay_source import ReplaySource
from tests.dashboards import Dashboard, dashboard, until
from tests.making import INSTANCE, opened
from tests.peers import connect, read_to_end
from tests.recording.making import history, write_recording
from tests.ui.driving import drawn_text, notices, refresh, running
from tests.ui.failures import MANY, REFUSED, SUSPECTED, AnsweringSource, failures

__all__ = ["dashboard"]


def asked(source: AnsweringSource) -> list[tuple[int, str]]:
    reads = [each for each in source.commands if isinstance(each, ReadBytes)]
    return [(each.id, each.instance) for each in reads]


async def test_the_key_asks_once_and_once_more_when_it_is_pressed_again() -> None:
    source = AnsweringSource()
    async with running(source) as (app, pilot):
        await pilot.press("C", "end", "b")
        await refresh(app, pilot)
        await refresh(app, pilot)
        assert isinstance(app.screen, BytesPage)
        assert asked(source) == [(REFUSED, INSTANCE)]
        text = drawn_text(app)
        for words in ("announced 1,195,725,856 bytes", "HTTP/1 (http1)", "REFUSED header",
                      "P/1.1\\r\\nHost", "complete: all 63 bytes are kept"):  # fmt: skip
            assert words in text
        assert text.index("announced") < text.index("(http1)") < text.index("REFUSED")
        await pilot.press("b")
        await refresh(app, pilot)
        assert len(asked(source)) == 2
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_it_opens_over_the_page_of_an_open_connection_too() -> None:
    source = AnsweringSource()
    async with running(source, (80, 24)) as (app, pilot):
        await pilot.press("g", "down", "down", "enter", "b")
        await refresh(app, pilot)
        assert asked(source) == [(SUSPECTED, INSTANCE)]
        assert "header of the frame in flight" in drawn_text(app)
        await pilot.press("escape")
        await refresh(app, pilot)
        assert type(app.screen) is ConnectionPage


async def test_a_long_capture_begins_at_the_failure_and_is_paged_through() -> None:
    source = AnsweringSource()
    async with running(source, (80, 24)) as (app, pilot):
        await pilot.press("C", "b")
        await refresh(app, pilot)
        await refresh(app, pilot)
        assert "header of the frame that is not whole" in drawn_text(app)
        await pilot.press("home")
        await refresh(app, pilot)
        text = drawn_text(app)
        assert "not complete: 4,414 of the 9,000 bytes that it sent are kept" in text
        assert f"bytes of connection #{MANY}" in text
        await pilot.press("end")
        await refresh(app, pilot)
        assert "the reads behind offset 4,096 are not known" in drawn_text(app)


@pytest.mark.parametrize(
    ("capture", "words"),
    [(True, "no bytes of it are kept"), (False, "the server runs with --capture 0")],
)
async def test_it_says_why_there_are_none(capture: bool, words: str) -> None:
    source = AnsweringSource([*failures(), opened(77)], capture)
    async with running(source) as (app, pilot):
        await pilot.press("end", "b")
        await refresh(app, pilot)
        assert words in drawn_text(app)


async def test_the_command_of_ctl_is_copied() -> None:
    async with running(AnsweringSource()) as (app, pilot):
        await pilot.press("C", "b", "y")
        assert "no control socket leads to the server" in notices(app)
        app._control = "/run/s"
        await pilot.press("escape", "b", "y")
        assert app.clipboard == f"echo-tui ctl show {MANY} --bytes --control /run/s"


async def test_a_recording_says_in_a_line_that_it_has_none(tmp_path: Path) -> None:
    with Recording(write_recording(tmp_path / "life.rec", history(3))) as recording:
        app = ReplayApp(ReplaySource(recording, clock=lambda: 0.0))
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.press("right_curly_bracket")
            await refresh(app, pilot)
            await pilot.press("C", "b")
            await refresh(app, pilot)
            assert isinstance(app.screen, BytesPage)
            assert NOT_OF_A_RECORDING in drawn_text(app)
            assert "cannot be changed" not in notices(app)


async def test_a_korean_layout_opens_it() -> None:
    async with running(AnsweringSource()) as (app, pilot):
        await pilot.press("ㅠ")
        assert isinstance(app.screen, BytesPage)


async def test_a_server_tells_the_bytes_of_a_refused_client(dashboard: Dashboard) -> None:
    async with dashboard() as (server, app, pilot):
        with connect(server.port) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            read_to_end(client)
        await until(app, pilot, lambda: len(app.model.kept) == 1)
        await pilot.press("C", "b")
        await until(app, pilot, lambda: "REFUSED header" in drawn_text(app))
        text = drawn_text(app)
        assert "complete: all 18 bytes are kept" in text
        assert "GET / HTTP/1.1\\r\\n" in text
        assert "fits" in text
