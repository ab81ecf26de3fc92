"""Both loops of the lab, call by call: one side each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from ..core.iteration import Iteration
from ..core.stepping import Stepped
from ..core.words.language import compose
from ..watch.figures import short_micros
from . import palette
from .lines_panel import Line, clip, flow
from .loop_panel import served_pieces
from .step_lines import call_lines

_MOST_CALLS = 8
"""Calls that are listed above the iterations."""


class SideLoop(NamedTuple):
    """The loop of one server, as it was told last."""

    held: str = ""
    """The call before which it is held; empty if it runs."""
    doing: str = ""
    """A call that it is in, and since when; empty if none is known."""
    where: str = ""
    """The line of its source that makes the call before which it is held."""
    steps: tuple[Stepped, ...] = ()
    iterations: tuple[Iteration, ...] = ()
    """Both in order, the latest last."""


def loop_side(
    side: SideLoop, is_stepped: bool, size: tuple[int, int], say: Callable[[str], str]
) -> list[Line]:
    """Draw where a loop stands, its last calls if it `is_stepped`, and its last iterations.

    `size` is in columns and lines; `say` puts a text into the person's language.
    """
    width, height = size
    return list(islice(_lines(side, is_stepped, width, say), height))


def _lines(
    side: SideLoop, is_stepped: bool, width: int, say: Callable[[str], str]
) -> Iterator[Line]:
    if side.held:
        told = say(compose("held before {call}", call=side.held))
        yield [(clip(told, width), palette.ALARM)]
        yield [("▶ ", palette.ACCENT), (clip(side.where, width - 2), palette.ACCENT)]
    elif side.doing:
        yield [(clip(say(compose("in {call}", call=side.doing)), width), palette.WARNING)]
    else:
        yield [(say("it runs"), palette.GOOD)]
    if is_stepped:
        yield from call_lines(list(side.steps)[: -_MOST_CALLS - 1 : -1], width)
    for iteration in reversed(side.iterations):
        yield from _of_iteration(iteration, width, say)


def _of_iteration(iteration: Iteration, width: int, say: Callable[[str], str]) -> Iterator[Line]:
    ready = sum(bool(served.revents) for served in iteration.ready)
    times = (iteration.slept_us, iteration.poll_us, iteration.serving_us)
    slept, polled, serving = map(short_micros, times)
    told = say(
        compose(
            "{number}: slept {slept}, poll {polled}, {ready} ready, {serving}",
            number=f"{iteration.number:,}",
            slept=slept,
            polled=polled,
            ready=ready,
            serving=serving,
        )
    )
    yield [(clip(told, width), palette.HEADING)]
    for served in iteration.ready:
        pieces = [(f"  {text}", style) for text, style in served_pieces(served)]
        yield from flow(pieces, width, 6)
