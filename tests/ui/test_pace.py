"""The pause between two refreshes of the screen."""

import pytest

from app.ui.pace import FIGURES, LONGEST_OVER_LINK, DrawingPace, next_delay


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


def times_drawn(pace: DrawingPace, seconds: float, piece_time: float, churn: bool) -> list[float]:
    """The moments of drawings with ten refreshes a second; `churn` is a change at each."""
    drawn = []
    for tick in range(int(seconds * 10)):
        now, membership = tick / 10, tick if churn else 0
        if pace.is_due(now, membership, piece_time):
            pace.note_drawing(now, membership)
            drawn.append(now)
    return drawn


def test_figures_are_drawn_as_often_as_they_can_be_read() -> None:
    assert times_drawn(DrawingPace(0.0), 1.2, 0.01, churn=False) == [0.0, FIGURES, 2 * FIGURES]


def test_what_comes_and_goes_is_drawn_at_once() -> None:
    assert len(times_drawn(DrawingPace(0.0), 1.0, 0.01, churn=True)) == 10


def test_a_link_with_a_long_way_is_mostly_free_for_a_key() -> None:
    pace = DrawingPace(0.0)
    assert times_drawn(pace, 3.0, 0.12, churn=False) == [0.0, 1.0, 2.0]
    assert times_drawn(DrawingPace(0.0), 1.0, 0.12, churn=True) == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert pace.word == ""


@pytest.mark.parametrize("churn", [True, False])
def test_a_slow_link_gets_fewer_drawings_and_the_screen_says_so(churn: bool) -> None:
    pace = DrawingPace(0.0)
    assert times_drawn(pace, 5.0, 1.0, churn) == [0.0, 2.0, 4.0]
    assert pace.word == "slow link: every 2 s"
    assert len(times_drawn(DrawingPace(0.0), 2.1 * LONGEST_OVER_LINK, 60.0, churn)) == 3


@pytest.mark.parametrize("piece_time", [0.01, 9.0])
def test_a_pace_that_a_person_chose_is_kept(piece_time: float) -> None:
    pace = DrawingPace(3.0)
    assert times_drawn(pace, 7.0, piece_time, churn=True) == [0.0, 3.0, 6.0]
    assert pace.word == ""
