"""`ctl loop`: the last iterations of the loop, with the calls that it made."""

from __future__ import annotations

import time
from typing import Annotated, Final

import click
import msgspec

from ...core.iteration import MOST_KEPT, Iteration
from ...core.settings import Rule, bounds
from ...watch.loop_words import (
    NO_PROGRESS,
    calls_words,
    interest_words,
    is_idle_wakeup,
    iteration_words,
    served_words,
    states_words,
)
from ..options import client_options, option
from .linking import json_option, linked
from .printing import print_objects

_LOOKED: Final = 2.0
"""Seconds for which the loop is observed with each question."""
_WITHIN: Final = 1.0
"""Seconds for which iterations are waited for, where nobody has looked before."""
_STEP: Final = 0.05
_LAST: Final = Rule(
    "last", Annotated[int, bounds(1, MOST_KEPT, "Iterations, the latest ones.")], 10
)


@click.command("loop")
@client_options
@json_option
@option(_LAST)
def loop_command(control: str | None, as_json: bool, last: int) -> int:
    """The last iterations of the loop: what the poll took, who was served, with which calls.

    The loop keeps them only while somebody looks: where nobody has, they are waited for, a second
    at most.
    """
    with linked(control, "loop") as link:
        until = time.monotonic() + _WITHIN
        told = link.read_iterations(last, _LOOKED)
        while len(told) < last and time.monotonic() < until:
            time.sleep(_STEP)
            told = link.read_iterations(last, _LOOKED)
    told = sorted(told, key=lambda iteration: iteration.t)[-last:]
    if as_json:
        print_objects(msgspec.to_builtins(iteration) for iteration in told)
    else:
        for iteration in told:
            _print(iteration)
    return 0


def _print(iteration: Iteration) -> None:
    print(iteration_words(iteration))
    for served in iteration.ready:
        woken = interest_words(served.revents) if served.revents else "not by the poller"
        parts = [
            f"  {served_words(served)}: {woken}, interest {interest_words(served.interest)}",
            calls_words(served.calls) or "no call",
            f"{served.us:,} µs",
        ]
        if len(served.states) > 1:
            parts.append(states_words(served.states))
        if is_idle_wakeup(served):
            parts.append(NO_PROGRESS)
        print("; ".join(parts))
    if iteration.left_out:
        print(f"  and {iteration.left_out:,} more")
