"""What every test may use: a running server on a free port, and how hypothesis is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from app.core.settings import RULES
from app.server.poller import available_pollers
from tests.peers import Running

hypothesis_settings.register_profile("echo-tui", deadline=None, max_examples=150, database=None)
hypothesis_settings.load_profile("echo-tui")

LOOP_KINDS = [
    (poller, mode) for poller in available_pollers() for mode in RULES["write_mode"].choices
]


@pytest.fixture(scope="session", autouse=True)
def own_runtime_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Control sockets of the tests' servers stay among themselves."""
    directory = tmp_path_factory.mktemp("run")
    directory.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(directory))
        yield


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """`serve(cap=…, poller=…)` starts a server; it is stopped, and must be well, at the end."""
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
    """Settings for each poller that this platform has, in each write mode."""
    poller, write_mode = request.param
    return {"poller": poller, "write_mode": write_mode}
