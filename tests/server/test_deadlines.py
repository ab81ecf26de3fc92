"""When a connection's patience ends, on an injected clock."""

from __future__ import annotations

from math import inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import Reason
from app.core.framing import frame
from app.core.settings import Settings
from app.server.connection import Connection
from app.server.deadlines import SLOT, TimingWheel, deadline, describe_wait
from app.server.linger import Linger
from app.server.outstanding import Outstanding
from app.watch.row import Row, update_rows
from app.watch.why import why_waiting
from tests.making import opened

SETTINGS = Settings(header_timeout=1, body_timeout=20, write_timeout=300, idle_timeout=4000)
OFF = Settings(header_timeout=0, body_timeout=0, write_timeout=0, idle_timeout=0)


def connection_with(received: bytes = b"", now: float = 100.0) -> Connection:
    connection = Connection(1, 7, "peer", now)
    if received:
        connection.machine.receive(received, 10_000, now)
    return connection


WHOLE = frame(bytes(5000))


def stalled() -> Connection:
    """An echo that is pending since 500 s."""
    connection = connection_with(WHOLE)
    connection.begin_stall(500.0)
    return connection


def unacknowledged(received: bytes, acked_at: float = 500.0) -> Connection:
    """Bytes unacknowledged since 500 s; `received` came at 400 s."""
    connection = connection_with(received, now=400.0)
    connection.outstanding = Outstanding(500.0, 500.0, 0)
    if acked_at > 500.0:
        connection.outstanding.note_acked(10**6, acked_at, 300.0)
    return connection


def fetched_at(now: float) -> Connection:
    connection = connection_with(now=200.0)
    connection.acked_all_at = now
    return connection


WRITE = Reason.TIMEOUT_WRITE
DEADLINES = {
    "idle": (connection_with(now=200.0), 4200.0, Reason.TIMEOUT_IDLE),
    "idle, from the last acknowledgement": (fetched_at(900.0), 4900.0, Reason.TIMEOUT_IDLE),
    "header": (connection_with(b"\0", now=300.0), 301.0, Reason.TIMEOUT_HEADER),
    "body": (connection_with(WHOLE[:9], now=300.0), 320.0, Reason.TIMEOUT_BODY),
    "write, pending": (stalled(), 800.0, WRITE),
    "write, unacknowledged": (unacknowledged(WHOLE), 800.0, WRITE),
    "write, from the last acknowledgement": (unacknowledged(WHOLE, 700.0), 1000.0, WRITE),
    "write, between frames": (unacknowledged(b""), 800.0, WRITE),
}


@pytest.mark.parametrize(("connection", "when", "reason"), DEADLINES.values(), ids=DEADLINES)
def test_each_state_has_its_deadline(connection: Connection, when: float, reason: Reason) -> None:
    assert deadline(connection, SETTINGS) == (when, reason)
    assert deadline(connection, OFF) == (inf, reason)


@pytest.mark.parametrize(
    ("fetched", "words"),
    [(200.0, "nothing for 5.0 s"), (900.0, "nothing for 5.0 s since all was acknowledged")],
)
def test_an_idle_peer_is_told_of_for_as_long_as_the_time_out_counts(
    fetched: float, words: str
) -> None:
    connection = fetched_at(fetched)
    when, _ = deadline(connection, msgspec.structs.replace(SETTINGS, idle_timeout=5))
    assert describe_wait(connection, when) == words
    row = Row(opened(1))
    update_rows({row.id: row}, [connection.snapshot(epoch=0.0)])
    assert why_waiting(row, when) == "no frame yet for 5 s"


def test_an_echo_that_no_look_has_found_yet_is_timed_from_the_end_of_a_stall() -> None:
    connection = stalled()
    connection.restamp(500.1, 560.0)
    assert deadline(connection, SETTINGS) == (800.0, WRITE)
    connection.restamp(499.0, 560.0)
    assert deadline(connection, SETTINGS) == (860.0, WRITE)


def test_in_a_frame_the_earlier_of_two_deadlines_counts() -> None:
    connection = unacknowledged(WHOLE[:9])
    assert deadline(connection, SETTINGS) == (420.0, Reason.TIMEOUT_BODY)
    slow = msgspec.structs.replace(SETTINGS, body_timeout=1000)
    assert deadline(connection, slow) == (800.0, WRITE)


def test_a_lingering_connection_is_looked_at_again_and_again() -> None:
    connection = connection_with()
    connection.machine.begin_close(Reason.KILLED)
    connection.linger = Linger(50.0, 0.0, 50.025)
    assert deadline(connection, OFF) == (50.025, Reason.KILLED)


def test_a_draining_connection_with_an_echo_has_the_writes_deadline() -> None:
    connection = connection_with(WHOLE)
    connection.begin_stall(1.0)
    connection.machine.begin_close(Reason.SHUTDOWN)
    assert deadline(connection, SETTINGS) == (301.0, WRITE)


def test_an_empty_wheel_waits_for_ever() -> None:
    wheel = TimingWheel()
    wheel.schedule(connection_with(), inf)
    assert wheel.next_due == inf
    assert wheel.due(1e9) == []


def test_a_connection_comes_due_within_a_slot_of_its_time() -> None:
    wheel, connection = TimingWheel(), connection_with()
    wheel.schedule(connection, 10.05)
    assert 10.05 < wheel.next_due <= 10.05 + SLOT
    assert wheel.due(10.05) == []
    assert wheel.due(wheel.next_due) == [connection]
    assert connection.slot == 0
    assert wheel.due(100.0) == []
    assert wheel.next_due == inf


def test_an_earlier_look_replaces_a_later_one_and_not_the_reverse() -> None:
    wheel, connection = TimingWheel(), connection_with()
    wheel.schedule(connection, 50.0)
    wheel.schedule(connection, 10.0)
    wheel.schedule(connection, 90.0)
    assert wheel.next_due <= 10.0 + SLOT + 1e-9
    assert wheel.due(wheel.next_due) == [connection]
    assert wheel.due(200.0) == []


def test_a_closed_connection_is_forgotten() -> None:
    wheel, connection = TimingWheel(), connection_with()
    wheel.cancel(connection)
    wheel.schedule(connection, 10.0)
    wheel.cancel(connection)
    assert wheel.due(100.0) == []


def test_ten_thousand_closed_connections_leave_hardly_a_wake_up_behind() -> None:
    wheel = TimingWheel()
    kept = connection_with()
    wheel.schedule(kept, 90_000.0)
    for opened_at in range(10_000):
        connection = connection_with()
        wheel.schedule(connection, opened_at + 86_400.0)
        wheel.schedule(connection, opened_at + 1.0)
        wheel.cancel(connection)
    wakeups, due = 0, []
    while wheel.next_due < inf:
        due += wheel.due(wheel.next_due)
        wakeups += 1
    assert due == [kept]
    assert wakeups < 100


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.floats(0, 110))
def test_the_wheel_gives_who_is_due_by_id_and_keeps_the_rest(
    times: list[float], now: float
) -> None:
    wheel = TimingWheel()
    for number, when in enumerate(times):
        wheel.schedule(Connection(number, 7, "peer", 0.0), when)
        gone = Connection(-1, 7, "peer", 0.0)
        wheel.schedule(gone, times[0])
        wheel.cancel(gone)
    due = [connection.id for connection in wheel.due(now)]
    assert due == sorted(due)
    assert all(times[number] <= now for number in due)
    assert all(number in due for number, when in enumerate(times) if when < now - SLOT - 1e-9)
    rest = [connection.id for connection in wheel.due(1000.0)]
    assert sorted(due + rest) == list(range(len(times)))
