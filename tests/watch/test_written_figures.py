"""Whatever figure the table writes, the filter reads it as a figure that is written so."""

from __future__ import annotations

import random
from random import Random

import pytest

from app.watch.columns import Unit
from app.watch.figures import short_span
from app.watch.peer_order import sort_key_of
from app.watch.written_figures import FORMS, RATE, Form, read_bytes, read_count, read_span

FIGURES = [
    *range(1100),
    *(round(1.03**power) for power in range(300, 1000)),
    *(1024**power + offset for power in range(1, 5) for offset in (-1, 0, 1)),
    *(1000**power + offset for power in range(1, 5) for offset in (-1, 0, 1)),
]


@pytest.mark.parametrize("unit", [Unit.COUNT, Unit.BYTES, Unit.SECONDS])
def test_what_is_written_is_read(unit: Unit) -> None:
    read, write = FORMS[unit]
    for figure in FIGURES:
        text = write(figure)
        assert write(read(text)) == text, figure


def test_rates_too() -> None:
    chance = Random(3)
    for figure in [10 ** chance.uniform(-2, 7) for _ in range(2000)]:
        text = RATE.write(figure)
        assert RATE.write(RATE.read(text)) == text, figure


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10", 10), ("500ms", 0.5), ("1m30s", 90), ("2m03", 123), ("1h05", 3900), ("3d04", 273_600),
     ("1.5h", 5400), ("1h2m3s4ms", 3723.004), ("2M", 120)],
)  # fmt: skip
def test_spans(text: str, seconds: float) -> None:
    assert read_span(text) == pytest.approx(seconds)
    assert read_span(short_span(seconds)) == pytest.approx(seconds, abs=3600)


def test_counts_are_in_thousands_and_bytes_in_1024s() -> None:
    assert read_count("1.5M") == 1_500_000
    assert read_bytes("1.5M") == read_bytes("1.5MiB") == 1.5 * 1024**2
    assert read_bytes("1,048,576") == read_bytes("1M")


def test_peers_are_in_the_order_of_addresses_and_ports() -> None:
    peers = [
        "9.0.0.1:80", "127.0.0.1:5", "127.0.0.1:40", "127.0.0.1:53122", "127.0.0.2:7",
        "[::1]:9", "[::1]:10", "[fe80::1%2]:3", "[fe80::1%3]:2", "a name:1", "b name:1",
    ]  # fmt: skip
    mixed = peers.copy()
    random.Random(5).shuffle(mixed)
    assert sorted(mixed, key=sort_key_of) == peers


def test_a_form_of_each_unit_of_figures() -> None:
    assert FORMS.keys() == set(Unit) - {Unit.TEXT}
    assert all(isinstance(form, Form) for form in FORMS.values())
