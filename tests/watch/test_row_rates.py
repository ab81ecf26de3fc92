"""Rates of a connection that was quiet for long."""

from __future__ import annotations

import pytest

from app.watch.row import RATE_MEMORY, Row, update_rows
from tests.making import NOW, opened, snapshot


def test_a_pause_counts_for_so_long_and_no_longer() -> None:
    """Who sends again after an hour is not shown as one frame an hour for the next hours."""
    row = Row(opened(1, age=60.0))
    update_rows({row.id: row}, [snapshot(1, frames=1, at=NOW, quiet=0)])
    update_rows({row.id: row}, [snapshot(1, frames=31, at=NOW + 10, quiet=0)])
    update_rows({row.id: row}, [snapshot(1, frames=61, at=NOW + 10 * RATE_MEMORY, quiet=0)])
    assert row.measured_rate is not None
    assert row.measured_rate.span == RATE_MEMORY
    assert row.measured_rate.per_second == pytest.approx(30 / RATE_MEMORY)
    assert row.rate(NOW + 10 * RATE_MEMORY) == pytest.approx(30 / RATE_MEMORY)


def test_after_a_step_of_the_clock_figures_that_were_under_way_are_still_taken() -> None:
    row = Row(opened(1, age=60.0))
    update_rows({row.id: row}, [snapshot(1, frames=1, at=NOW, quiet=0)])
    row.shift_times(3600.0)
    for frames in (2, 3):
        update_rows({row.id: row}, [snapshot(1, frames=frames, at=NOW + frames, quiet=0)])
        assert row.frames == frames
    update_rows({row.id: row}, [snapshot(1, frames=4, at=NOW + 1, quiet=0)])
    assert row.frames == 3
