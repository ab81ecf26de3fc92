"""The header's line for each of several listeners."""

from __future__ import annotations

import msgspec
import pytest

from app.core.events import Endpoint, Event
from app.ui.header_panel import HeaderPanel
from app.watch.journal import entry
from tests.making import NOW, FixedSource, listening, loop_stats
from tests.ui.driving import refresh, running
from tests.ui.test_workers_panel import text_of


def server_of(*hosts: str) -> list[Event]:
    """A server on these hosts; 11 connections were accepted at the first, 12 at the next."""
    where = tuple(Endpoint(host, 9000) for host in hosts)
    stats = msgspec.structs.replace(
        loop_stats(NOW, 1, 1, 1), accepts=tuple(range(11, 11 + len(hosts)))
    )
    return [msgspec.structs.replace(listening(), listeners=where), stats]


async def test_a_line_for_each_listener() -> None:
    async with running(FixedSource(server_of("127.0.0.1", "::1"))) as (app, pilot):
        await refresh(app, pilot)
        panel = app.query_one(HeaderPanel)
        assert panel.size.height == 5
        assert text_of(panel)[1:3] == [
            "listener 127.0.0.1:9000   accepted 11",
            "listener [::1]:9000       accepted 12",
        ]


async def test_one_listener_has_no_line_of_its_own() -> None:
    async with running(FixedSource(server_of("127.0.0.1"))) as (app, pilot):
        await refresh(app, pilot)
        assert app.query_one(HeaderPanel).size.height == 3


@pytest.mark.parametrize("size", [(100, 30), (80, 16)])
async def test_many_listeners_leave_room_for_the_connections(size: tuple[int, int]) -> None:
    hosts = [f"127.0.0.{number}" for number in range(1, 41)]
    async with running(FixedSource(server_of(*hosts)), size) as (app, pilot):
        await refresh(app, pilot)
        panel = app.query_one(HeaderPanel)
        room = size[1] // 8
        assert panel.size.height == 3 + room
        rest = range(11 + room - 1, 51)
        assert text_of(panel)[room] == f"and {len(rest)} more listeners: {sum(rest):,} accepted"


def test_the_log_names_every_listener() -> None:
    first, _ = server_of("127.0.0.1", "::1", "127.0.0.2")
    line = entry(first).line
    assert line == "listening on 127.0.0.1:9000, [::1]:9000, 127.0.0.2:9000"
