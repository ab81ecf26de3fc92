"""Rates of the server and of its workers: right for heartbeats at any moment."""

from __future__ import annotations

import pytest

from app.watch.beats import rate_over_beats
from tests.making import NOW


def second_by_second(period: float, frames: int, seconds: int) -> list[tuple[float, float]]:
    """`frames` at each multiple of `period` seconds, counted second by second."""
    measured = []
    for second in range(1, seconds + 1):
        beats = int(second / period) - int((second - 1) / period)
        measured.append((NOW + second, float(beats * frames)))
    return measured


@pytest.mark.parametrize(
    ("period", "frames"), [(0.7, 1), (1.0, 3), (1.5, 1), (3.0, 1), (4.0, 8), (4.1, 40), (7.0, 2)]
)
def test_a_heartbeat_has_its_rate_at_any_moment(period: float, frames: int) -> None:
    measured = second_by_second(period, frames, 60)
    told = [rate_over_beats(measured[:end]) for end in range(int(3 * period) + 6, 61)]
    assert min(told) == pytest.approx(frames / period, rel=0.35)
    assert max(told) == pytest.approx(frames / period, rel=0.35)
    assert sum(told) / len(told) == pytest.approx(frames / period, rel=0.1)


def test_many_frames_are_those_of_the_last_second() -> None:
    assert rate_over_beats([*second_by_second(0.001, 1, 9), (NOW + 10, 50.0)]) == 50.0


def test_after_the_last_beat_the_rate_falls_to_0() -> None:
    measured = second_by_second(3.0, 1, 30)
    for quiet in range(1, 7):
        measured.append((NOW + 30 + quiet, 0.0))
        assert rate_over_beats(measured) == pytest.approx(1 / 3)
    measured.append((NOW + 37, 0.0))
    assert rate_over_beats(measured) == 0.0


@pytest.mark.parametrize("seconds", [3, 30])
def test_a_load_that_has_ended_is_not_told_for_long(seconds: int) -> None:
    load, rest = [100_000.0] * seconds, [0.0] * 20
    rates = [0.0, *load, *rest, *load, 0.0, 0.0, 0.0]
    measured = [(NOW + second, rate) for second, rate in enumerate(rates)]
    assert rate_over_beats(measured) == 0.0
    assert rate_over_beats(measured[:-1]) > 0.0
    assert rate_over_beats(measured[:-3]) == 100_000.0


def test_a_first_beat_counts_from_its_second_on() -> None:
    assert rate_over_beats([(NOW, 0.0)]) == 0.0
    assert rate_over_beats([(NOW, 0.0), (NOW + 1, 2.0)]) == 2.0
    assert rate_over_beats([(NOW, 0.0), (NOW + 1, 2.0), (NOW + 2, 0.0)]) == 1.0
    assert rate_over_beats([(NOW, 0.0), (NOW + 1, 2.0), (NOW + 4, 0.0)]) == 0.0


def test_a_measurement_over_several_seconds_counts_in_full() -> None:
    assert rate_over_beats([(NOW, 1.0), (NOW + 3, 1 / 3), (NOW + 6, 1 / 3)]) == pytest.approx(3 / 7)
