"""Chooses the pause between two refreshes of the screen.

The loop thread shares the GIL with the screen, so each refresh costs the server throughput. The
slower a refresh or the busier the loop, the longer the pause.
"""

from __future__ import annotations

from typing import Final

from ..watch.pacing import pause_beside

SHORTEST: Final = 0.1
"""Least time between two refreshes, in seconds."""
SHORTEST_WHEN_BUSY: Final = 0.5
"""Least time beside a busy loop, in seconds. With two refreshes a second the loop keeps at least
0.85 of its throughput, with four 0.76 (`python -m benchmarks`, 64 connections x 64 B)."""
LONGEST: Final = 1.0
REST_PER_WORK: Final = 8
"""Seconds of pause per second of CPU time of the screen, which gives it about 12% of a core."""


def next_delay(work: float, loop_share: float) -> float:
    """Return the seconds until the next refresh.

    `work` is the CPU time of the screen since the last refresh began, in seconds; `loop_share` is
    the share of a core that the loop thread uses.
    """
    shortest = pause_beside(loop_share, SHORTEST, SHORTEST_WHEN_BUSY)
    return min(LONGEST, max(shortest, REST_PER_WORK * work))
