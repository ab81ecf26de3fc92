"""When a terminal is sent more: answers that come late, never, twice; a clock that is injected."""

from __future__ import annotations

import random
from typing import Any

import pyte
import pytest
from rich.color import ColorSystem

from app.ui.cell_grid import CellGrid
from app.ui.status_reports import HOLD, REQUEST, StatusReports
from app.ui.terminal_link import ASK_AGAIN, FIRST_ANSWER, LONGEST_PATIENCE, TerminalLink
from tests.ui.test_cell_grid import cells, row, whole


def answering(at: float = 0.0) -> TerminalLink:
    """A link to a terminal that has answered once."""
    link = TerminalLink()
    link.asked(at)
    link.answered(at)
    return link


def test_nothing_is_sent_until_the_answer_comes() -> None:
    link = answering()
    assert link.wait(1.0) == 0.0
    link.asked(1.0)
    assert link.wait(1.1) > 1.0
    link.answered(1.3)
    assert link.wait(1.3) == 0.0


def test_a_terminal_that_never_answers_is_waited_for_once_and_asked_again_rarely() -> None:
    link = TerminalLink()
    link.asked(0.0)
    assert link.wait(0.0) == FIRST_ANSWER
    assert link.wait(FIRST_ANSWER) == 0.0
    assert not link.wants_request(ASK_AGAIN - 0.1)
    assert link.wants_request(ASK_AGAIN)
    link.asked(ASK_AGAIN)
    assert link.wait(ASK_AGAIN) == 0.0
    assert not link.answers


def test_an_answer_that_comes_late_is_heeded_from_then_on() -> None:
    link = TerminalLink()
    link.asked(0.0)
    link.answered(3.0)
    link.asked(3.0)
    assert link.wait(3.5) > 1.0


def test_each_answer_that_is_missed_is_waited_for_longer_than_the_one_before() -> None:
    link = answering()
    now, waits = 1.0, []
    link.asked(now)
    for _ in range(6):
        waits.append(link.wait(now))
        now += waits[-1]
        assert link.wants_request(now)
        link.asked(now)
    assert waits == sorted(waits)
    assert waits[0] == ASK_AGAIN
    assert waits[-1] == LONGEST_PATIENCE


def test_the_second_answer_to_a_repeated_request_is_not_that_to_the_next() -> None:
    link = answering()
    link.asked(1.0)
    link.asked(10.0)
    link.answered(20.0)
    link.asked(20.0)
    link.answered(20.1)  # the second one of before
    assert link.wait(20.1) > 1.0
    link.answered(20.2)
    assert link.wait(20.2) == 0.0


def test_an_answer_nobody_asked_for_does_no_harm() -> None:
    link = answering()
    link.answered(1.0)
    assert link.wait(1.0) == 0.0
    link.asked(2.0)
    assert link.wait(2.0) > 1.0


@pytest.mark.parametrize(
    ("reads", "left", "count"),
    [
        (["\x1b[0n"], "", 1),
        (["a\x1b[0nb"], "ab", 1),
        (["\x1b[3n"], "", 1),
        (["\x1b[0n\x1b[0n"], "", 2),
        (["\x1b", "[0n"], "", 1),
        (["x\x1b[", "0", "ny"], "xy", 1),
        (["\x1b[0", "n\x1b[", "0n"], "", 2),
        (["\x1b\x1b[0n"], "\x1b", 1),
        (["\x1b[A"], "\x1b[A", 0),
        (["\x1b[", "A"], "\x1b[A", 0),
        (["\x1b[0;1H\x1b[10n"], "\x1b[0;1H\x1b[10n", 0),
    ],
)
def test_answers_are_found_however_reads_cut_them(reads: list[str], left: str, count: int) -> None:
    reports = StatusReports()
    found = [reports.feed(text, 0.0, True) for text in reads]
    assert "".join(text for text, _ in found) == left
    assert sum(number for _, number in found) == count


def test_the_key_escape_is_kept_only_while_an_answer_may_come_and_not_for_long() -> None:
    reports = StatusReports()
    assert reports.feed("\x1b", 0.0, False) == ("\x1b", 0)
    assert reports.feed("\x1b", 1.0, True) == ("", 0)
    assert reports.release(1.0) == ""
    assert reports.release(1.0 + HOLD) == "\x1b"
    assert reports.release(9.0) == ""


