"""The reducer, alone."""

import subprocess
import sys
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import (
    Closed,
    CommandResult,
    ConnectionState,
    Event,
    Io,
    Notice,
    Reason,
    SettingChanged,
    Snapshot,
    StateChanged,
    Stopping,
    Toggled,
)
from app.core.framing import header
from app.core.statistics import ProcessStats
from app.watch import journal
from app.watch.row import RECENT_LIMIT
from app.watch.screen_state import LOG_LIMIT, ScreenState
from app.watch.state import CLOSED_LIMIT, CLOSED_SHOWN_FOR, State
from app.watch.stream import Drained
from screenshots.scenes import overview
from tests.making import NOW, closed, kernel, listening, loop_stats, opened, snapshot, worker


def apply(model: ScreenState, *events: Event, now: float = NOW) -> list[CommandResult]:
    return model.apply(Drained(list(events), [], None, 0), now)


def test_the_model_needs_no_textual() -> None:
    names = ("state", "why", "source", "filter", "requests", "audit", "export")
    imports = ", ".join(f"app.watch.{name}" for name in names)
    code = f"import sys, {imports}; print('textual' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_a_connection_from_opened_to_gone() -> None:
    model = ScreenState()
    apply(model, opened(7))
    assert (model.open, model.rows[7].state) == (1, ConnectionState.READ_LEN)
    apply(model, snapshot(7, ConnectionState.READ_BODY, body=(3, 9), frames=2))
    assert (model.open, model.rows[7].state) == (1, ConnectionState.READ_BODY)
    apply(model, closed(7, Reason.EOF, ago=0, frames_out=5))
    assert (model.open, model.rows[7].state, model.rows[7].frames) == (0, ConnectionState.CLOSED, 5)
    apply(model, now=NOW + CLOSED_SHOWN_FOR - 0.1)
    assert 7 in model.rows
    apply(model, now=NOW + CLOSED_SHOWN_FOR)
    assert 7 not in model.rows


@pytest.mark.parametrize("step", [7200.0, -7200.0])
def test_rates_and_charts_go_on_when_the_wall_clock_is_set(step: float) -> None:
    model = ScreenState()
    apply(model, listening(), worker(1, frames=0, t=NOW))
    for second in range(5):
        bodies = ((1, 64),)
        stats = msgspec.structs.replace(
            loop_stats(NOW + second, 100 * second, 64, 1), bodies=bodies
        )
        apply(model, stats)
    apply(model, Notice(t=NOW + step + 4.1, level="warning", text="set", clock_step=step))
    assert model.rates is not None
    assert model.rates.t == NOW + step + 4
    apply(model, loop_stats(NOW + step + 5, 500, 64, 1), worker(1, frames=500, t=NOW + step + 5))
    assert [round(rates.frames) for rates in model.history] == [100] * 5
    assert [rates.t - NOW - step for rates in model.history] == [1, 2, 3, 4, 5]
    assert model.bodies[0] == (NOW + step, 1, 64)
    assert model.workers[1].frames == 100


def test_a_snapshot_never_revives_ages_or_invents_a_connection() -> None:
    model = ScreenState()
    apply(model, opened(1), snapshot(1, frames=9, quiet=0.1), snapshot(1, frames=5, quiet=3.0))
    assert model.rows[1].frames == 9
    apply(model, closed(1, Reason.EOF, frames_out=10), snapshot(1, frames=11, quiet=0))
    assert (model.rows[1].state, model.rows[1].frames) == (ConnectionState.CLOSED, 10)
    apply(model, snapshot(2))
    assert set(model.rows) == {1}


def test_a_connection_that_opened_and_closed_between_two_drains() -> None:
    model = ScreenState()
    apply(model, opened(1), closed(1, Reason.RESET), closed(1, Reason.RESET))
    assert model.open == 0
    assert model.rows[1].state is ConnectionState.CLOSED


def test_closed_connections_are_bounded_under_churn() -> None:
    model = ScreenState()
    for number in range(1, 5 * CLOSED_LIMIT):
        apply(model, opened(number), closed(number, Reason.EOF, ago=0))
    assert len(model.rows) == CLOSED_LIMIT
    assert len(model.log) == LOG_LIMIT
    assert model.open == 0


def test_detail_stays_with_its_connection_and_is_bounded() -> None:
    model = ScreenState()
    apply(model, opened(1), opened(2))
    logged = len(model.log)
    io = Io(t=NOW, id=1, call="read", asked=4, result=4)
    apply(model, *[io] * (RECENT_LIMIT + 9))
    apply(model, Toggled(t=NOW, id=99, armed=True, pending=1, toggles=1))
    recent = model.rows[1].recent
    assert recent is not None
    assert len(recent) == RECENT_LIMIT
    assert model.rows[2].recent is None
    assert len(model.log) == logged


