"""Why a connection waits, case by case."""

import msgspec
import pytest

from app.core.events import ConnectionState, Reason, Snapshot
from app.core.queues import Queues
from app.watch.row import Row
from app.watch.why import WhyCode, is_stuck, why_code, why_in_brief, why_waiting
from tests.making import NOW, opened, snapshot

WRITE = ConnectionState.WRITE_BODY


def row_of(seen: Snapshot | None) -> Row:
    """A row with this snapshot."""
    row = Row(opened(1))
    row.snapshot = seen
    return row


CASES = [
    (None, "accepted, nothing received yet", "nothing received yet"),
    (snapshot(1, quiet=0.2), "no frame yet", "no frame yet"),
    (snapshot(1, quiet=12), "no frame yet for 12 s", "no frame yet"),
    (snapshot(1, frames=3, quiet=0.2), "between frames", "between frames"),
    (snapshot(1, frames=3, quiet=90), "idle between frames for 1 min 30 s", "idle between frames"),
    (
        snapshot(1, header=b"\0\0", quiet=0.3),
        "waiting for 2 more header bytes",
        "needs 2 more header bytes",
    ),
    (
        snapshot(1, header=b"\0\0\1", quiet=5),
        "waiting for 1 more header byte, none for 5 s",
        "needs 1 more header byte",
    ),
    (
        snapshot(1, ConnectionState.READ_BODY, body=(4_096, 65_536), quiet=8),
        "waiting for 61,440 body bytes, none for 8 s",
        "needs 61,440 body bytes",
    ),
    (
        snapshot(1, ConnectionState.READ_BODY, body=(8, 9), quiet=0),
        "waiting for 1 body byte",
        "needs 1 body byte",
    ),
    (
        snapshot(1, WRITE, out=(0, 312 * 1024), quiet=4, armed_for=4),
        "nothing taken: 312 KiB pending, POLLOUT armed for 4 s",
        "nothing taken",
    ),
    (
        snapshot(1, WRITE, out=(0, 900), quiet=0.1, armed_for=0.2),
        "waiting for room: 900 B pending, POLLOUT armed",
        "waiting for room",
    ),
    (snapshot(1, WRITE, out=(9, 9)), "no frame yet", "no frame yet"),
    (
        snapshot(1, ConnectionState.DRAINING, closing=Reason.EOF, quiet=3),
        "draining: eof, all acknowledged, waiting for the peer's FIN",
        "draining: waits for FIN",
    ),
    (
        snapshot(1, ConnectionState.DRAINING, closing=Reason.KILLED, out=(0, 2048), quiet=3),
        "draining: killed, waiting for acknowledgements: 2 KiB pending, POLLOUT armed",
        "draining: unacknowledged",
    ),
    (snapshot(1, ConnectionState.CLOSED), "closed", "closed"),
]


@pytest.mark.parametrize(("seen", "words", "brief"), CASES)
def test_why(seen: Snapshot | None, words: str, brief: str) -> None:
    assert why_waiting(row_of(seen), NOW) == words
    assert why_in_brief(row_of(seen), NOW) == brief


HELD = "held by the budget: it had its share of this iteration, and goes on in the next"


@pytest.mark.parametrize(
    ("seen", "held"),
    [
        (snapshot(1, WRITE, out=(0, 900), quiet=0.1), True),
        (snapshot(1, frames=9, quiet=0.1), True),
        (snapshot(1, frames=9, quiet=3), False),
        (snapshot(1, ConnectionState.READ_BODY, body=(8, 9), quiet=0.1), True),
        (snapshot(1, ConnectionState.DRAINING, closing=Reason.EOF, quiet=0.1), False),
    ],
)
def test_held_by_the_budget_is_who_has_work_and_no_turn(seen: Snapshot, held: bool) -> None:
    row = row_of(msgspec.structs.replace(seen, is_held=True))
    assert (why_waiting(row, NOW) == HELD) is held
    assert (why_in_brief(row, NOW) == "held by the budget") is held


