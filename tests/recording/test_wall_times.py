"""A recording's time and the wall clock's, where the clock was set back."""

from __future__ import annotations

import pytest

from app.recording.wall_times import WallTimes

TIMES = WallTimes(0.0, 100.0, [(50.0, 10.0), (80.0, 25.0)])
"""Set back by 10 s at 50, and by 15 s more at 80: the clock shows 0 to 50, 40 to 70, 55 to 75."""


@pytest.mark.parametrize(
    ("wall", "moment"),
    [
        (0.0, 0.0),
        (45.0, 45.0),  # and again at 55
        (50.0, 50.0),
        (51.0, 61.0),
        (70.0, 80.0),
        (75.0, 100.0),
        (76.0, 76.0),  # never shown
        (-1.0, -1.0),
    ],
)
def test_a_time_of_the_wall_clock_is_the_first_moment_at_which_it_was_shown(
    wall: float, moment: float
) -> None:
    assert TIMES.moment_of(wall) == moment


@pytest.mark.parametrize(
    ("t", "wall"),
    [(0.0, 0.0), (50.0, 50.0), (50.5, 40.5), (80.0, 70.0), (81.0, 56.0), (100.0, 75.0)],
)
def test_what_the_wall_clock_showed(t: float, wall: float) -> None:
    assert TIMES.wall_at(t) == wall