def test_a_time_in_which_nobody_looked_at_a_connection_is_marked() -> None:
    """Each round tells of the kernel while somebody looks, also of one that stands still."""

    def io(ago: float) -> Io:
        return Io(t=NOW - ago, id=1, call="read", asked=4, result=4)

    model = ScreenState()
    apply(model, opened(1), io(60.0), *[kernel(1, float(ago)) for ago in range(59, 45, -1)])
    apply(model, io(45.0), io(44.5), io(14.5), kernel(1, 14.4), io(3.0))
    marks = [
        text.lstrip("… ") if "…" in (text := journal.entry(event).text) else "read"
        for event in model.rows[1].recent or ()
    ]
    looked = "not looked at for"
    assert marks == ["read", "read", "read", f"{looked} 30 s", "read", f"{looked} 11 s", "read"]


def test_rates_come_from_successive_statistics() -> None:
    model = ScreenState()
    apply(model, loop_stats(NOW, 1_000, 64, 5), loop_stats(NOW + 0.4, 1_100, 64, 5))
    assert not model.history
    apply(model, loop_stats(NOW + 2, 2_000, 64, 5))
    assert model.rates is not None
    assert model.rates.frames == 500
    assert model.rates.bytes_in == 500 * 68
    assert round(model.rates.loop_share, 2) == 0.31


def echoing(burst: int, every: float, pieces: int, seen_from: float = 0.0) -> ScreenState:
    """A connection that echoes `burst` frames at once each `every` seconds, for 30 s up to `NOW`.

    A burst is seen in so many snapshots, 0.1 s apart; the first ones are not seen.
    """
    model, frames, begin = ScreenState(), 0, NOW - 30
    apply(model, opened(1, age=30))
    for number in range(int(30 / every) + 1):
        for piece in range(pieces):
            frames += burst // pieces
            at = begin + number * every + piece / 10
            if seen_from <= at - begin and at <= NOW:
                apply(model, snapshot(1, frames=frames, at=at, quiet=0))
    return model


@pytest.mark.parametrize(
    ("burst", "every", "pieces"),
    [(1, 3, 1), (1, 7, 1), (30, 3, 1), (30, 3, 3), (12, 0.5, 1), (100, 0.1, 1), (1, 9, 1)],
)
@pytest.mark.parametrize("seen_from", [0.0, 8.05])
def test_a_rows_rate_counts_the_pauses_between_frames(
    burst: int, every: float, pieces: int, seen_from: float
) -> None:
    row, truth = echoing(burst, every, pieces, seen_from).rows[1], burst / every
    for later in (0.0, every / 2, every):
        assert row.rate(NOW + later) == pytest.approx(truth, rel=0.4 if seen_from else 0.1)
    assert row.rate(NOW + 2 * every + 61) == 0


def test_before_a_rate_is_measured_it_is_the_mean_since_the_connection_opened() -> None:
    model = ScreenState()
    apply(model, opened(1, age=30), snapshot(1, frames=10, at=NOW - 3, quiet=0))
    assert model.rows[1].rate(NOW) == pytest.approx(1 / 3)
    assert model.rows[1].rate(NOW + 40) == 0


def test_a_rate_ends_with_the_frames_and_not_with_the_bytes() -> None:
    """Of a large body the bytes move for long, while no frame is echoed."""
    model = echoing(100, 0.1, 1)
    large = snapshot(1, ConnectionState.READ_BODY, body=(9, 10**9), frames=30_100, at=NOW + 10)
    assert model.rows[1].rate(NOW) == pytest.approx(1000, rel=0.01)
    apply(model, large)
    assert model.rows[1].rate(NOW + 10) == 0


def test_a_worker_that_leaves_a_probe_unanswered_is_noted_on_its_connections() -> None:
    model = State()
    served = [msgspec.structs.replace(opened(number), worker=1 + number % 2) for number in range(4)]
    silent = worker(2, silent_since=NOW - 4)
    model.apply(Drained([*served, worker(1), silent], [], None, 0), NOW)
    later = msgspec.structs.replace(opened(9), worker=2)
    model.apply(Drained([later], [], None, 0), NOW)
    assert {row.id: row.silent_since for row in model.live()} == {
        0: 0.0, 1: NOW - 4, 2: 0.0, 3: NOW - 4, 9: NOW - 4,
    }  # fmt: skip
    model.apply(Drained([worker(2)], [], None, 0), NOW)
    assert not any(row.silent_since for row in model.live())