def test_a_silent_worker_is_told_before_all_else() -> None:
    row = row_of(in_kernel(WRITTEN, has_stopped=True))
    row.opened = msgspec.structs.replace(row.opened, worker=2)
    row.silent_since = NOW - 2.9
    assert why_code(row, NOW) is WhyCode.NOT_FETCHED
    row.silent_since = NOW - 3
    assert why_code(row, NOW) is WhyCode.WORKER_SILENT
    assert why_waiting(row, NOW) == "worker 2 has given no sign of life for 3 s"
    assert why_in_brief(row, NOW) == "worker is silent"
    assert is_stuck(row, NOW)
    row.snapshot = None
    assert why_code(row, NOW) is WhyCode.WORKER_SILENT
    row.opened = msgspec.structs.replace(row.opened, worker=0)
    assert why_waiting(row, NOW) == "the server's loop has given no sign of life for 3 s"
    assert why_in_brief(row, NOW) == "loop is silent"


@pytest.mark.parametrize(
    ("seen", "stuck"),
    [
        (None, False),
        (snapshot(1, quiet=50), False),
        (snapshot(1, frames=9, quiet=50), False),
        (snapshot(1, header=b"\0", quiet=0.5), False),
        (snapshot(1, header=b"\0", quiet=1.5), True),
        (snapshot(1, ConnectionState.READ_BODY, body=(1, 9), quiet=2), True),
        (snapshot(1, WRITE, out=(1, 9), quiet=2), True),
        (snapshot(1, WRITE, out=(1, 9), quiet=0.2), False),
        (snapshot(1, ConnectionState.DRAINING, closing=Reason.EOF, quiet=2), False),
        (snapshot(1, ConnectionState.CLOSED, quiet=2), False),
    ],
)
def test_stuck_is_who_stands_still_in_the_middle_of_something(
    seen: Snapshot | None, stuck: bool
) -> None:
    assert is_stuck(row_of(seen), NOW) is stuck


def in_kernel(seen: Snapshot, **figures: int | float | bool | None) -> Snapshot:
    """The same snapshot with bytes that have been unacknowledged for three seconds."""
    queues = Queues(t=NOW, since=NOW - 3, acked_at=NOW - 3, acked_bytes=0, unacked_bytes=9)
    queues = msgspec.structs.replace(queues, **{"in_flight_bytes": 0, "window": 0, **figures})
    return msgspec.structs.replace(seen, queues=queues)


def unread(seen: Snapshot, since: float) -> Snapshot:
    """The same snapshot with input that has waited in the receive queue since then."""
    return msgspec.structs.replace(seen, unread=7, unread_at=since)


WRITTEN = snapshot(1, frames=3, quiet=3)
ARMED = snapshot(1, WRITE, out=(1, 9), quiet=3)
READING = snapshot(1, ConnectionState.READ_BODY, body=(8, 9), quiet=3)
DRAINING = snapshot(1, ConnectionState.DRAINING, closing=Reason.EOF, quiet=3)
UNOFFERED = msgspec.structs.replace(ARMED, offered=False)
CODES = [
    (None, "no_bytes_yet"),
    (snapshot(1), "no_bytes_yet"),
    (WRITTEN, "between_frames"),
    (snapshot(1, header=b"\0"), "needs_header"),
    (READING, "needs_body"),
    (snapshot(1, ConnectionState.CLOSED), "closed"),
    (in_kernel(WRITTEN), "reads_slowly"),
    (in_kernel(WRITTEN, since=NOW - 0.5), "between_frames"),
    (in_kernel(READING), "reads_slowly"),
    (in_kernel(WRITTEN, has_stopped=True), "not_fetched"),
    (in_kernel(WRITTEN, has_stopped=True, answers=False), "does_not_answer"),
    (in_kernel(ARMED), "reads_slowly"),
    (in_kernel(ARMED, has_stopped=True), "window_closed"),
    (in_kernel(ARMED, has_stopped=True, answers=False), "does_not_answer"),
    (UNOFFERED, "armed_first"),
    (in_kernel(UNOFFERED, unacked_bytes=0), "armed_first"),
    (in_kernel(UNOFFERED), "reads_slowly"),
    (in_kernel(UNOFFERED, has_stopped=True), "window_closed"),
    (unread(in_kernel(READING), NOW - 2), "server_behind"),
    (unread(READING, NOW - 2), "server_behind"),
    (unread(in_kernel(READING), NOW - 0.5), "reads_slowly"),
    (unread(snapshot(1, frames=3, quiet=0.5), NOW - 2), "between_frames"),
    (in_kernel(ARMED, unacked_bytes=None, has_stopped=True), "reads_slowly"),
    (in_kernel(DRAINING, has_stopped=True), "draining_unacknowledged"),
    (DRAINING, "draining_peer"),
]


