"""Every scenario of the lab: its mistake shows, is healed, and its right loop is right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.core.settings import MIB
from app.lab.lab_check import check_scenario
from app.lab.lab_pair import LabPair
from app.lab.lab_server import LabServer
from app.lab.scenario import Scenario
from app.lab.scenarios import SCENARIOS
from app.proving.server_check import check_server
from app.proving.server_target import Target

MOST_SECONDS = 25
EVERY = pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.name for each in SCENARIOS])


@pytest.fixture(scope="module")
def busy_core() -> Iterator[None]:
    """Keep one core busy, as another program of the machine would."""
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    spinning.kill()
    spinning.wait()


@EVERY
@pytest.mark.usefixtures("busy_core")
def test_a_mistake_is_reproduced_and_the_right_way_is_right(scenario: Scenario) -> None:
    for _ in range(3):
        result = check_scenario(scenario)
        assert result.ok, result
        assert result.seconds < MOST_SECONDS
        if result.skipped:
            pytest.skip(result.text)


@EVERY
def test_a_healed_loop_has_the_figure_of_a_right_one(scenario: Scenario) -> None:
    if obstacle := scenario.find_obstacle():
        pytest.skip(obstacle)
    with LabPair(scenario) as pair:
        pair.play(1)
        pair.heal()
        right, healed = pair.play(2)
    assert not scenario.is_shown(right, healed), (right, healed)


def test_the_teaching_loop_without_a_mistake_passes_every_case_of_check_server() -> None:
    with LabServer.wrong("", "127.0.0.1") as server:
        server.wait_until_serving()
        target = Target("127.0.0.1", server.port, 5.0, 5, MIB, server.pid)
        verdicts = list(check_server(target))
    assert [verdict for verdict in verdicts if not verdict.ok or verdict.skipped] == []
