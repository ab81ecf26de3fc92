"""The words of the scenarios: complete, and true to the loops that they speak of."""

from __future__ import annotations

import re
import string

import pytest

from app.lab.composing import wrong_source
from app.lab.lab_text import write_figure
from app.lab.mistakes import MISTAKES
from app.lab.scenarios import SCENARIOS, TEXTS
from tests.program import ROOT

NAMES = {
    "pollout-always", "head-of-line", "partial-ignored", "edge-no-drain", "hup-ignored",
    "eof-ignored", "no-cap", "drain-without-budget", "o-of-n", "eagain", "pollout-third",
    "accept-emfile", "ready-but-eagain", "nodelay", "sndbuf", "thread-each", "slow-callback",
    "shared-buffer", "zero-length", "close-unread", "dual-stack",
}  # fmt: skip
PAGE = (ROOT / "docs" / "lab.md").read_text("utf-8")
PART = re.compile(r"\| [2-9](?:\.\d)? \|")
SECTIONS = {*map(str, range(1, 17)), *"1.1 1.2 2.1 2.2 3.1 3.2 4.1 4.2 4.3 5.1 5.2 6.1".split()} | {
    *"7.1 7.2 8.1 9.1 10.1 10.2 10.3 10.4 10.5 10.6 14.1 14.2 14.3".split()
}


def test_every_scenario_has_a_mistake_and_words() -> None:
    assert sorted(scenario.name for scenario in SCENARIOS) == sorted(NAMES)
    assert set(TEXTS) == set(MISTAKES) == NAMES
    assert all(scenario.text is TEXTS[scenario.name] for scenario in SCENARIOS)


@pytest.mark.parametrize("name", TEXTS)
def test_the_words_are_complete(name: str) -> None:
    text = TEXTS[name]
    assert len(name) < 22
    assert len(text.title) <= 76
    assert len(set(text.answers)) == 3
    assert text.question.endswith("?")
    assert all(words.endswith(".") for words in (*text.answers, text.why, text.line, text.result))
    assert 0 <= text.right_answer <= 2
    assert 60 <= len(text.why.split()) <= 110
    assert max(len(sentence.split()) for sentence in re.split(r"[.?:;] ", text.why)) <= 35
    fields = {field for _, field, _, _ in string.Formatter().parse(text.result) if field}
    assert {"right", "wrong"} <= fields <= {"right", "wrong", "extra"}
    assert text.label
    assert text.unit


def test_each_of_the_three_places_has_the_true_answer_several_times() -> None:
    places = [text.right_answer for text in TEXTS.values()]
    assert min(places.count(place) for place in range(3)) >= 4


@pytest.mark.parametrize("name", TEXTS)
def test_the_line_the_section_and_the_manual_page_exist(name: str) -> None:
    text = TEXTS[name]
    function = text.line.partition("()")[0]
    assert f"def {function}(" in wrong_source(name)
    numbers = re.findall(r"\d+(?:\.\d+)?", re.sub(r"pitfall \d of", "", text.section))
    assert numbers
    assert set(numbers) <= SECTIONS
    assert re.match(r"[a-z_0-9]+\([23578]\)", text.man)


@pytest.mark.parametrize("name", TEXTS)
def test_the_page_lists_it(name: str) -> None:
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    assert TEXTS[name].title in line
    assert f"({TEXTS[name].unit})" in line


def test_the_page_says_where_each_of_the_45_parts_is_shown() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| 1")]
    rows += [line.strip("| ").split(" | ") for line in PAGE.splitlines() if PART.match(line)]
    parts = {row[0]: row[-1] for row in rows}
    pitfalls = {f"12, {number}" for number in range(1, 6)}
    assert set(parts) == (SECTIONS - {"15"}) | pitfalls
    assert len(parts) == 45
    kinds = [list(parts.values()).count(kind) for kind in ("explained", "seen", "not yet")]
    assert sum(kinds) == 45
    told = re.search(r"(\d+) are explained, (\d+) (?:is|are) seen, (\d+) cannot be seen", PAGE)
    assert told is not None
    assert list(map(int, told.groups())) == kinds


def test_the_page_names_only_scenarios_that_exist() -> None:
    named = re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE)
    assert set(named) <= NAMES
    assert set(re.findall(r"echo-tui lab ([a-z]+(?:-[a-z]+)*)", PAGE)) <= NAMES


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (0.236, "0.24"), (7.94, "7.9"), (9.97, "10"), (43.98, "44"), (72280.4, "72,280")],
)
def test_figures_are_written_shortly(value: float, written: str) -> None:
    assert write_figure(value) == written
