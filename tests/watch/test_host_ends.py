"""Notes about a host, by the ends of its connections: only of what it does one after the other."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from app.core.events import Closed, Notice, Opened, Reason
from app.core.habits import Habits
from app.watch.host_ends import FORGOTTEN_AFTER, MOST_HOSTS, HostTable
from app.watch.notes import lint, words_of
from app.watch.state import State
from app.watch.stream import Drained
from tests.making import NOW

HOST = "10.0.0.7"


def end(
    number: int,
    at: float,
    reason: Reason = Reason.EOF,
    lasted: float = 0.05,
    frames: int = 1,
    missing: int = 0,
    lost: int = 0,
    detail: str = "",
) -> Closed:
    """A close at `at` seconds after `NOW`."""
    return Closed(
        t=NOW + at,
        id=number,
        peer=f"{HOST}:{40_000 + number}",
        reason=reason,
        detail=detail,
        opened_at=NOW + at - lasted,
        frames_in=frames,
        frames_out=frames,
        bytes_in=9 * frames,
        bytes_out=9 * frames,
        habits=Habits(missing=missing, lost=lost) if missing or lost else None,
        toggles=0,
        eagains=0,
        partial_writes=0,
    )


def state_after(ends: Iterable[Closed]) -> State:
    """A state that has seen these connections open and close."""
    state = State(closed_limit=0)
    for one in ends:
        apply(state, Opened(t=one.opened_at, id=one.id, fd=9, peer=one.peer), one)
    return state


def apply(state: State, *events: Opened | Closed) -> None:
    state.apply(Drained(list(events), [], None, 0), events[-1].t)


def next_words(state: State, at: float, later: float = 0.0) -> list[str]:
    """The notes about the next connection of the host, opened at `at` seconds after `NOW`."""
    number = 10_000 + int(at * 10)
    apply(state, Opened(t=NOW + at, id=number, fd=9, peer=f"{HOST}:1"))
    return words_of(state.rows[number], NOW + at + later)


def linted(state: State, at: float) -> list[str]:
    return [one.note for one in lint(state.live(), state.hosts, NOW + at)]


MID = Reason.EOF_MID_BODY
BAD: dict[str, list[Closed]] = {
    "connection_per_frame": [end(n, 0.2 * n) for n in range(1, 30)],
    "reconnects_fast": [end(n, 0.2 * n, frames=0, lasted=0.19) for n in range(1, 30)],
    "half_counted": [end(n, 3.0 * n, MID, frames=0, missing=4) for n in range(1, 3)],
    "ends_mid_frame": [end(n, 3.0 * n, MID, missing=7, detail="2 of 9") for n in range(1, 4)],
    "closes_unread": [end(n, 3.0 * n, Reason.RESET, frames=5, lost=9) for n in range(1, 4)],
}


@pytest.mark.parametrize(("word", "ends"), BAD.items())
def test_a_habit_is_noted_and_stands_at_the_next_connection(word: str, ends: list[Closed]) -> None:
    state, last = state_after(ends), ends[-1].t - NOW
    assert next_words(state, last + 1.1) == [word]
    assert linted(state, last + 1.1) == [word]
    assert linted(state, last + FORGOTTEN_AFTER + 1) == []
    (note,) = state.hosts.standing(NOW + last)
    assert set(note.ids) <= {one.id for one in ends}
    assert (note.host, ". " in note.text) == (HOST, False)


@pytest.mark.parametrize("word", ["half_counted", "ends_mid_frame", "closes_unread"])
def test_one_connection_less_is_no_habit(word: str) -> None:
    ends = BAD[word]
    state, last = state_after(ends[:-1]), ends[-1].t - NOW
    assert linted(state, last + 5) == []
    assert next_words(state, last + 5) == []


def test_the_sentence_says_what_the_ends_have_in_common() -> None:
    def text(ends: list[Closed]) -> str:
        (note,) = lint((), state_after(ends).hosts, ends[-1].t + 1.2)
        return note.text

    broken = [end(n, 2.0 * n, MID, frames=3, missing=200) for n in range(5)]
    assert ", each time 200 bytes short: " in text(broken)
    assert "each time" not in text([*broken, end(9, 12.0, MID, frames=3, missing=7)])
    fast = [end(n, 0.1 * n, lasted=0.02, frames=0) for n in range(20)]
    assert "ended as eof, without a byte from it: " in text(fast)


@pytest.mark.parametrize("word", ["half_counted", "ends_mid_frame", "closes_unread"])
def test_it_is_told_once_it_has_held_for_a_second(word: str) -> None:
    ends = BAD[word]
    state, last = state_after(ends), ends[-1].t - NOW
    assert linted(state, last + 0.9) == []
    assert next_words(state, last + 0.1) == []
    assert next_words(state, last + 0.1, later=1.0) == [word]


def together(ends: Iterable[Closed]) -> list[Closed]:
    """The same ends, of connections that were all open at once."""
    return [msgspec.structs.replace(one, opened_at=NOW - 60, t=NOW + one.id / 100) for one in ends]


GOOD = {
    "many that end with their program": together(
        [*BAD["ends_mid_frame"], *(end(n, 1, Reason.RESET, lost=5) for n in range(10, 40))]
    ),
    "one burst": [end(n, n / 1_000, lasted=0.001) for n in range(100)],
    "a frame now and then": [end(n, 15.0 * n) for n in range(40)],
    "long ones with a frame each": [end(n, 9.0 * n, lasted=8.9) for n in range(9)],
    "five frames each": [end(n, 0.1 * n, lasted=0.1, frames=5) for n in range(200)],
    "health checks": [end(n, 1.0 * n, lasted=0.01, frames=0) for n in range(200)],
    "one break in five": [
        end(n, 2.0 * n, MID if n % 5 == 0 else Reason.EOF, frames=9, missing=7 * (n % 5 == 0))
        for n in range(1, 60)
    ],
    "ended by us": [end(n, 0.1 * n, Reason.KILLED, frames=0, lasted=0.1) for n in range(100)],
    "resets before any echo": [end(n, 2.0 * n, Reason.RESET, frames=0) for n in range(60)],
}


@pytest.mark.parametrize("ends", GOOD.values(), ids=GOOD.keys())
def test_of_good_clients_nothing_is_noted(ends: list[Closed]) -> None:
    state = State(closed_limit=0)
    for one in ends:
        apply(state, Opened(t=one.opened_at, id=one.id, fd=9, peer=one.peer), one)
        assert linted(state, one.t - NOW + 1.2) == []


def test_connections_that_all_break_off_in_their_first_moment_are_one_end() -> None:
    ends = [end(n, 0.4, MID, lasted=0.3 - n / 1_000, missing=9) for n in range(16)]
    assert linted(state_after(ends), 3.0) == []


@pytest.mark.parametrize("behind", [0.002, 0.3])
def test_a_tight_loop_is_noted_though_the_loop_sees_the_next_open_before_the_close(
    behind: float,
) -> None:
    ends = [end(n, n / 2_000, lasted=behind, frames=0) for n in range(1, 4_000)]
    assert linted(state_after(ends), 3.0) == ["reconnects_fast"]


def test_the_first_end_kept_of_many_is_compared_with_the_one_before_it() -> None:
    """Of twenty in one batch seven come at once after another: one less than a habit."""
    times = [*(5.0 * n for n in range(9)), *(40 + 0.15 * n for n in range(1, 8)), 46, 51, 56, 61]
    table = HostTable()
    table.add([end(n, at, frames=0, lasted=0.01) for n, at in enumerate(times)])
    assert table.standing(NOW + 62) == []


def test_ends_from_before_the_wall_clock_was_set_are_forgotten() -> None:
    """Also those that come in one batch with the step: their times do not compare."""
    first, second, third = BAD["ends_mid_frame"]
    third = msgspec.structs.replace(third, t=third.t + 60, opened_at=third.opened_at + 60)
    step = Notice(t=NOW + 60, level="info", text="", clock_step=60.0)
    opens = [Opened(t=one.opened_at, id=one.id, fd=9, peer=one.peer) for one in (first, second)]
    state = State(closed_limit=0)
    state.apply(Drained([*opens, first, second, step], [], None, 0), NOW + 60)
    apply(state, Opened(t=third.opened_at, id=third.id, fd=9, peer=third.peer), third)
    assert linted(state, 72.0) == []


def test_a_connection_that_does_better_is_not_noted() -> None:
    state = state_after(BAD["connection_per_frame"])
    assert next_words(state, 8.0) == ["connection_per_frame"]
    row = state.rows[10_080]
    row.close(msgspec.structs.replace(end(10_080, 60.0), frames_in=2))
    assert words_of(row, NOW + 60) == []


def test_one_that_was_open_before_is_not_noted() -> None:
    state = State(closed_limit=0)
    apply(state, Opened(t=NOW - 9, id=5_000, fd=9, peer=f"{HOST}:9"))
    for one in BAD["ends_mid_frame"]:
        apply(state, Opened(t=one.opened_at, id=one.id, fd=9, peer=one.peer), one)
    assert words_of(state.rows[5_000], NOW + 60) == []


def test_a_host_that_mends_its_ways_is_not_noted_any_more() -> None:
    good = [end(100 + n, 20.0 + n, frames=9) for n in range(10)]
    state = state_after([*BAD["ends_mid_frame"], *good])
    assert linted(state, 40.0) == []


def test_another_state_takes_the_notes_over() -> None:
    state = state_after(BAD["closes_unread"])
    other = State(judges=False)
    notes = tuple(state.hosts.standing(NOW + 20))
    other.apply(Drained([], [], None, 0, afresh=True, host_notes=notes), NOW + 20)
    assert linted(other, 20.0) == ["closes_unread"]
    assert next_words(other, 20.0) == ["closes_unread"]


def test_the_number_of_hosts_is_bounded() -> None:
    table = HostTable()
    for number in range(2 * MOST_HOSTS):
        peer = f"10.0.{number // 256}.{number % 256}:7"
        table.add([msgspec.structs.replace(end(number, 0.0), peer=peer)])
    assert len(table._hosts) == MOST_HOSTS


def test_a_wall_clock_that_is_set_moves_the_notes() -> None:
    state = state_after(BAD["closes_unread"])
    state.hosts.shift(-3600.0)
    assert linted(state, -3580.0) == ["closes_unread"]
