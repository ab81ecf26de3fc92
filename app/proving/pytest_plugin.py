"""A pytest plugin: servers for the tests of a client, and what they saw when a test fails.

Loaded by the entry point ``pytest11``, or with ``-p echo_tui.proving.pytest_plugin``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeAlias

import pytest

from .proving_server import ProvingServer

EchoServer: TypeAlias = Callable[..., ProvingServer]
"""Starts a server: ``echo_server(cap=65536, fault="slice=1")``."""
_SERVERS: pytest.StashKey[list[ProvingServer]] = pytest.StashKey()
_STARTED: pytest.StashKey[list[ProvingServer]] = pytest.StashKey()


def _starting(started: list[ProvingServer]) -> EchoServer:
    def start(**settings: Any) -> ProvingServer:
        server = ProvingServer(**settings)
        started.append(server)
        return server.start()

    return start


def _stop_all(started: list[ProvingServer]) -> None:
    for server in started:
        server.stop()


@pytest.fixture
def echo_server(request: pytest.FixtureRequest) -> Iterator[EchoServer]:
    """Start echo servers on free ports; each call starts one, which ends with the test."""
    started: list[ProvingServer] = []
    request.node.stash[_SERVERS] = started
    yield _starting(started)
    _stop_all(started)


@pytest.fixture(scope="session")
def session_echo_server(request: pytest.FixtureRequest) -> Iterator[EchoServer]:
    """As `echo_server`; these end with the session."""
    started: list[ProvingServer] = []
    request.config.stash[_STARTED] = started
    yield _starting(started)
    _stop_all(started)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the servers saw to the report of a test that has failed."""
    report = yield
    if report.failed:
        servers = [*item.stash.get(_SERVERS, [])]
        if "session_echo_server" in getattr(item, "fixturenames", ()):
            servers += [*item.config.stash.get(_STARTED, [])]
        for server in servers:
            report.sections.append((f"echo-tui at {server.host}:{server.port}", server.describe()))
    return report
