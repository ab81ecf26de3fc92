"""The figures of several loops as those of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.events import LoopStats

COUNTED: Final = ("frames_in frames_out bytes_in bytes_out toggles eagains partial_writes").split()
"""What a connection counts, as a snapshot, a close and the loop's statistics all name it."""
_LARGEST: Final = frozenset({"t", "longest_us"})
_NAMES: Final = LoopStats.__struct_fields__
NOTHING: Final = LoopStats(**dict.fromkeys(_NAMES, 0))
"""The statistics of a loop that has not told any."""


def together(figures: Iterable[LoopStats]) -> LoopStats:
    """Counters are added; the time is the latest, the longest iteration the longest of all."""
    rows = list(figures) or [NOTHING]
    return LoopStats(
        **{
            name: (max if name in _LARGEST else sum)(getattr(row, name) for row in rows)
            for name in _NAMES
        }
    )