def test_a_state_that_begins_with_all_that_is_known_has_the_same_rates() -> None:
    model, late = echoing(30, 3, 1), State()
    late.apply(model.everything(), NOW)
    assert late.rows[1].rate(NOW) == model.rows[1].rate(NOW) == 10


def test_settings_results_process_and_end() -> None:
    model = ScreenState()
    result = CommandResult(t=NOW, request=4, command="kill", ok=False, message="no such id", id=3)
    process = ProcessStats(t=NOW, cpu_percent=9, rss=5, fds=4, threads=3)
    assert ScreenState().cap is None
    results = apply(
        model,
        listening(cap=10),
        SettingChanged(t=NOW, name="cap", old=10, new=20),
        result,
        process,
        Stopping(t=NOW, cause="SIGTERM", grace=5, open=3),
    )
    assert results == [result]
    assert model.cap == 20
    assert model.process is process
    assert model.stopping is not None
    assert [line.subject for line in model.log] == ["server", "cap", "#3", "server"]


def test_drops_are_the_most_that_was_told() -> None:
    model = ScreenState()
    model.apply(Drained([], [], loop_stats(NOW, 1, 1, 1), 12), NOW)
    model.apply(Drained([], [], loop_stats(NOW, 1, 1, 1), 3), NOW)
    assert model.drops == 12


def test_a_frozen_model_stands_still() -> None:
    model = ScreenState()
    apply(model, *overview())
    frozen = model.frozen()

    def seen() -> tuple[int, ...]:
        longest, changes = frozen.longest_us, len(frozen.audit.changes)
        return frozen.rows[5].frames, len(frozen.rows), len(frozen.log), longest, changes

    before = seen()
    apply(model, snapshot(5, frames=9_999, quiet=0), opened(77), closed(9, Reason.EOF))
    apply(model, SettingChanged(t=NOW, name="cap", old=10, new=20))
    slow = msgspec.structs.replace(loop_stats(NOW + 1, 9, 64, 3), longest_us=9_999_999)
    apply(model, slow)
    assert model.longest_us == 9_999_999
    assert seen() == before
    assert frozen.rows[9].state is ConnectionState.WRITE_BODY


def test_everything_that_is_known_makes_the_same_state_again() -> None:
    known, again = (State(closed_limit=0, tells_changes=True) for _ in range(2))
    change = SettingChanged(t=NOW, name="cap", old=10, new=20)
    later = SettingChanged(t=NOW, name="of_a_later_version", old=1, new=2)
    process = ProcessStats(t=NOW, cpu_percent=9, rss=5, fds=4, threads=3)
    events: list[Event] = [listening(cap=10), opened(1), opened(2), opened(3), change, later]
    events += [closed(2, Reason.RESET), process, worker(1)]
    stats = loop_stats(NOW, 7, 64, 2)
    known.apply(Drained(events, [snapshot(1, frames=7), snapshot(2)], stats, 4), NOW)
    again.apply(Drained([opened(9)], [], None, 0), NOW)
    again.apply(known.everything(), NOW)
    for state in (known, again):
        assert {row.id: row.frames for row in state.rows.values()} == {1: 7, 3: 0}
        assert (state.open, state.cap, state.settings["cap"]) == (2, 20, 20)
        assert (state.stats, state.process, state.drops) == (stats, process, 4)
        assert list(state.workers) == [1]
        assert list(state.changed_since(state.round - 1)) == [1]
    assert known.reasons == {"reset": 1}


def test_a_snapshot_counts_in_the_round_in_which_it_came() -> None:
    state = State(closed_limit=0, tells_changes=True)
    state.apply(Drained([opened(1), opened(2)], [snapshot(1)], loop_stats(NOW, 1, 1, 1), 0), NOW)
    first = state.round
    state.apply(Drained([], [snapshot(2)], loop_stats(NOW, 2, 1, 1), 0), NOW)
    assert list(state.changed_since(first)) == [2]
    state.apply(Drained([closed(2, Reason.EOF)], [snapshot(2)], None, 0), NOW)
    assert list(state.changed_since(0)) == [1]


@dataclass
class Truth:
    """A server that really ran, of which any snapshot may be lost."""

    events: list[Event] = field(default_factory=list)
    frames: dict[int, int] = field(default_factory=dict)
    gone: dict[int, int] = field(default_factory=dict)
    t: float = NOW


