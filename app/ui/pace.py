"""How often the screen is refreshed.

The loop thread shares the GIL with the screen, so every refresh is paid for by the server: the
slower a refresh or the busier the loop, the longer the pause (design, section 6).
"""

from __future__ import annotations

from typing import Final

from ..watch.pacing import pause_beside

SHORTEST: Final = 0.1
"""Seconds between two refreshes at the least."""
SHORTEST_WHEN_BUSY: Final = 0.5
"""The same beside a loop that has no time to spare: twice a second it keeps 0.85 of its throughput
and more, four times 0.76 (`python -m benchmarks`, 64 connections x 64 B)."""
LONGEST: Final = 1.0
REST_PER_WORK: Final = 8
"""Seconds of pause for each second of CPU that the screen took: a share of about 12%."""


def next_delay(work: float, loop_share: float) -> float:
    """Seconds until the next refresh.

    `work` is the CPU time, in seconds, that the screen took since the last refresh began;
    `loop_share` the share of a core that the loop thread takes.
    """
    shortest = pause_beside(loop_share, SHORTEST, SHORTEST_WHEN_BUSY)
    return min(LONGEST, max(shortest, REST_PER_WORK * work))
