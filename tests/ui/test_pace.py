"""The pause between two refreshes of the screen."""

import pytest

from app.ui.pace import next_delay


@pytest.mark.parametrize(
    ("work", "loop_share", "delay"),
    [
        (0.0, 0.0, 0.1),
        (0.010, 0.1, 0.1),
        (0.050, 0.1, 0.4),
        (9.0, 0.1, 1.0),
        (0.010, 0.3, 0.1),
        (0.010, 0.55, 0.3),
        (0.010, 0.9, 0.5),
        (0.100, 0.9, 0.8),
    ],
)
def test_delay(work: float, loop_share: float, delay: float) -> None:
    assert next_delay(work, loop_share) == pytest.approx(delay)