@pytest.mark.parametrize(
    ("reads", "left", "width"),
    [
        (["\x1b[1;2R\x1b[0n"], "", 1),
        (["\x1b[1;3R"], "", 2),
        (["a\x1b", "[", "1", ";", "3", "Rb"], "ab", 2),
        (["\x1b[A\x1b[1;3R\x1b[1;2R"], "\x1b[A\x1b[1;2R", 2),  # the second one is a key
        (["\x1b[0n", "\x1b[1;2R"], "", 1),
        (["\x1b[1;5A"], "\x1b[1;5A", 0),
    ],
)
def test_the_width_of_a_glyph_is_found_and_never_a_key(
    reads: list[str], left: str, width: int
) -> None:
    reports = StatusReports()
    reports.awaits_width_until = 10.0
    assert "".join(reports.feed(text, 9.9, True)[0] for text in reads) == left
    assert reports.width == width


def test_a_key_that_looks_like_the_width_is_a_key_unless_it_was_asked_for() -> None:
    reports = StatusReports()
    assert reports.feed("\x1b[1;2R", 0.0, True) == ("\x1b[1;2R", 0)
    reports.awaits_width_until = 10.0
    assert reports.feed("\x1b[1;2R", 10.1, True) == ("\x1b[1;2R", 0)


class SlowTerminal:
    """A terminal at the other end of a link of so many bytes a second, and its own clock."""

    def __init__(self, width: int, height: int, rate: float, delay: float) -> None:
        self.screen: Any = pyte.Screen(width, height)
        self.screen.reset_mode(pyte.modes.DECAWM)
        self._stream = pyte.Stream(self.screen)
        self._rate, self._delay = rate, delay
        self._arriving: list[tuple[float, str]] = []
        self._answers: list[float] = []
        self._free_at = 0.0
        self.stalled_until = 0.0

    def send(self, text: str, now: float) -> None:
        self._free_at = max(self._free_at, now, self.stalled_until) + len(text) / self._rate
        self._arriving.append((self._free_at + self._delay, text))

    def advance(self, now: float) -> int:
        """Show what has arrived; return the number of answers that have come back."""
        while self._arriving and self._arriving[0][0] <= now:
            at, text = self._arriving.pop(0)
            self._stream.feed(text)
            self._answers += [at + self._delay] * text.count(REQUEST)
        come = sum(at <= now for at in self._answers)
        self._answers = [at for at in self._answers if at > now]
        return come

    @property
    def under_way(self) -> int:
        return len(self._arriving)


@pytest.mark.parametrize("seed", range(20))
def test_each_picture_on_a_slow_terminal_is_one_that_was_drawn(seed: int) -> None:
    chance = random.Random(seed)
    width, height = 20, 5
    terminal = SlowTerminal(width, height, rate=chance.choice([300, 2000, 50_000]), delay=0.05)
    grid, link, drawn, now = CellGrid(), answering(), list[Any](), 0.0
    drawn.append(cells(terminal.screen))
    rows = [row(chance, width) for _ in range(height)]
    for tick in range(600):
        now += 0.02
        if tick % 5 == 0 and tick < 300:
            rows[chance.randrange(height)] = row(chance, width)
            grid.draw(whole(rows, width), ColorSystem.TRUECOLOR)
            reference = CellGrid()
            reference.draw(whole(rows, width), ColorSystem.TRUECOLOR)
            direct = SlowTerminal(width, height, 1e9, 0.0)
            direct.send(reference.difference((0, 0)), 0.0)
            direct.advance(1.0)
            drawn.append(cells(direct.screen))
        if chance.random() < 0.01:
            terminal.stalled_until = now + chance.random() * 2
        for _ in range(terminal.advance(now)):
            link.answered(now)
        assert cells(terminal.screen) in drawn
        if grid.has_changed and not link.wait(now):
            text = grid.difference((0, 0))
            if text:
                terminal.send(text + REQUEST, now)
                link.asked(now)
        assert terminal.under_way <= 1
    assert cells(terminal.screen) == drawn[-1]
