"""2,000 seeds of the simulation. For more, ``python -m tests.simulation --seeds N --from K``."""

from __future__ import annotations

import pytest

from .world import World, simulate

CHUNK = 100
SEEDS = 2000


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_invariants_hold(first: int) -> None:
    failed = [line for line in map(simulate, range(first, first + CHUNK)) if line]
    if failed:
        pytest.fail("\n".join(line[:300] for line in failed[:3]), pytrace=False)


def test_a_seed_gives_the_same_history_again() -> None:
    histories: list[list[str]] = [[], []]
    for history in histories:
        World(7, history.append).run()
    assert histories[0] == histories[1]
    assert len(histories[0]) > 50
