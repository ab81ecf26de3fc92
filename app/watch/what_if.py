"""Describes the effect of another CAP: on the frames in flight, and on recent frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from ..core.events import ConnectionState
from .figures import words_size, words_span
from .screen_state import ScreenState

_NAMED: Final = 3
"""Connections that a line names at the most."""


def effect_of_cap(model: ScreenState, cap: int, now: float) -> list[str]:
    """Describe a CAP of `cap` bytes in lines; an indented line belongs to the one above."""
    return [*_in_flight(model, cap), *_recent(model, cap, now)]


def _in_flight(model: ScreenState, cap: int) -> list[str]:
    larger = {
        row.id: row.snapshot.body_length
        for row in model.live()
        if row.snapshot is not None
        and row.snapshot.state is ConnectionState.READ_BODY
        and row.snapshot.body_length > cap
    }
    if not larger:
        return ["in flight: no body being read is larger"]
    bodies, are = ("body being read", "is") if len(larger) == 1 else ("bodies being read", "are")
    return [
        f"in flight: {len(larger):,} {bodies} {are} larger and will still be echoed",
        _named(f"#{number} {words_size(size)}" for number, size in larger.items()),
    ]


def _recent(model: ScreenState, cap: int, now: float) -> list[str]:
    """Describe the effect on the sample of recent frames."""
    bodies = model.bodies
    if not bodies:
        return ["recent frames: none seen yet"]
    refused = Counter(number for _, number, length in bodies if length > cap)
    count = refused.total()
    share = f" ({max(count / len(bodies), 0.001):.1%})" if count else ""
    sizes = sorted(length for _, _, length in bodies)
    lines = [
        f"recent frames: {count:,} of {len(bodies):,}{share} would have been refused",
        f"  seen in {words_span(max(1, now - bodies[0][0]))}: "
        f"median {words_size(sizes[len(sizes) // 2])}, largest {words_size(sizes[-1])}",
    ]
    if refused:
        named = _named(f"{times:,} of #{number}" for number, times in refused.most_common())
        lines.insert(1, named)
    return lines


def _named(names: Iterable[str]) -> str:
    every = list(names)
    rest = len(every) - _NAMED
    return "  " + ", ".join(every[:_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