@st.composite
def histories(draw: st.DrawFn) -> Truth:
    truth = Truth()
    next_id = 1
    for _ in range(draw(st.integers(0, 40))):
        truth.t += draw(st.sampled_from([0.0, 0.1, 3.0]))
        what = draw(st.sampled_from(["open", "work", "work", "close"]))
        if what == "open":
            truth.events.append(opened(next_id))
            truth.frames[next_id] = 0
            next_id += 1
        elif truth.frames:
            number = draw(st.sampled_from(sorted(truth.frames)))
            truth.frames[number] += draw(st.integers(0, 5))
            frames = truth.frames[number]
            if what == "work":
                truth.events.append(snapshot(number, frames=frames, at=truth.t, quiet=0))
            else:
                truth.gone[number] = truth.frames.pop(number)
                truth.events.append(closed(number, Reason.EOF, NOW - truth.t, frames_out=frames))
    return truth


@given(histories(), st.data())
def test_whatever_snapshots_are_lost_nothing_shown_is_wrong(
    truth: Truth, data: st.DataObject
) -> None:
    kept = [
        event
        for event in truth.events
        if not isinstance(event, Snapshot) or data.draw(st.booleans())
    ]
    model = ScreenState()
    told = dict.fromkeys(truth.frames, 0)
    while kept:
        batch = [kept.pop(0) for _ in range(data.draw(st.integers(1, len(kept))))]
        for event in batch:
            if isinstance(event, Snapshot) and event.id in told:
                told[event.id] = event.frames_out
        apply(model, *batch, now=NOW)
    assert model.open == len(truth.frames) == len(list(model.live()))
    assert model.opened == len(truth.frames) + len(truth.gone)
    assert model.closed == len(truth.gone)
    assert {row.id: row.frames for row in model.live()} == told
    assert {i: row.frames for i, row in model.rows.items() if isinstance(row.closed, Closed)} == (
        truth.gone
    )


@pytest.mark.parametrize("state", [ConnectionState.READ_LEN, ConnectionState.READ_BODY])
@pytest.mark.parametrize("result", [0, 7, 100])
def test_a_write_that_leaves_something_is_seen_in_the_state_at_once(
    state: ConnectionState, result: int
) -> None:
    model = ScreenState()
    before = snapshot(1, state, quiet=40)
    error = "" if result else "EAGAIN"
    write = Io(t=NOW, id=1, call="write", asked=100, result=result or -1, error=error)
    model.apply(Drained([opened(1)], [before], loop_stats(NOW, 1, 1, 1), 0), NOW)
    model.apply(Drained([write], [], None, 0), NOW)
    row = model.rows[1]
    assert row.snapshot is not None
    assert row.snapshot.pending == 100 - result
    assert row.snapshot.bytes_out == before.bytes_out + result
    assert (row.snapshot.partial_writes, row.snapshot.eagains) == (result == 7, result == 0)
    assert row.state is (state if result == 100 else ConnectionState.WRITE_BODY)
    assert row.idle(NOW) == (0 if result else pytest.approx(40))


def test_between_frames_nothing_of_the_header_before_is_left() -> None:
    model = ScreenState()
    reading = snapshot(1, ConnectionState.READ_BODY, body=(5, 9), quiet=2)
    model.apply(Drained([opened(1)], [reading], loop_stats(NOW, 1, 1, 1), 0), NOW)
    done = StateChanged(t=NOW, id=1, old=ConnectionState.READ_BODY, new=ConnectionState.READ_LEN)
    model.apply(Drained([done], [], None, 0), NOW)
    known = model.rows[1].snapshot
    assert known is not None
    assert (known.state, known.header, known.body_length) == (ConnectionState.READ_LEN, b"", 0)


@pytest.mark.parametrize(("header_read", "length"), [(0, 6), (2, 6), (2, 0)])
def test_in_a_body_the_row_has_the_length_that_the_change_tells(
    header_read: int, length: int
) -> None:
    model = ScreenState()
    known = msgspec.structs.replace(
        snapshot(1, ConnectionState.READ_LEN, quiet=2), header=bytes(header_read)
    )
    model.apply(Drained([opened(1)], [known], loop_stats(NOW, 1, 1, 1), 0), NOW)
    begun = StateChanged(
        t=NOW,
        id=1,
        old=ConnectionState.READ_LEN,
        new=ConnectionState.READ_BODY,
        body_length=length,
        body_read=length // 2,
    )
    model.apply(Drained([begun], [], None, 0), NOW)
    found = model.rows[1].snapshot
    assert found is not None
    assert (found.header, found.body_read) == (header(length), length // 2)
    assert (found.body_length, found.frame_at) == (length, NOW)
