"""Chooses the pause between two refreshes of the screen, and how often figures are drawn.

The loop thread shares the GIL with the screen, so each refresh costs the server throughput. The
slower a refresh or the busier the loop, the longer the pause.

What comes and goes is drawn at each refresh; figures that change all the time are drawn as often as
they can be read, and more rarely over a link that needs longer for them.
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
FIGURES: Final = 0.5
"""Seconds between two drawings of figures; more often they cannot be read."""
REST_PER_PIECE: Final = 2
"""Seconds between two drawings per second that the link needs for one: a key finds it free."""
REST_IF_QUICK: Final = 8
"""The same as long as that is `SLOW` at the most."""
LONGEST_OVER_LINK: Final = 5.0
SLOW: Final = 1.0
"""Seconds between two drawings above which the screen says that the link is slow."""


def next_delay(work: float, loop_share: float) -> float:
    """Return the seconds until the next refresh.

    `work` is the CPU time of the screen since the refresh before, in seconds; `loop_share` is
    the share of a core that the loop thread uses.
    """
    shortest = pause_beside(loop_share, SHORTEST, SHORTEST_WHEN_BUSY)
    return min(LONGEST, max(shortest, REST_PER_WORK * work))


class DrawingPace:
    """Decides whether a refresh draws. All times are in seconds of one clock."""

    def __init__(self, chosen: float) -> None:
        """`chosen` is the time between two drawings that a person chose, or 0."""
        self._chosen = chosen
        self._drawn_at = float("-inf")
        self._membership = -1
        self._pace = 0.0
        self._cpu = 0.0

    def next_delay(self, cpu: float, loop_share: float) -> float:
        """Return the seconds until the next refresh; `cpu` is what the thread has used so far."""
        work, self._cpu = cpu - self._cpu, cpu
        return next_delay(work, loop_share)

    def is_due(self, now: float, membership: int, piece_time: float) -> bool:
        """Whether to draw: figures, or at once what came and went since the last drawing.

        `membership` is the number of that; `piece_time` is what the terminal needs for a drawing.
        """
        by_link = min(LONGEST_OVER_LINK, REST_PER_PIECE * piece_time)
        by_link_if_quick = min(SLOW, REST_IF_QUICK * piece_time)
        self._pace = self._chosen or max(FIGURES, by_link, by_link_if_quick)
        since = now - self._drawn_at + SHORTEST / 2
        has_news = membership != self._membership and not self._chosen
        return since >= (by_link if has_news else self._pace)

    def note_drawing(self, now: float, membership: int) -> None:
        """Note that all was drawn."""
        self._drawn_at, self._membership = now, membership

    @property
    def word(self) -> str:
        """What the screen says of its link; empty unless that is why drawings are rare."""
        is_slow = not self._chosen and self._pace > SLOW
        return f"slow link: every {self._pace:.0f} s" if is_slow else ""
