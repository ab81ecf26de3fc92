"""The checks of a plan, and its division into shares."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.settings import SettingError
from app.load.load_plan import PROFILES, parse_profile, sum_profiles
from app.load.profiles import BEHAVIOURS
from app.load.sizes import parse_sizes
from tests.load.lying import plan


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"port": 0}, "PORT 0"),
        ({"port": 65_536}, "PORT 65536"),
        ({"connections": -1}, "--connections -1"),
        ({"depth": 0}, "--depth 0"),
        ({"rate": -1.0}, "--rate -1"),
        ({"rate": float("nan")}, "--rate nan"),
        ({"duration": -1.0}, "--duration -1"),
        ({"duration": float("inf")}, "--duration inf"),
        ({"frames": -5}, "--frames -5"),
        ({"frames": 0}, "--duration or --frames"),
        ({"processes": 65}, "--processes 65"),
        ({"connect_rate": 0.0}, "--connect-rate 0"),
        ({"timeout": 0.0}, "--timeout 0"),
        ({"seed": -1}, "--seed -1"),
        ({"connections": 0}, "--connections 0"),
        ({"profiles": (("reset", 1),)}, "--profile needs --duration"),
    ],
)
def test_what_cannot_be_asked(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(SettingError) as caught:
        plan(**{"frames": 10, **changes})
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    connections=st.integers(1, 300),
    processes=st.integers(1, 64),
    frames=st.integers(1, 10_000),
    rate=st.floats(0, 1e6),
)
def test_the_shares_are_the_whole(
    connections: int, processes: int, frames: int, rate: float
) -> None:
    asked = plan(connections=connections, processes=processes, frames=frames, rate=rate)
    shares = list(asked.shares(socket.AF_INET, ("127.0.0.1", 1)))
    assert len(shares) <= min(processes, connections)
    assert sum(share.frames for share in shares) == frames
    assert all(share.frames and share.connections for share in shares)
    numbers = [share.first + n for share in shares for n in range(share.connections)]
    assert len(set(numbers)) == len(numbers) <= connections
    if len(shares) == min(processes, connections):
        assert numbers == list(range(connections))
        assert sum(share.rate for share in shares) == pytest.approx(rate)


def test_who_misbehaves_has_a_process_of_its_own() -> None:
    asked = plan(connections=2, processes=2, duration=1.0, profiles=(("reset", 2), ("dribbler", 1)))
    measured, more, misbehaving = asked.shares(socket.AF_INET, ("127.0.0.1", 1))
    assert (measured.connections, more.connections, misbehaving.connections) == (1, 1, 0)
    assert (measured.profiles, misbehaving.profiles) == ((), (("reset", 2), ("dribbler", 1)))


def test_profiles() -> None:
    assert parse_profile("slow-reader") == ("slow-reader", 1)
    assert parse_profile("half-close:20") == ("half-close", 20)
    assert set(PROFILES) == set(BEHAVIOURS)


def test_a_profile_that_is_asked_for_twice_is_summed() -> None:
    asked = sum_profiles(["oversize", "reset:3", "oversize:2"])
    assert asked == (("oversize", 3), ("reset", 3))
    with pytest.raises(SettingError, match="the count of a profile 1001 is out of range"):
        sum_profiles(["reset:1000", "reset"])


@pytest.mark.parametrize("text", ["", "slow", "reset:", "reset:0", "reset:x", "reset:1001", ":3"])
def test_profiles_that_do_not_exist(text: str) -> None:
    with pytest.raises(SettingError, match="--profile"):
        parse_profile(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("64:0", "--size: the weight 0 is out of range: it must be 1 to 1,000,000"),
        ("64,2GiB", "--size 2GiB is out of range: it must be 0 to 1,073,741,824 bytes (1 GiB)"),
        ("many", "--size 'many' is not a size: write bytes, or KiB, MiB, GiB, as in 64KiB"),
        ("2KiB-1KiB", "--size '2KiB-1KiB': write the smaller size first"),
    ],
)
def test_a_wrong_size_is_refused_as_every_value(text: str, says: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_sizes(text)
    assert str(caught.value) == says
