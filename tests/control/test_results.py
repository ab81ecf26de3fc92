"""What one client is told of its commands: its own numbers, in their place, never lost."""

from __future__ import annotations

from app.core.events import CommandResult, Reason
from tests.control.test_follower import Watched, events_of, pages_of
from tests.control.test_follower_bounds import overflow
from tests.making import closed, opened


def result(request: int, connection_id: int | None = None) -> CommandResult:
    return CommandResult(
        t=1.0, request=request, command="kill", ok=True, message="closed", id=connection_id
    )


def test_results_carry_the_clients_own_number_and_of_others_none() -> None:
    watched = Watched()
    watched.follower.requests = {1 << 32: 7}
    watched.give(result(1 << 32), result(7), result(8))
    assert events_of(watched.told()) == [result(7)]
    watched.settled()
    watched.give(result(7), result(1 << 32))
    assert events_of(watched.told()) == [result(0), result(7)]


def test_results_survive_what_makes_a_client_miss_everything_else() -> None:
    watched = Watched().settled()
    watched.follower.requests = {1 << 32: 7}
    watched.give(result(1 << 32, 1))
    given = overflow(watched)
    watched.give(result(1 << 32, 2))
    told = watched.told()
    assert pages_of(told)[0].missed == given
    assert events_of(told) == [result(7, 1), result(7, 2)]


def test_a_result_keeps_its_place_behind_what_it_is_about() -> None:
    watched = Watched().settled()
    watched.follower.requests = {1 << 32: 7}
    end = closed(1, Reason.KILLED)
    watched.give(opened(1), end, result(1 << 32), opened(2))
    assert events_of(watched.told()) == [opened(1), end, result(7), opened(2)]
