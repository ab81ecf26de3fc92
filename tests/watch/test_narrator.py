"""A server told in lines: what is worth one, at which pace, and what is summed up."""

from __future__ import annotations

from itertools import pairwise

from app.core.events import (
    ConnectionState,
    Event,
    Notice,
    Opened,
    Reason,
    SettingChanged,
    Snapshot,
    Stopping,
)
from app.watch.narrator import FINE_FOR, PACE, Narrator
from app.watch.state import State
from app.watch.stream import Drained
from app.watch.why import STUCK, WhyCode
from tests.making import NOW, closed, opened, snapshot

WRITE_BODY = ConnectionState.WRITE_BODY


class Told:
    """A narrator with a clock of its own, and what it has told."""

    def __init__(self, *events: Event) -> None:
        self.time = self.shift = 0.0
        self.state = State()
        self.narrator = Narrator(lambda: self.time)
        self.lines: list[str] = []
        self.feed(*events)

    @property
    def now(self) -> float:
        return NOW + self.time + self.shift

    def feed(self, *events: Event) -> None:
        self.state.apply(Drained(list(events), [], None, 0), self.now)
        self.narrator.note(events)

    def after(self, seconds: float) -> list[str]:
        """Let time pass, judging five times a second; return what is told meanwhile."""
        self.lines = []
        for _ in range(round(seconds * 5)):
            self.time += 0.2
            self.narrator.judge(self.state, self.now)
            if (line := self.narrator.next_line()) is not None:
                self.lines.append(line)
        return self.lines


def stopped(number: int, at: float = NOW, unacked: int = 393_216) -> Snapshot:
    return snapshot(number, WRITE_BODY, out=(0, 1 << 20), unacked=unacked, acked_ago=5.0, at=at)


def several(count: int) -> list[Opened]:
    return [opened(number) for number in range(1, count + 1)]


def test_a_verdict_is_told_once_and_its_end_after_a_while() -> None:
    told = Told(*several(9))
    assert told.after(1) == []
    told.feed(stopped(9))
    assert told.after(20) == ["#9 stopped reading, 384 KiB unacknowledged, 1 MiB pending"]
    told.feed(snapshot(9, frames=1, at=told.now))
    assert told.after(FINE_FOR - 0.5) == []
    assert told.after(5) == ["#9 goes on"]
    assert told.after(5) == []


def test_a_connection_that_stops_now_and_then_is_told_once() -> None:
    told = Told(*several(1))
    lines: list[str] = []
    for _ in range(10):
        told.feed(stopped(1, told.now))
        lines += told.after(2)
        told.feed(snapshot(1, frames=1, at=told.now))
        lines += told.after(2)
    assert lines == ["#1 stopped reading, 384 KiB unacknowledged, 1 MiB pending"]


def test_what_was_over_before_it_could_be_told_is_not_told() -> None:
    told = Told(*several(2), stopped(1))
    assert told.after(0.2) == ["#1 stopped reading, 384 KiB unacknowledged, 1 MiB pending"]
    told.feed(stopped(2))
    assert told.after(0.4) == []
    told.feed(snapshot(2, frames=1, at=told.now))
    assert told.after(5) == []


def test_of_many_at_once_the_worst_is_told_and_the_others_are_counted() -> None:
    told = Told(*several(20), *(stopped(number) for number in range(1, 10)))
    told.feed(stopped(7, unacked=2 << 20))
    quiet = snapshot(15, header=b"\0\0", quiet=4.0)
    told.feed(quiet, closed(16, Reason.TIMEOUT_WRITE), closed(17, Reason.EOF))
    assert told.after(0.2) == [
        "#7 stopped reading, 2 MiB unacknowledged, 1 MiB pending; 10 more: 8 stopped reading, "
        "1 stopped sending in a header, 1 closed as timeout_write"
    ]
    assert told.after(10) == []


def test_others_of_one_kind_are_one_number() -> None:
    told = Told(*several(4), *(stopped(number) for number in range(1, 5)))
    (line,) = told.after(0.2)
    assert line.endswith("1 MiB pending; 3 more stopped reading")


def test_two_at_once_are_both_told_in_full() -> None:
    told = Told(*several(2), stopped(2), snapshot(1, header=b"\0", quiet=3.0))
    (line,) = told.after(0.2)
    assert line == (
        "#2 stopped reading, 384 KiB unacknowledged, 1 MiB pending; "
        "#1 stopped sending in a header, 3 bytes missing"
    )


def test_under_a_flood_there_is_a_line_a_second_at_most() -> None:
    told = Told()
    times: list[float] = []
    for number in range(1, 500):
        told.feed(opened(number), closed(number, Reason.RESET))
        if told.after(0.2):
            times.append(told.time)
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) >= PACE - 1e-6
    assert len(times) > 60


def test_opens_and_good_ends_are_no_news_but_for_one_that_was_stuck() -> None:
    told = Told(*several(3), stopped(2))
    assert told.after(1) == ["#2 stopped reading, 384 KiB unacknowledged, 1 MiB pending"]
    told.feed(*(closed(number, Reason.EOF) for number in (1, 2, 3)))
    (line,) = told.after(3)
    assert line.startswith("#2 closed")
    assert "eof" in line


def test_the_server_comes_first() -> None:
    told = Told(*several(1), stopped(1))
    change = SettingChanged(t=NOW, name="cap", old=1 << 20, new=1 << 16)
    told.feed(Notice(t=NOW, level="info", text="no news"), change)
    (line,) = told.after(1)
    assert line.startswith("setting cap ")
    assert line.endswith("; #1 stopped reading, 384 KiB unacknowledged, 1 MiB pending")
    told.feed(Stopping(t=NOW, cause="SIGTERM", open=1, grace=5.0))
    (line,) = told.after(2)
    assert "SIGTERM" in line


def test_every_code_that_is_stuck_has_words_of_its_own() -> None:
    from app.watch.narrator import _VERDICTS  # noqa: PLC0415

    assert {*STUCK, WhyCode.NEEDS_HEADER, WhyCode.NEEDS_BODY} <= set(_VERDICTS)


def test_nothing_is_kept_of_connections_that_are_gone() -> None:
    told = Told(*several(50), *(stopped(number) for number in range(1, 51)))
    told.after(1)
    told.feed(*(closed(number, Reason.KILLED) for number in range(1, 51)))
    told.after(20)
    kept = (told.narrator._told, told.narrator._fine_since, told.narrator._waiting)
    assert [len(each) for each in kept] == [0, 0, 0]


def test_every_change_of_a_setting_is_told_in_full() -> None:
    changes = [
        SettingChanged(t=NOW, name=name, old=1, new=2) for name in ("cap", "max_per_peer", "trace")
    ]
    told = Told()
    told.feed(*changes)
    (line,) = told.after(PACE + 1)
    assert all(change.name in line for change in changes), line


def test_a_clock_that_is_set_back_does_not_delay_that_one_goes_on() -> None:
    told = Told(opened(1), snapshot(1, WRITE_BODY, out=(0, 8), unacked=9, acked_ago=9.0))
    told.after(PACE + 1)
    told.feed(snapshot(1, frames=1))
    told.after(1)
    told.shift = -7200.0
    assert "#1 goes on" in " ".join(told.after(FINE_FOR + PACE + 1))
