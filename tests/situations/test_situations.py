"""Every labelled situation (a run of its own, ``-m situation``); the seed chooses the numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.situations.catalogue import SITUATIONS
from tests.situations.playing import Outcome, play
from tests.situations.scene import can_be_root

JOBS = 12
"""Situations at the same time: each waits most of the time."""
SEED = int(os.environ.get("SITUATIONS_SEED", "1"))


@pytest.fixture(scope="session")
def outcomes() -> Iterator[dict[str, Future[Outcome]]]:
    """Each situation's outcome, as it comes; all are played beside one another."""
    with ThreadPoolExecutor(JOBS) as pool:
        played = [one for one in SITUATIONS if can_be_root() or not one.needs_root]
        yield {one.name: pool.submit(play, one, SEED) for one in played}


@pytest.mark.situation
@pytest.mark.parametrize("name", [one.name for one in SITUATIONS])
def test_situation(name: str, outcomes: dict[str, Future[Outcome]]) -> None:
    if name not in outcomes:
        pytest.skip("needs root, ip(8) and iptables(8)")
    outcome = outcomes[name].result()
    assert not outcome.trouble, outcome.trouble
    assert outcome.arose, f"ss says {outcome.truth}: {outcome.facts}"
    assert outcome.is_right, (
        f"told {outcome.told}, right is {outcome.situation.codes}: {outcome.facts}"
    )