@pytest.mark.parametrize(("seen", "code"), CODES)
def test_the_narrowest_code_is_told(seen: Snapshot | None, code: str) -> None:
    assert why_code(row_of(seen), NOW) == code


def test_the_budget_is_told_before_a_slow_reader_and_after_one_who_has_stopped() -> None:
    lately = snapshot(1, WRITE, out=(1, 9), quiet=0.1)
    held = msgspec.structs.replace(lately, is_held=True)
    assert why_code(row_of(in_kernel(held)), NOW) is WhyCode.HELD_BY_BUDGET
    assert why_code(row_of(in_kernel(held, has_stopped=True)), NOW) is WhyCode.WINDOW_CLOSED


def test_nobody_is_waited_for_whose_bytes_are_in_our_queue() -> None:
    body = snapshot(1, ConnectionState.READ_BODY, body=(8, 900), quiet=0.1)
    for seen, code in ((body, WhyCode.NEEDS_BODY), (snapshot(1, frames=9), WhyCode.BETWEEN_FRAMES)):
        few = msgspec.structs.replace(seen, unread=100, unread_at=NOW - 0.1)
        assert why_code(row_of(few), NOW) is code
        many = msgspec.structs.replace(seen, unread=100_000, unread_at=NOW - 0.1)
        assert why_code(row_of(many), NOW) is WhyCode.HELD_BY_BUDGET
        slow = in_kernel(many, unacked_bytes=9000)
        assert why_code(row_of(slow), NOW) is WhyCode.READS_SLOWLY


@pytest.mark.parametrize("state", [ConnectionState.READ_BODY, WRITE])
def test_whose_turn_does_not_come_waits_for_the_server(state: ConnectionState) -> None:
    row = row_of(msgspec.structs.replace(snapshot(1, state, quiet=1.9), is_held=True))
    assert why_code(row, NOW) is WhyCode.HELD_BY_BUDGET
    assert why_code(row, NOW + 0.2) is WhyCode.SERVER_BEHIND
    words = "server is behind: input in the receive queue, not read for 2 s"
    assert why_waiting(row, NOW + 0.2) == words
    assert is_stuck(row, NOW + 0.2)


def test_unacknowledged_bytes_are_told_with_the_cause() -> None:
    far = in_kernel(WRITTEN, unacked_bytes=204_800, has_stopped=True)
    words = "peer takes nothing: window closed for 3 s, 200 KiB unacknowledged"
    assert why_waiting(row_of(far), NOW) == words, "whether it reads, nobody here knows"
    seen = row_of(
        in_kernel(WRITTEN, unacked_bytes=204_800, has_stopped=True, peer_unread_bytes=131_072)
    )
    words = "peer does not fetch it: window closed for 3 s, 200 KiB unacknowledged"
    assert why_waiting(seen, NOW) == words
    lost = in_kernel(
        WRITTEN, unacked_bytes=204_800, in_flight_bytes=1024, has_stopped=True, answers=False
    )
    assert why_waiting(row_of(lost), NOW) == (
        "peer does not answer: nothing acknowledged for 3 s,"
        " 200 KiB unacknowledged (1 KiB in flight)"
    )
    nearly = in_kernel(
        WRITTEN, unacked_bytes=204_800, in_flight_bytes=204_799, has_stopped=True, answers=False
    )
    assert why_waiting(row_of(nearly), NOW).endswith(
        "204,800 B unacknowledged (204,799 B in flight)"
    )
    slow = row_of(in_kernel(ARMED, acked_per_second=20_480.0))
    assert why_waiting(slow, NOW) == "peer reads slowly: 20K/s, 8 B pending, 9 B unacknowledged"
    assert why_in_brief(slow, NOW) == "peer reads slowly: 20K/s"
    assert is_stuck(seen, NOW)
    assert not is_stuck(slow, NOW)


def test_a_window_is_closed_only_if_the_kernel_says_so() -> None:
    for figures in ({"window": None}, {"window": 500}, {"in_flight_bytes": None}):
        row = row_of(in_kernel(WRITTEN, has_stopped=True, **figures))
        assert "nothing acknowledged for 3 s" in why_waiting(row, NOW)


def test_input_is_not_read_since_the_last_byte_moved() -> None:
    row = row_of(unread(snapshot(1, frames=3, quiet=2), NOW - 5))
    words = "server is behind: 7 B in the receive queue, not read for 2 s"
    assert why_waiting(row, NOW) == words
