"""Fixtures for all tests, such as a running server on a free port; settings of hypothesis."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from textual.app import App

from app.core.settings import RULES
from app.core.words.language import choose_language
from app.server.poller import available_pollers
from tests.peers import Running

hypothesis_settings.register_profile("echo-tui", deadline=None, max_examples=150, database=None)
hypothesis_settings.load_profile("echo-tui")

LOOP_KINDS = [
    (poller, mode) for poller in available_pollers() for mode in RULES["write_mode"].choices
]


@pytest.fixture(scope="session", autouse=True)
def own_runtime_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the control sockets of the tests' servers in a directory of their own.

    The choices that a person keeps for the dashboard change no test either, nor does the language.
    """
    directory = tmp_path_factory.mktemp("run")
    directory.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(directory))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        if choose_language(os.environ) != "en":
            patch.setenv("LC_ALL", "C.UTF-8")
        yield


@pytest.fixture(scope="session", autouse=True)
def notices_stay() -> Iterator[None]:
    """Keep the notices of a dashboard until they are looked at, however slow the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(App, "NOTIFICATION_TIMEOUT", 3600.0)
        yield


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Start servers with `serve(cap=…, poller=…)`; at the end stop them and check for failures."""
    started: list[Running] = []

    def start(**settings: Any) -> Running:
        running = Running(**settings)
        started.append(running)
        return running.start()

    yield start
    for running in started:
        running.end()


@pytest.fixture(params=LOOP_KINDS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return settings for each poller of this platform in each write mode."""
    poller, write_mode = request.param
    return {"poller": poller, "write_mode": write_mode}
